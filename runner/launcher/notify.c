/* SPDX-License-Identifier: Apache-2.0 */
/* sd_notify(3) and sd_listen_fds(3), as far as a launcher needs them. */
#include "runner/launcher/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define TEXT_SIZE 256
#define NS_PER_US 1000

static int connect_socket(const char *path, int *ret_fd, struct berth_error *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = strlen(path);
	AUTO_CLOSE int fd = -1;

	if (length == 0 || length >= sizeof(address.sun_path) || (path[0] != '/' && path[0] != '@'))
		return berth_fail(err, BERTH_INVALID, 0, "NOTIFY_SOCKET=%.128s is no socket", path);
	memcpy(address.sun_path, path, length);
	if (path[0] == '@')
		address.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address,
			      (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "connect to NOTIFY_SOCKET %.128s",
				  path);
	*ret_fd = steal_fd(&fd);
	return 0;
}

static bool is_for_us(const char *variable)
{
	const char *pid = getenv(variable);

	return pid && strtol(pid, NULL, 10) == getpid();
}

static int read_sockets(struct notify *notify, struct berth_error *err)
{
	const char *count = getenv("LISTEN_FDS"), *names = getenv("LISTEN_FDNAMES") ?: "";
	long number;

	if (!count || !is_for_us("LISTEN_PID"))
		return 0;
	number = strtol(count, NULL, 10);
	if (number < 0 || number > NOTIFY_LISTEN_MAX || strlen(names) >= NOTIFY_NAMES_SIZE)
		return berth_fail(err, BERTH_LIMIT, 0, "LISTEN_FDS=%.16s: at most %d sockets",
				  count, NOTIFY_LISTEN_MAX);
	notify->listen_count = (int)number;
	memcpy(notify->listen_names, names, strlen(names) + 1);
	return notify_keep(notify, false, err);
}

static void read_watchdog(struct notify *notify)
{
	const char *text = getenv("WATCHDOG_USEC");

	/* WATCHDOG_PID may be missing: then it is everybody's */
	if (text && (!getenv("WATCHDOG_PID") || is_for_us("WATCHDOG_PID")))
		notify->watchdog_ns = strtoull(text, NULL, 10) * NS_PER_US;
}

int notify_open(struct notify *notify, struct berth_error *err)
{
	const char *path = getenv("NOTIFY_SOCKET");

	*notify = (struct notify){.fd = -1};
	if (read_sockets(notify, err) < 0)
		return -1;
	if (!path)
		return 0;
	read_watchdog(notify);
	return connect_socket(path, &notify->fd, err);
}

void notify_close(struct notify *notify)
{
	close_fd(&notify->fd);
}

static void tell(const struct notify *notify, const char *text)
{
	if (notify->fd >= 0)
		(void)send(notify->fd, text, strlen(text), MSG_NOSIGNAL);
}

void notify_ready(const struct notify *notify, const char *status)
{
	char text[TEXT_SIZE];

	(void)snprintf(text, sizeof(text), "READY=1\nMAINPID=%d\nSTATUS=%s\n", getpid(), status);
	tell(notify, text);
}

/* Type=notify-reload wants the time at which the reload began. */
void notify_reloading(const struct notify *notify)
{
	struct timespec now = {0};
	char text[TEXT_SIZE];

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	(void)snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64 "\n",
		       (uint64_t)now.tv_sec * (CLOCK_NS_PER_S / NS_PER_US) +
			       (uint64_t)now.tv_nsec / NS_PER_US);
	tell(notify, text);
}

void notify_stopping(const struct notify *notify)
{
	tell(notify, "STOPPING=1\nSTATUS=draining\n");
}

void notify_alive(const struct notify *notify)
{
	tell(notify, "WATCHDOG=1\n");
}

int notify_keep(const struct notify *notify, bool keep, struct berth_error *err)
{
	for (int i = 0; i < notify->listen_count; i++)
		if (fcntl(NOTIFY_LISTEN_FIRST + i, F_SETFD, keep ? 0 : FD_CLOEXEC) < 0)
			return berth_fail(err, BERTH_SYSTEM, errno, "LISTEN_FDS: descriptor %d",
					  NOTIFY_LISTEN_FIRST + i);
	return 0;
}
