/* SPDX-License-Identifier: Apache-2.0 */
/* The exit statuses of the verbs that ask the daemon, as data. */
#include "runner/cli/client_exit_table.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "runner/cli/command_table.h"
#include "runner/run/outcome_table.h"

/* clang-format off */
const struct client_exit_row client_exit_rows[] = {
	{EXIT_DONE, "done; of a followed run: it completed"},
	{EXIT_FINDING, "the daemon refused, wholly or in part, or what was named is not there"},
	{EXIT_USAGE, "the command line or a file it names is wrong; nothing was asked for"},
	{EXIT_NO_DAEMON, "no daemon listens on the socket, or you may not ask it"},
	{EXIT_RUN_PERMANENT, "the followed run failed"},
	{EXIT_TRY_AGAIN, "the daemon cannot do it now: it drains, its disk is full or memory is short; or the followed run expired before it started"},
	{EXIT_RUN_TIMEOUT, "the followed run ran out of time"},
	{EXIT_BERTH, "berth's own error, or the daemon broke off before it answered; or the followed run could not be run"},
	{EXIT_CANCELLED, "the followed run was cancelled"},
	{EXIT_RUN_KILLED, "the followed run crashed or was killed by a limit"},
	{0, NULL},
};

static const struct client_refusal_row opening_rows[] = {
	{BERTH_NOT_FOUND, 0, EXIT_NO_DAEMON, "start it with: berth serve; or say where it listens with --socket PATH or BERTH_SOCKET"},
	{BERTH_DENIED, 0, EXIT_NO_DAEMON, "ask as root, as the daemon's user, or as a member of the group berth"},
	{BERTH_INVALID, 0, EXIT_NO_DAEMON, NULL},
	{BERTH_PROTOCOL, 0, EXIT_NO_DAEMON, "is that socket the one of berth serve?"},
	{BERTH_SYSTEM, 0, EXIT_NO_DAEMON, NULL},
	{BERTH_NONE, 0, EXIT_BERTH, NULL},
};

static const struct client_refusal_row refusal_rows[] = {
	{BERTH_DENIED, ESHUTDOWN, EXIT_TRY_AGAIN, "it takes new work again once it was started anew"},
	{BERTH_DENIED, 0, EXIT_FINDING, "ask as root, as the daemon's user, or as a member of the group berth"},
	{BERTH_LIMIT, ENOSPC, EXIT_TRY_AGAIN, "make room on the daemon's disk, for example with: berth prune"},
	{BERTH_LIMIT, EDQUOT, EXIT_TRY_AGAIN, "make room in the daemon's quota, for example with: berth prune"},
	{BERTH_LIMIT, 0, EXIT_FINDING, NULL},
	{BERTH_INVALID, 0, EXIT_FINDING, NULL},
	{BERTH_NOT_FOUND, 0, EXIT_FINDING, NULL},
	{BERTH_UNSUPPORTED, 0, EXIT_FINDING, NULL},
	{BERTH_MEMORY, 0, EXIT_TRY_AGAIN, "try again"},
	{BERTH_SYSTEM, 0, EXIT_TRY_AGAIN, "try again; the daemon's log says more"},
	{BERTH_NONE, 0, EXIT_FINDING, NULL},
};

/* What no daemon said: berth's own trouble. */
static const struct client_refusal_row own_rows[] = {
	{BERTH_NONE, 0, EXIT_BERTH, NULL},
};

struct absent_row {
	const char *prefix; /* of the operation's name */
	const char *hint;
};

static const struct absent_row absent_rows[] = {
	{"trigger", "list the tasks it knows with: berth tasks --deployed"},
	{"run_", "list runs with: berth runs list"},
	{"checkpoint_", "list runs with: berth runs list"},
	{"queue_", "list queues with: berth queues list"},
	{"version_", "list versions with: berth versions list"},
	{"token_", "list tokens with: berth tokens list"},
};

struct run_exit_row {
	const char *run_status;
	int exit_status;
};

static const struct run_exit_row run_exit_rows[] = {
	{"COMPLETED", EXIT_DONE},
	{"FAILED", EXIT_RUN_PERMANENT},
	{"EXPIRED", EXIT_TRY_AGAIN},
	{"TIMED_OUT", EXIT_RUN_TIMEOUT},
	{"SYSTEM_FAILURE", EXIT_BERTH},
	{"CANCELED", EXIT_CANCELLED},
	{"CRASHED", EXIT_RUN_KILLED},
};
/* clang-format on */

const struct client_refusal_row *client_refusal_find(const struct berth_error *err,
						     int control_status, bool is_opening)
{
	const struct client_refusal_row *row = is_opening       ? opening_rows
					       : control_status ? refusal_rows
								: own_rows;

	while (row->code != BERTH_NONE &&
	       (row->code != err->code || (row->errnum != 0 && row->errnum != err->errnum)))
		row++;
	return row;
}

const char *client_hint_of_absent(enum control_op op)
{
	const char *name = control_operations[op].name;

	for (size_t i = 0; i < sizeof(absent_rows) / sizeof(absent_rows[0]); i++)
		if (strncmp(name, absent_rows[i].prefix, strlen(absent_rows[i].prefix)) == 0)
			return absent_rows[i].hint;
	return NULL;
}

int client_exit_of_run(const char *run_status)
{
	for (size_t i = 0; i < sizeof(run_exit_rows) / sizeof(run_exit_rows[0]); i++)
		if (strcmp(run_exit_rows[i].run_status, run_status) == 0)
			return run_exit_rows[i].exit_status;
	return -1;
}

void client_exit_print(FILE *stream)
{
	(void)fputs("Exit statuses of the verbs that ask the daemon:\n\n", stream);
	for (const struct client_exit_row *row = client_exit_rows; row->meaning; row++)
		(void)fprintf(stream, "  %3d  %s\n", row->status, row->meaning);
}

void client_exit_print_reference(FILE *stream)
{
	(void)fputs("## Exit statuses of the verbs that ask the daemon\n\n"
		    "| exit status | means |\n|---|---|\n",
		    stream);
	for (const struct client_exit_row *row = client_exit_rows; row->meaning; row++)
		(void)fprintf(stream, "| %d | %s |\n", row->status, row->meaning);
}
