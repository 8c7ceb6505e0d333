/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the log of one attempt as it happens; a supervisor that is killed at any instant loses
 * nothing of it (docs/logs.md). For the loop thread: nothing here waits for a disk on purpose. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "runner/log/log_record.h"

struct log_writer;

struct log_writer_handlers {
	/* There is more to read. Called after every record: set a mark, do not read here. */
	void (*on_more)(void *owner);
	/* The volume was passed: what comes is dropped. Called once in the writer's life, and again
	 * after a recovery. To end the run instead is the owner's choice. */
	void (*on_limit)(void *owner);
};

struct log_writer_options {
	int directory; /* of all logs; stays the caller's, and open */
	int64_t run;   /* number, see identifier_next_number() */
	int64_t attempt;
	uint64_t limit_bytes;                       /* of what the log keeps; 0: not limited */
	const struct log_writer_handlers *handlers; /* NULL, or lasting, each may be NULL */
	void *owner;
};

enum log_writer_outcome {
	LOG_WRITER_DRY = 1,  /* the pipe is empty, and open */
	LOG_WRITER_EOF,      /* the pipe has ended, and everything in it is kept */
	LOG_WRITER_NO_SPACE, /* the disk is full or refuses, as err says: nothing was taken; try
				later */
	LOG_WRITER_KNOWN,    /* the message had been recorded */
	LOG_WRITER_DROPPED,  /* the message went beyond the volume */
	LOG_WRITER_SEALED,   /* the log is finished and sealed: there is nothing to recover */
};

/* For a new attempt. Touches no file: the first byte does. */
int log_writer_create(const struct log_writer_options *options, struct log_writer **ret_writer,
		      struct berth_error *err);

/* For an attempt that another process was writing, which is dead. Bytes it had moved and not
 * recorded get a record marked LOG_RECOVERED. 0 (also when there is no log yet), LOG_WRITER_SEALED
 * (no writer), LOG_WRITER_NO_SPACE (no writer, try again), or failed: BERTH_PROTOCOL when the files
 * are not a log. */
int log_writer_recover(const struct log_writer_options *options, struct log_writer **ret_writer,
		       struct berth_error *err);

/* Closes; accepts NULL. Ends nothing: the log can be recovered. */
void log_writer_destroy(struct log_writer *writer);

/* Moves what is in the pipe (splice(2); O_NONBLOCK on the pipe) to the log of stdout or stderr, at
 * most LOG_SPLICE_MAX bytes: 0 and how many were moved (kept or dropped), DRY, EOF or NO_SPACE.
 * Failing with any other error leaves the bytes in the pipe too. A pipe of 256 KiB (F_SETPIPE_SZ)
 * is twice as fast for a flood as one of 64 KiB: a splice holds it while it copies. */
#define LOG_SPLICE_MAX (1024 * 1024)
int log_writer_splice(struct log_writer *writer, enum log_source source, int pipe,
		      size_t *ret_moved, struct berth_error *err);

struct log_message {
	enum protocol_level level;
	const char *text; /* any bytes, at most PROTOCOL_MESSAGE_MAX */
	size_t length;
	const json_t *fields; /* an object or NULL, borrowed; at most PROTOCOL_FIELDS_MAX as text */
	/* Recording a message again changes nothing: a sequence that is not greater than the
	 * connection's last is known. Connections count from 1 in an attempt and are never reused;
	 * 0: not checked. */
	uint64_t connection, sequence;
};
/* 0, KNOWN, DROPPED or NO_SPACE. Consume the message after 0, KNOWN and DROPPED only. */
int log_writer_message(struct log_writer *writer, const struct log_message *message,
		       struct berth_error *err);

/* berth's own words; they are kept beyond the volume too. 0 or NO_SPACE. */
int log_writer_notice(struct log_writer *writer, enum protocol_level level, struct berth_error *err,
		      const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The attempt is over: says how much was dropped, and that nothing follows. A silent attempt still
 * has no file. 0 or NO_SPACE. Again: 0. Then log_seal. Whoever recovers an ended log is told EOF of
 * every pipe and KNOWN of every connection's messages: all had been emptied before. */
int log_writer_end(struct log_writer *writer, struct berth_error *err);

/* Whether there is anything to seal, to read or to delete. */
bool log_writer_has_files(const struct log_writer *writer);

/* What the log keeps of the attempt, and what it dropped (after a recovery: at least). */
uint64_t log_writer_kept_bytes(const struct log_writer *writer);
uint64_t log_writer_dropped_bytes(const struct log_writer *writer);
