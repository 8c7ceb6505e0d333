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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_prefix_and_26_digits),
		cmocka_unit_test(carries_the_time),
		cmocka_unit_test(sorts_by_time),
		cmocka_unit_test(never_repeats),
		cmocka_unit_test(refuses_bad_prefixes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
