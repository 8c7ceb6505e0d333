/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the log of one attempt as it happens. */
#include "runner/log/log_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/amount.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "runner/crash/crash_point.h"
#include "runner/log/log_append.h"

#define NOTICE_SIZE     1024
#define DROPPED_STEP    (UINT64_C(1) << 20)
#define INDEX_ALLOWANCE (UINT64_C(1) << 20)
#define INDEX_FACTOR    4 /* times the volume */

int log_writer_create(const struct log_writer_options *options, struct log_writer **ret_writer,
		      struct berth_error *err)
{
	struct log_writer *writer = malloc(sizeof(*writer));

	if (!writer)
		return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
	log_append_init(writer, options);
	*ret_writer = writer;
	return 0;
}

void log_writer_destroy(struct log_writer *writer)
{
	if (!writer)
		return;
	log_append_finish(writer);
	free(writer);
}

bool log_writer_has_files(const struct log_writer *writer)
{
	return writer->files[LOG_FILE_INDEX] >= 0;
}

uint64_t log_writer_kept_bytes(const struct log_writer *writer)
{
	uint64_t sum = writer->moved;

	for (int file = LOG_FILE_STDOUT; file <= LOG_FILE_MESSAGES; file++)
		sum += writer->ends[file];
	return sum;
}

uint64_t log_writer_dropped_bytes(const struct log_writer *writer)
{
	return writer->dropped_bytes;
}

/* How much the volume still takes; once something was dropped, nothing. */
static uint64_t room_of(const struct log_writer *writer)
{
	uint64_t limit = writer->options.limit_bytes, kept = log_writer_kept_bytes(writer);

	if (writer->dropped_bytes)
		return 0;
	if (!limit)
		return UINT64_MAX;
	if (kept >= limit ||
	    writer->ends[LOG_FILE_INDEX] / INDEX_FACTOR >= limit + INDEX_ALLOWANCE / INDEX_FACTOR)
		return 0;
	return limit - kept;
}

/* The record that a full disk did not take comes before anything else. */
static int settle(struct log_writer *writer, struct berth_error *err)
{
	uint32_t length = writer->moved;
	int result;

	if (writer->is_ended)
		return berth_fail(err, BERTH_INVALID, 0, "the log has ended");
	if (!length)
		return 0;
	result = log_append_bytes(writer, writer->moved_source, length, 0, err);
	if (result == 0)
		writer->moved = 0;
	return result;
}

/* Says in the log how much was dropped. */
static int tell_dropped(struct log_writer *writer, struct berth_error *err)
{
	char dropped[AMOUNT_TEXT_SIZE], limit[AMOUNT_TEXT_SIZE], text[NOTICE_SIZE];
	struct log_words words = {
		.source = LOG_BERTH,
		.level = PROTOCOL_WARN,
		.flags = LOG_CUT,
		.key.sequence = writer->dropped_bytes,
		.text = text,
	};
	int result;

	(void)amount_format_bytes(writer->dropped_bytes, dropped);
	(void)amount_format_bytes(writer->options.limit_bytes, limit);
	if (writer->dropped_told)
		(void)snprintf(text, sizeof(text), "%s dropped: the log is full (%s)", dropped,
			       limit);
	else
		(void)snprintf(text, sizeof(text), "the log is full (%s): what follows is dropped",
			       limit);
	words.length = strlen(text);
	result = log_append_words(writer, &words, err);
	if (result == 0)
		writer->dropped_told = writer->dropped_bytes;
	return result;
}

/* The bytes are gone by now: a disk that is full as well is told of later. */
static int note_dropped(struct log_writer *writer, uint64_t bytes, struct berth_error *err)
{
	writer->dropped_bytes += bytes;
	if (!writer->dropped_told || (writer->dropped_bytes >= 2 * writer->dropped_told &&
				      writer->dropped_bytes - writer->dropped_told >= DROPPED_STEP))
		if (tell_dropped(writer, err) < 0)
			return -1;
	if (!writer->limit_told) {
		writer->limit_told = true;
		if (writer->options.handlers && writer->options.handlers->on_limit)
			writer->options.handlers->on_limit(writer->options.owner);
	}
	return 0;
}

static int fail_pipe(int errnum, enum log_source source, struct berth_error *err)
{
	if (errnum == EAGAIN)
		return LOG_WRITER_DRY;
	return log_append_refused(errnum, log_source_name(source), err);
}

