/* SPDX-License-Identifier: Apache-2.0 */
/* The records of a log's index: what came when, and which bytes of which file it is. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "extensions/task/protocol_table.h"
#include "runner/log/log_name.h"

#define LOG_INDEX_RECORD_BYTES 48
#define LOG_INDEX_LENGTH_MAX   (1U << 20) /* bytes of one record: what a position can tell apart */
#define LOG_INDEX_END          4          /* a source, behind those of enum log_source */

/* Stands before each message and notice. */
#define LOG_KEY_BYTES          16
struct log_key {
	uint64_t connection;
	uint64_t sequence; /* of a notice with LOG_CUT: the bytes that were dropped so far */
};

/* The longest message with its key and its fields. */
#define LOG_WORDS_MAX (LOG_KEY_BYTES + PROTOCOL_MESSAGE_MAX + PROTOCOL_FIELDS_MAX)

struct log_index_record {
	uint64_t time_ns;
	uint64_t ends[LOG_SECTIONS]; /* lengths of the files; the index's own is not kept */
	uint32_t length;             /* bytes of this record, the last ones of its file */
	uint32_t message_length;     /* with the key; what is left of length are the fields */
	uint8_t source, level;
	uint16_t flags;
};

/* The file that holds the bytes of a source. */
enum log_file log_index_file(uint8_t source);

void log_index_encode(const struct log_index_record *record,
		      unsigned char ret_bytes[LOG_INDEX_RECORD_BYTES]);
/* false: torn, damaged, or none. What it gives can be trusted within one record only. */
bool log_index_decode(const unsigned char bytes[LOG_INDEX_RECORD_BYTES],
		      struct log_index_record *ret_record);

/* Record 0. */
void log_index_encode_header(int64_t run, int64_t attempt,
			     unsigned char ret_bytes[LOG_INDEX_RECORD_BYTES]);
/* BERTH_PROTOCOL when it is the header of no log, of another attempt's, or of another format. */
int log_index_check_header(const unsigned char bytes[LOG_INDEX_RECORD_BYTES], int64_t run,
			   int64_t attempt, struct berth_error *err);

void log_index_encode_key(const struct log_key *key, unsigned char ret_bytes[LOG_KEY_BYTES]);
void log_index_decode_key(const unsigned char bytes[LOG_KEY_BYTES], struct log_key *ret_key);

/* FNV-1a; every change of a single byte changes it. */
uint32_t log_index_hash(const void *bytes, size_t length);
