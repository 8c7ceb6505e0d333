/* SPDX-License-Identifier: Apache-2.0 */
/* Goes on with the log of a writer that is dead: cuts what is torn, records what was moved and not
 * recorded, and learns again which messages are known. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "runner/log/log_append.h"
#include "runner/log/log_writer.h"

#define TAIL_RECORDS                                                                               \
	4096 /* how far back known messages and the end of what is torn are looked for */

/* The newest records of the index, without what is torn. */
struct tail {
	unsigned char *bytes;
	size_t count;
};

#define LOST 1 /* the file is not that long, after a power cut */

static int read_whole(int fd, void *buffer, size_t size, uint64_t offset, struct berth_error *err)
{
	char *target = buffer;

	while (size > 0) {
		ssize_t got = pread(fd, target, size, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return berth_fail(err, BERTH_SYSTEM, errno, "read the log");
		if (got == 0)
			return LOST;
		target += got;
		offset += (uint64_t)got;
		size -= (size_t)got;
	}
	return 0;
}

static int read_index(int fd, void *buffer, size_t size, uint64_t offset, struct berth_error *err)
{
	int result = read_whole(fd, buffer, size, offset, err);

	return result == LOST ? berth_fail(err, BERTH_PROTOCOL, 0, "a log's index became shorter")
			      : result;
}

static int open_files(struct log_writer *writer, struct berth_error *err)
{
	const struct log_writer_options *options = &writer->options;
	char name[LOG_NAME_SIZE];

	for (enum log_file file = LOG_FILE_INDEX; file < LOG_SECTIONS; file++) {
		(void)log_name_format(options->run, options->attempt, file, name);
		writer->files[file] =
			openat(options->directory, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
		if (writer->files[file] < 0 && errno != ENOENT)
			return berth_fail(err, BERTH_SYSTEM, errno, "open the log %s", name);
		if (writer->files[LOG_FILE_INDEX] < 0)
			return 0;
	}
	return 0;
}

static int file_size(int fd, uint64_t *ret_size, struct berth_error *err)
{
	struct stat facts = {0};

	if (fd >= 0 && fstat(fd, &facts) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "stat the log");
	*ret_size = (uint64_t)facts.st_size;
	return 0;
}

/* Where the index stands: *ret_tail holds its newest records, none for a log without any. */
static int read_tail(struct log_writer *writer, struct tail *ret_tail, struct berth_error *err)
{
	unsigned char header[LOG_INDEX_RECORD_BYTES];
	int index = writer->files[LOG_FILE_INDEX];
	uint64_t size = 0, records;
	struct tail tail;

	if (file_size(index, &size, err) < 0)
		return -1;
	records = size / LOG_INDEX_RECORD_BYTES;
	if (records == 0) /* killed before the header was there: the first record brings it */
		return 0;
	if (read_index(index, header, sizeof(header), 0, err) < 0 ||
	    log_index_check_header(header, writer->options.run, writer->options.attempt, err) < 0)
		return -1;
	writer->ends[LOG_FILE_INDEX] = records * LOG_INDEX_RECORD_BYTES;
	tail.count = records - 1 < TAIL_RECORDS ? (size_t)records - 1 : TAIL_RECORDS;
	if (tail.count == 0)
		return 0;
	tail.bytes = malloc(tail.count * LOG_INDEX_RECORD_BYTES);
	if (!tail.bytes)
		return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
	*ret_tail = tail;
	return read_index(index, tail.bytes, tail.count * LOG_INDEX_RECORD_BYTES,
			  (records - tail.count) * LOG_INDEX_RECORD_BYTES, err);
}

static bool decode_at(const struct tail *tail, size_t at, struct log_index_record *ret_record)
{
	return log_index_decode(tail->bytes + at * LOG_INDEX_RECORD_BYTES, ret_record);
}

/* The last whole record says where everything ends; what stands behind it does not count. */
static int find_ends(struct log_writer *writer, struct tail *tail, struct berth_error *err)
{
	uint64_t first = writer->ends[LOG_FILE_INDEX] - tail->count * LOG_INDEX_RECORD_BYTES;
	struct log_index_record last;

	while (tail->count > 0 && !decode_at(tail, tail->count - 1, &last))
		tail->count--;
	if (tail->count == 0 && first > LOG_INDEX_RECORD_BYTES)
		return berth_fail(err, BERTH_PROTOCOL, 0,
				  "the last %d records of a log's index "
				  "are damaged",
				  TAIL_RECORDS);
	writer->ends[LOG_FILE_INDEX] = first + tail->count * LOG_INDEX_RECORD_BYTES;
	if (tail->count == 0)
		return 0;
	for (int file = LOG_FILE_STDOUT; file <= LOG_FILE_MESSAGES; file++)
		writer->ends[file] = last.ends[file];
	writer->time_ns = last.time_ns;
	writer->is_ended = last.source == LOG_INDEX_END;
	return 0;
}

/* From the newest to the oldest: which messages are known, and how much was dropped. */
static int read_keys(struct log_writer *writer, const struct tail *tail, struct berth_error *err)
{
	struct log_index_record record;
	unsigned char bytes[LOG_KEY_BYTES];
	struct log_key key;
	int result;

	writer->keys = calloc(1, sizeof(*writer->keys));
	if (!writer->keys)
		return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
	for (size_t at = tail->count; at > 0; at--) {
		if (!decode_at(tail, at - 1, &record) ||
		    (record.source != LOG_TASK && !(record.flags & LOG_CUT)))
			continue;
		if (writer->files[LOG_FILE_MESSAGES] < 0)
			break;
		result = read_whole(writer->files[LOG_FILE_MESSAGES], bytes, sizeof(bytes),
				    record.ends[LOG_FILE_MESSAGES] - record.length, err);
		if (result < 0)
			return -1;
		if (result == LOST)
			continue;
		log_index_decode_key(bytes, &key);
		if (record.flags & LOG_CUT) {
			if (!writer->dropped_told)
				writer->dropped_bytes = writer->dropped_told = key.sequence;
		} else if (key.connection && !log_keys_add_older(writer->keys, &key)) {
			break;
		}
	}
	return 0;
}

/* Bytes that were moved and not recorded. */
static int record_moved(struct log_writer *writer, enum log_source source, uint64_t size,
			struct berth_error *err)
{
	const uint64_t *end = &writer->ends[log_index_file((uint8_t)source)];

	while (*end < size) {
		uint64_t length = size - *end;
		int result = log_append_bytes(writer, source,
					      length < LOG_INDEX_LENGTH_MAX ? (uint32_t)length
									    : LOG_INDEX_LENGTH_MAX,
					      LOG_RECOVERED, err);

		if (result)
			return result;
	}
	return 0;
}

/* A power cut can leave records of bytes that never reached the disk. */
static int tell_lost(struct log_writer *writer, enum log_file file, struct berth_error *err)
{
	static const char text[] = "bytes of the log were lost in a crash of the host; they read "
				   "as NUL";
	const struct log_words words = {
		.source = LOG_BERTH,
		.level = PROTOCOL_ERROR,
		.flags = LOG_DAMAGED,
		.text = text,
		.length = sizeof(text) - 1,
	};
	int result = log_append_words(writer, &words, err);

	if (result == 0)
		result = log_append_open(writer, file, err);
	if (result)
		return result;
	/* not said again: from now on the file is as long as its records say */
	if (file != LOG_FILE_MESSAGES &&
	    ftruncate(writer->files[file], (off_t)writer->ends[file]) < 0)
		return log_append_refused(errno, "ftruncate", err);
	return 0;
}

static int mend(struct log_writer *writer, struct berth_error *err)
{
	int result = 0;

	/* readers take what stands behind the last record for one that is being written */
	if (ftruncate(writer->files[LOG_FILE_INDEX], (off_t)writer->ends[LOG_FILE_INDEX]) < 0)
		return log_append_refused(errno, "index", err);
	if (writer->is_ended)
		return 0;
	for (enum log_file file = LOG_FILE_STDOUT; file <= LOG_FILE_MESSAGES && !result; file++) {
		uint64_t size = 0;

		if (file_size(writer->files[file], &size, err) < 0)
			return -1;
		if (size < writer->ends[file])
			result = tell_lost(writer, file, err);
		else if (file != LOG_FILE_MESSAGES)
			result = record_moved(writer,
					      file == LOG_FILE_STDOUT ? LOG_STDOUT : LOG_STDERR,
					      size, err);
	}
	return result;
}

static int recover(struct log_writer *writer, struct berth_error *err)
{
	struct tail tail = {0};
	int result = open_files(writer, err);

	if (result < 0 || writer->files[LOG_FILE_INDEX] < 0)
		return result;
	result = read_tail(writer, &tail, err);
	if (result == 0)
		result = find_ends(writer, &tail, err);
	if (result == 0)
		result = read_keys(writer, &tail, err);
	free(tail.bytes);
	if (result == 0)
		result = mend(writer, err);
	return result;
}

static bool is_sealed(const struct log_writer_options *options)
{
	char name[LOG_NAME_SIZE];

	(void)log_name_format(options->run, options->attempt, LOG_FILE_SEALED, name);
	return faccessat(options->directory, name, F_OK, 0) == 0;
}

int log_writer_recover(const struct log_writer_options *options, struct log_writer **ret_writer,
		       struct berth_error *err)
{
	struct log_writer *writer = NULL;
	int result;

	if (is_sealed(options)) {
		/* a seal that was interrupted at its end */
		result = log_name_remove(options->directory, options->run, options->attempt, false,
					 NULL, err);
		return result < 0 ? -1 : LOG_WRITER_SEALED;
	}
	if (log_writer_create(options, &writer, err) < 0)
		return -1;
	result = recover(writer, err);
	if (result) {
		log_writer_destroy(writer);
		return result;
	}
	*ret_writer = writer;
	return 0;
}
