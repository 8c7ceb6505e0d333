/* SPDX-License-Identifier: Apache-2.0 */
/* Renders the lines of a run and keeps the progress bar below them. */
#include "runner/run/log_sink.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "runner/run/outlet.h"
#include "runner/run/terminal.h"

#define LINE_MAX_BYTES (64U << 10) /* a longer stderr line becomes several JSON objects */
#define PENDING_MAX    (4U << 20)  /* structured logs beyond it are dropped and counted */
#define NOTICE_SIZE    1024
#define BAR_PACE_NS    (100 * CLOCK_NS_PER_MS)

struct level_row {
	const char *name;
	const char *label;
	const char *colour;
};

static const struct level_row level_rows[LOG_LEVELS] = {
	[LOG_TRACE] = {"trace", "TRACE", "\033[2m" },
	[LOG_DEBUG] = {"debug", "DEBUG", "\033[2m" },
	[LOG_LOG] = {"log",   "LOG  ", ""        },
	[LOG_INFO] = {"info",  "INFO ", "\033[36m"},
	[LOG_WARN] = {"warn",  "WARN ", "\033[33m"},
	[LOG_ERROR] = {"error", "ERROR", "\033[31m"},
};

struct log_sink {
	struct outlet *outlet;
	struct log_sink_options options;
	log_sink_handler on_room;
	void *owner;
	struct text line; /* an unfinished stderr line in JSON format */
	struct run_progress progress;
	struct progress_pace pace;
	uint64_t bar_ns;
	size_t dropped;
	int fd;
	bool json, terminal, colours;
	bool has_bar; /* progress is known and to be drawn */
	bool bar_drawn;
	bool mid_line; /* the task's last stderr byte was not a newline */
};

const char *log_level_name(enum log_level level)
{
	return level < LOG_LEVELS ? level_rows[level].name : "log";
}

static int handle_room(void *owner, struct berth_error *err)
{
	struct log_sink *sink = owner;

	return sink->on_room ? sink->on_room(sink->owner, err) : 0;
}

/* A stderr nobody reads is no reason to fail a run. */
static int emit(struct log_sink *sink, const void *data, size_t length, struct berth_error *err)
{
	int result = outlet_write(sink->outlet, data, length, err);

	return result < 0 ? -1 : 0;
}

static int erase_bar(struct log_sink *sink, struct berth_error *err)
{
	if (!sink->bar_drawn)
		return 0;
	sink->bar_drawn = false;
	return emit(sink, "\r\033[K", 4, err);
}

static int draw_bar(struct log_sink *sink, struct berth_error *err)
{
	char bar[PROGRESS_LINE_SIZE];

	if (!sink->has_bar || sink->mid_line)
		return 0;
	if (erase_bar(sink, err) < 0)
		return -1;
	(void)progress_format_bar(&sink->progress, terminal_width(sink->fd) - 1, bar);
	sink->bar_drawn = true;
	return emit(sink, bar, strlen(bar), err);
}

/* One whole line, on its own, above the bar. */
static int emit_line(struct log_sink *sink, const struct text *line, struct berth_error *err)
{
	if (erase_bar(sink, err) < 0)
		return -1;
	if (sink->mid_line && emit(sink, "\n", 1, err) < 0)
		return -1;
	sink->mid_line = false;
	if (emit(sink, line->data, line->length, err) < 0)
		return -1;
	return draw_bar(sink, err);
}

/* Takes the object over. */
static int emit_object(struct log_sink *sink, json_t *object, struct berth_error *err)
{
	AUTO_TEXT struct text line = {0};
	AUTO_JSON json_t *owned = object;
	AUTO_FREE char *text = NULL;
	char now[CLOCK_RFC3339_SIZE];

	clock_format_rfc3339(clock_realtime_ns(), now);
	if (!owned || json_object_set_new(owned, "time", json_string(now)) < 0)
		return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
	text = json_format_compact(owned);
	if (!text)
		return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
	if (text_append_format(&line, err, "%s\n", text) < 0)
		return -1;
	return emit_line(sink, &line, err);
}

/* A JSON string of bytes that may be anything. */
static json_t *json_from_bytes(const char *data, size_t length)
{
	AUTO_FREE char *safe = NULL;
	size_t size = length * 4 + 1; /* every byte as \xHH */

	if (text_is_utf8(data, length))
		return json_stringn_nocheck(data, length);
	safe = malloc(size);
	if (!safe)
		return NULL;
	return json_stringn(safe, text_sanitize(data, length, safe, size));
}

