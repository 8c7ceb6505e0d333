/* SPDX-License-Identifier: Apache-2.0 */
/* One row a verb; a new verb is a row here and a file of its own. */
#include "runner/cli/command_table.h"

#include <string.h>

#include "runner/cli/client_commands.h"
#include "runner/cli/commands.h"
#include "runner/run/run_options.h"

static const char *const run_synopsis[] = {
	"run [OPTION...] -- COMMAND [ARGUMENT...]",
	"run [OPTION...] TASK [--payload JSON|@FILE|-] [--input FILE]... [--output DIR]",
	NULL,
};
static const char *const machines_synopsis[] = {"machines [--json]", NULL};
static const char *const extensions_synopsis[] = {"extensions [--json]", NULL};
static const char *const tasks_synopsis[] = {"tasks [--json] [TASK]",
					     "tasks --deployed [--json] [TASK]", NULL};
static const char *const doctor_synopsis[] = {"doctor [--socket PATH] [--json]", NULL};
static const char *const version_synopsis[] = {"version [--json]", NULL};
static const char *const completion_synopsis[] = {"completion bash|zsh|fish", NULL};

static const char *const serve_synopsis[] = {"serve [--state DIR] [--socket PATH] [--config FILE]",
					     NULL};
static const char *const trigger_synopsis[] = {
	"trigger TASK [--payload JSON|@FILE|-] [--tag TEXT]... [OPTION...]",
	"trigger TASK [--input FILE]... [--output DIR] [OPTION...]",
	"trigger TASK --follow [OPTION...]", NULL};
static const char *const batch_synopsis[] = {"batch FILE|- [--json]", "batch show BATCH", NULL};
static const char *const runs_synopsis[] = {"runs VERB [OPTION...]", NULL};
static const char *const queues_synopsis[] = {"queues VERB [OPTION...]", NULL};
static const char *const deploy_synopsis[] = {"deploy DIR [--skip-promotion] [--dry-run]",
					      "deploy --schema", NULL};
static const char *const versions_synopsis[] = {"versions VERB [OPTION...]", NULL};
static const char *const tokens_synopsis[] = {"tokens VERB [OPTION...]", NULL};
static const char *const checkpoints_synopsis[] = {"checkpoints VERB [OPTION...]", NULL};
static const char *const keys_synopsis[] = {"keys VERB [OPTION...]", NULL};
static const char *const status_synopsis[] = {"status [--json]", NULL};
static const char *const top_synopsis[] = {"top [--interval DURATION] [--once] [--json]", NULL};
static const char *const backup_synopsis[] = {"backup FILE", NULL};
static const char *const prune_synopsis[] = {"prune [--older-than DURATION] [--dry-run]", NULL};
static const char *const reload_synopsis[] = {"reload", NULL};
static const char *const drain_synopsis[] = {"drain", NULL};

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
	"With TASK, only that one, with every field of its payload, its bounds and its default. With "
	"--deployed the daemon is asked: the tasks of its current version, and the built-in ones.";

static const char doctor_details[] =
	"A daemon is looked at where one is set up: its unit is enabled, its socket is there, or is named. "
	"It is asked, and so started where systemd listens for it.\n"
	"\n"
	"Exit status: 0 when nothing is missing, 1 when something is.";

static const char serve_details[] =
	"Keeps queues and runs, and launches every attempt in a sandbox of its own, until SIGTERM, "
	"which lets what runs end first. It needs neither a file nor another service. Killed, it "
	"goes on where it was at the next start.\n"
	"\n"
	"As root it launches for a second process of the user `berth`, where there is that user. Under "
	"systemd (berth.service, berth.socket) it takes the socket it is passed, and answers the watchdog.";

static const char trigger_details[] =
	"Asks the daemon to run a task, and prints the run's identifier as soon as the daemon has "
	"stored it.\n"
	"\n"
	"With --follow the task's stdout goes to stdout, its other logs and its progress to "
	"stderr, and the exit status is that of its outcome: 0 completed, 65 failed, 75 expired, "
	"124 ran out of time, 125 could not be run, 130 cancelled, 137 crashed or killed. "
	"Control-C ends the following, not the run. With --json everything is told as JSON, a "
	"line an event.\n"
	"\n"
	"Which files and directories a run may be given is the operator's to say, in launcher.conf: "
	"allow-mount PATH for inputs, allow-mount PATH rw for outputs. Nothing is, unless it says "
	"so. They are opened when an attempt begins: one that is not allowed or not there ends the "
	"run, without another attempt. Files appear in the output directory as the task writes "
	"them, and are its owner's.";

