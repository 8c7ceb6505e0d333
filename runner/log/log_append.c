/* SPDX-License-Identifier: Apache-2.0 */
/* The steps by which a log grows. */
#include "runner/log/log_append.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "runner/crash/crash_point.h"

#define MAKE_TRIES 4 /* the last log of an hour is deleted while the next one is made */

void log_append_init(struct log_writer *writer, const struct log_writer_options *options)
{
	memset(writer, 0, sizeof(*writer));
	writer->options = *options;
	for (int file = 0; file < LOG_SECTIONS; file++)
		writer->files[file] = -1;
	writer->sink = -1;
}

void log_append_finish(struct log_writer *writer)
{
	for (int file = 0; file < LOG_SECTIONS; file++)
		close_fd(&writer->files[file]);
	close_fd(&writer->sink);
	free(writer->keys);
	writer->keys = NULL;
}

int log_append_refused(int errnum, const char *what, struct berth_error *err)
{
	switch (errnum) {
	case ENOSPC:
	case EDQUOT:
	case EIO: /* so does a disk that fails, or is read-only for that: the operator can mend it
		   */
	case EROFS:
		(void)berth_fail(err, BERTH_LIMIT, errnum, "write the log: %s", what);
		return LOG_WRITER_NO_SPACE;
	case EFBIG:
		return berth_fail(err, BERTH_LIMIT, errnum,
				  "write the log: %s is as large as a file may be", what);
	default:
		return berth_fail(err, BERTH_SYSTEM, errnum, "write the log: %s", what);
	}
}

static int make_file(const struct log_writer *writer, enum log_file file, int *ret_fd,
		     struct berth_error *err)
{
	const struct log_writer_options *options = &writer->options;
	char name[LOG_NAME_SIZE], directory[LOG_NAME_SIZE];

	(void)log_name_format(options->run, options->attempt, file, name);
	for (int tries = 0; tries < MAKE_TRIES; tries++) {
		int fd = openat(options->directory, name,
				O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

		if (fd >= 0) {
			*ret_fd = fd;
			return 0;
		}
		if (errno != ENOENT)
			return log_append_refused(errno, name, err);
		(void)log_name_directory(options->run, directory);
		if (mkdirat(options->directory, directory, 0700) == 0 || errno == EEXIST)
			continue;
		if (errno == ENOENT)
			break;
		return log_append_refused(errno, directory, err);
	}
	return berth_fail(err, BERTH_NOT_FOUND, 0, "the directory of the logs is gone");
}

/* All or nothing: what a failure leaves behind does not count. */
static int write_at(int fd, struct iovec *parts, int count, uint64_t offset, const char *what,
		    struct berth_error *err)
{
	while (count > 0) {
		ssize_t written = pwritev(fd, parts, count, (off_t)offset);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return log_append_refused(errno, what, err);
		offset += (uint64_t)written;
		for (; count > 0 && (size_t)written >= parts->iov_len; parts++, count--)
			written -= (ssize_t)parts->iov_len;
		if (count > 0) {
			parts->iov_base = (char *)parts->iov_base + written;
			parts->iov_len -= (size_t)written;
		}
	}
	return 0;
}

static int open_index(struct log_writer *writer, struct berth_error *err)
{
	unsigned char header[LOG_INDEX_RECORD_BYTES];
	struct iovec part = {.iov_base = header, .iov_len = sizeof(header)};
	int result;

	if (writer->files[LOG_FILE_INDEX] < 0) {
		result = make_file(writer, LOG_FILE_INDEX, &writer->files[LOG_FILE_INDEX], err);
		if (result)
			return result;
	}
	if (writer->ends[LOG_FILE_INDEX])
		return 0;
	log_index_encode_header(writer->options.run, writer->options.attempt, header);
	result = write_at(writer->files[LOG_FILE_INDEX], &part, 1, 0, "index", err);
	if (result == 0)
		writer->ends[LOG_FILE_INDEX] = sizeof(header);
	return result;
}

int log_append_open(struct log_writer *writer, enum log_file file, struct berth_error *err)
{
	int result = open_index(writer, err);

	if (result || writer->files[file] >= 0)
		return result;
	return make_file(writer, file, &writer->files[file], err);
}

int log_append_record(struct log_writer *writer, struct log_index_record *record,
		      struct berth_error *err)
{
	unsigned char bytes[LOG_INDEX_RECORD_BYTES];
	struct iovec part = {.iov_base = bytes, .iov_len = sizeof(bytes)};
	uint64_t now_ns = clock_realtime_ns();
	int result = open_index(writer, err);

	if (result)
		return result;
	record->time_ns = now_ns > writer->time_ns ? now_ns : writer->time_ns;
	memcpy(record->ends, writer->ends, sizeof(record->ends));
	record->ends[log_index_file(record->source)] += record->length;
	log_index_encode(record, bytes);
	result = write_at(writer->files[LOG_FILE_INDEX], &part, 1, writer->ends[LOG_FILE_INDEX],
			  "index", err);
	if (result)
		return result;
	crash_point(CRASH_LOG_AFTER_RECORD);
	writer->time_ns = record->time_ns;
	writer->ends[log_index_file(record->source)] += record->length;
	writer->ends[LOG_FILE_INDEX] += sizeof(bytes);
	if (writer->options.handlers && writer->options.handlers->on_more)
		writer->options.handlers->on_more(writer->options.owner);
	return 0;
}

int log_append_bytes(struct log_writer *writer, enum log_source source, uint32_t length,
		     unsigned flags, struct berth_error *err)
{
	struct log_index_record record = {
		.length = length,
		.source = (uint8_t)source,
		.level = PROTOCOL_PLAIN,
		.flags = (uint16_t)flags,
	};

	return log_append_record(writer, &record, err);
}

int log_append_words(struct log_writer *writer, const struct log_words *words,
		     struct berth_error *err)
{
	unsigned char key[LOG_KEY_BYTES];
	struct iovec parts[] = {
		{.iov_base = key,                              .iov_len = sizeof(key)         },
		{.iov_base = (void *)(uintptr_t)words->text,   .iov_len = words->length       },
		{.iov_base = (void *)(uintptr_t)words->fields, .iov_len = words->fields_length},
	};
	struct log_index_record record = {
		.length = (uint32_t)(sizeof(key) + words->length + words->fields_length),
		.message_length = (uint32_t)(sizeof(key) + words->length),
		.source = (uint8_t)words->source,
		.level = (uint8_t)words->level,
		.flags = (uint16_t)words->flags,
	};
	int result = log_append_open(writer, LOG_FILE_MESSAGES, err);

	if (result)
		return result;
	log_index_encode_key(&words->key, key);
	result = write_at(writer->files[LOG_FILE_MESSAGES], parts, 3,
			  writer->ends[LOG_FILE_MESSAGES], "messages", err);
	if (result)
		return result;
	crash_point(CRASH_LOG_WORDS_WRITTEN);
	return log_append_record(writer, &record, err);
}
