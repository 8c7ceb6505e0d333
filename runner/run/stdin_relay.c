/* SPDX-License-Identifier: Apache-2.0 */
/* Reads only when the task's pipe has room, so that at most one buffer is taken ahead. */
#include "runner/run/stdin_relay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/descriptor.h"
#include "base/loop.h"

#define RELAY_SIZE 65536

struct stdin_relay {
	struct loop *loop;
	struct loop_source *source_source; /* NULL: always readable, as /dev/zero is */
	struct loop_source *pipe_source;
	int source, pipe;
	bool always_ready;
	size_t start, length; /* of what was read and not yet written */
	char buffer[RELAY_SIZE];
};

/* The task sees the end of its input. */
static void finish(struct stdin_relay *relay)
{
	loop_source_destroy(relay->source_source);
	loop_source_destroy(relay->pipe_source);
	relay->source_source = relay->pipe_source = NULL;
	close_fd(&relay->pipe);
}

/* Either waits for input or for room, never for both. */
static int wait_for(struct stdin_relay *relay, bool input, struct berth_error *err)
{
	if (relay->source_source &&
	    loop_modify_descriptor(relay->source_source, input ? EPOLLIN : 0, err) < 0)
		return -1;
	/* with 0 the kernel still tells of a reader that is gone only when asked again */
	return loop_modify_descriptor(relay->pipe_source,
				      input && !relay->always_ready ? 0 : EPOLLOUT, err);
}

static int write_out(struct stdin_relay *relay, struct berth_error *err)
{
	while (relay->length > 0) {
		ssize_t count = write(relay->pipe, relay->buffer + relay->start, relay->length);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0 && errno == EAGAIN)
			return wait_for(relay, false, err);
		if (count < 0) {
			finish(relay); /* EPIPE: the task wants no more */
			return 0;
		}
		relay->start += (size_t)count;
		relay->length -= (size_t)count;
	}
	return wait_for(relay, true, err);
}

static int read_in(struct stdin_relay *relay, struct berth_error *err)
{
	ssize_t count = read(relay->source, relay->buffer, sizeof(relay->buffer));

	if (count < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (count <= 0) {
		finish(relay); /* the end, or a terminal that went away (EIO) */
		return 0;
	}
	relay->start = 0;
	relay->length = (size_t)count;
	return write_out(relay, err);
}

static int handle_input(void *owner, uint32_t events, struct berth_error *err)
{
	(void)events;
	return read_in(owner, err);
}

static int handle_room(void *owner, uint32_t events, struct berth_error *err)
{
	struct stdin_relay *relay = owner;

	(void)events;
	if (relay->length == 0 && relay->always_ready)
		return read_in(relay, err);
	return write_out(relay, err);
}

static int watch(struct stdin_relay *relay, struct berth_error *err)
{
	struct berth_error refused = {0};

	if (loop_add_descriptor(relay->loop, relay->source, EPOLLIN, handle_input, relay,
				&relay->source_source, &refused) < 0) {
		if (refused.errnum != EPERM) { /* epoll_ctl(2): not pollable, hence always ready */
			*err = refused;
			return -1;
		}
		relay->always_ready = true;
	}
	return loop_add_descriptor(relay->loop, relay->pipe, relay->always_ready ? EPOLLOUT : 0,
				   handle_room, relay, &relay->pipe_source, err);
}

int stdin_relay_create(struct loop *loop, int source, struct stdin_relay **ret_relay,
		       int *ret_task_fd, struct berth_error *err)
{
	struct stdin_relay *relay = calloc(1, sizeof(*relay));
	int pipe[2];

	if (!relay)
		return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
	relay->loop = loop;
	relay->source = source;
	relay->pipe = -1;
	if (descriptor_pipe(pipe, err) < 0) {
		free(relay);
		return -1;
	}
	relay->pipe = pipe[1];
	(void)fchmod(pipe[0], 0444); /* so that the task can open /dev/stdin */
	if (fcntl(pipe[1], F_SETFL, O_NONBLOCK) < 0 || watch(relay, err) < 0) {
		stdin_relay_destroy(relay);
		(void)close(pipe[0]); /* nothing was written */
		return -1;
	}
	*ret_relay = relay;
	*ret_task_fd = pipe[0];
	return 0;
}

void stdin_relay_destroy(struct stdin_relay *relay)
{
	if (!relay)
		return;
	finish(relay);
	free(relay);
}
