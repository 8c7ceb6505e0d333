/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the log of one attempt record by record of its index, and finds the lines in them. */
#include "runner/log/log_reader.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner/log/log_index.h"
#include "runner/log/log_line.h"
#include "runner/log/log_sealed.h"
#include "runner/log/log_storage.h"
#include "runner/log/log_window.h"

#define OFFSET_BITS   20
#define OFFSET_MASK   ((UINT64_C(1) << OFFSET_BITS) - 1)
#define INDEX_RECORDS 170 /* read at once: 8 KiB */

/* Of the steps, beside the outcomes of log_reader_next(). */
enum { STEP_ON = LOG_READER_END + 1, STEP_DAMAGED };

struct log_reader {
	struct log_storage storage;
	struct log_window windows[LOG_SECTIONS];
	uint64_t number; /* of the index record where reading goes on, from 1 */
	uint32_t offset; /* in its bytes; in the end record, how many streams were finished */
	uint64_t time_ns;
	bool is_checked;
	bool is_damaged[LOG_SECTIONS]; /* was told since the last good bytes */
	uint64_t buffer_first;         /* record */
	size_t buffer_count;
	unsigned char buffer[INDEX_RECORDS * LOG_INDEX_RECORD_BYTES];
	char damage[sizeof(((struct berth_error *)NULL)->message)];
};

static void advance(struct log_reader *reader)
{
	reader->number++;
	reader->offset = 0;
}

/* 0, WAIT or failed. */
static int open_log(struct log_reader *reader, struct berth_error *err)
{
	unsigned char header[LOG_INDEX_RECORD_BYTES];
	size_t got;
	int result;

	if (reader->is_checked)
		return 0;
	result = log_storage_open(&reader->storage, err);
	if (result)
		return result < 0 ? -1 : LOG_READER_WAIT;
	if (log_storage_read(&reader->storage, LOG_FILE_INDEX, 0, header, sizeof(header), &got,
			     err) < 0)
		return -1;
	if (got < sizeof(header))
		return LOG_READER_WAIT;
	if (log_index_check_header(header, reader->storage.run, reader->storage.attempt, err) < 0)
		return -1;
	reader->is_checked = true;
	return 0;
}

/* Fills the buffer from a record on; of a sealed log that is damaged further on, by just one. 0,
 * WAIT or failed, and then the buffer stays: followers behind this one may need it. */
static int read_index(struct log_reader *reader, uint64_t number, struct berth_error *err)
{
	unsigned char bytes[INDEX_RECORDS * LOG_INDEX_RECORD_BYTES];
	uint64_t offset = number * LOG_INDEX_RECORD_BYTES;
	size_t got;

	if (log_storage_read(&reader->storage, LOG_FILE_INDEX, offset, bytes, sizeof(bytes), &got,
			     err) < 0 &&
	    log_storage_read(&reader->storage, LOG_FILE_INDEX, offset, bytes,
			     LOG_INDEX_RECORD_BYTES, &got, err) < 0)
		return -1;
	if (got < LOG_INDEX_RECORD_BYTES)
		return LOG_READER_WAIT;
	memcpy(reader->buffer, bytes, got);
	reader->buffer_first = number;
	reader->buffer_count = got / LOG_INDEX_RECORD_BYTES;
	return 0;
}

static bool is_buffered(const struct log_reader *reader, uint64_t number,
			struct log_index_record *ret_record)
{
	return number >= reader->buffer_first &&
	       number - reader->buffer_first < reader->buffer_count &&
	       log_index_decode(reader->buffer +
					(number - reader->buffer_first) * LOG_INDEX_RECORD_BYTES,
				ret_record);
}

/* The record where reading goes on: 0, WAIT, STEP_DAMAGED or failed. */
static int load(struct log_reader *reader, struct log_index_record *ret_record,
		struct berth_error *err)
{
	int result;

	if (is_buffered(reader, reader->number, ret_record))
		return 0;
	result = read_index(reader, reader->number, err);
	if (result)
		return result;
	if (is_buffered(reader, reader->number, ret_record))
		return 0;
	/* the last one is being written, or torn */
	return reader->buffer_count > 1 ? STEP_DAMAGED : LOG_READER_WAIT;
}

