/* SPDX-License-Identifier: Apache-2.0 */
/* JSON from outside: what is refused and where, and the line of a member. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/json.h"

static void parses_every_type(void **state)
{
	static const char *const texts[] = {
		"{}",   "[]",    "null", "true",           "false", "0",
		"-1.5", "1e300", "\"\"", "[1,{\"a\":[]}]", " 1 ",   "\"\\ud83d\\ude00\"",
	};
	json_t *value;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(json_parse(texts[i], strlen(texts[i]), &value, NULL), 0);
		json_decref(value);
	}
}

struct refusal_row {
	const char *text;
	size_t length;
	const char *where;
};
#define ROW(text, where)                                                                           \
	{                                                                                          \
		(text), sizeof(text) - 1, (where)                                                  \
	}

static const struct refusal_row refusal_rows[] = {
	ROW("", "line 1, column "),
	ROW("   ", "line 1, column "),
	ROW("{", "line 1, column "),
	ROW("[1 2]", "line 1, column 4: "),
	ROW("{\"a\":1,\n\"a\":2}", "line 2, column "),
	ROW("{\"a\":1}x", "line 1, column 8: "),
	ROW("[1]\n[2]", "line 2, column 1: "),
	ROW("\"\\u0000\"", "line 1, column "),
	ROW("{\"\\u0000\":1}", "line 1, column "),
	ROW("\"a\0b\"", "line 1, column "),
	ROW("[1]\0", "line 1, column 4: NUL byte"),
	ROW("{\"a\":1\0,\"b\":2}", "line 1, column 7: NUL byte"), /* jansson alone skips it */
	ROW("\"\xff\"", "line 1, column "),
	ROW("\"\xed\xa0\x80\"", "line 1, column "),
	ROW("\"\\ud800\"", "line 1, column "),
	ROW("'a'", "line 1, column "),
	ROW("NaN", "line 1, column "),
	ROW("Infinity", "line 1, column "),
	ROW("01", "line 1, column "),
	ROW("1e999", "line 1, column "),
	ROW("99999999999999999999", "line 1, column "),
	ROW("[1,]", "line 1, column "),
	ROW("{a:1}", "line 1, column "),
	ROW("// c\n1", "line 1, column "),
	ROW("\"a\nb\"", "line 1, column "),
};

static void refuses_with_line_and_column(void **state)
{
	struct berth_error err;
	json_t *value = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(refusal_rows) / sizeof(refusal_rows[0]); i++) {
		const struct refusal_row *row = &refusal_rows[i];

		if (json_parse(row->text, row->length, &value, &err) == 0)
			fail_msg("row %zu was taken: %s", i, row->text);
		assert_int_equal(err.code, BERTH_INVALID);
		assert_null(value);
		if (strncmp(err.message, row->where, strlen(row->where)) != 0)
			fail_msg("row %zu: %s", i, err.message);
	}
}

static void escapes_what_it_quotes(void **state)
{
	struct berth_error err;
	json_t *value;

	(void)state;
	assert_int_equal(json_parse("[\x1b[31m]", 7, &value, &err), -1);
	assert_null(strchr(err.message, '\x1b'));
}

/* Parses depth brackets of a kind around nothing. */
static int parse_nested(const char *open, const char *close, size_t depth, struct berth_error *err)
{
	size_t step = strlen(open);
	AUTO_FREE char *text = calloc(1, depth * (step + strlen(close)) + 2);
	AUTO_JSON json_t *value = NULL;

	assert_non_null(text);
	for (size_t i = 0; i < depth; i++)
		memcpy(text + i * step, open, step);
	text[depth * step] = '1';
	for (size_t i = 0; i < depth; i++)
		memcpy(text + depth * step + 1 + i * strlen(close), close, strlen(close));
	return json_parse(text, strlen(text), &value, err);
}

static void bounds_the_depth(void **state)
{
	struct berth_error err;

	(void)state;
	assert_int_equal(parse_nested("[", "]", JSON_DEPTH_MAX, &err), 0);
	assert_int_equal(parse_nested("{\"a\":", "}", JSON_DEPTH_MAX, &err), 0);
	assert_int_equal(parse_nested("[", "]", JSON_DEPTH_MAX + 1, &err), -1);
	assert_string_equal(err.message, "line 1, column 65: nested too deeply");
	assert_int_equal(parse_nested("{\"a\":", "}", JSON_DEPTH_MAX + 1, &err), -1);
	assert_int_equal(parse_nested("[", "]", 1000000, &err), -1);
	assert_int_equal(err.code, BERTH_INVALID);
}

static void brackets_in_strings_are_no_depth(void **state)
{
	char text[1024] = "[\"";
	json_t *value;

	(void)state;
	memset(text + 2, '[', 500);
	strcat(text, "\\\"[[[\\\\\"]");
	assert_int_equal(json_parse(text, strlen(text), &value, NULL), 0);
	json_decref(value);
}

