/* SPDX-License-Identifier: Apache-2.0 */
/* isatty(3), TIOCGWINSZ (ioctl_tty(2)) and the environment's wishes. */
#include "runner/run/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define WIDTH_UNKNOWN 80
#define WIDTH_MIN     20

bool terminal_is(int fd)
{
	return isatty(fd) == 1;
}

bool terminal_wants_colours(int fd)
{
	const char *no_colour = getenv("NO_COLOR");
	const char *terminal = getenv("TERM");

	if (no_colour && *no_colour)
		return false;
	if (!terminal || strcmp(terminal, "dumb") == 0)
		return false;
	return terminal_is(fd);
}

size_t terminal_width(int fd)
{
	struct winsize size;

	if (ioctl(fd, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return WIDTH_UNKNOWN;
	return size.ws_col < WIDTH_MIN ? WIDTH_MIN : size.ws_col;
}
