/* SPDX-License-Identifier: Apache-2.0 */
/* One thing that an attempt's log shows: a line, a message of the task, berth's own words. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "extensions/task/protocol_table.h"

enum log_source {
	LOG_STDOUT,
	LOG_STDERR,
	LOG_TASK,  /* a message from the task channel */
	LOG_BERTH, /* berth's own words */
	LOG_SOURCES,
};
/* "stdout", "stderr", "log", "berth". */
const char *log_source_name(enum log_source source);

enum log_record_flags {
	LOG_PARTIAL = 1 << 0, /* no newline: a piece of an endless line, or the log's last words */
	LOG_CUT = 1 << 1,     /* the volume was passed here; the text says how much was dropped */
	LOG_RECOVERED = 1 << 2, /* seen when a supervisor had died: the time is of its recovery */
	LOG_DAMAGED = 1 << 3,   /* something is unreadable here; the text says what */
};

struct log_record {
	uint64_t position; /* reading from here gives what comes next; never 0 */
	uint64_t time_ns;  /* CLOCK_REALTIME, never less than that of the record before */
	enum log_source source;
	enum protocol_level level; /* PROTOCOL_PLAIN for stdout and stderr: berth does not guess */
	unsigned flags;            /* enum log_record_flags */
	const char *text;          /* as the task wrote it: any bytes, without the newline */
	size_t length;
	const char *fields; /* an object in compact JSON, or NULL */
	size_t fields_length;
};
