/* SPDX-License-Identifier: Apache-2.0 */
/* The grid of keyframes and segments: a frame's place follows from its timestamp alone. */
#include <libavutil/avutil.h>
#include <libavutil/mathematics.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "extensions/ffmpeg/transcode_plan.h"

static struct transcode_plan plan_of(AVRational fps, AVRational time_base, int64_t first_pts)
{
	struct transcode_settings settings = {.gop_seconds = 2, .segment_gops = 4};
	struct transcode_plan plan = {
		.picture = {.fps = fps, .time_base = time_base}
        };

	transcode_plan_init(&plan, &settings, first_pts, 60 * INT64_C(1000000));
	return plan;
}

static void constant_rate_has_equal_groups(void **state)
{
	struct transcode_plan plan = plan_of((AVRational){24, 1}, (AVRational){1, 12288}, 0);

	(void)state;
	assert_int_equal(plan.gop_frames, 48);
	assert_int_equal(plan.frames_expected, 1440);
	for (int64_t frame = 0; frame < 1440; frame++) {
		assert_int_equal(transcode_plan_gop(&plan, frame * 512), frame / 48);
		assert_int_equal(transcode_plan_segment(&plan, frame * 512), frame / 192);
	}
}

/* 23.976 fps in a container that rounds to milliseconds, up or down. */
static void rounded_timestamps_have_equal_groups(void **state)
{
	static const enum AVRounding roundings[] = {AV_ROUND_DOWN, AV_ROUND_UP, AV_ROUND_NEAR_INF};
	struct transcode_plan plan = plan_of((AVRational){24000, 1001}, (AVRational){1, 1000}, 21);
	int64_t pts;

	(void)state;
	for (size_t i = 0; i < sizeof(roundings) / sizeof(roundings[0]); i++) {
		for (int64_t frame = 0; frame < 100000; frame++) {
			pts = 21 + av_rescale_rnd(frame, 1001 * 1000, 24000, roundings[i]);
			assert_int_equal(transcode_plan_gop(&plan, pts), frame / 48);
		}
	}
}

static void groups_never_go_back(void **state)
{
	struct transcode_plan plan =
		plan_of((AVRational){30000, 1001}, (AVRational){1, 90000}, -4000);
	int64_t last = 0, gop;

	(void)state;
	for (int64_t pts = -10000; pts < 2000000; pts += 137) {
		gop = transcode_plan_gop(&plan, pts);
		assert_true(gop == last || gop == last + 1);
		last = gop;
	}
	assert_true(last > 9);
}

static void absurd_values_do_not_overflow(void **state)
{
	struct transcode_plan plan =
		plan_of((AVRational){1000000, 999983}, (AVRational){1, INT32_MAX}, INT64_MIN + 1);

	(void)state;
	assert_int_equal(transcode_plan_gop(&plan, INT64_MIN + 1), 0);
	assert_true(transcode_plan_gop(&plan, INT64_MAX) > 0);
	plan = plan_of((AVRational){1, 60}, (AVRational){1, 1}, INT64_MAX);
	assert_int_equal(transcode_plan_gop(&plan, INT64_MIN + 1), 0);
	assert_int_equal(plan.gop_frames, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(constant_rate_has_equal_groups),
		cmocka_unit_test(rounded_timestamps_have_equal_groups),
		cmocka_unit_test(groups_never_go_back),
		cmocka_unit_test(absurd_values_do_not_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
