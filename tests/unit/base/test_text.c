/* SPDX-License-Identifier: Apache-2.0 */
/* Text: growth within its limit, and what a terminal never gets to see. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

static void appends_and_steals(void **state)
{
	struct text text = {0};
	char *stolen;

	(void)state;
	assert_int_equal(text_append_string(&text, "a", NULL), 0);
	assert_int_equal(text_append_format(&text, NULL, "-%05d-%s", 42, "b"), 0);
	assert_int_equal(text_append(&text, "\0c", 2, NULL), 0);
	assert_int_equal(text.length, 11);
	assert_memory_equal(text.data, "a-00042-b\0c", 12);
	stolen = text_steal(&text);
	assert_string_equal(stolen, "a-00042-b");
	assert_null(text.data);
	free(stolen);
	text_finish(&text);
}

static void steals_an_empty_string(void **state)
{
	struct text text = {0};
	char *stolen = text_steal(&text);

	(void)state;
	assert_string_equal(stolen, "");
	free(stolen);
}

static void grows_to_exactly_its_limit(void **state)
{
	struct text text = {.limit = 1000};
	struct berth_error err = {0};

	(void)state;
	for (int i = 0; i < 1000; i++)
		assert_int_equal(text_append(&text, "x", 1, &err), 0);
	assert_int_equal(text_append(&text, "x", 1, &err), -1);
	assert_int_equal(err.code, BERTH_LIMIT);
	assert_int_equal(text.length, 1000);
	assert_int_equal(text_append(&text, "", 0, &err), 0);
	assert_int_equal(text_append_format(&text, &err, "%s", "y"), -1);
	assert_int_equal(text_append(&text, "z", SIZE_MAX, &err), -1);
	assert_int_equal(err.code, BERTH_LIMIT);
	text_finish(&text);
}

static void has_a_limit_when_none_is_given(void **state)
{
	struct text text = {0};
	size_t length = 16 * 1024 * 1024;
	char *block = calloc(1, length);
	struct berth_error err = {0};

	(void)state;
	assert_int_equal(text_append(&text, block, length, &err), 0);
	assert_int_equal(text_append(&text, block, 1, &err), -1);
	assert_int_equal(err.code, BERTH_LIMIT);
	free(block);
	text_finish(&text);
}

static void consumes_from_the_front(void **state)
{
	struct text text = {0};

	(void)state;
	text_consume(&text, 5); /* of nothing */
	assert_int_equal(text_append_string(&text, "hello world", NULL), 0);
	text_consume(&text, 6);
	assert_string_equal(text.data, "world");
	text_consume(&text, 100);
	assert_int_equal(text.length, 0);
	assert_string_equal(text.data, "");
	text_finish(&text);
}

struct sanitize_row {
	const char *source;
	size_t length;
	const char *target;
};
#define ROW(source, target)                                                                        \
	{                                                                                          \
		(source), sizeof(source) - 1, (target)                                             \
	}

static const struct sanitize_row sanitize_rows[] = {
	ROW("plain text", "plain text"),
	ROW("tab\tstays", "tab\tstays"),
	ROW("line\nbreak\r", "line\\x0abreak\\x0d"),
	ROW("\x1b[31mred", "\\x1b[31mred"),
	ROW("a\0b", "a\\x00b"),
	ROW("\x7f", "\\x7f"),
	ROW("gr\xc3\xbc\xc3\x9f"
	    "e \xe2\x82\xac \xf0\x9f\x98\x80",
	    "gr\xc3\xbc\xc3\x9f"
	    "e \xe2\x82\xac \xf0\x9f\x98\x80"),
	ROW("\xc2\x9b"
	    "31m",
	    "\\xc2\\x9b31m"),                            /* C1 CSI */
	ROW("\xc2\xa0", "\xc2\xa0"),                     /* the first character after C1 */
	ROW("\xc0\xaf", "\\xc0\\xaf"),                   /* overlong slash */
	ROW("\xe0\x80\x80", "\\xe0\\x80\\x80"),          /* overlong NUL */
	ROW("\xed\xa0\x80", "\\xed\\xa0\\x80"),          /* surrogate */
	ROW("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"), /* beyond U+10FFFF */
	ROW("\xe2\x82", "\\xe2\\x82"),                   /* cut short */
	ROW("\xff\xfe", "\\xff\\xfe"),
	ROW("\x80", "\\x80"),
};

static void sanitizes(void **state)
{
	char target[128];
	size_t length;

	(void)state;
	for (size_t i = 0; i < sizeof(sanitize_rows) / sizeof(sanitize_rows[0]); i++) {
		length = text_sanitize(sanitize_rows[i].source, sanitize_rows[i].length, target,
				       sizeof(target));
		assert_string_equal(target, sanitize_rows[i].target);
		assert_int_equal(length, strlen(target));
		assert_true(text_is_utf8(target, length));
	}
}

static void cuts_at_a_character(void **state)
{
	char target[16];

	(void)state;
	assert_int_equal(text_sanitize("ab\xe2\x82\xac", 5, target, 5), 2);
	assert_string_equal(target, "ab");
	assert_int_equal(text_sanitize("ab\xe2\x82\xac", 5, target, 6), 5);
	assert_int_equal(text_sanitize("a\x1b", 2, target, 5), 1);
	assert_string_equal(target, "a");
	assert_int_equal(text_sanitize("a\x1b", 2, target, 6), 5);
	assert_int_equal(text_sanitize("abc", 3, target, 1), 0);
	assert_string_equal(target, "");
	target[0] = '!';
	assert_int_equal(text_sanitize("abc", 3, target, 0), 0);
	assert_int_equal(target[0], '!');
	assert_int_equal(text_sanitize("", 0, target, sizeof(target)), 0);
}

static void tells_utf8(void **state)
{
	(void)state;
	assert_true(text_is_utf8("", 0));
	assert_true(text_is_utf8("a\n\x1b", 3));
	assert_true(text_is_utf8("\xf4\x8f\xbf\xbf", 4));
	assert_false(text_is_utf8("a\0b", 3));
	assert_false(text_is_utf8("\xf0\x8f\xbf\xbf", 4));
	assert_false(text_is_utf8("\xe2\x82\xac", 2));
	assert_false(text_is_utf8("\xc3(", 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appends_and_steals),
		cmocka_unit_test(steals_an_empty_string),
		cmocka_unit_test(grows_to_exactly_its_limit),
		cmocka_unit_test(has_a_limit_when_none_is_given),
		cmocka_unit_test(consumes_from_the_front),
		cmocka_unit_test(sanitizes),
		cmocka_unit_test(cuts_at_a_character),
		cmocka_unit_test(tells_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
