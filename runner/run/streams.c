/* SPDX-License-Identifier: Apache-2.0 */
/* stdout by splice(2), stderr to the log, both through one pipe where they are one file, stdin
 * directly where that is safe. */
#include "runner/run/streams.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/descriptor.h"
#include "base/loop.h"
#include "runner/run/log_sink.h"
#include "runner/run/outlet.h"
#include "runner/run/standard_streams.h"
#include "runner/run/stdin_relay.h"
#include "runner/run/terminal.h"

#define STDERR_READ_SIZE   65536
#define STDERR_PENDING_MAX (256U << 10) /* a slow reader of stderr holds the task back */
#define MOVES_AT_ONCE      16           /* then the other sources have their turn */

/* A pipe that the task writes and we read. */
struct carried {
	int pipe; /* our end; -1 when it has ended */
	struct loop_source *source;
};

struct streams {
	struct loop *loop;
	struct log_sink *log;
	struct streams_handlers handlers;
	void *owner;
	int task_fds[3];
	bool task_fd_is_ours[3];
	struct stdin_relay *input;
	struct outlet *output;
	struct carried from_stdout, from_stderr;
	bool one_output;
	bool told;
};

static int tell_when_done(struct streams *streams, struct berth_error *err)
{
	if (streams->told || !streams_are_done(streams))
		return 0;
	streams->told = true;
	return streams->handlers.on_done(streams->owner, err);
}

static int end_pipe(struct streams *streams, struct carried *carried, struct berth_error *err)
{
	loop_source_destroy(carried->source);
	carried->source = NULL;
	close_fd(&carried->pipe);
	return tell_when_done(streams, err);
}

static int handle_output(void *owner, uint32_t events, struct berth_error *err)
{
	struct streams *streams = owner;
	int result = OUTLET_MOVED;

	(void)events;
	for (int i = 0; i < MOVES_AT_ONCE && result == OUTLET_MOVED; i++)
		result = outlet_move(streams->output, streams->from_stdout.pipe, err);
	switch (result) {
	case OUTLET_MOVED:
	case OUTLET_DRY:
		return 0;
	case OUTLET_FULL:
		return loop_modify_descriptor(streams->from_stdout.source, 0, err);
	case OUTLET_CLOSED: /* the task's next write meets SIGPIPE, as in a pipeline */
	case OUTLET_END:
		return end_pipe(streams, &streams->from_stdout, err);
	default:
		return -1;
	}
}

/* The reader of stdout caught up, or went away. */
static int handle_output_room(void *owner, struct berth_error *err)
{
	struct streams *streams = owner;

	if (streams->from_stdout.pipe < 0)
		return tell_when_done(streams, err);
	if (outlet_is_closed(streams->output))
		return end_pipe(streams, &streams->from_stdout, err);
	return loop_modify_descriptor(streams->from_stdout.source, EPOLLIN, err);
}

static int handle_error(void *owner, uint32_t events, struct berth_error *err)
{
	struct streams *streams = owner;
	char buffer[STDERR_READ_SIZE];
	ssize_t count = read(streams->from_stderr.pipe, buffer, sizeof(buffer));

	(void)events;
	if (count < 0)
		return errno == EAGAIN || errno == EINTR
			       ? 0
			       : berth_fail(err, BERTH_SYSTEM, errno, "read the task's stderr");
	if (count == 0) {
		if (log_sink_stderr_end(streams->log, err) < 0)
			return -1;
		return end_pipe(streams, &streams->from_stderr, err);
	}
	if (!streams->one_output && !streams->handlers.on_stderr(streams->owner, (size_t)count))
		return end_pipe(streams, &streams->from_stderr, err);
	if (log_sink_stderr(streams->log, buffer, (size_t)count, err) < 0)
		return -1;
	if (streams->one_output && log_sink_is_closed(streams->log)) /* the terminal went away */
		return end_pipe(streams, &streams->from_stderr, err);
	if (log_sink_pending(streams->log) > STDERR_PENDING_MAX)
		return loop_modify_descriptor(streams->from_stderr.source, 0, err);
	return 0;
}

static int handle_log_room(void *owner, struct berth_error *err)
{
	struct streams *streams = owner;

	if (streams->from_stderr.pipe < 0)
		return 0;
	return loop_modify_descriptor(streams->from_stderr.source, EPOLLIN, err);
}

