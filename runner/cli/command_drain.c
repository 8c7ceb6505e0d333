/* SPDX-License-Identifier: Apache-2.0 */
/* berth drain. */
#include "runner/cli/client_commands.h"
#include "runner/cli/client_verb.h"

const struct option_table command_drain_options = CLIENT_TABLE(CONTROL_DRAIN, 0);

static const struct client_verb verb = {
	.op = CONTROL_DRAIN,
	.options = &command_drain_options,
	.shape = CLIENT_SAID,
	.said = "drains: what runs goes on, nothing more is started",
};

int command_drain(void *record, const struct option_arguments *arguments)
{
	return client_verb_run(&verb, record, arguments);
}
