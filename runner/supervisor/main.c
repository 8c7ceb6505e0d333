/* SPDX-License-Identifier: Apache-2.0 */
/* berth-supervisor: the unprivileged half of `berth serve`, started by berth-launcher. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "runner/crash/crash_point.h"
#include "runner/supervisor/supervisor.h"

#define LISTEN_FIRST 3 /* sd_listen_fds(3) */

static const struct option option_rows[] = {
	{"state",  required_argument, NULL, 's'},
	{"config", required_argument, NULL, 'c'},
	{"help",   no_argument,       NULL, 'h'},
	{NULL,     0,                 NULL, 0  },
};

static int usage(FILE *stream, int status)
{
	(void)fputs("usage: berth-supervisor --state DIR [--config FILE]\n\n"
		    "The unprivileged half of `berth serve`; berth-launcher starts it.\n\n"
		    "Members of the file:\n\n",
		    stream);
	for (size_t i = 0; i < settings_row_count; i++)
		(void)fprintf(stream, "  %-18s %s; %s\n", settings_rows[i].name,
			      settings_rows[i].help, settings_rows[i].default_text);
	return status;
}

/* The control socket comes from whoever started the launcher: it outlives every supervisor. */
static int find_listener(int *ret_fd, struct berth_error *err)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");

	if (!pid || !count || strtol(pid, NULL, 10) != getpid() || strtol(count, NULL, 10) != 1)
		return berth_fail(err, BERTH_INVALID, 0,
				  "one listening socket is needed (LISTEN_FDS): start `berth "
				  "serve`, or the unit berth.socket");
	if (fcntl(LISTEN_FIRST, F_SETFD, FD_CLOEXEC) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "the listening socket");
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
	*ret_fd = LISTEN_FIRST;
	return 0;
}

int main(int argc, char **argv)
{
	struct supervisor_options options = {.listen_fd = -1};
	struct berth_error err = {0};
	int option;

	while ((option = getopt_long(argc, argv, "", option_rows, NULL)) >= 0) {
		if (option == 'h')
			return usage(stdout, EXIT_SUCCESS);
		if (option == 's')
			options.state = optarg;
		else if (option == 'c')
			options.config = optarg;
		else
			return usage(stderr, 2);
	}
	if (!options.state || optind < argc)
		return usage(stderr, 2);
	(void)signal(SIGPIPE, SIG_IGN);
	crash_points_attach(options.state);
	if (find_listener(&options.listen_fd, &err) < 0 || supervisor_run(&options, &err) < 0) {
		supervisor_say("%s", err.message);
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
