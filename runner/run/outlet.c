/* SPDX-License-Identifier: Apache-2.0 */
/* One descriptor, one bounded buffer, one epoll source that is on only while something waits. */
#include "runner/run/outlet.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/loop.h"
#include "base/text.h"

#define MOVE_MAX   (1U << 20)
#define COPY_MAX   (64U << 10)
#define BUFFER_MAX (64U << 20) /* far beyond what flow control lets gather */

struct outlet {
	struct loop *loop;
	struct loop_source *source; /* made when something has to wait for the first time */
	outlet_handler on_room;
	void *owner;
	struct text pending;
	int fd;    /* the caller's */
	int again; /* our own non-blocking description of the same terminal or pipe; -1: none */
	enum outlet_kind kind;
	bool closed;
	int failure;     /* errno that closed it, EPIPE apart */
	bool was_opened; /* open_again() was tried */
	bool no_splice;
};

static int handle_ready(void *owner, uint32_t events, struct berth_error *err);

static enum outlet_kind find_kind(int fd)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return OUTLET_FILE;
	if (S_ISFIFO(status.st_mode))
		return OUTLET_PIPE;
	if (S_ISSOCK(status.st_mode))
		return OUTLET_SOCKET;
	return S_ISCHR(status.st_mode) && isatty(fd) ? OUTLET_TERMINAL : OUTLET_FILE;
}

