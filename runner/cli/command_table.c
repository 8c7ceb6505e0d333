/* SPDX-License-Identifier: Apache-2.0 */
/* One row a verb; a new verb is a row here and a file of its own. */
#include "runner/cli/command_table.h"

#include <string.h>

#include "runner/cli/commands.h"
#include "runner/run/run_options.h"

static const char *const run_synopsis[] = {
	"run [OPTION...] -- COMMAND [ARGUMENT...]",
	"run [OPTION...] TASK [--payload JSON|@FILE|-] [--input FILE]... [--output DIR]",
	NULL,
};
static const char *const machines_synopsis[] = {"machines [--json]", NULL};
static const char *const extensions_synopsis[] = {"extensions [--json]", NULL};
static const char *const tasks_synopsis[] = {"tasks [--json] [TASK]", NULL};
static const char *const doctor_synopsis[] = {"doctor [--json]", NULL};
static const char *const version_synopsis[] = {"version [--json]", NULL};
static const char *const completion_synopsis[] = {"completion bash|zsh|fish", NULL};

static const char run_details[] =
	"Runs a command, or one of berth's own tasks, in a kernel sandbox of its own, and ends with "
	"its exit status. What follows -- is a command; otherwise the first word is a task.\n"
	"\n"
	"stdin, stdout and the exit status are those of the command; logs and progress go to "
	"stderr. SIGTERM, SIGINT and SIGHUP are passed on and SIGUSR1 becomes SIGTERM: they ask the "
	"task to save a checkpoint and end, and it is killed after the grace period; a second SIGINT "
	"kills at once.\n"
	"\n"
	"Exit status: the task's own; 65 failed for good; 75 failed, another attempt may succeed; "
	"124 timeout; 125 berth's own error; 126 cannot be executed; 127 not found; 128+N died of "
	"signal N; 137 killed by a limit, named on stderr and in --result.";

static const char tasks_details[] =
	"With TASK, only that one, with every field of its payload, its bounds and its default.";

static const char doctor_details[] =
	"Exit status: 0 when everything is enforced, 1 when something is not.";

static const char completion_details[] = "Prints a script for the shell, for example:\n"
					 "  berth completion bash > /etc/bash_completion.d/berth";

/* clang-format off */
const struct command_row command_rows[] = {
	{.name = "run", .summary = "run a command or a task in a sandbox", .synopsis = run_synopsis, .details = run_details, .options = &command_run_options, .record_size = sizeof(struct run_options), .run = command_run, .usage_status = EXIT_BERTH, .takes_words = true, .takes_command = true},
	{.name = "machines", .summary = "list the machine presets and whether they fit this host", .synopsis = machines_synopsis, .options = &listing_options_table, .record_size = sizeof(struct listing_options), .run = command_machines, .usage_status = EXIT_USAGE},
	{.name = "extensions", .summary = "list the extensions and whether this host has what they need", .synopsis = extensions_synopsis, .options = &listing_options_table, .record_size = sizeof(struct listing_options), .run = command_extensions, .usage_status = EXIT_USAGE},
	{.name = "tasks", .summary = "list the tasks, or describe one", .synopsis = tasks_synopsis, .details = tasks_details, .options = &listing_options_table, .record_size = sizeof(struct listing_options), .run = command_tasks, .usage_status = EXIT_USAGE, .takes_words = true},
	{.name = "doctor", .summary = "say what this host enforces, what it cannot, and the remedy", .synopsis = doctor_synopsis, .details = doctor_details, .options = &listing_options_table, .record_size = sizeof(struct listing_options), .run = command_doctor, .usage_status = EXIT_USAGE},
	{.name = "version", .summary = "print the version", .synopsis = version_synopsis, .options = &listing_options_table, .record_size = sizeof(struct listing_options), .run = command_version, .usage_status = EXIT_USAGE},
	{.name = "completion", .summary = "print a completion script", .synopsis = completion_synopsis, .details = completion_details, .options = &no_options_table, .record_size = 1, .run = command_completion, .usage_status = EXIT_USAGE, .takes_words = true},
};
/* clang-format on */

const size_t command_row_count = sizeof(command_rows) / sizeof(command_rows[0]);

const struct command_row *command_find(const char *name)
{
	for (size_t i = 0; i < command_row_count; i++)
		if (strcmp(command_rows[i].name, name) == 0)
			return &command_rows[i];
	return NULL;
}
