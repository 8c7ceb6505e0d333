/* SPDX-License-Identifier: Apache-2.0 */
/* The socket that clients find: systemd's, or one of our own in its place. */
#include "runner/cli/serve_socket.h"

#include <errno.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "runner/cli/serve_state.h"
#include "runner/control/control_client.h"

#define LISTEN_FIRST   3 /* SD_LISTEN_FDS_START */
#define LISTEN_BACKLOG 512
#define PLACE_ATTEMPTS 20
#define PLACE_PAUSE_US (100 * 1000)

/* 1: somebody listens there. */
static int is_served(const struct sockaddr_un *address, struct berth_error *err)
{
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "socket");
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno == EAGAIN)
		return 1;
	if (errno == ECONNREFUSED && unlink(address->sun_path) < 0 && errno != ENOENT)
		return berth_fail(err, BERTH_SYSTEM, errno, "remove %s", address->sun_path);
	return 0;
}

/* A socket that nobody listens on is what a killed daemon left; the rest of it may take a moment to
 * be gone. */
static int clear_place(const struct sockaddr_un *address, struct berth_error *err)
{
	for (int attempt = 0; attempt < PLACE_ATTEMPTS; attempt++) {
		int served = is_served(address, err);

		if (served <= 0)
			return served;
		(void)usleep(PLACE_PAUSE_US);
	}
	return berth_fail(err, BERTH_DENIED, EADDRINUSE,
			  "%s: another daemon serves there; choose another --socket and --state",
			  address->sun_path);
}

/* Who may do what is told from the credentials of each client: see docs/control.md. */
static int listen_at(const char *path, int *ret_fd, struct berth_error *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	AUTO_CLOSE int fd = -1;
	char directory[sizeof(address.sun_path)];

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	(void)snprintf(directory, sizeof(directory), "%s", path);
	if (serve_make_directories(dirname(directory), 0755, err) < 0 ||
	    clear_place(&address, err) < 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "socket");
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    chmod(path, 0666) < 0 || listen(fd, LISTEN_BACKLOG) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "listen at %s", path);
	*ret_fd = steal_fd(&fd);
	return 0;
}

static int set_number(const char *name, long number, struct berth_error *err)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%ld", number);
	return setenv(name, text, 1) == 0 ? 0
					  : berth_fail(err, BERTH_MEMORY, errno, "set %s", name);
}

static bool is_listener(int fd)
{
	int family = 0, listens = 0;
	socklen_t size = sizeof(int);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) == 0 && family == AF_UNIX &&
	       getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens;
}

/* 1: systemd has passed none. */
static int check_passed_socket(const char *given, struct berth_error *err)
{
	const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");

	if (!pid || !count || strtol(pid, NULL, 10) != getpid())
		return 1;
	if (given)
		return berth_fail(
			err, BERTH_INVALID, 0,
			"--socket: there is one from systemd already, its unit says where");
	if (strcmp(count, "1") != 0 || !is_listener(LISTEN_FIRST))
		return berth_fail(err, BERTH_INVALID, 0,
				  "systemd passed %.16s descriptors: one is needed, a listening "
				  "Unix socket (berth.socket)",
				  count);
	return 0;
}

static int make_socket(const char *given, struct berth_error *err)
{
	char path[CONTROL_PATH_SIZE];
	int fd = -1;

	if (control_client_find(given, path, err) < 0 || listen_at(path, &fd, err) < 0)
		return -1;
	if (fd != LISTEN_FIRST && (dup2(fd, LISTEN_FIRST) < 0 || close(fd) < 0))
		return berth_fail(err, BERTH_SYSTEM, errno, "pass the socket on");
	if (set_number("LISTEN_PID", getpid(), err) < 0 || set_number("LISTEN_FDS", 1, err) < 0)
		return -1;
	if (setenv("LISTEN_FDNAMES", "control", 1) < 0)
		return berth_fail(err, BERTH_MEMORY, errno, "set LISTEN_FDNAMES");
	return 0;
}

int serve_socket_provide(const char *given, struct berth_error *err)
{
	struct sockaddr_un address = {0};
	socklen_t size = sizeof(address) - 1; /* its path ends in NUL whatever it is */
	int missing = check_passed_socket(given, err);

	if (missing < 0 || (missing > 0 && make_socket(given, err) < 0))
		return -1;
	if (getsockname(LISTEN_FIRST, (struct sockaddr *)&address, &size) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "the control socket");
	(void)fprintf(stderr, "berth: serving at %s\n", address.sun_path);
	return 0;
}
