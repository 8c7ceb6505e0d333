/* SPDX-License-Identifier: Apache-2.0 */
/* Rotation and pixel shape, as a viewer sees them. */
#include <libavutil/display.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "extensions/ffmpeg/media_picture.h"

static int rotation_of(const int32_t *matrix, size_t size)
{
	AVFormatContext *format = avformat_alloc_context();
	AVStream *stream = avformat_new_stream(format, NULL);
	int rotation;

	if (matrix)
		memcpy(av_stream_new_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, size), matrix,
		       size);
	rotation = media_picture_rotation(stream);
	avformat_free_context(format);
	return rotation;
}

static void rotations_are_clockwise_quarters(void **state)
{
	int32_t matrix[9] = {0};

	(void)state;
	assert_int_equal(rotation_of(NULL, 0), 0);
	assert_int_equal(rotation_of(matrix, sizeof(matrix)), 0); /* no direction at all */
	assert_int_equal(rotation_of(matrix, 8), 0);              /* cut off */
	for (int angle = -360; angle <= 720; angle += 90) {
		av_display_rotation_set(matrix, angle);
		assert_int_equal(rotation_of(matrix, sizeof(matrix)),
				 ((-(-angle)) % 360 + 360) % 360);
	}
	av_display_rotation_set(matrix, 87);
	assert_int_equal(rotation_of(matrix, sizeof(matrix)), 90);
}

static void display_sizes(void **state)
{
	struct media_picture picture;

	(void)state;
	media_picture_init(&picture, 720, 576, (AVRational){64, 45}, 0);
	assert_int_equal(picture.display_width, 1024);
	assert_int_equal(picture.display_height, 576);
	media_picture_init(&picture, 720, 576, (AVRational){64, 45}, 90);
	assert_int_equal(picture.display_width, 576);
	assert_int_equal(picture.display_height, 1024);
	media_picture_init(&picture, 100, 100, (AVRational){0, 0}, 180);
	assert_int_equal(picture.display_width, 100);
	media_picture_init(&picture, 100, 100, (AVRational){INT32_MAX, 1}, 0);
	assert_int_equal(picture.display_width, 100);
	media_picture_init(&picture, 1, 1, (AVRational){1, 10}, 0);
	assert_int_equal(picture.display_width, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rotations_are_clockwise_quarters),
		cmocka_unit_test(display_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
