/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever was written is safe to print, as text and as JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "runner/log/log_format.h"

#define TIME_NS UINT64_C(1700000000123000000)

static struct log_record record_of(enum log_source source, const char *text, size_t length)
{
	return (struct log_record){
		.position = 7 << 20 | 5,
		.time_ns = TIME_NS,
		.source = source,
		.level = source == LOG_TASK ? PROTOCOL_WARN : PROTOCOL_PLAIN,
		.text = text,
		.length = length,
	};
}

static void expect_json(const struct log_record *record, const char *line)
{
	AUTO_TEXT struct text text = {0};

	assert_int_equal(log_format_json(record, &text, NULL), 0);
	assert_string_equal(text.data, line);
}

static void expect_text(const struct log_record *record, bool colours, const char *line)
{
	AUTO_TEXT struct text text = {0};

	assert_int_equal(log_format_text(record, colours, &text, NULL), 0);
	assert_string_equal(text.data, line);
}

static void records_as_json(void **state)
{
	struct log_record record = record_of(LOG_STDOUT, "hello", 5);

	(void)state;
	expect_json(&record, "{\"time\":\"2023-11-14T22:13:20.123Z\",\"source\":\"stdout\","
			     "\"level\":\"log\",\"message\":\"hello\",\"position\":7340037}\n");
	record = record_of(LOG_TASK, "a\0\xff\033[2J", 7);
	record.fields = "{\"n\":1}";
	record.fields_length = 7;
	record.flags = LOG_PARTIAL | LOG_CUT | LOG_RECOVERED | LOG_DAMAGED;
	expect_json(&record,
		    "{\"time\":\"2023-11-14T22:13:20.123Z\",\"source\":\"log\","
		    "\"level\":\"warn\",\"message\":\"a\\\\x00\\\\xff\\\\x1b[2J\","
		    "\"fields\":{\"n\":1},\"partial\":true,\"cut\":true,\"recovered\":true,"
		    "\"damaged\":true,\"position\":7340037}\n");
	record.fields_length = 6; /* the disk changed it */
	record.flags = 0;
	expect_json(&record, "{\"time\":\"2023-11-14T22:13:20.123Z\",\"source\":\"log\","
			     "\"level\":\"warn\",\"message\":\"a\\\\x00\\\\xff\\\\x1b[2J\","
			     "\"fields\":\"{\\\"n\\\":1\",\"position\":7340037}\n");
}

static void records_as_text(void **state)
{
	struct log_record record = record_of(LOG_STDERR, "tab\there\r", 9);

	(void)state;
	expect_text(&record, false, "22:13:20 err   tab\there\n");
	record.flags = LOG_PARTIAL;
	expect_text(&record, true, "22:13:20 \033[2merr  \033[0m tab\there…\n");
	record = record_of(LOG_BERTH, "\033]0;title\a\xc3\xa4\xc3", 13);
	expect_text(&record, false, "22:13:20 berth \\x1b]0;title\\x07\xc3\xa4\\xc3\n");
	record = record_of(LOG_TASK, "", 0);
	record.fields = "{\"name\":\"x\",\"words\":\"a b\",\"esc\":\"\\u001b[31m\",\"n\":[1]}";
	record.fields_length = strlen(record.fields);
	expect_text(&record, false, "22:13:20 WARN   name=x words=\"a b\" esc=\\x1b[31m n=[1]\n");
}

/* Nothing that a terminal acts on, and always one line. */
static void any_bytes_are_safe(void **state)
{
	unsigned seed = 17;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		AUTO_TEXT struct text text = {0}, json = {0};
		AUTO_JSON json_t *parsed = NULL;
		char bytes[64];
		size_t length = (size_t)rand_r(&seed) % sizeof(bytes);
		struct log_record record;

		for (size_t i = 0; i < length; i++)
			bytes[i] = (char)(rand_r(&seed) % 256);
		record = record_of((enum log_source)(rand_r(&seed) % LOG_SOURCES), bytes, length);
		record.fields = rand_r(&seed) % 2 ? bytes : NULL;
		record.fields_length = record.fields ? length : 0;
		assert_int_equal(log_format_text(&record, false, &text, NULL), 0);
		assert_int_equal(log_format_json(&record, &json, NULL), 0);
		assert_int_equal(json_parse(json.data, json.length - 1, &parsed, NULL), 0);
		assert_true(text_is_utf8(text.data, text.length));
		for (size_t i = 0; i + 1 < text.length; i++)
			assert_true((unsigned char)text.data[i] >= 32 || text.data[i] == '\t');
		for (size_t i = 0; i + 1 < json.length; i++)
			assert_true((unsigned char)json.data[i] >= 32);
		assert_true(text.data[text.length - 1] == '\n');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_as_json),
		cmocka_unit_test(records_as_text),
		cmocka_unit_test(any_bytes_are_safe),
	};

	(void)setenv("TZ", "UTC", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
