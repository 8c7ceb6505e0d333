/* SPDX-License-Identifier: Apache-2.0 */
/* berth run: the option rows, and telling a task from a command. */
#include <stddef.h>
#include <string.h>

#include "runner/cli/command_table.h"
#include "runner/cli/commands.h"
#include "runner/cli/complaint.h"
#include "runner/run/installation.h"
#include "runner/run/run.h"
#include "runner/run/run_options.h"
#include "sandbox/sandbox.h"

#define AT(member)  offsetof(struct run_options, member)
#define PATH_LENGTH 4095
#define HOUR_MS     (3600.0 * 1000)
#define YEAR_MS     (365 * 24 * HOUR_MS)
#define PAYLOAD_MAX (4.0 * 1024 * 1024)

static const char *const network_choices[] = {
	[SANDBOX_NETWORK_NONE] = "none", [SANDBOX_NETWORK_HOST] = "host", NULL};
static const char *const format_choices[] = {"auto", "text", "json", NULL};

/* clang-format off */
static const struct option_row rows[] = {
	{.field = {.name = "machine", .type = FIELD_STRING, .offset = AT(machine), .min = 1, .max = 32, .help = "the machine preset; default: the task's, or small-1x"}, .value = "NAME", .letter = 'm'},
	{.field = {.name = "ext", .type = FIELD_STRING, .offset = AT(extensions), .help = "mount an extension"}, .value = "NAME", .letter = 'x', .repeated = true},
	{.field = {.name = "image", .type = FIELD_STRING, .offset = AT(image), .min = 1, .max = 64, .default_text = "host", .help = "the image the root is made from"}, .value = "NAME"},
	{.field = {.name = "net", .type = FIELD_ENUM, .offset = AT(network), .choices = network_choices, .default_text = "none", .help = "the network: none is loopback only, host is the host's"}, .value = "KIND"},
	{.field = {.name = "mount", .type = FIELD_STRING, .offset = AT(mounts), .help = "mount a file or directory of the host, read-only unless :rw"}, .value = "SRC:DST[:ro|rw]", .letter = 'v', .repeated = true},
	{.field = {.name = "env", .type = FIELD_STRING, .offset = AT(environment), .help = "set a variable, or pass one on by its name alone"}, .value = "NAME[=VALUE]", .letter = 'e', .repeated = true},
	{.field = {.name = "cwd", .type = FIELD_STRING, .offset = AT(cwd), .min = 1, .max = PATH_LENGTH, .help = "the working directory in the sandbox; default: /work"}, .value = "DIR", .letter = 'w'},
	{.field = {.name = "timeout", .type = FIELD_DURATION_MS, .offset = AT(timeout_ms), .min = 1, .max = YEAR_MS, .help = "end each attempt after this time; default: the task's, or none"}, .value = "DURATION", .letter = 't'},
	{.field = {.name = "grace", .type = FIELD_DURATION_MS, .offset = AT(grace_ms), .min = 0, .max = 24 * HOUR_MS, .default_text = "10s", .help = "how long a task that was asked to end may take"}, .value = "DURATION"},
	{.field = {.name = "attempts", .type = FIELD_INTEGER, .offset = AT(attempts), .min = 1, .max = RUN_ATTEMPTS_MAX, .help = "how often a task that crashes is tried; default: the task's, or 1"}, .value = "N"},
	{.field = {.name = "checkpoint", .type = FIELD_STRING, .offset = AT(checkpoint), .min = 1, .max = PATH_LENGTH, .help = "keep checkpoints and /checkpoint in this directory"}, .value = "DIR"},
	{.field = {.name = "result", .type = FIELD_STRING, .offset = AT(result), .min = 1, .max = PATH_LENGTH, .help = "write how it ended and what it used to this file, as JSON"}, .value = "FILE"},
	{.field = {.name = "log_format", .type = FIELD_ENUM, .offset = AT(log_format), .choices = format_choices, .default_text = "auto", .help = "how logs are written to stderr"}, .value = "FORMAT"},
	{.field = {.name = "name", .type = FIELD_STRING, .offset = AT(name), .min = 1, .max = RUN_NAME_MAX, .help = "what messages call the run; default: the task or the command"}, .value = "NAME"},
	{.field = {.name = "payload", .type = FIELD_STRING, .offset = AT(payload), .min = 1, .max = PAYLOAD_MAX, .help = "what the task is asked to do: JSON, a file of it, or - for stdin"}, .value = "JSON|@FILE|-", .letter = 'p'},
	{.field = {.name = "input", .type = FIELD_STRING, .offset = AT(inputs), .help = "a file the task reads, mounted as /input/NAME"}, .value = "FILE", .letter = 'i', .repeated = true},
	{.field = {.name = "output", .type = FIELD_STRING, .offset = AT(output), .min = 1, .max = PATH_LENGTH, .help = "where to put the files of /output when the run completed"}, .value = "DIR", .letter = 'o'},
	{.field = {.name = "quiet", .type = FIELD_BOOL, .offset = AT(quiet), .help = "neither progress nor notices, only warnings and the task's own logs"}, .letter = 'q'},
	{.field = {.name = "verbose", .type = FIELD_BOOL, .offset = AT(verbose), .help = "also say what was not enforced and what was used"}},
};
/* clang-format on */

const struct option_table command_run_options = {
	.rows = rows,
	.count = sizeof(rows) / sizeof(rows[0]),
	.has_limits = true,
	.limits_offset = AT(limits),
};

static int tell_task_from_command(struct run_options *options,
				  const struct option_arguments *arguments, const char **ret_hint,
				  struct berth_error *err)
{
	const struct string_list *words = &arguments->words;

	*ret_hint = "see: berth run --help";
	if (arguments->command) {
		if (words->count)
			return berth_fail(
				err, BERTH_INVALID, 0,
				"run: \"%.100s\" stands before --, where only options are",
				words->items[0]);
		if (!arguments->command[0])
			return berth_fail(err, BERTH_INVALID, 0, "run: no command after --");
		options->command = arguments->command;
		return 0;
	}
	if (words->count == 0)
		return berth_fail(err, BERTH_INVALID, 0, "run: neither a task nor a command");
	if (words->count > 1 || !strchr(words->items[0], '.')) {
		*ret_hint = "a command stands behind --: berth run -- COMMAND";
		if (words->count > 1)
			return berth_fail(err, BERTH_INVALID, 0, "run: unexpected \"%.100s\"",
					  words->items[1]);
		return berth_fail(err, BERTH_NOT_FOUND, 0, "run: there is no task \"%.100s\"",
				  words->items[0]);
	}
	options->task = words->items[0];
	return 0;
}

int command_run(void *record, const struct option_arguments *arguments)
{
	struct run_options *options = record;
	struct installation installation;
	const char *hint = NULL;
	struct berth_error err;

	if (tell_task_from_command(options, arguments, &hint, &err) < 0) {
		complaint_print(&err, hint);
		return EXIT_BERTH;
	}
	if (installation_find(&installation, &err) < 0) {
		complaint_print(&err, NULL);
		return EXIT_BERTH;
	}
	return run_execute(options, &installation);
}