static uint64_t position_of(const struct log_reader *reader)
{
	return reader->number << OFFSET_BITS | reader->offset;
}

static int tell_damage(struct log_reader *reader, const char *what, struct log_record *ret_record)
{
	(void)snprintf(reader->damage, sizeof(reader->damage), "%s", what);
	*ret_record = (struct log_record){
		.position = position_of(reader),
		.time_ns = reader->time_ns,
		.source = LOG_BERTH,
		.level = PROTOCOL_ERROR,
		.flags = LOG_DAMAGED,
		.text = reader->damage,
		.length = strlen(reader->damage),
	};
	return 0;
}

/* Behind the records that are damaged, as far as the buffer shows. */
static int skip_damaged(struct log_reader *reader, struct log_record *ret_record)
{
	struct log_index_record record;
	uint64_t last = reader->buffer_first + reader->buffer_count - 1;

	do {
		advance(reader);
	} while (reader->number < last && !is_buffered(reader, reader->number, &record));
	return tell_damage(reader, "a part of the log's index is damaged", ret_record);
}

/* The first record that is not in the same block of a sealed index. */
static uint64_t block_after(uint64_t number)
{
	uint64_t block = number * LOG_INDEX_RECORD_BYTES / LOG_BLOCK_BYTES + 1;

	return (block * LOG_BLOCK_BYTES + LOG_INDEX_RECORD_BYTES - 1) / LOG_INDEX_RECORD_BYTES;
}

/* Behind a block of a sealed index that is damaged. */
static int skip_block(struct log_reader *reader, const struct berth_error *why,
		      struct log_record *ret_record)
{
	uint64_t block = reader->number * LOG_INDEX_RECORD_BYTES / LOG_BLOCK_BYTES + 1;

	reader->number =
		(block * LOG_BLOCK_BYTES + LOG_INDEX_RECORD_BYTES - 1) / LOG_INDEX_RECORD_BYTES;
	reader->offset = 0;
	return tell_damage(reader, why->message, ret_record);
}

static void set_text(const struct log_window *window, uint64_t start, uint64_t end,
		     struct log_record *record)
{
	record->text = window->data + (start - window->start);
	record->length = (size_t)(end - start);
	if (record->length > 0 && record->text[record->length - 1] == '\n')
		record->length--;
	else
		record->flags |= LOG_PARTIAL;
}

/* Goes on in a record of stdout or stderr: 0 and the line that ends there, or STEP_ON. */
static int take_bytes(struct log_reader *reader, const struct log_index_record *record,
		      struct log_record *ret_record, struct berth_error *err)
{
	enum log_file file = log_index_file(record->source);
	uint64_t end = record->ends[file], begin = end - record->length;
	uint64_t at = begin + reader->offset, start, cut;
	struct log_window *window = &reader->windows[file];
	struct log_line_bytes bytes;

	if (at >= end) {
		advance(reader);
		return STEP_ON;
	}
	if (log_window_need(window, &reader->storage, file, log_line_from(at),
			    log_line_until(at, end), err) < 0)
		return -1;
	bytes = (struct log_line_bytes){.data = window->data, .base = window->start};
	if (!log_line_cut(&bytes, at, log_line_until(at, end), &cut)) {
		advance(reader);
		return STEP_ON;
	}
	start = log_line_start(&bytes, at);
	reader->offset = (uint32_t)(cut - begin);
	if (cut == end)
		advance(reader);
	*ret_record = (struct log_record){
		.position = position_of(reader),
		.time_ns = record->time_ns,
		.source = record->source == LOG_STDOUT ? LOG_STDOUT : LOG_STDERR,
		.level = PROTOCOL_PLAIN,
		.flags = record->flags,
	};
	set_text(window, start, cut, ret_record);
	return 0;
}

static int take_words(struct log_reader *reader, const struct log_index_record *record,
		      struct log_record *ret_record, struct berth_error *err)
{
	uint64_t end = record->ends[LOG_FILE_MESSAGES], begin = end - record->length;
	struct log_window *window = &reader->windows[LOG_FILE_MESSAGES];
	const char *data;

