/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the log of one attempt, while it is written, after its end, and sealed, in the same way.
 * Positions are plain numbers that mean the same in each of these, so that many followers share
 * one reader: each keeps its position and seeks. One thread at a time; any thread. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "runner/log/log_record.h"
#include "runner/log/log_storage.h"

struct log_reader;

enum log_reader_outcome {
	LOG_READER_WAIT = 1, /* nothing more yet; when the attempt is over: nothing more */
	LOG_READER_END,      /* nothing more will come */
};

/* Opens nothing yet: there may be no log, and it may come. directory stays the caller's, and
 * open. Starts at the beginning. */
int log_reader_create(int directory, int64_t run, int64_t attempt, struct log_reader **ret_reader,
		      struct berth_error *err);
/* Of a log that somebody else has opened, as it was then; takes the descriptors over. */
int log_reader_create_from(struct log_snapshot *snapshot, int64_t run, int64_t attempt,
			   struct log_reader **ret_reader, struct berth_error *err);
/* Accepts NULL. */
void log_reader_destroy(struct log_reader *reader);

/* Gives back what it has read ahead, until it is used again. */
void log_reader_rest(struct log_reader *reader);

/* The next record, which is valid until the reader is used again: 0, WAIT or END. A line is there
 * when it is complete, in the order in which lines were completed; a piece of an endless line when
 * it has 32 to 64 KiB. Damage is a record with LOG_DAMAGED, and reading goes on behind it.
 * Fails with BERTH_PROTOCOL when the whole file is no log. */
int log_reader_next(struct log_reader *reader, struct log_record *ret_record,
		    struct berth_error *err);

/* Continues at a position; 0 is the beginning. A position that no record had is harmless. */
void log_reader_seek(struct log_reader *reader, uint64_t position);
uint64_t log_reader_position(const struct log_reader *reader);

/* Continues at the first record that is not older than a CLOCK_REALTIME instant: 0. */
int log_reader_seek_time(struct log_reader *reader, uint64_t time_ns, struct berth_error *err);

/* Continues so many records before the end of what is there: 0. */
int log_reader_seek_tail(struct log_reader *reader, uint64_t records, struct berth_error *err);

/* The bytes of LOG_STDOUT or LOG_STDERR as the task wrote them, from an offset: 0 and how many;
 * none beyond the end. */
int log_reader_bytes(struct log_reader *reader, enum log_source source, uint64_t offset,
		     void *buffer, size_t size, size_t *ret_length, struct berth_error *err);