static int emit_stderr_object(struct log_sink *sink, const char *data, size_t length,
			      struct berth_error *err)
{
	return emit_object(sink,
			   json_pack("{s:s,s:o}", "stream", "stderr", "message",
				     json_from_bytes(data, length)),
			   err);
}

static int take_json_stderr(struct log_sink *sink, const char *data, size_t length,
			    struct berth_error *err)
{
	while (length > 0) {
		size_t room = LINE_MAX_BYTES - sink->line.length;
		size_t part = length < room ? length : room;
		const char *newline = memchr(data, '\n', part);
		size_t used = newline ? (size_t)(newline - data) : part;

		if (text_append(&sink->line, data, used, err) < 0)
			return -1;
		if (newline || sink->line.length == LINE_MAX_BYTES) {
			if (emit_stderr_object(sink, sink->line.data, sink->line.length, err) < 0)
				return -1;
			text_consume(&sink->line, sink->line.length);
		}
		used += newline ? 1 : 0;
		data += used;
		length -= used;
	}
	return 0;
}

int log_sink_stderr(struct log_sink *sink, const char *data, size_t length, struct berth_error *err)
{
	if (length == 0)
		return 0;
	if (sink->json)
		return take_json_stderr(sink, data, length, err);
	if (erase_bar(sink, err) < 0 || emit(sink, data, length, err) < 0)
		return -1;
	sink->mid_line = data[length - 1] != '\n';
	return draw_bar(sink, err);
}

int log_sink_stderr_end(struct log_sink *sink, struct berth_error *err)
{
	if (sink->json && sink->line.length) {
		int result = emit_stderr_object(sink, sink->line.data, sink->line.length, err);

		text_consume(&sink->line, sink->line.length);
		return result;
	}
	sink->has_bar = false;
	return erase_bar(sink, err);
}

static int append_fields(struct text *line, const json_t *fields, struct berth_error *err)
{
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)(uintptr_t)fields, key, value) {
		AUTO_FREE char *text = NULL;
		char name[128], safe[1024];

		text = json_is_string(value) && !strpbrk(json_string_value(value), " \"=")
			       ? strdup(json_string_value(value))
			       : json_format_compact(value);
		if (!text)
			return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
		(void)text_sanitize(key, strlen(key), name, sizeof(name));
		(void)text_sanitize(text, strlen(text), safe, sizeof(safe));
		if (text_append_format(line, err, " %s=%s", name, safe) < 0)
			return -1;
	}
	return 0;
}

static int append_time(struct text *line, struct berth_error *err)
{
	time_t now = (time_t)(clock_realtime_ns() / CLOCK_NS_PER_S);
	struct tm local;

	if (!localtime_r(&now, &local))
		return 0;
	return text_append_format(line, err, "%02d:%02d:%02d ", local.tm_hour, local.tm_min,
				  local.tm_sec);
}

static int emit_log_text(struct log_sink *sink, enum log_level level, const char *message,
			 const json_t *fields, struct berth_error *err)
{
	const struct level_row *row = &level_rows[level];
	const char *start = sink->colours ? row->colour : "", *end = *start ? "\033[0m" : "";
	AUTO_TEXT struct text line = {0};
	AUTO_FREE char *safe = NULL;
	size_t size = strlen(message) * 4 + 1;

	safe = malloc(size);
	if (!safe)
		return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
	(void)text_sanitize(message, strlen(message), safe, size);
	if (append_time(&line, err) < 0 ||
	    text_append_format(&line, err, "%s%s%s ", start, row->label, end) < 0 ||
	    text_append_string(&line, safe, err) < 0 || append_fields(&line, fields, err) < 0 ||
	    text_append(&line, "\n", 1, err) < 0)
		return -1;
	return emit_line(sink, &line, err);
}

/* Structured logs are not paused when stderr is slow, so they are dropped and counted instead. */
static bool is_overrun(struct log_sink *sink)
{
	if (outlet_pending(sink->outlet) > PENDING_MAX) {
		sink->dropped++;
		return true;
	}
	if (sink->dropped) {
		size_t dropped = sink->dropped;

		sink->dropped = 0;
		log_sink_notice(sink, LOG_WARN,
				"%zu log messages dropped: stderr is not being read", dropped);
	}
	return false;
}

