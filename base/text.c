/* SPDX-License-Identifier: Apache-2.0 */
/* A growable byte string with a hard limit, and making foreign bytes safe to print. */
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_LIMIT  (16 * (size_t)1024 * 1024)
#define FIRST_CAPACITY 256
#define ESCAPE_LENGTH  4 /* \xHH */

void text_finish(struct text *text)
{
	free(text->data);
	text->data = NULL;
	text->length = 0;
	text->capacity = 0;
}

/* Makes room for length more bytes and a NUL. */
static int reserve(struct text *text, size_t length, struct berth_error *err)
{
	size_t limit = text->limit ? text->limit : DEFAULT_LIMIT;
	size_t capacity = text->capacity ? text->capacity : FIRST_CAPACITY;
	size_t needed;
	char *grown;

	if (length > limit || text->length > limit - length)
		return berth_fail(err, BERTH_LIMIT, 0, "text is longer than %zu bytes", limit);
	needed = text->length + length + 1;
	if (needed <= text->capacity)
		return 0;
	while (capacity < needed)
		capacity = capacity > limit / 2 ? limit + 1 : capacity * 2;
	grown = realloc(text->data, capacity);
	if (!grown)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "text of %zu bytes", needed);
	text->data = grown;
	text->capacity = capacity;
	return 0;
}

int text_append(struct text *text, const void *data, size_t length, struct berth_error *err)
{
	if (reserve(text, length, err) < 0)
		return -1;
	if (length > 0)
		memcpy(text->data + text->length, data, length);
	text->length += length;
	text->data[text->length] = '\0';
	return 0;
}

int text_append_string(struct text *text, const char *string, struct berth_error *err)
{
	return text_append(text, string, strlen(string), err);
}

int text_append_format(struct text *text, struct berth_error *err, const char *format, ...)
{
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (length < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "format a text");
	if (reserve(text, (size_t)length, err) < 0)
		return -1;
	va_start(args, format);
	(void)vsnprintf(text->data + text->length, (size_t)length + 1, format, args);
	va_end(args);
	text->length += (size_t)length;
	return 0;
}

void text_consume(struct text *text, size_t length)
{
	if (text->length == 0)
		return;
	if (length > text->length)
		length = text->length;
	memmove(text->data, text->data + length, text->length - length + 1);
	text->length -= length;
}

char *text_steal(struct text *text)
{
	char *data = text->data ? text->data : calloc(1, 1);

	text->data = NULL;
	text->length = 0;
	text->capacity = 0;
	return data;
}

/* Well-formed UTF-8 beyond ASCII by its first byte: the allowed range of the second byte (Unicode
 * 15, table 3-7); all others are 80..BF. */
struct utf8_row {
	unsigned char first_min, first_max;
	unsigned char second_min, second_max;
	unsigned char length;
};

static const struct utf8_row utf8_rows[] = {
	{0xc2, 0xdf, 0x80, 0xbf, 2},
        {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3},
	{0xed, 0xed, 0x80, 0x9f, 3},
        {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4},
	{0xf1, 0xf3, 0x80, 0xbf, 4},
        {0xf4, 0xf4, 0x80, 0x8f, 4},
};

/* The length of the well-formed sequence at data, 0 when there is none. */
static size_t utf8_sequence(const unsigned char *data, size_t left)
{
	const struct utf8_row *row = NULL;

	if (data[0] >= 0x01 && data[0] <= 0x7f)
		return 1;
	for (size_t i = 0; i < sizeof(utf8_rows) / sizeof(utf8_rows[0]); i++)
		if (data[0] >= utf8_rows[i].first_min && data[0] <= utf8_rows[i].first_max)
			row = &utf8_rows[i];
	if (!row || left < row->length)
		return 0;
	if (data[1] < row->second_min || data[1] > row->second_max)
		return 0;
	for (size_t i = 2; i < row->length; i++)
		if (data[i] < 0x80 || data[i] > 0xbf)
			return 0;
	return row->length;
}

bool text_is_utf8(const char *data, size_t length)
{
	const unsigned char *bytes = (const unsigned char *)data;
	size_t step;

	for (size_t i = 0; i < length; i += step) {
		step = utf8_sequence(bytes + i, length - i);
		if (step == 0)
			return false;
	}
	return true;
}

/* C0 without tab, DEL, and C1 (U+0080 … U+009F), which terminals obey too. */
static bool is_control(const unsigned char *bytes, size_t length)
{
	if (length == 1)
		return (bytes[0] < 0x20 && bytes[0] != '\t') || bytes[0] == 0x7f;
	return length == 2 && bytes[0] == 0xc2 && bytes[1] < 0xa0;
}

static void write_escape(char *target, unsigned char byte)
{
	static const char digits[] = "0123456789abcdef";

	target[0] = '\\';
	target[1] = 'x';
	target[2] = digits[byte >> 4];
	target[3] = digits[byte & 15];
}

size_t text_sanitize(const char *source, size_t source_length, char *target, size_t target_size)
{
	const unsigned char *bytes = (const unsigned char *)source;
	size_t used = 0, room, step;

	if (target_size == 0)
		return 0;
	room = target_size - 1;
	for (size_t i = 0; i < source_length; i += step) {
		step = utf8_sequence(bytes + i, source_length - i);
		if (step > 0 && !is_control(bytes + i, step)) {
			if (room - used < step)
				break;
			memcpy(target + used, bytes + i, step);
			used += step;
			continue;
		}
		step = 1; /* the bytes of a C1 character are escaped one by one */
		if (room - used < ESCAPE_LENGTH)
			break;
		write_escape(target + used, bytes[i]);
		used += ESCAPE_LENGTH;
	}
	target[used] = '\0';
	return used;
}
