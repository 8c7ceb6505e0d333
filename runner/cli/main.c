/* SPDX-License-Identifier: Apache-2.0 */
/* The berth program. */
#include <signal.h>
#include <stdio.h>

#include "runner/cli/command_table.h"
#include "runner/cli/dispatch.h"
#include "runner/run/standard_streams.h"

int main(int argc, char **argv)
{
	int status;

	standard_streams_ensure();
	/* a write to a pipe nobody reads fails with EPIPE, which is handled where it happens */
	(void)signal(SIGPIPE, SIG_IGN);
	status = dispatch_command_line(argc, argv);
	if (fflush(stdout) != 0 && status == EXIT_DONE)
		status = EXIT_BERTH;
	return status;
}
