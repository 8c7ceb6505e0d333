/* SPDX-License-Identifier: Apache-2.0 */
/* What a writer and its recovery share: the files of a log that is being written, and the steps by
 * which they grow. Nothing counts before its index record is whole. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "runner/log/log_index.h"
#include "runner/log/log_keys.h"
#include "runner/log/log_writer.h"

struct log_writer {
	struct log_writer_options options;
	int files[LOG_SECTIONS];     /* -1: not made yet */
	uint64_t ends[LOG_SECTIONS]; /* of what counts */
	uint64_t time_ns;            /* of the last record */
	struct log_keys *keys;       /* NULL: no message yet */
	uint64_t dropped_bytes;
	uint64_t dropped_told; /* in the log's last word about that */
	uint32_t moved;        /* bytes in their file whose record could not be written */
	enum log_source moved_source;
	int sink; /* /dev/null, where a flood goes; -1 */
	bool limit_told;
	bool is_ended;
};

/* All closed. */
void log_append_init(struct log_writer *writer, const struct log_writer_options *options);
void log_append_finish(struct log_writer *writer);

/* LOG_WRITER_NO_SPACE for a full disk or quota and one that refuses, or failed; err is filled for
 * both. */
int log_append_refused(int errnum, const char *what, struct berth_error *err);

/* Makes the file, and the index before any other, when it is not open. 0, NO_SPACE or failed. */
int log_append_open(struct log_writer *writer, enum log_file file, struct berth_error *err);

/* Appends the record; sets its time and ends, and the writer's. 0, NO_SPACE or failed. */
int log_append_record(struct log_writer *writer, struct log_index_record *record,
		      struct berth_error *err);

/* length bytes of stdout or stderr are in their file, behind its end. */
int log_append_bytes(struct log_writer *writer, enum log_source source, uint32_t length,
		     unsigned flags, struct berth_error *err);

/* A message or notice; what is NULL has length 0. */
struct log_words {
	enum log_source source;
	enum protocol_level level;
	unsigned flags;
	struct log_key key;
	const char *text;
	size_t length;
	const char *fields;
	size_t fields_length;
};
int log_append_words(struct log_writer *writer, const struct log_words *words,
		     struct berth_error *err);