int log_sink_log(struct log_sink *sink, enum log_level level, const char *message,
		 const json_t *fields, struct berth_error *err)
{
	json_t *object;

	if (is_overrun(sink))
		return 0;
	if (!sink->json)
		return emit_log_text(sink, level, message, fields, err);
	object = json_pack("{s:s,s:s}", "level", level_rows[level].name, "message", message);
	if (object && fields && json_object_size(fields))
		(void)json_object_set(object, "fields", (json_t *)(uintptr_t)fields);
	return emit_object(sink, object, err);
}

static int emit_progress_object(struct log_sink *sink, const struct run_progress *progress,
				struct berth_error *err)
{
	json_t *values = json_object();

	if (!values)
		return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
	if (progress->percent >= 0)
		(void)json_object_set_new(values, "percent", json_real(progress->percent));
	if (progress->eta_s >= 0)
		(void)json_object_set_new(values, "eta_s", json_real(progress->eta_s));
	if (progress->rate >= 0)
		(void)json_object_set_new(values, "rate", json_real(progress->rate));
	if (progress->rate_unit[0])
		(void)json_object_set_new(values, "rate_unit", json_string(progress->rate_unit));
	if (progress->message[0])
		(void)json_object_set_new(values, "message", json_string(progress->message));
	return emit_object(sink, json_pack("{s:o}", "progress", values), err);
}

int log_sink_progress(struct log_sink *sink, const struct run_progress *progress,
		      struct berth_error *err)
{
	uint64_t now = clock_boottime_ns();
	AUTO_TEXT struct text line = {0};
	char text[PROGRESS_LINE_SIZE];

	if (sink->options.quiet || is_overrun(sink))
		return 0;
	if (!sink->json && sink->terminal) {
		sink->progress = *progress;
		sink->has_bar = true;
		if (progress->percent < 100 && now - sink->bar_ns < BAR_PACE_NS)
			return 0;
		sink->bar_ns = now;
		return draw_bar(sink, err);
	}
	if (!progress_pace_due(&sink->pace, progress, now))
		return 0;
	if (sink->json)
		return emit_progress_object(sink, progress, err);
	if (text_append_format(&line, err, "progress: %s\n", progress_format_line(progress, text)) <
	    0)
		return -1;
	return emit_line(sink, &line, err);
}

void log_sink_notice(struct log_sink *sink, enum log_level level, const char *format, ...)
{
	AUTO_TEXT struct text line = {0};
	char message[NOTICE_SIZE], safe[NOTICE_SIZE * 2];
	struct berth_error err;
	va_list args;

	if ((sink->options.quiet && level < LOG_WARN) ||
	    (!sink->options.verbose && level < LOG_INFO))
		return;
	va_start(args, format);
	(void)vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	/* file names and the like may hold anything */
	(void)text_sanitize(message, strlen(message), safe, sizeof(safe));
	if (sink->json)
		(void)emit_object(sink,
				  json_pack("{s:s,s:s,s:s}", "source", "berth", "level",
					    level_rows[level].name, "message", safe),
				  &err);
	else if (text_append_format(&line, &err, "berth: %s\n", safe) == 0)
		(void)emit_line(sink, &line, &err);
}

bool log_sink_is_closed(const struct log_sink *sink)
{
	return outlet_is_closed(sink->outlet);
}

size_t log_sink_pending(const struct log_sink *sink)
{
	return outlet_pending(sink->outlet);
}

void log_sink_watch(struct log_sink *sink, log_sink_handler on_room, void *owner)
{
	sink->on_room = on_room;
	sink->owner = owner;
}

int log_sink_create(struct loop *loop, int fd, const struct log_sink_options *options,
		    struct log_sink **ret_sink, struct berth_error *err)
{
	struct log_sink *sink = calloc(1, sizeof(*sink));

	if (!sink)
		return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
	sink->options = *options;
	sink->fd = fd;
	sink->json = options->format == LOG_FORMAT_JSON;
	sink->terminal = terminal_is(fd);
	sink->colours = terminal_wants_colours(fd);
	if (outlet_create(loop, fd, handle_room, sink, &sink->outlet, err) < 0) {
		free(sink);
		return -1;
	}
	*ret_sink = sink;
	return 0;
}

void log_sink_destroy(struct log_sink *sink)
{
	if (!sink)
		return;
	outlet_destroy(sink->outlet);
	text_finish(&sink->line);
	free(sink);
}
