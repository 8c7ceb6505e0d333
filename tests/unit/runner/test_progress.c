/* SPDX-License-Identifier: Apache-2.0 */
/* Progress lines and bars of every width, and how often a plain line is due. */
/* cmocka.h wants these before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <string.h>

#include "base/clock.h"
#include "runner/run/progress.h"

static const struct run_progress half = {
	.percent = 50,
	.eta_s = 12,
	.rate = 181.4,
	.rate_unit = "frames",
	.message = "segment 3",
};
static const struct run_progress unknown = {.percent = -1, .eta_s = -1, .rate = -1};

static void test_line(void **state)
{
	struct run_progress slow = half;
	char text[PROGRESS_LINE_SIZE];

	(void)state;
	assert_string_equal(progress_format_line(&half, text),
			    "50.0 %, 181 frames/s, 12 s left, segment 3");
	assert_string_equal(progress_format_line(&unknown, text), "working");
	slow.rate = 0.52;
	slow.eta_s = 1e30;
	slow.percent = 250;
	assert_string_equal(progress_format_line(&slow, text), "100.0 %, 0.5 frames/s, segment 3");
}

static void test_bar(void **state)
{
	char text[PROGRESS_LINE_SIZE];

	(void)state;
	assert_string_equal(
		progress_format_bar(&half, 79, text),
		"[#############-------------]   50.0 %  181 frames/s  12 s left  segment 3");
	assert_string_equal(progress_format_bar(&unknown, 79, text), "working");
}

static void test_bar_fits_every_width(void **state)
{
	struct run_progress progress = half;
	char text[PROGRESS_LINE_SIZE];

	(void)state;
	memset(progress.message, 'x', sizeof(progress.message) - 1);
	for (size_t width = 0; width < 400; width++)
		for (int step = -2; step <= 202; step++) {
			progress.percent = step / 2.0;
			assert_true(strlen(progress_format_bar(&progress, width, text)) <= width);
		}
}

static void test_bar_cuts_between_characters(void **state)
{
	struct run_progress progress = {
		.percent = -1, .eta_s = -1, .rate = -1, .message = "\u00e4\u00f6\u00fc"};
	char text[PROGRESS_LINE_SIZE];

	(void)state;
	assert_string_equal(progress_format_bar(&progress, 11, text), "working  \u00e4\u00f6");
}

static void test_pace(void **state)
{
	struct run_progress progress = half, last = half;
	struct progress_pace pace = {0};
	uint64_t now = 5;

	(void)state;
	last.percent = 100;
	assert_true(progress_pace_due(&pace, &progress, now));
	assert_false(progress_pace_due(&pace, &progress, now + 1));
	assert_false(progress_pace_due(&pace, &progress, now + 9 * CLOCK_NS_PER_S));
	assert_true(progress_pace_due(&pace, &progress, now + 10 * CLOCK_NS_PER_S));
	assert_true(progress_pace_due(&pace, &last, now + 11 * CLOCK_NS_PER_S));
	assert_false(progress_pace_due(&pace, &last, now + 30 * CLOCK_NS_PER_S));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_bar),
		cmocka_unit_test(test_bar_fits_every_width),
		cmocka_unit_test(test_bar_cuts_between_characters),
		cmocka_unit_test(test_pace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
