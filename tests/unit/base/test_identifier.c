/* SPDX-License-Identifier: Apache-2.0 */
/* Identifiers: their form, their order in time, and that two are never the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/identifier.h"

#define DIGITS "0123456789abcdefghjkmnpqrstvwxyz"

static uint64_t now_ns;

static uint64_t read_now(void)
{
	return now_ns;
}

static const struct clock_source fake_clock = {.boottime_ns = read_now, .realtime_ns = read_now};

static void has_prefix_and_26_digits(void **state)
{
	char id[IDENTIFIER_SIZE];

	(void)state;
	assert_int_equal(identifier_create("run", id, NULL), 0);
	assert_int_equal(strncmp(id, "run_", 4), 0);
	assert_int_equal(strspn(id + 4, DIGITS), 26);
	assert_int_equal(strlen(id), 30);
	assert_int_equal(identifier_create("abcdefghijklmno", id, NULL), 0);
	assert_int_equal(strlen(id), IDENTIFIER_SIZE - 1);
}

static void carries_the_time(void **state)
{
	char id[IDENTIFIER_SIZE];

	(void)state;
	clock_inject(&fake_clock);
	now_ns = UINT64_C(1469918176385) * CLOCK_NS_PER_MS; /* the example of the ULID spec */
	assert_int_equal(identifier_create("x", id, NULL), 0);
	clock_inject(NULL);
	assert_int_equal(strncmp(id, "x_01aryz6s41", 12), 0);
}

static void sorts_by_time(void **state)
{
	char before[IDENTIFIER_SIZE], after[IDENTIFIER_SIZE];

	(void)state;
	clock_inject(&fake_clock);
	for (uint64_t ms = 1; ms < (UINT64_C(1) << 40); ms *= 3) {
		now_ns = ms * CLOCK_NS_PER_MS;
		assert_int_equal(identifier_create("run", before, NULL), 0);
		now_ns += CLOCK_NS_PER_MS;
		assert_int_equal(identifier_create("run", after, NULL), 0);
		assert_true(strcmp(before, after) < 0);
	}
	clock_inject(NULL);
}

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void never_repeats(void **state)
{
	enum { COUNT = 10000 };
	char(*ids)[IDENTIFIER_SIZE] = calloc(COUNT, sizeof(*ids));

	(void)state;
	assert_non_null(ids);
	for (size_t i = 0; i < COUNT; i++)
		assert_int_equal(identifier_create("run", ids[i], NULL), 0);
	qsort(ids, COUNT, sizeof(*ids), compare);
	for (size_t i = 1; i < COUNT; i++)
		assert_string_not_equal(ids[i - 1], ids[i]);
	free(ids);
}

static void refuses_bad_prefixes(void **state)
{
	static const char *const prefixes[] = {"",     "Run", "run_", "r1", "abcdefghijklmnop",
					       "r\x1b"};
	char id[IDENTIFIER_SIZE] = "untouched";
	struct berth_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		assert_int_equal(identifier_create(prefixes[i], id, &err), -1);
		assert_int_equal(err.code, BERTH_INVALID);
		assert_string_equal(id, "untouched");
	}
}

static void numbers_grow_and_come_back(void **state)
{
	static const int64_t numbers[] = {0, 1, 31, 32, INT64_C(1) << 62, INT64_MAX};
	char text[IDENTIFIER_NUMBER_SIZE];
	int64_t number, last = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		identifier_format_number("run", numbers[i], text);
		assert_int_equal(strspn(text + 4, DIGITS), 13);
		assert_int_equal(identifier_parse_number("run", text, &number, NULL), 0);
		assert_true(number == numbers[i]);
	}
	for (int i = 0; i < 10000; i++) {
		number = identifier_next_number(last);
		assert_true(number > last);
		last = number;
	}
	clock_inject(&fake_clock);
	now_ns = UINT64_C(1800000000123) * CLOCK_NS_PER_MS;
	assert_true(identifier_number_ms(identifier_next_number(0)) == UINT64_C(1800000000123));
	now_ns = 0; /* a clock that was set back */
	assert_true(identifier_next_number(last) == last + 1);
	clock_inject(NULL);
}

static void a_date_has_a_first_number(void **state)
{
	(void)state;
	clock_inject(&fake_clock);
	now_ns = UINT64_C(1700000000123) * CLOCK_NS_PER_MS;
	assert_true(identifier_first_number(now_ns) == identifier_next_number(0));
	assert_true(identifier_first_number(now_ns + CLOCK_NS_PER_MS) > identifier_next_number(0));
	assert_true(identifier_first_number(now_ns + 1) == identifier_first_number(now_ns));
	clock_inject(NULL);
	assert_true(identifier_first_number(0) == 0);
}

static void refuses_bad_numbers(void **state)
{
	static const char *const texts[] = {
		"",
		"run",
		"run_",
		"run_000000000000",
		"run_00000000000000",
		"run_000000000000u",
		"run_000000000000A",
		"batch_0000000000000",
		"run_8000000000000", /* 2^63 */
		"run_zzzzzzzzzzzzz",
		"run-0000000000000",
	};
	struct berth_error err;
	int64_t number = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(identifier_parse_number("run", texts[i], &number, &err), -1);
		assert_int_equal(err.code, BERTH_INVALID);
		assert_int_equal(number, 7);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_grow_and_come_back),
		cmocka_unit_test(a_date_has_a_first_number),
		cmocka_unit_test(refuses_bad_numbers),
		cmocka_unit_test(has_prefix_and_26_digits),
		cmocka_unit_test(carries_the_time),
		cmocka_unit_test(sorts_by_time),
		cmocka_unit_test(never_repeats),
		cmocka_unit_test(refuses_bad_prefixes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
