/* SPDX-License-Identifier: Apache-2.0 */
/* The clocks: they move, they can be replaced, and dates are right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"

static void moves_forward(void **state)
{
	uint64_t first = clock_boottime_ns();

	(void)state;
	assert_true(first > 0);
	assert_true(clock_boottime_ns() >= first);
	assert_true(clock_realtime_ns() / CLOCK_NS_PER_S >= (uint64_t)time(NULL) - 1);
}

static uint64_t seven(void)
{
	return 7;
}

static uint64_t nine(void)
{
	return 9;
}

static void can_be_replaced(void **state)
{
	static const struct clock_source source = {.boottime_ns = seven, .realtime_ns = nine};

	(void)state;
	clock_inject(&source);
	assert_int_equal(clock_boottime_ns(), 7);
	assert_int_equal(clock_realtime_ns(), 9);
	clock_inject(NULL);
	assert_true(clock_realtime_ns() > 9);
}

static void formats_dates(void **state)
{
	static const struct {
		uint64_t seconds, ms;
		const char *text;
	} rows[] = {
		{0,          0,   "1970-01-01T00:00:00.000Z"},
		{951782399,  999, "2000-02-28T23:59:59.999Z"},
		{951782400,  1,   "2000-02-29T00:00:00.001Z"},
		{951868800,  0,   "2000-03-01T00:00:00.000Z"},
		{1795385327, 123, "2026-11-22T22:08:47.123Z"},
		{4107542399, 0,   "2100-02-28T23:59:59.000Z"},
		{4107542400, 0,   "2100-03-01T00:00:00.000Z"},
	};
	char text[CLOCK_RFC3339_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		clock_format_rfc3339(
			rows[i].seconds * CLOCK_NS_PER_S + rows[i].ms * CLOCK_NS_PER_MS, text);
		assert_string_equal(text, rows[i].text);
	}
	clock_format_rfc3339(UINT64_MAX, text);
	assert_string_equal(text, "2554-07-21T23:34:33.709Z");
}

static void agrees_with_libc_on_every_day(void **state)
{
	char text[CLOCK_RFC3339_SIZE], expected[CLOCK_RFC3339_SIZE];
	struct tm parts;
	time_t seconds;

	(void)state;
	for (time_t day = 0; day < 200000; day += 7) {
		seconds = day * 86400 + 3661;
		assert_non_null(gmtime_r(&seconds, &parts));
		assert_true(strftime(expected, sizeof(expected), "%FT%T.000Z", &parts) > 0);
		clock_format_rfc3339((uint64_t)seconds * CLOCK_NS_PER_S, text);
		assert_string_equal(text, expected);
	}
}

struct date_row {
	const char *text;
	uint64_t ns;
};

static const struct date_row date_rows[] = {
	{"1970-01-01T00:00:00Z",            0                            },
	{"2026-11-22T22:08:47.123Z",        UINT64_C(1795385327123000000)},
	{"2026-11-22t22:08:47.1234567891z", UINT64_C(1795385327123456789)},
	{"2026-11-23 00:08:47.5+02:00",     UINT64_C(1795385327500000000)},
	{"2026-11-22T20:38:47-01:30",       UINT64_C(1795385327000000000)},
	{"2024-02-29T12:00:00Z",            UINT64_C(1709208000000000000)},
	{"2016-12-31T23:59:60Z",            UINT64_C(1483228800000000000)},
};

static const char *const no_dates[] = {
	"",
	"2026-11-22",
	"2026-11-22T22:08:47",
	"2026-11-22T22:08Z",
	"2026-13-01T00:00:00Z",
	"2025-02-29T00:00:00Z",
	"2026-00-10T00:00:00Z",
	"2026-11-22T24:00:00Z",
	"2026-11-22T22:08:47.Z",
	"2026-11-22T22:08:47+1:00",
	"2026-11-22T22:08:47Z ",
	"1969-12-31T23:59:59Z",
	"1970-01-01T00:00:00+00:01",
	"9999-01-01T00:00:00Z",
	"tomorrow",
};

static void reads_dates(void **state)
{
	uint64_t ns = 1;

	(void)state;
	for (size_t i = 0; i < sizeof(date_rows) / sizeof(date_rows[0]); i++) {
		assert_int_equal(clock_parse_rfc3339(date_rows[i].text, &ns, NULL), 0);
		assert_int_equal(ns, date_rows[i].ns);
	}
	for (size_t i = 0; i < sizeof(no_dates) / sizeof(no_dates[0]); i++)
		if (clock_parse_rfc3339(no_dates[i], &ns, NULL) == 0)
			fail_msg("%s was taken", no_dates[i]);
}

static void reads_what_it_writes(void **state)
{
	char text[CLOCK_RFC3339_SIZE];
	uint64_t ns = 0;

	(void)state;
	for (uint64_t day = 0; day < 200000; day++) {
		uint64_t seconds = day * 86400 + 3661;

		clock_format_rfc3339(seconds * CLOCK_NS_PER_S, text);
		assert_int_equal(clock_parse_rfc3339(text, &ns, NULL), 0);
		assert_int_equal(ns, seconds * CLOCK_NS_PER_S);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(moves_forward), cmocka_unit_test(can_be_replaced),
		cmocka_unit_test(formats_dates), cmocka_unit_test(agrees_with_libc_on_every_day),
		cmocka_unit_test(reads_dates),   cmocka_unit_test(reads_what_it_writes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
