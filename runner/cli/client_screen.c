/* SPDX-License-Identifier: Apache-2.0 */
/* A terminal that is drawn anew again and again, and left as it was. */
#include "runner/cli/client_screen.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/descriptor.h"
#include "runner/run/terminal.h"

#define HEIGHT_UNKNOWN 24
#define BUFFER_BYTES   65536
/* xterm: the alternate screen, no cursor, long lines are cut */
#define SCREEN_BEGIN   "\033[?1049h\033[?25l\033[?7l"
#define SCREEN_END     "\033[?7h\033[?25h\033[?1049l"
#define SCREEN_CLEAR   "\033[H\033[2J"

int client_screen_begin(struct client_screen *screen, struct berth_error *err)
{
	struct termios raw;
	sigset_t mask;

	*screen = (struct client_screen){.signals = -1};
	(void)sigemptyset(&mask);
	(void)sigaddset(&mask, SIGINT);
	(void)sigaddset(&mask, SIGTERM);
	(void)sigaddset(&mask, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &mask, &screen->saved_mask);
	screen->signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (screen->signals < 0) {
		(void)sigprocmask(SIG_SETMASK, &screen->saved_mask, NULL);
		return berth_fail(err, BERTH_SYSTEM, errno, "signalfd");
	}
	screen->has_keys =
		terminal_is(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &screen->saved) == 0;
	if (screen->has_keys) {
		raw = screen->saved;
		raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &raw); /* then keys need a Return */
	}
	/* a screen appears as a whole; where that cannot be had it flickers */
	(void)fflush(stdout);
	(void)setvbuf(stdout, NULL, _IOFBF, BUFFER_BYTES);
	(void)fputs(SCREEN_BEGIN, stdout);
	return 0;
}

void client_screen_end(struct client_screen *screen)
{
	(void)fputs(SCREEN_END, stdout);
	(void)fflush(stdout);
	if (screen->has_keys)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &screen->saved);
	close_fd(&screen->signals);
	(void)sigprocmask(SIG_SETMASK, &screen->saved_mask, NULL);
}

void client_screen_clear(void)
{
	(void)fputs(SCREEN_CLEAR, stdout);
}

bool client_screen_wait(struct client_screen *screen, uint64_t timeout_ms)
{
	struct pollfd polled[] = {
		{.fd = screen->signals,                      .events = POLLIN},
		{.fd = screen->has_keys ? STDIN_FILENO : -1, .events = POLLIN},
	};
	char key;

	if (fflush(stdout) != 0)
		return true;
	if (poll(polled, 2, (int)timeout_ms) <= 0)
		return false;
	if (polled[0].revents)
		return true;
	return read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 'Q';
}

size_t client_screen_height(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_row == 0)
		return HEIGHT_UNKNOWN;
	return size.ws_row;
}