/* Not permitted, or no /proc: then the shared description is polled and written in small bites. */
static void open_again(struct outlet *outlet)
{
	char path[32];

	if (outlet->was_opened || (outlet->kind != OUTLET_TERMINAL && outlet->kind != OUTLET_PIPE))
		return;
	outlet->was_opened = true;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", outlet->fd);
	outlet->again = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static int watch(struct outlet *outlet, bool on, struct berth_error *err)
{
	int fd;

	if (outlet->source)
		return loop_modify_descriptor(outlet->source, on ? EPOLLOUT : 0, err);
	if (!on)
		return 0;
	open_again(outlet);
	fd = outlet->again >= 0 ? outlet->again : outlet->fd;
	return loop_add_descriptor(outlet->loop, fd, EPOLLOUT, handle_ready, outlet,
				   &outlet->source, err);
}

static void mark_closed(struct outlet *outlet, int cause)
{
	outlet->closed = true;
	outlet->failure = cause == EPIPE ? 0 : cause;
	text_finish(&outlet->pending);
	loop_source_destroy(outlet->source);
	outlet->source = NULL;
}

static ssize_t write_some(const struct outlet *outlet, const char *data, size_t length)
{
	struct pollfd ready = {.fd = outlet->fd, .events = POLLOUT};

	if (outlet->kind == OUTLET_SOCKET)
		return send(outlet->fd, data, length, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (outlet->kind == OUTLET_FILE)
		return write(outlet->fd, data, length);
	if (outlet->again >= 0)
		return write(outlet->again, data, length);
	if (poll(&ready, 1, 0) == 0) {
		errno = EAGAIN;
		return -1;
	}
	/* pipe(7): a ready pipe takes up to PIPE_BUF bytes without blocking */
	return write(outlet->fd, data, length < PIPE_BUF ? length : PIPE_BUF);
}

/* Returns how much was written, -1 with err, or -2 when the reader is gone. */
static ssize_t write_until_full(struct outlet *outlet, const char *data, size_t length,
				struct berth_error *err)
{
	size_t done = 0;

	open_again(outlet);
	while (done < length) {
		ssize_t count = write_some(outlet, data + done, length - done);

		if (count >= 0) {
			done += (size_t)count;
		} else if (errno == EAGAIN) {
			return watch(outlet, true, err) < 0 ? -1 : (ssize_t)done;
		} else if (errno != EINTR) {
			/* EPIPE, ENOSPC, EIO of a vanished terminal: nobody gets more */
			mark_closed(outlet, errno);
			return -2;
		}
	}
	return (ssize_t)done;
}

static int handle_ready(void *owner, uint32_t events, struct berth_error *err)
{
	struct outlet *outlet = owner;
	ssize_t done;

	(void)events; /* an error shows in the next write */
	if (outlet->pending.length) {
		done = write_until_full(outlet, outlet->pending.data, outlet->pending.length, err);
		if (done == -1)
			return -1;
		if (done > 0)
			text_consume(&outlet->pending, (size_t)done);
	}
	if (!outlet->closed && !outlet->pending.length && watch(outlet, false, err) < 0)
		return -1;
	if (outlet->closed || !outlet->pending.length)
		return outlet->on_room ? outlet->on_room(outlet->owner, err) : 0;
	return 0;
}

int outlet_create(struct loop *loop, int fd, outlet_handler on_room, void *owner,
		  struct outlet **ret_outlet, struct berth_error *err)
{
	struct outlet *outlet = calloc(1, sizeof(*outlet));

	if (!outlet)
		return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
	*outlet = (struct outlet){
		.loop = loop,
		.on_room = on_room,
		.owner = owner,
		.pending = {.limit = BUFFER_MAX},
		.fd = fd,
		.again = -1,
		.kind = find_kind(fd),
	};
	*ret_outlet = outlet;
	return 0;
}

void outlet_destroy(struct outlet *outlet)
{
	if (!outlet)
		return;
	loop_source_destroy(outlet->source);
	close_fd(&outlet->again);
	text_finish(&outlet->pending);
	free(outlet);
}

int outlet_write(struct outlet *outlet, const void *data, size_t length, struct berth_error *err)
{
	ssize_t done = 0;

	if (outlet->closed)
		return OUTLET_CLOSED;
	if (!outlet->pending.length) {
		done = write_until_full(outlet, data, length, err);
		if (done == -2)
			return OUTLET_CLOSED;
		if (done < 0)
			return -1;
	}
	if ((size_t)done == length)
		return 0;
	return text_append(&outlet->pending, (const char *)data + done, length - (size_t)done, err);
}

static int copy_from_pipe(struct outlet *outlet, int pipe, struct berth_error *err)
{
	AUTO_FREE char *data = malloc(COPY_MAX);
	ssize_t count;
	int result;

	if (!data)
		return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
	count = read(pipe, data, COPY_MAX);
	if (count == 0)
		return OUTLET_END;
	if (count < 0)
		return errno == EAGAIN || errno == EINTR
			       ? OUTLET_DRY
			       : berth_fail(err, BERTH_SYSTEM, errno, "read the task's stdout");
	result = outlet_write(outlet, data, (size_t)count, err);
	if (result == 0 && outlet->pending.length)
		return OUTLET_FULL;
	return result;
}

/* splice(2) says EAGAIN for an empty source as well as for a full target. */
static int tell_empty_from_full(struct outlet *outlet, int pipe, struct berth_error *err)
{
	struct pollfd source = {.fd = pipe, .events = POLLIN};

	/* a file is never full, and cannot be waited for: data came between the two looks */
	if (outlet->kind == OUTLET_FILE || poll(&source, 1, 0) == 0)
		return OUTLET_DRY;
	return watch(outlet, true, err) < 0 ? -1 : OUTLET_FULL;
}

int outlet_move(struct outlet *outlet, int pipe, struct berth_error *err)
{
	ssize_t count;

	if (outlet->closed)
		return OUTLET_CLOSED;
	if (outlet->pending.length)
		return OUTLET_FULL;
	/* only these two cannot block in splice(2) for longer than a disk does */
	if (outlet->no_splice || (outlet->kind != OUTLET_PIPE && outlet->kind != OUTLET_FILE))
		return copy_from_pipe(outlet, pipe, err);
	count = splice(pipe, NULL, outlet->fd, NULL, MOVE_MAX, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
	if (count > 0)
		return OUTLET_MOVED;
	if (count == 0)
		return OUTLET_END;
	if (errno == EAGAIN)
		return tell_empty_from_full(outlet, pipe, err);
	if (errno == EINTR)
		return OUTLET_MOVED;
	if (errno == EINVAL) {
		/* a file opened for appending, or a file system without splice */
		outlet->no_splice = true;
		return copy_from_pipe(outlet, pipe, err);
	}
	mark_closed(outlet, errno);
	return OUTLET_CLOSED;
}

size_t outlet_pending(const struct outlet *outlet)
{
	return outlet->pending.length;
}

bool outlet_is_closed(const struct outlet *outlet)
{
	return outlet->closed;
}

int outlet_failure(const struct outlet *outlet)
{
	return outlet->failure;
}

enum outlet_kind outlet_kind(const struct outlet *outlet)
{
	return outlet->kind;
}
