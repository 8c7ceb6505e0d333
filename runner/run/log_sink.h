/* SPDX-License-Identifier: Apache-2.0 */
/* Everything a run says on stderr, in order: the task's stderr, its structured logs, its progress
 * and berth's own notices, as text for people or as JSON lines for programs. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "runner/run/progress.h"

struct log_sink;
struct loop;

enum log_format { LOG_FORMAT_AUTO, LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/* The levels of the task channel. */
enum log_level { LOG_TRACE, LOG_DEBUG, LOG_LOG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_LEVELS };
const char *log_level_name(enum log_level level);

struct log_sink_options {
	enum log_format format; /* LOG_FORMAT_AUTO is text */
	bool quiet;             /* neither progress nor notices below a warning */
	bool verbose;           /* also debug notices */
};

/* Called when the reader of a full stderr caught up. */
typedef int (*log_sink_handler)(void *owner, struct berth_error *err);

int log_sink_create(struct loop *loop, int fd, const struct log_sink_options *options,
		    struct log_sink **ret_sink, struct berth_error *err);
/* Accepts NULL; what was not yet written is lost. */
void log_sink_destroy(struct log_sink *sink);

/* Who is told of room; NULL for nobody. */
void log_sink_watch(struct log_sink *sink, log_sink_handler on_room, void *owner);

/* Bytes the task wrote to its stderr: passed on as they are in text format, as one object a line
 * in JSON. */
int log_sink_stderr(struct log_sink *sink, const char *data, size_t length,
		    struct berth_error *err);
/* The task's stderr has ended: an unfinished line is finished. */
int log_sink_stderr_end(struct log_sink *sink, struct berth_error *err);

/* One structured log of the task; fields may be NULL. */
int log_sink_log(struct log_sink *sink, enum log_level level, const char *message,
		 const json_t *fields, struct berth_error *err);

int log_sink_progress(struct log_sink *sink, const struct run_progress *progress,
		      struct berth_error *err);

/* berth's own words. Best effort: a broken stderr is nobody's to hear of. */
void log_sink_notice(struct log_sink *sink, enum log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* true when nobody can read stderr any more. */
bool log_sink_is_closed(const struct log_sink *sink);

/* Bytes that wait for a slow reader. */
size_t log_sink_pending(const struct log_sink *sink);
