/* SPDX-License-Identifier: Apache-2.0 */
/* The payload of video.transcode: the documented defaults, and bounds on every field. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "extensions/ffmpeg/transcode_settings.h"

static void defaults_are_the_documented_ones(void **state)
{
	struct transcode_settings settings = {0};

	(void)state;
	assert_int_equal(field_set_defaults(transcode_rows, transcode_row_count, &settings, NULL),
			 0);
	assert_string_equal(transcode_profile_name(&settings), "high");
	assert_string_equal(transcode_preset_name(&settings), "medium");
	assert_int_equal(transcode_level_number(&settings), 41);
	assert_int_equal(transcode_audio_rate(&settings), 48000);
	assert_int_equal(settings.bitrate, 6000000);
	assert_int_equal(settings.maxrate, 12000000);
	assert_int_equal(settings.bufsize, 12000000);
	assert_true(settings.gop_seconds == 2);
	assert_int_equal(settings.sc_threshold, 0);
	assert_int_equal(settings.audio_bitrate, 128000);
	assert_int_equal(settings.audio_channels, 2);
	assert_int_equal(settings.max_width, 1920);
	assert_int_equal(settings.deinterlace, TRANSCODE_DEINTERLACE_AUTO);
	assert_true(settings.faststart);
	assert_false(settings.force);
	assert_false(settings.allow_truncated);
	assert_int_equal(settings.max_duration_ms, 24 * 3600 * 1000);
	assert_null(settings.name);
	field_finish(transcode_rows, transcode_row_count, &settings);
}

static void bad_values_are_refused(void **state)
{
	static const char *const payloads[] = {
		"{\"bitrate\":0}",
		"{\"bitrate\":1e99}",
		"{\"preset\":\"placebo\"}",
		"{\"level\":\"9.9\"}",
		"{\"gop_seconds\":0}",
		"{\"gop_seconds\":-1}",
		"{\"max_width\":0}",
		"{\"audio_rate\":\"7\"}",
		"{\"audio_channels\":6}",
		"{\"segment_gops\":0}",
		"{\"name\":\"\"}",
		"{\"max_duration\":\"8w\"}",
		"{\"faststart\":\"yes\"}",
		"{\"bit_rate\":6000000}",
		"[]",
		"{\"deinterlace\":\"maybe\"}",
		"{\"deinterlace\":true}",
	};
	struct transcode_settings settings = {0};
	struct berth_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
		AUTO_JSON json_t *payload = NULL;

		assert_int_equal(json_parse(payloads[i], strlen(payloads[i]), &payload, NULL), 0);
		memset(&err, 0, sizeof(err));
		assert_int_equal(field_parse_object(payload, transcode_rows, transcode_row_count,
						    &settings, &err),
				 -1);
		assert_int_equal(err.code, BERTH_INVALID);
		field_finish(transcode_rows, transcode_row_count, &settings);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_the_documented_ones),
		cmocka_unit_test(bad_values_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