static void bounds_the_count_of_values(void **state)
{
	size_t count = JSON_VALUES_MAX;
	AUTO_FREE char *text = malloc(2 * count + 8);
	struct berth_error err;
	json_t *value;
	size_t used = 0;

	(void)state;
	assert_non_null(text);
	text[used++] = '[';
	for (size_t i = 0; i + 2 < count; i++) {
		text[used++] = '0';
		text[used++] = ',';
	}
	text[used] = '0';
	text[used + 1] = ']';
	assert_int_equal(json_parse(text, used + 2, &value, NULL), 0);
	json_decref(value);
	memcpy(text + used, "0,0]", 4);
	assert_int_equal(json_parse(text, used + 4, &value, &err), -1);
	assert_non_null(strstr(err.message, "too many values"));
}

static char directory[] = "/tmp/berth-test-json-XXXXXX";

static int make_directory(void **state)
{
	(void)state;
	return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
	(void)state;
	return rmdir(directory);
}

static void write_file(int dirfd, const char *name, const char *content)
{
	AUTO_CLOSE int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, strlen(content)), strlen(content));
}

static void parses_files(void **state)
{
	AUTO_CLOSE int dirfd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_FREE char *source = NULL;
	AUTO_JSON json_t *value = NULL;
	struct berth_error err;

	(void)state;
	write_file(dirfd, "a.json", "{\n\"b\": 1\n}\n");
	assert_int_equal(json_parse_file(dirfd, "a.json", 100, &value, &source, &err), 0);
	assert_string_equal(source, "{\n\"b\": 1\n}\n");
	assert_int_equal(json_integer_value(json_object_get(value, "b")), 1);
	assert_int_equal(json_parse_file(dirfd, "a.json", 5, &value, NULL, &err), -1);
	assert_int_equal(err.code, BERTH_LIMIT);
	write_file(dirfd, "a.json", "{\n\"b\": x\n}\n");
	assert_int_equal(json_parse_file(dirfd, "a.json", 100, &value, NULL, &err), -1);
	assert_int_equal(strncmp(err.message, "a.json:2: column 6: ", 20), 0);
	assert_int_equal(unlinkat(dirfd, "a.json", 0), 0);
	assert_int_equal(json_parse_file(dirfd, "a.json", 100, &value, NULL, &err), -1);
	assert_int_equal(err.code, BERTH_NOT_FOUND);
}

static const char lined[] = "{\n"
			    "  \"a\": {\"x\": 1,\n"
			    "    \"b\": [1, {\"b\": 2}],\n"
			    "    \"c\": \"}\\\"{\"},\n"
			    "  \"b\": [\n"
			    "    {\"k\": 1},\n"
			    "    {\"k\":\n"
			    "      2}\n"
			    "  ],\n"
			    "  \"d\" : -1.5e3, \"e\":null\n"
			    "}";

struct line_row {
	const char *keys[5];
	size_t line;
};

static void finds_lines(void **state)
{
	static const struct line_row rows[] = {
		{{NULL},               1 },
		{{"a"},                2 },
		{{"a", "x"},           2 },
		{{"a", "b"},           3 },
		{{"a", "b", "1", "b"}, 3 },
		{{"a", "c"},           4 },
		{{"b"},                5 },
		{{"b", "0"},           6 },
		{{"b", "1", "k"},      7 },
		{{"d"},                10},
		{{"e"},                10},
		{{"f"},                0 },
		{{"b", "2"},           0 },
		{{"b", "x"},           0 },
		{{"b", "-1"},          0 },
		{{"d", "x"},           0 },
		{{"a", "c", "x"},      0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t count = 0;

		while (rows[i].keys[count])
			count++;
		if (json_line_of(lined, rows[i].keys, count) != rows[i].line)
			fail_msg("row %zu: line %zu", i, json_line_of(lined, rows[i].keys, count));
	}
}

static void finds_no_line_in_garbage(void **state)
{
	static const char *const sources[] = {
		"",   "{",      "[", "{\"a",       "{\"a\"", "{\"a\":", "{a:1}",
		"[1", "{\"b\\", "}", "{\"b\":[[[", "{1:2}",  "[,]",     "{\"b\" 1 \"a\" 2",
	};
	const char *const keys[] = {"a", "3"};

	(void)state;
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		(void)json_line_of(sources[i], keys, 1);
		assert_int_equal(json_line_of(sources[i], keys, 2), 0);
		assert_int_equal(json_line_of(sources[i], keys + 1, 1), 0);
	}
}

static void formats_on_one_line(void **state)
{
	static const char spread[] = "{ \"a\" :\n [ 1 , \"x\\ny\" ] }";
	json_t *value;
	char *text;

	(void)state;
	assert_int_equal(json_parse(spread, strlen(spread), &value, NULL), 0);
	text = json_format_compact(value);
	assert_string_equal(text, "{\"a\":[1,\"x\\ny\"]}");
	free(text);
	json_decref(value);
	value = json_string("s");
	text = json_format_compact(value);
	assert_string_equal(text, "\"s\"");
	free(text);
	json_decref(value);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_every_type),
		cmocka_unit_test(refuses_with_line_and_column),
		cmocka_unit_test(escapes_what_it_quotes),
		cmocka_unit_test(bounds_the_depth),
		cmocka_unit_test(brackets_in_strings_are_no_depth),
		cmocka_unit_test(bounds_the_count_of_values),
		cmocka_unit_test_setup_teardown(parses_files, make_directory, remove_directory),
		cmocka_unit_test(finds_lines),
		cmocka_unit_test(finds_no_line_in_garbage),
		cmocka_unit_test(formats_on_one_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
