/* SPDX-License-Identifier: Apache-2.0 */
/* The records of a log's index, as bytes. */
#include "runner/log/log_index.h"

#include <endian.h>
#include <inttypes.h>
#include <string.h>

#include "runner/log/log_record.h"

#define MAGIC       UINT64_C(0x31676f6c68747262) /* "brthlog1" */
#define VERSION     1
#define CHECKED     (LOG_INDEX_RECORD_BYTES - 4)
#define END_MAX     (UINT64_C(1) << 62)
#define KNOWN_FLAGS (LOG_PARTIAL | LOG_CUT | LOG_RECOVERED | LOG_DAMAGED)

/* Offsets in a record. */
enum {
	AT_TIME = 0,
	AT_ENDS = 8,
	AT_LENGTH = 32,
	AT_MESSAGE_LENGTH = 36,
	AT_SOURCE = 40,
	AT_LEVEL = 41,
	AT_FLAGS = 42,
	AT_CHECK = CHECKED,
};
/* … and in the header. */
enum { AT_MAGIC = 0, AT_RUN = 8, AT_ATTEMPT = 16, AT_VERSION = 24 };

static void put_u64(unsigned char *bytes, uint64_t value)
{
	value = htole64(value);
	memcpy(bytes, &value, sizeof(value));
}

static void put_u32(unsigned char *bytes, uint32_t value)
{
	value = htole32(value);
	memcpy(bytes, &value, sizeof(value));
}

static uint64_t get_u64(const unsigned char *bytes)
{
	uint64_t value;

	memcpy(&value, bytes, sizeof(value));
	return le64toh(value);
}

static uint32_t get_u32(const unsigned char *bytes)
{
	uint32_t value;

	memcpy(&value, bytes, sizeof(value));
	return le32toh(value);
}

enum log_file log_index_file(uint8_t source)
{
	switch (source) {
	case LOG_STDOUT:
		return LOG_FILE_STDOUT;
	case LOG_STDERR:
		return LOG_FILE_STDERR;
	default:
		return LOG_FILE_MESSAGES;
	}
}

uint32_t log_index_hash(const void *bytes, size_t length)
{
	const unsigned char *next = bytes;
	uint32_t hash = 0x811c9dc5U;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ next[i]) * 0x01000193U;
	return hash;
}

void log_index_encode(const struct log_index_record *record,
		      unsigned char ret_bytes[LOG_INDEX_RECORD_BYTES])
{
	uint16_t flags = htole16(record->flags);

	put_u64(ret_bytes + AT_TIME, record->time_ns);
	for (int file = LOG_FILE_STDOUT; file <= LOG_FILE_MESSAGES; file++)
		put_u64(ret_bytes + AT_ENDS + 8 * (file - LOG_FILE_STDOUT), record->ends[file]);
	put_u32(ret_bytes + AT_LENGTH, record->length);
	put_u32(ret_bytes + AT_MESSAGE_LENGTH, record->message_length);
	ret_bytes[AT_SOURCE] = record->source;
	ret_bytes[AT_LEVEL] = record->level;
	memcpy(ret_bytes + AT_FLAGS, &flags, sizeof(flags));
	put_u32(ret_bytes + AT_CHECK, log_index_hash(ret_bytes, CHECKED));
}

static bool is_sound(const struct log_index_record *record)
{
	for (int file = LOG_FILE_STDOUT; file <= LOG_FILE_MESSAGES; file++)
		if (record->ends[file] > END_MAX)
			return false;
	if (record->source > LOG_INDEX_END || record->level > PROTOCOL_ERROR ||
	    (record->flags & ~KNOWN_FLAGS))
		return false;
	if (record->length > LOG_INDEX_LENGTH_MAX ||
	    record->length > record->ends[log_index_file(record->source)])
		return false;
	if (record->source == LOG_TASK || record->source == LOG_BERTH)
		return record->message_length >= LOG_KEY_BYTES &&
		       record->message_length <= record->length && record->length <= LOG_WORDS_MAX;
	return record->message_length == 0 && (record->length > 0) == (record->source < LOG_TASK);
}

bool log_index_decode(const unsigned char bytes[LOG_INDEX_RECORD_BYTES],
		      struct log_index_record *ret_record)
{
	struct log_index_record record = {0};
	uint16_t flags;

	if (get_u32(bytes + AT_CHECK) != log_index_hash(bytes, CHECKED))
		return false;
	record.time_ns = get_u64(bytes + AT_TIME);
	for (int file = LOG_FILE_STDOUT; file <= LOG_FILE_MESSAGES; file++)
		record.ends[file] = get_u64(bytes + AT_ENDS + 8 * (file - LOG_FILE_STDOUT));
	record.length = get_u32(bytes + AT_LENGTH);
	record.message_length = get_u32(bytes + AT_MESSAGE_LENGTH);
	record.source = bytes[AT_SOURCE];
	record.level = bytes[AT_LEVEL];
	memcpy(&flags, bytes + AT_FLAGS, sizeof(flags));
	record.flags = le16toh(flags);
	if (!is_sound(&record))
		return false;
	*ret_record = record;
	return true;
}

void log_index_encode_header(int64_t run, int64_t attempt,
			     unsigned char ret_bytes[LOG_INDEX_RECORD_BYTES])
{
	memset(ret_bytes, 0, LOG_INDEX_RECORD_BYTES);
	put_u64(ret_bytes + AT_MAGIC, MAGIC);
	put_u64(ret_bytes + AT_RUN, (uint64_t)run);
	put_u64(ret_bytes + AT_ATTEMPT, (uint64_t)attempt);
	put_u32(ret_bytes + AT_VERSION, VERSION);
	put_u32(ret_bytes + AT_CHECK, log_index_hash(ret_bytes, CHECKED));
}

int log_index_check_header(const unsigned char bytes[LOG_INDEX_RECORD_BYTES], int64_t run,
			   int64_t attempt, struct berth_error *err)
{
	if (get_u64(bytes + AT_MAGIC) != MAGIC ||
	    get_u32(bytes + AT_CHECK) != log_index_hash(bytes, CHECKED))
		return berth_fail(err, BERTH_PROTOCOL, 0, "it is not the index of a log");
	if (get_u32(bytes + AT_VERSION) != VERSION)
		return berth_fail(err, BERTH_PROTOCOL, 0,
				  "the log has format %" PRIu32 ", this berth reads %d",
				  get_u32(bytes + AT_VERSION), VERSION);
	if (get_u64(bytes + AT_RUN) != (uint64_t)run ||
	    get_u64(bytes + AT_ATTEMPT) != (uint64_t)attempt)
		return berth_fail(err, BERTH_PROTOCOL, 0, "it is the log of another attempt");
	return 0;
}

void log_index_encode_key(const struct log_key *key, unsigned char ret_bytes[LOG_KEY_BYTES])
{
	put_u64(ret_bytes, key->connection);
	put_u64(ret_bytes + 8, key->sequence);
}

void log_index_decode_key(const unsigned char bytes[LOG_KEY_BYTES], struct log_key *ret_key)
{
	ret_key->connection = get_u64(bytes);
	ret_key->sequence = get_u64(bytes + 8);
}
