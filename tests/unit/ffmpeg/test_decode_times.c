/* SPDX-License-Identifier: Apache-2.0 */
/* Decode timestamps: increasing, never after display, and as one encoder would have set them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "extensions/ffmpeg/decode_times.h"

static void constant_rate(void **state)
{
	/* I P b B b with a pyramid: two frames of reordering */
	static const int64_t shown[] = {0, 4, 2, 1, 3, 8, 6, 5, 7, 9};
	struct decode_times times;
	int64_t dts;

	(void)state;
	decode_times_init(&times, 2, 512);
	for (int64_t i = 0; i < 10; i++) {
		assert_int_equal(decode_times_next(&times, shown[i] * 512, &dts), 0);
		assert_int_equal(dts, (i - 2) * 512);
	}
}

static void variable_rate(void **state)
{
	static const int64_t shown[] = {100, 900, 130, 131, 5000, 1000, 4000, 9000};
	static const int64_t expected[] = {90, 100, 130, 131, 900, 1000, 4000, 5000};
	struct decode_times times;
	int64_t dts;

	(void)state;
	decode_times_init(&times, 1, 10);
	for (int i = 0; i < 8; i++) {
		assert_int_equal(decode_times_next(&times, shown[i], &dts), 0);
		assert_int_equal(dts, expected[i]);
	}
}

static void too_deep_or_repeated(void **state)
{
	struct decode_times times;
	int64_t dts;

	(void)state;
	decode_times_init(&times, 1, 10);
	assert_int_equal(decode_times_next(&times, 0, &dts), 0);
	assert_int_equal(decode_times_next(&times, 30, &dts), 0);
	assert_int_equal(decode_times_next(&times, 20, &dts), 0);
	assert_int_equal(decode_times_next(&times, 10, &dts), 1); /* two frames late */
	decode_times_init(&times, 0, 10);
	assert_int_equal(decode_times_next(&times, 5, &dts), 0);
	assert_int_equal(decode_times_next(&times, 5, &dts), 1);
	decode_times_init(&times, 99, 0); /* more than any stream has: as much as is held */
	for (int64_t i = 0; i < 100; i++)
		assert_int_equal(decode_times_next(&times, i, &dts), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(constant_rate),
		cmocka_unit_test(variable_rate),
		cmocka_unit_test(too_deep_or_repeated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