static int open_input(struct streams *streams, int fd, struct berth_error *err)
{
	streams->task_fds[0] = fd;
	if (fd < 0 || standard_stream_is_plain_input(fd))
		return 0;
	/* opened for writing only: closed by the caller, reads must fail */
	if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY)
		return 0;
	streams->task_fd_is_ours[0] = true;
	streams->task_fds[0] = -1;
	return stdin_relay_create(streams->loop, fd, &streams->input, &streams->task_fds[0], err);
}

/* A pipe that the task writes; our end does not block. */
static int open_pipe(struct streams *streams, int index, struct carried *carried,
		     loop_descriptor_handler handler, struct berth_error *err)
{
	int pipe[2];

	if (descriptor_pipe(pipe, err) < 0)
		return -1;
	carried->pipe = pipe[0];
	streams->task_fds[index] = pipe[1];
	streams->task_fd_is_ours[index] = true;
	(void)fchmod(pipe[1], 0222); /* so that the task can open /dev/stdout and /dev/stderr */
	if (fcntl(pipe[0], F_SETFL, O_NONBLOCK) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "fcntl");
	return loop_add_descriptor(streams->loop, pipe[0], EPOLLIN, handler, streams,
				   &carried->source, err);
}

static int open_output(struct streams *streams, int fd, struct berth_error *err)
{
	if (standard_stream_is_closed_output(fd)) {
		streams->task_fds[1] = fd; /* its writes fail with EBADF */
		return 0;
	}
	if (outlet_create(streams->loop, fd, handle_output_room, streams, &streams->output, err) <
	    0)
		return -1;
	return open_pipe(streams, 1, &streams->from_stdout, handle_output, err);
}

/* On a terminal both go through the log, which keeps the progress bar below them; elsewhere both
 * are carried as stdout. */
static int open_outputs(struct streams *streams, int stdout_fd, struct berth_error *err)
{
	if (streams->one_output && terminal_is(stdout_fd)) {
		if (open_pipe(streams, 2, &streams->from_stderr, handle_error, err) < 0)
			return -1;
		streams->task_fds[1] = streams->task_fds[2];
		return 0;
	}
	if (open_output(streams, stdout_fd, err) < 0)
		return -1;
	if (streams->one_output) {
		streams->task_fds[2] = streams->task_fds[1];
		return 0;
	}
	return open_pipe(streams, 2, &streams->from_stderr, handle_error, err);
}

int streams_create(struct loop *loop, const struct streams_options *options,
		   const struct streams_handlers *handlers, void *owner,
		   struct streams **ret_streams, struct berth_error *err)
{
	struct streams *streams = calloc(1, sizeof(*streams));

	if (!streams)
		return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
	streams->loop = loop;
	streams->log = options->log;
	streams->handlers = *handlers;
	streams->owner = owner;
	streams->one_output = options->one_output;
	streams->from_stdout.pipe = streams->from_stderr.pipe = -1;
	for (int i = 0; i < 3; i++)
		streams->task_fds[i] = -1;
	log_sink_watch(options->log, handle_log_room, streams);
	if (open_input(streams, options->stdin_fd, err) < 0 ||
	    open_outputs(streams, options->stdout_fd, err) < 0) {
		streams_destroy(streams);
		return -1;
	}
	*ret_streams = streams;
	return 0;
}

void streams_destroy(struct streams *streams)
{
	if (!streams)
		return;
	log_sink_watch(streams->log, NULL, NULL);
	streams_close_task_descriptors(streams);
	loop_source_destroy(streams->from_stdout.source);
	loop_source_destroy(streams->from_stderr.source);
	stdin_relay_destroy(streams->input);
	outlet_destroy(streams->output);
	close_fd(&streams->from_stdout.pipe);
	close_fd(&streams->from_stderr.pipe);
	free(streams);
}

void streams_task_descriptors(const struct streams *streams, int ret_fds[3])
{
	for (int i = 0; i < 3; i++)
		ret_fds[i] = streams->task_fds[i];
}

void streams_close_task_descriptors(struct streams *streams)
{
	for (int i = 0; i < 3; i++) {
		if (streams->task_fd_is_ours[i])
			close_fd(&streams->task_fds[i]);
		streams->task_fd_is_ours[i] = false;
		streams->task_fds[i] = -1;
	}
}

int streams_output_failure(const struct streams *streams)
{
	return streams->output ? outlet_failure(streams->output) : 0;
}

bool streams_are_done(const struct streams *streams)
{
	bool flushed = !streams->output || outlet_pending(streams->output) == 0;

	return streams->from_stdout.pipe < 0 && streams->from_stderr.pipe < 0 && flushed;
}
