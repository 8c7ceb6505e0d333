/* SPDX-License-Identifier: Apache-2.0 */
/* The output picture: sizes are even and inside the limit, the level holds what is in the stream.
 */
#include <libavutil/display.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "extensions/ffmpeg/transcode_picture.h"

struct size_row {
	int width, height, rotation, max_width;
	AVRational aspect;
	int expect_width, expect_height, expect_level;
};

static const struct size_row sizes[] = {
	{1920,  1080, 0,   1920, {1, 1},   1920, 1080, 41},
	{1280,  720,  0,   1920, {1, 1},   1280, 720,  41},
	{3840,  2160, 0,   1920, {1, 1},   1920, 1080, 41},
	{3840,  2160, 0,   8192, {1, 1},   3840, 2160, 51},
	{853,   481,  0,   1920, {1, 1},   852,  480,  41},
	{1,     1,    0,   1920, {1, 1},   2,    2,    41},
	{3841,  2161, 0,   1280, {1, 1},   1280, 720,  41},
	{1920,  1080, 90,  1920, {1, 1},   1920, 1080, 41}, /* 1080 wide as displayed */
	{3840,  2160, 90,  1080, {1, 1},   1920, 1080, 41}, /* 2160 wide as displayed */
	{1440,  1080, 0,   1920, {4, 3},   1440, 1080, 41}, /* 1920 wide as displayed */
	{1440,  1080, 0,   960,  {4, 3},   720,  540,  41},
	{16384, 2,    0,   1920, {1, 1},   1920, 2,    41},
	{1000,  1000, 180, 500,  {0, 1},   500,  500,  41},
	{1000,  1000, 0,   500,  {1, 999}, 500,  500,  41}, /* an absurd pixel shape is ignored */
};

static void check(const struct size_row *row)
{
	struct transcode_settings settings = {.level = 4 /* "4.1" */, .max_width = row->max_width};
	AVFormatContext *format = avformat_alloc_context();
	AVStream *stream = avformat_new_stream(format, NULL);
	struct transcode_picture picture;
	int32_t *matrix;

	stream->codecpar->codec_type = AVMEDIA_TYPE_VIDEO;
	stream->codecpar->width = row->width;
	stream->codecpar->height = row->height;
	stream->sample_aspect_ratio = row->aspect;
	stream->avg_frame_rate = (AVRational){30, 1};
	if (row->rotation) {
		matrix = (void *)av_stream_new_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX,
							 9 * sizeof(*matrix));
		av_display_rotation_set(matrix, row->rotation);
	}
	transcode_picture_init(&picture, format, stream, &settings);
	assert_int_equal(picture.width, row->expect_width);
	assert_int_equal(picture.height, row->expect_height);
	assert_int_equal(picture.level, row->expect_level);
	assert_int_equal(picture.width % 2 + picture.height % 2, 0);
	avformat_free_context(format);
}

static void sizes_fit(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		check(&sizes[i]);
}

static void levels_follow_the_standard(void **state)
{
	(void)state;
	assert_int_equal(transcode_picture_least_level(1920, 1080, (AVRational){30, 1}), 40);
	assert_int_equal(transcode_picture_least_level(1920, 1080, (AVRational){60, 1}), 42);
	assert_int_equal(transcode_picture_least_level(1280, 720, (AVRational){60, 1}), 32);
	assert_int_equal(transcode_picture_least_level(3840, 2160, (AVRational){30, 1}), 51);
	assert_int_equal(transcode_picture_least_level(3840, 2160, (AVRational){60, 1}), 52);
	assert_int_equal(transcode_picture_least_level(16, 16, (AVRational){1, 1}), 30);
	assert_int_equal(transcode_picture_least_level(16384, 16384, (AVRational){240, 1}), 62);
}

static void rates_are_sane(void **state)
{
	static const AVRational absurd[] = {
		{0,         0        },
                {0,         1        },
                {INT32_MAX, 1        },
                {1,         INT32_MAX},
                {-5,        1        }
        };
	struct transcode_settings settings = {.level = 4, .max_width = 1920};
	struct transcode_picture picture;

	(void)state;
	for (size_t i = 0; i < sizeof(absurd) / sizeof(absurd[0]); i++) {
		AVFormatContext *format = avformat_alloc_context();
		AVStream *stream = avformat_new_stream(format, NULL);

		stream->codecpar->width = stream->codecpar->height = 64;
		stream->avg_frame_rate = absurd[i];
		transcode_picture_init(&picture, format, stream, &settings);
		assert_true(av_q2d(picture.fps) >= 1.0 / 60 && av_q2d(picture.fps) <= 240);
		avformat_free_context(format);
	}
}

static void hdr_becomes_bt709(void **state)
{
	static const struct {
		enum AVColorTransferCharacteristic transfer;
		const char *name; /* NULL: not HDR */
	} rows[] = {
		{AVCOL_TRC_SMPTE2084,    "PQ" },
		{AVCOL_TRC_ARIB_STD_B67, "HLG"},
		{AVCOL_TRC_BT2020_10,    NULL },
		{AVCOL_TRC_UNSPECIFIED,  NULL },
	};
	struct transcode_settings settings = {.level = 4, .max_width = 1920};
	struct transcode_picture picture;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AVFormatContext *format = avformat_alloc_context();
		AVStream *stream = avformat_new_stream(format, NULL);

		stream->codecpar->width = stream->codecpar->height = 64;
		stream->codecpar->format = AV_PIX_FMT_YUV420P10;
		stream->codecpar->color_trc = rows[i].transfer;
		stream->codecpar->color_primaries = AVCOL_PRI_SMPTE432;
		transcode_picture_init(&picture, format, stream, &settings);
		assert_int_equal(picture.tone_map, rows[i].name != NULL);
		if (rows[i].name) {
			assert_string_equal(transcode_picture_hdr(rows[i].transfer), rows[i].name);
			assert_int_equal(picture.color_transfer, AVCOL_TRC_BT709);
			assert_int_equal(picture.color_primaries, AVCOL_PRI_BT709);
			assert_int_equal(picture.color_space, AVCOL_SPC_BT709);
			assert_int_equal(picture.source_primaries, AVCOL_PRI_SMPTE432);
			assert_int_equal(picture.source_space, AVCOL_SPC_BT2020_NCL);
		} else {
			assert_int_equal(picture.color_transfer, rows[i].transfer);
		}
		avformat_free_context(format);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_fit),
		cmocka_unit_test(levels_follow_the_standard),
		cmocka_unit_test(rates_are_sane),
		cmocka_unit_test(hdr_becomes_bt709),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
