/* SPDX-License-Identifier: Apache-2.0 */
/* berth keys and its sub-verb. */
#include "runner/cli/client_commands.h"
#include "runner/cli/client_verb.h"

static const struct option_table reset_options = CLIENT_TABLE(CONTROL_KEY_RESET, 2);

static const struct client_verb reset_verb = {
	.op = CONTROL_KEY_RESET,
	.options = &reset_options,
	.shape = CLIENT_SAID,
	.said = "the key is forgotten",
};

static int run_reset(void *record, const struct option_arguments *arguments)
{
	return client_verb_run(&reset_verb, record, arguments);
}

static const char *const reset_synopsis[] = {"keys reset TASK KEY", NULL};
static const char reset_details[] =
	"The next trigger of TASK with this idempotency key makes a run again.";

/* clang-format off */
const struct command_row keys_verbs[KEYS_VERBS] = {
	{.name = "keys reset", .summary = "forget an idempotency key", .synopsis = reset_synopsis, .details = reset_details, .options = &reset_options, .record_size = sizeof(struct client_record), .run = run_reset, .usage_status = EXIT_USAGE, .takes_words = true},
};
/* clang-format on */
