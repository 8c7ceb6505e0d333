/* SPDX-License-Identifier: Apache-2.0 */
/* One write(2) a line, so that two processes do not mix theirs. */
#include "runner/launcher/say.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#define LINE_SIZE 512
#define PREFIX    "berth-launcher: "

void say(const char *format, ...)
{
	char line[LINE_SIZE] = PREFIX;
	size_t length = sizeof(PREFIX) - 1;
	va_list args;
	int added;

	va_start(args, format);
	added = vsnprintf(line + length, sizeof(line) - length - 1, format, args);
	va_end(args);
	if (added > 0)
		length += (size_t)added < sizeof(line) - length - 1 ? (size_t)added
								    : sizeof(line) - length - 2;
	line[length++] = '\n';
	if (write(STDERR_FILENO, line, length) < 0)
		return; /* nobody listens: there is nothing else to tell it to */
}