static const char batch_details[] =
	"Triggers up to 1000 runs at once: FILE is a JSON array, or has a JSON object a line, of "
	"items with the fields of trigger:\n"
	"  {\"task\": \"hello\", \"payload\": {\"name\": \"Ada\"}, \"tags\": [\"a\"]}\n"
	"A payload that is a text is taken as it is: it has to be the text of JSON. An item that "
	"is refused does not keep the others from being accepted; the exit status is then 1.";

static const char deploy_details[] =
	"Sends DIR/berth.json and the files of DIR to the daemon, which makes a version of them, "
	"and prints its name. New runs are of that version from then on.";

static const char top_details[] =
	"What is taken of the host, what waits, and what lives with the CPU and memory it uses. On "
	"a terminal it is drawn again and again until q is pressed.";

static const char backup_details[] =
	"Copies the daemon's store, whole and while it is in use, to FILE, which must not be there.";

static const char prune_details[] =
	"Removes runs that have ended and are old, and what belongs to them: as old as --older-than "
	"says, or as the daemon is set to.";

static const char reload_details[] = "Replaces the daemon's programs by those on disk. Runs go on.";

static const char drain_details[] =
	"The daemon starts nothing more and refuses new work; what runs goes on.";

static const char completion_details[] = "Prints a script for the shell, for example:\n"
					 "  berth completion bash > /etc/bash_completion.d/berth";

