/* SPDX-License-Identifier: Apache-2.0 */
/* berth reload. */
#include "runner/cli/client_commands.h"
#include "runner/cli/client_verb.h"

const struct option_table command_reload_options = CLIENT_TABLE(CONTROL_RELOAD, 0);

static const struct client_verb verb = {
	.op = CONTROL_RELOAD,
	.options = &command_reload_options,
	.shape = CLIENT_SAID,
	.said = "reloaded",
};

int command_reload(void *record, const struct option_arguments *arguments)
{
	return client_verb_run(&verb, record, arguments);
}