	if (log_window_need(window, &reader->storage, LOG_FILE_MESSAGES, begin, end, err) < 0)
		return -1;
	data = window->data + (begin - window->start);
	advance(reader);
	*ret_record = (struct log_record){
		.position = position_of(reader),
		.time_ns = record->time_ns,
		.source = record->source == LOG_TASK ? LOG_TASK : LOG_BERTH,
		.level = record->level,
		.flags = record->flags,
		.text = data + LOG_KEY_BYTES,
		.length = record->message_length - LOG_KEY_BYTES,
	};
	if (record->length > record->message_length) {
		ret_record->fields = data + record->message_length;
		ret_record->fields_length = record->length - record->message_length;
	}
	return 0;
}

/* The last line of each stream may have no newline. */
static int take_end(struct log_reader *reader, const struct log_index_record *record,
		    struct log_record *ret_record, struct berth_error *err)
{
	static const enum log_file files[] = {LOG_FILE_STDOUT, LOG_FILE_STDERR};
	enum log_file file;
	uint64_t end, start;
	struct log_window *window;

	if (reader->offset >= sizeof(files) / sizeof(files[0]))
		return LOG_READER_END;
	file = files[reader->offset];
	end = record->ends[file];
	window = &reader->windows[file];
	if (end > 0 &&
	    log_window_need(window, &reader->storage, file, log_line_from(end), end, err) < 0)
		return -1;
	start = end ? log_line_start(&(struct log_line_bytes){window->data, window->start}, end)
		    : 0;
	reader->offset++;
	if (start == end)
		return STEP_ON;
	*ret_record = (struct log_record){
		.position = position_of(reader),
		.time_ns = record->time_ns,
		.source = file == LOG_FILE_STDOUT ? LOG_STDOUT : LOG_STDERR,
		.level = PROTOCOL_PLAIN,
	};
	set_text(window, start, end, ret_record);
	return 0;
}

/* Behind a record whose bytes cannot be read; many in a row are told of once. */
static int skip_bytes(struct log_reader *reader, const struct log_index_record *record,
		      struct log_record *ret_record, const struct berth_error *why)
{
	bool *is_damaged = &reader->is_damaged[log_index_file(record->source)];

	if (why->code != BERTH_PROTOCOL)
		return -1;
	if (record->source == LOG_INDEX_END)
		reader->offset++;
	else
		advance(reader);
	if (*is_damaged)
		return STEP_ON;
	*is_damaged = true;
	return tell_damage(reader, why->message, ret_record);
}

static int take(struct log_reader *reader, const struct log_index_record *record,
		struct log_record *ret_record, struct berth_error *err)
{
	int result;

	reader->time_ns = record->time_ns;
	switch (record->source) {
	case LOG_STDOUT:
	case LOG_STDERR:
		result = take_bytes(reader, record, ret_record, err);
		break;
	case LOG_INDEX_END:
		result = take_end(reader, record, ret_record, err);
		break;
	default:
		result = take_words(reader, record, ret_record, err);
	}
	if (result < 0)
		return skip_bytes(reader, record, ret_record, err);
	reader->is_damaged[log_index_file(record->source)] = false;
	return result;
}

int log_reader_next(struct log_reader *reader, struct log_record *ret_record,
		    struct berth_error *err)
{
	struct log_index_record record;
	struct berth_error own;
	int result = open_log(reader, err);

	if (result)
		return result;
	if (!err)
		err = &own;
	for (;;) {
		result = load(reader, &record, err);
		if (result == STEP_DAMAGED)
			return skip_damaged(reader, ret_record);
		if (result < 0 && err->code == BERTH_PROTOCOL)
			return skip_block(reader, err, ret_record);
		if (result)
			return result;
		result = take(reader, &record, ret_record, err);
		if (result != STEP_ON)
			return result;
	}
}

void log_reader_seek(struct log_reader *reader, uint64_t position)
{
	memset(reader->is_damaged, 0, sizeof(reader->is_damaged));
	reader->number = position >> OFFSET_BITS;
	reader->offset = (uint32_t)(position & OFFSET_MASK);
	if (reader->number == 0) { /* the header */
		reader->number = 1;
		reader->offset = 0;
	}
}

uint64_t log_reader_position(const struct log_reader *reader)
{
	return position_of(reader);
}

