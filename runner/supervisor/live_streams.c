/* SPDX-License-Identifier: Apache-2.0 */
/* What a task prints, from its pipes into its log. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/descriptor.h"
#include "runner/supervisor/followers.h"
#include "runner/supervisor/live_state.h"

#define PIPE_BYTES (256 * 1024) /* log_writer.h: half the time of a flood */
#define SAY_SIZE   512

static const enum log_source sources[LIVE_STREAMS] = {LOG_STDOUT, LOG_STDERR};

static void on_more(void *owner)
{
	struct live *live = owner;

	followers_tell(live->services->followers, live->run_id, CONTROL_FOLLOW_LOG, NULL);
}

static const struct log_writer_handlers writer_handlers = {.on_more = on_more};

int live_open_log(struct live *live, struct berth_error *err)
{
	const struct log_writer_options options = {
		.directory = live->services->log_directory,
		.run = live->run_id,
		.attempt = live->launch.attempt,
		.limit_bytes = live->template->plan->limits.log_bytes,
		.handlers = &writer_handlers,
		.owner = live,
	};

	if (live->is_adopted)
		return log_writer_recover(&options, &live->log, err);
	return log_writer_create(&options, &live->log, err);
}

void live_say(struct live *live, enum protocol_level level, const char *format, ...)
{
	char text[SAY_SIZE];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (live->log) /* a full disk must not keep the run from going on */
		(void)log_writer_notice(live->log, level, NULL, "%s", text);
}

static void close_stream(struct live_stream *stream)
{
	loop_source_destroy(stream->source);
	stream->source = NULL;
	close_fd(&stream->fd);
}

void live_close_streams(struct live *live)
{
	for (int i = 0; i < LIVE_STREAMS; i++)
		close_stream(&live->streams[i]);
}

/* LOG_WRITER_DRY, EOF or NO_SPACE; one pass, so that a flood leaves others their turn. */
static int move(struct live_stream *stream, struct berth_error *err)
{
	struct live *live = stream->live;
	int which = (int)(stream - live->streams);
	size_t moved;

	if (!live->log) /* sealed by an earlier supervisor: what is left was left by it */
		return LOG_WRITER_EOF;
	return log_writer_splice(live->log, sources[which], stream->fd, &moved, err);
}

static int handle_stream(void *owner, uint32_t events, struct berth_error *err)
{
	struct live_stream *stream = owner;
	int outcome = move(stream, err);

	(void)events;
	if (outcome < 0)
		return -1;
	if (outcome == LOG_WRITER_EOF)
		close_stream(stream);
	else if (outcome == LOG_WRITER_NO_SPACE)
		return live_wait_for_space(stream->live, err);
	return 0;
}

int live_watch_stream(struct live *live, int stream, struct berth_error *err)
{
	struct live_stream *watched = &live->streams[stream];

	if (watched->fd < 0)
		return 0;
	return loop_add_descriptor(live->services->loop, watched->fd, EPOLLIN, handle_stream,
				   watched, &watched->source, err);
}

int live_pause_streams(struct live *live, bool is_paused, struct berth_error *err)
{
	for (int i = 0; i < LIVE_STREAMS; i++)
		if (live->streams[i].source &&
		    loop_modify_descriptor(live->streams[i].source, is_paused ? 0 : EPOLLIN, err) <
			    0)
			return -1;
	return 0;
}

static int make_pipe(int ends[2], struct berth_error *err)
{
	if (descriptor_pipe(ends, err) < 0)
		return -1;
	/* more than a user's share of pipe memory is refused: it stays small then */
	(void)fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES);
	/* the task may open /proc/self/fd/1 for writing, and not for reading */
	if (fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0 || fchmod(ends[1], 0222) < 0) {
		close_fd(&ends[0]);
		close_fd(&ends[1]);
		return berth_fail(err, BERTH_SYSTEM, errno, "prepare a pipe");
	}
	return 0;
}

int live_make_pipes(struct live *live, struct launcher_descriptors *ret_fds,
		    struct berth_error *err)
{
	static const int task_places[LIVE_STREAMS] = {LAUNCHER_FD_STDOUT_TASK,
						      LAUNCHER_FD_STDERR_TASK};
	static const int own_places[LIVE_STREAMS] = {LAUNCHER_FD_STDOUT, LAUNCHER_FD_STDERR};

	launcher_descriptors_init(ret_fds);
	for (int i = 0; i < LIVE_STREAMS; i++) {
		int ends[2];

		if (make_pipe(ends, err) < 0)
			return -1;
		live->streams[i].fd = ret_fds->fds[own_places[i]] = ends[0];
		ret_fds->fds[task_places[i]] = ends[1];
		if (live_watch_stream(live, i, err) < 0)
			return -1;
	}
	return 0;
}

int live_drain_streams(struct live *live, struct berth_error *err)
{
	for (int i = 0; i < LIVE_STREAMS; i++) {
		struct live_stream *stream = &live->streams[i];
		int outcome = 0;

		while (stream->fd >= 0 && outcome == 0)
			outcome = move(stream, err);
		if (outcome < 0 || outcome == LOG_WRITER_NO_SPACE)
			return outcome;
		close_stream(stream);
	}
	return live->log ? log_writer_end(live->log, err) : 0;
}
