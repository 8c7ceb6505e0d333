/* SPDX-License-Identifier: Apache-2.0 */
/* berth prune. */
#include "runner/cli/client_commands.h"
#include "runner/cli/client_verb.h"

const struct option_table command_prune_options = CLIENT_TABLE(CONTROL_PRUNE, 0);

static const struct column_row rows[] = {
	{"runs",        "runs",        COLUMN_TEXT},
        {"checkpoints", "checkpoints", COLUMN_TEXT},
	{"tokens",      "tokens",      COLUMN_TEXT},
        {"batches",     "batches",     COLUMN_TEXT},
	{"versions",    "versions",    COLUMN_TEXT},
        {NULL,          NULL,          COLUMN_TEXT},
};

static const struct client_verb verb = {
	.op = CONTROL_PRUNE,
	.options = &command_prune_options,
	.shape = CLIENT_CARD,
	.columns = rows,
};

int command_prune(void *record, const struct option_arguments *arguments)
{
	return client_verb_run(&verb, record, arguments);
}
