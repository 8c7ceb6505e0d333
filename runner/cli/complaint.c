/* SPDX-License-Identifier: Apache-2.0 */
/* The one place where the command line prints an error. */
#include "runner/cli/complaint.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "runner/run/terminal.h"

void complaint_print(const struct berth_error *err, const char *hint)
{
	bool colours = terminal_wants_colours(STDERR_FILENO);
	char safe[sizeof(err->message) * 4];

	/* the words quote what the user typed */
	(void)text_sanitize(err->message, strlen(err->message), safe, sizeof(safe));
	(void)fprintf(stderr, "%sberth:%s %s\n", colours ? "\033[31m" : "",
		      colours ? "\033[0m" : "", safe);
	if (hint && *hint)
		(void)fprintf(stderr, "  %s\n", hint);
	else if (err->code == BERTH_UNSUPPORTED || err->code == BERTH_DENIED)
		(void)fputs("  see what this host can do with: berth doctor\n", stderr);
}