/* The time of the first record in [number, last) that is whole; false: there is none. */
static bool time_from(struct log_reader *reader, uint64_t number, uint64_t last,
		      uint64_t *ret_time_ns)
{
	struct log_index_record record;

	while (number < last) {
		int result = 0;

		if (is_buffered(reader, number, &record)) {
			*ret_time_ns = record.time_ns;
			return true;
		}
		if (number >= reader->buffer_first &&
		    number - reader->buffer_first < reader->buffer_count)
			number++;
		else
			result = read_index(reader, number, NULL);
		if (result == LOG_READER_WAIT)
			return false;
		if (result < 0)
			number = block_after(number);
	}
	return false;
}

int log_reader_seek_time(struct log_reader *reader, uint64_t time_ns, struct berth_error *err)
{
	uint64_t low = 1, high, size = 0, found_ns;
	int result = open_log(reader, err);

	if (result == 0)
		result = log_storage_size(&reader->storage, LOG_FILE_INDEX, &size, err);
	if (result < 0)
		return -1;
	high = size / LOG_INDEX_RECORD_BYTES;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (!time_from(reader, middle, high, &found_ns) || found_ns >= time_ns)
			high = middle;
		else
			low = middle + 1;
	}
	log_reader_seek(reader, low << OFFSET_BITS);
	return 0;
}

/* How many records come from an index record on, at most; the reader is left behind them. */
static int count_from(struct log_reader *reader, uint64_t number, uint64_t most,
		      uint64_t *ret_count, struct berth_error *err)
{
	struct log_record record;
	int result = 0;

	log_reader_seek(reader, number << OFFSET_BITS);
	*ret_count = 0;
	while (result == 0 && *ret_count < most) {
		result = log_reader_next(reader, &record, err);
		*ret_count += result == 0;
	}
	return result < 0 ? -1 : 0;
}

/* Goes back twice as far each time: what is read is at most about four times what is wanted. */
int log_reader_seek_tail(struct log_reader *reader, uint64_t records, struct berth_error *err)
{
	uint64_t size = 0, end, number, back, count = 0;
	int result = open_log(reader, err);

	if (result == 0)
		result = log_storage_size(&reader->storage, LOG_FILE_INDEX, &size, err);
	if (result < 0)
		return -1;
	end = size / LOG_INDEX_RECORD_BYTES;
	for (back = 1;; back *= 2) {
		number = end > back ? end - back : 1;
		if (count_from(reader, number, UINT64_MAX, &count, err) < 0)
			return -1;
		if (count >= records || number == 1)
			break;
	}
	return count_from(reader, number, count > records ? count - records : 0, &count, err);
}

int log_reader_bytes(struct log_reader *reader, enum log_source source, uint64_t offset,
		     void *buffer, size_t size, size_t *ret_length, struct berth_error *err)
{
	int result = open_log(reader, err);

	if (result < 0)
		return -1;
	if (result == LOG_READER_WAIT) {
		*ret_length = 0;
		return 0;
	}
	return log_storage_read(&reader->storage, log_index_file((uint8_t)source), offset, buffer,
				size, ret_length, err);
}

int log_reader_create(int directory, int64_t run, int64_t attempt, struct log_reader **ret_reader,
		      struct berth_error *err)
{
	struct log_reader *reader = calloc(1, sizeof(*reader));

	if (!reader)
		return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
	log_storage_init(&reader->storage, directory, run, attempt);
	log_reader_seek(reader, 0);
	*ret_reader = reader;
	return 0;
}

int log_reader_create_from(struct log_snapshot *snapshot, int64_t run, int64_t attempt,
			   struct log_reader **ret_reader, struct berth_error *err)
{
	struct log_reader *reader = NULL;
	int result = log_reader_create(-1, run, attempt, &reader, err);

	if (result == 0 && log_storage_adopt(&reader->storage, snapshot, err) < 0) {
		log_reader_destroy(reader);
		result = -1;
	}
	if (result == 0)
		*ret_reader = reader;
	return result;
}

void log_reader_rest(struct log_reader *reader)
{
	for (int file = 0; file < LOG_SECTIONS; file++)
		log_window_finish(&reader->windows[file]);
}

void log_reader_destroy(struct log_reader *reader)
{
	if (!reader)
		return;
	log_reader_rest(reader);
	log_storage_finish(&reader->storage);
	free(reader);
}