static ssize_t move(int pipe, int file, loff_t *offset, size_t length)
{
	ssize_t moved;

	do {
		moved = splice(pipe, NULL, file, offset, length, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
	} while (moved < 0 && errno == EINTR);
	return moved;
}

static int drop(struct log_writer *writer, enum log_source source, int pipe, size_t *ret_moved,
		struct berth_error *err)
{
	ssize_t moved;

	if (writer->sink < 0)
		writer->sink = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (writer->sink < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "open /dev/null");
	moved = move(pipe, writer->sink, NULL, LOG_SPLICE_MAX);
	if (moved < 0)
		return fail_pipe(errno, source, err);
	if (moved == 0)
		return LOG_WRITER_EOF;
	*ret_moved = (size_t)moved;
	return note_dropped(writer, (uint64_t)moved, err);
}

/* A file is made only for bytes that are there. */
static int look(int pipe, struct berth_error *err)
{
	struct pollfd watched = {.fd = pipe, .events = POLLIN};
	int count;

	do {
		count = poll(&watched, 1, 0);
	} while (count < 0 && errno == EINTR);
	if (count < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "poll");
	if (watched.revents & POLLNVAL)
		return berth_fail(err, BERTH_SYSTEM, EBADF, "read an attempt's output");
	if (watched.revents & POLLIN)
		return 0;
	return count ? LOG_WRITER_EOF : LOG_WRITER_DRY;
}

static int keep(struct log_writer *writer, enum log_source source, int pipe, uint64_t room,
		size_t *ret_moved, struct berth_error *err)
{
	enum log_file file = log_index_file((uint8_t)source);
	loff_t offset = (loff_t)writer->ends[file];
	ssize_t moved;

	crash_point(CRASH_LOG_BEFORE_MOVE);
	moved = move(pipe, writer->files[file], &offset,
		     room < LOG_SPLICE_MAX ? (size_t)room : LOG_SPLICE_MAX);
	if (moved < 0)
		return fail_pipe(errno, source, err);
	if (moved == 0)
		return LOG_WRITER_EOF;
	writer->moved = (uint32_t)moved;
	writer->moved_source = source;
	*ret_moved = (size_t)moved;
	crash_point(CRASH_LOG_MOVED);
	/* they are kept; what prevents their record is met again by the next call, and told then */
	(void)settle(writer, NULL);
	return 0;
}

int log_writer_splice(struct log_writer *writer, enum log_source source, int pipe,
		      size_t *ret_moved, struct berth_error *err)
{
	uint64_t room = room_of(writer);
	int result;

	if (writer->is_ended)
		return LOG_WRITER_EOF;
	result = settle(writer, err);
	if (result)
		return result;
	if (source != LOG_STDOUT && source != LOG_STDERR)
		return berth_fail(err, BERTH_INVALID, 0, "only stdout and stderr are moved");
	if (room == 0)
		return drop(writer, source, pipe, ret_moved, err);
	if (writer->files[log_index_file((uint8_t)source)] < 0) {
		result = look(pipe, err);
		if (result == 0)
			result = log_append_open(writer, log_index_file((uint8_t)source), err);
		if (result)
			return result;
	}
	return keep(writer, source, pipe, room, ret_moved, err);
}

static int remember(struct log_writer *writer, struct berth_error *err)
{
	if (!writer->keys)
		writer->keys = calloc(1, sizeof(*writer->keys));
	return writer->keys ? 0 : berth_fail(err, BERTH_MEMORY, 0, "out of memory");
}

static int check_message(const struct log_message *message, const char *fields, size_t length,
			 struct berth_error *err)
{
	if (message->fields && !fields)
		return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
	if (message->length > PROTOCOL_MESSAGE_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "a log message has more than %d bytes",
				  PROTOCOL_MESSAGE_MAX);
	if (length > PROTOCOL_FIELDS_MAX)
		return berth_fail(err, BERTH_LIMIT, 0,
				  "a log message's fields have more than %d "
				  "bytes",
				  PROTOCOL_FIELDS_MAX);
	return 0;
}

int log_writer_message(struct log_writer *writer, const struct log_message *message,
		       struct berth_error *err)
{
	AUTO_FREE char *fields = message->fields ? json_format_compact(message->fields) : NULL;
	struct log_words words = {
		.source = LOG_TASK,
		.level = message->level,
		.key = {message->connection, message->sequence},
		.text = message->text,
		.length = message->length,
		.fields = fields,
		.fields_length = fields ? strlen(fields) : 0,
	};
	uint64_t bytes = LOG_KEY_BYTES + words.length + words.fields_length;
	int result;

	if (writer->is_ended && message->connection)
		return LOG_WRITER_KNOWN;
	result = settle(writer, err);
	if (result)
		return result;
	if (check_message(message, fields, words.fields_length, err) < 0 ||
	    remember(writer, err) < 0)
		return -1;
	if (message->connection && log_keys_know(writer->keys, &words.key))
		return LOG_WRITER_KNOWN;
	if (bytes > room_of(writer))
		return note_dropped(writer, bytes, err) < 0 ? -1 : LOG_WRITER_DROPPED;
	result = log_append_words(writer, &words, err);
	if (result == 0 && message->connection)
		log_keys_add(writer->keys, &words.key);
	return result;
}

int log_writer_notice(struct log_writer *writer, enum protocol_level level, struct berth_error *err,
		      const char *format, ...)
{
	char text[NOTICE_SIZE];
	struct log_words words = {.source = LOG_BERTH, .level = level, .text = text};
	int result = settle(writer, err);
	va_list args;

	if (result)
		return result;
	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	words.length = strlen(text);
	return log_append_words(writer, &words, err);
}

int log_writer_end(struct log_writer *writer, struct berth_error *err)
{
	struct log_index_record end = {.source = LOG_INDEX_END};
	int result;

	if (writer->is_ended)
		return 0;
	crash_point(CRASH_LOG_BEFORE_END);
	result = settle(writer, err);
	if (result == 0 && writer->dropped_bytes != writer->dropped_told)
		result = tell_dropped(writer, err);
	if (result == 0 && log_writer_has_files(writer))
		result = log_append_record(writer, &end, err);
	writer->is_ended = result == 0;
	crash_point(CRASH_LOG_AFTER_END);
	return result;
}
