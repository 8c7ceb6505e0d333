/* SPDX-License-Identifier: Apache-2.0 */
/* berth-task: the task channel for shell scripts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "extensions/task/command/command_table.h"
#include "extensions/task/session.h"
#include "extensions/task/task.h"

static int print_help(FILE *stream)
{
	(void)fprintf(stream,
		      "usage: berth-task COMMAND [ARGUMENT]...\n"
		      "Tells berth how the task it runs in is doing, and asks it things.\n\n");
	for (size_t i = 0; i < command_row_count; i++)
		(void)fprintf(stream, "  %s %s\n      %s\n", command_rows[i].name,
			      command_rows[i].arguments, command_rows[i].help);
	(void)fprintf(stream, "\nVALUE is a number, true, false, null or text; \"--\" ends the "
			      "options.\n"
			      "\"berth-task COMMAND --help\" lists a command's options.\n"
			      "Status: 0 done, 1 no (see above), 2 wrong use, 3 refused or no "
			      "supervisor.\n"
			      "Under berth run there is no queue: waits for a time work, what "
			      "concerns other\nruns and tokens needs berth serve.\n"
			      "Outside a sandbox messages are printed to stderr.\n");
	return COMMAND_DONE;
}

/* The command's own line of help, and what goes with it. */
static int print_command_help(const struct command_row *row)
{
	printf("usage: berth-task %s %s\n%s\n", row->name, row->arguments, row->help);
	for (size_t i = 0; row->options && row->options[i]; i++) {
		const struct field_row *option =
			field_find(command_option_rows, command_option_count, row->options[i]);

		printf("  --%s: %s\n", option->name, option->help);
	}
	return COMMAND_DONE;
}

static int complain(int status, const struct berth_error *why)
{
	(void)fprintf(stderr, "berth-task: %s\n", why->message);
	return status;
}

/* Wrong values are wrong use, whoever found them. */
static int run(const struct command_row *row, const struct command_line *line)
{
	const struct sdk_session_options options = {
		.without_payload = !row->with_payload,
		.without_signal_handlers = true,
	};
	struct berth_task *task = NULL;
	struct berth_error why = {0};
	int status;

	if (sdk_session_open(&options, &task, &why) < 0)
		return complain(COMMAND_FAILED, &why);
	status = row->run(task, line, &why);
	berth_task_close(task);
	if (status < 0)
		return complain(why.code == BERTH_INVALID ? COMMAND_USAGE : COMMAND_FAILED, &why);
	return status;
}

static bool is_asked(int argc, char **argv, const char *option, const char *letter)
{
	return argc >= 1 && (strcmp(argv[0], option) == 0 || strcmp(argv[0], letter) == 0);
}

int main(int argc, char **argv)
{
	const struct command_row *row;
	struct berth_error why = {0};
	struct command_line line;
	int status, used = 0;

	argc--;
	argv++;
	if (is_asked(argc, argv, "--help", "-h"))
		return print_help(stdout);
	if (is_asked(argc, argv, "--version", "-V")) {
		printf("berth-task %s\n", BERTH_VERSION);
		return COMMAND_DONE;
	}
	row = command_find(argc, argv, &used);
	if (!row) {
		(void)fprintf(stderr, "berth-task: %s\nTry 'berth-task --help'.\n",
			      argc > 0 ? "no such command" : "which command?");
		return COMMAND_USAGE;
	}
	if (is_asked(argc - used, argv + used, "--help", "-h"))
		return print_command_help(row);
	if (command_line_parse(row, argc - used, argv + used, &line, &why) < 0)
		status = complain(COMMAND_USAGE, &why);
	else
		status = run(row, &line);
	command_line_finish(&line);
	return status;
}
