/* SPDX-License-Identifier: Apache-2.0 */
/* berth runs reschedule. */
#include "runner/cli/client_commands.h"
#include "runner/cli/client_verb.h"

const struct option_table command_runs_reschedule_options = CLIENT_TABLE(CONTROL_RUN_RESCHEDULE, 2);

static const struct client_verb verb = {
	.op = CONTROL_RUN_RESCHEDULE,
	.options = &command_runs_reschedule_options,
	.shape = CLIENT_SAID,
	.said = "rescheduled",
	.subject = "id",
};

int command_runs_reschedule(void *record, const struct option_arguments *arguments)
{
	return client_verb_run(&verb, record, arguments);
}