/* clang-format off */
const struct command_row command_rows[] = {
	{.name = "run", .summary = "run a command or a task in a sandbox", .synopsis = run_synopsis, .details = run_details, .options = &command_run_options, .record_size = sizeof(struct run_options), .run = command_run, .usage_status = EXIT_BERTH, .takes_words = true, .takes_command = true},
	{.name = "serve", .summary = "run the daemon", .synopsis = serve_synopsis, .details = serve_details, .options = &command_serve_options, .record_size = sizeof(struct serve_options), .run = command_serve, .usage_status = EXIT_USAGE},
	{.name = "trigger", .summary = "have the daemon run a task", .synopsis = trigger_synopsis, .details = trigger_details, .options = &command_trigger_options, .record_size = sizeof(struct trigger_options), .run = command_trigger, .usage_status = EXIT_USAGE, .takes_words = true},
	{.name = "batch", .summary = "trigger many runs at once", .synopsis = batch_synopsis, .details = batch_details, .options = &command_batch_options, .record_size = sizeof(struct client_record), .run = command_batch, .usage_status = EXIT_USAGE, .takes_words = true, .subs = batch_verbs, .sub_count = BATCH_VERBS},
	{.name = "runs", .summary = "list, show, cancel and replay runs, and read their logs", .synopsis = runs_synopsis, .options = &no_options_table, .record_size = 1, .usage_status = EXIT_USAGE, .subs = runs_verbs, .sub_count = RUNS_VERBS},
	{.name = "queues", .summary = "list queues, pause them, set their limits", .synopsis = queues_synopsis, .options = &no_options_table, .record_size = 1, .usage_status = EXIT_USAGE, .subs = queues_verbs, .sub_count = QUEUES_VERBS},
	{.name = "deploy", .summary = "make a version of the tasks in a directory", .synopsis = deploy_synopsis, .details = deploy_details, .options = &command_deploy_options, .record_size = sizeof(struct deploy_options), .run = command_deploy, .usage_status = EXIT_USAGE, .takes_words = true},
	{.name = "versions", .summary = "list, promote and roll back versions", .synopsis = versions_synopsis, .options = &no_options_table, .record_size = 1, .usage_status = EXIT_USAGE, .subs = versions_verbs, .sub_count = VERSIONS_VERBS},
	{.name = "tokens", .summary = "list, make and complete tokens, for which runs wait", .synopsis = tokens_synopsis, .options = &no_options_table, .record_size = 1, .usage_status = EXIT_USAGE, .subs = tokens_verbs, .sub_count = TOKENS_VERBS},
	{.name = "checkpoints", .summary = "list and show a run's checkpoints", .synopsis = checkpoints_synopsis, .options = &no_options_table, .record_size = 1, .usage_status = EXIT_USAGE, .subs = checkpoints_verbs, .sub_count = CHECKPOINTS_VERBS},
	{.name = "keys", .summary = "forget idempotency keys", .synopsis = keys_synopsis, .options = &no_options_table, .record_size = 1, .usage_status = EXIT_USAGE, .subs = keys_verbs, .sub_count = KEYS_VERBS},
	{.name = "status", .summary = "say what the daemon is doing", .synopsis = status_synopsis, .options = &command_status_options, .record_size = sizeof(struct client_record), .run = command_status, .usage_status = EXIT_USAGE},
	{.name = "top", .summary = "watch what runs and what it uses", .synopsis = top_synopsis, .details = top_details, .options = &command_top_options, .record_size = sizeof(struct top_options), .run = command_top, .usage_status = EXIT_USAGE},
	{.name = "backup", .summary = "copy the daemon's store to a file", .synopsis = backup_synopsis, .details = backup_details, .options = &command_backup_options, .record_size = sizeof(struct client_record), .run = command_backup, .usage_status = EXIT_USAGE, .takes_words = true},
	{.name = "prune", .summary = "remove what has ended and is old", .synopsis = prune_synopsis, .details = prune_details, .options = &command_prune_options, .record_size = sizeof(struct client_record), .run = command_prune, .usage_status = EXIT_USAGE},
	{.name = "reload", .summary = "replace the daemon's programs while runs go on", .synopsis = reload_synopsis, .details = reload_details, .options = &command_reload_options, .record_size = sizeof(struct client_record), .run = command_reload, .usage_status = EXIT_USAGE},
	{.name = "drain", .summary = "have the daemon start nothing more", .synopsis = drain_synopsis, .details = drain_details, .options = &command_drain_options, .record_size = sizeof(struct client_record), .run = command_drain, .usage_status = EXIT_USAGE},
	{.name = "machines", .summary = "list the machine presets and whether they fit this host", .synopsis = machines_synopsis, .options = &listing_options_table, .record_size = sizeof(struct listing_options), .run = command_machines, .usage_status = EXIT_USAGE},
	{.name = "extensions", .summary = "list the extensions and whether this host has what they need", .synopsis = extensions_synopsis, .options = &listing_options_table, .record_size = sizeof(struct listing_options), .run = command_extensions, .usage_status = EXIT_USAGE},
	{.name = "tasks", .summary = "list the tasks, or describe one", .synopsis = tasks_synopsis, .details = tasks_details, .options = &command_tasks_options, .record_size = sizeof(struct tasks_options), .run = command_tasks, .usage_status = EXIT_USAGE, .takes_words = true},
	{.name = "doctor", .summary = "say what this host enforces, what it cannot, and the remedy", .synopsis = doctor_synopsis, .details = doctor_details, .options = &command_doctor_options, .record_size = sizeof(struct client_record), .run = command_doctor, .usage_status = EXIT_USAGE},
	{.name = "version", .summary = "print the version", .synopsis = version_synopsis, .options = &listing_options_table, .record_size = sizeof(struct listing_options), .run = command_version, .usage_status = EXIT_USAGE},
	{.name = "completion", .summary = "print a completion script", .synopsis = completion_synopsis, .details = completion_details, .options = &no_options_table, .record_size = 1, .run = command_completion, .usage_status = EXIT_USAGE, .takes_words = true},
};
/* clang-format on */

const size_t command_row_count = sizeof(command_rows) / sizeof(command_rows[0]);

const char *command_word(const struct command_row *row)
{
	const char *space = strchr(row->name, ' ');

	return space ? space + 1 : row->name;
}

const struct command_row *command_find(const struct command_row *rows, size_t count,
				       const char *word)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(command_word(&rows[i]), word) == 0)
			return &rows[i];
	return NULL;
}

const struct command_row *command_at(size_t index)
{
	for (size_t i = 0; i < command_row_count; i++) {
		const struct command_row *row = &command_rows[i];

		if (row->run && index-- == 0)
			return row;
		if (index < row->sub_count)
			return &row->subs[index];
		index -= row->sub_count;
	}
	return NULL;
}
