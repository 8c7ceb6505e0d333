/* SPDX-License-Identifier: Apache-2.0 */
/* Images of frames: size, rotation of every pixel, and the three formats. */
#include <libavcodec/avcodec.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "extensions/ffmpeg/thumbnail_image.h"

#define WIDTH  64
#define HEIGHT 32

struct size_row {
	int width, height, rotation;
	int64_t max_width, max_height;
	int expect_width, expect_height;
};

static const struct size_row sizes[] = {
	{1920,  1080,  0,  1280, 0,   1280,  720  },
        {1920,  1080,  90, 1280, 0,   1080,  1920 },
	{1920,  1080,  90, 640,  640, 360,   640  },
        {320,   200,   0,  1280, 0,   320,   200  },
	{1920,  1080,  0,  0,    0,   1920,  1080 },
        {16384, 2,     0,  100,  100, 100,   1    },
	{16384, 16384, 0,  0,    0,   16383, 16383}, /* WebP's largest */
};

static void sizes_fit(void **state)
{
	struct thumbnail_options options = {.format = THUMBNAIL_WEBP};
	struct media_picture picture;
	int width, height;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		media_picture_init(&picture, sizes[i].width, sizes[i].height, (AVRational){1, 1},
				   sizes[i].rotation);
		options.max_width = sizes[i].max_width;
		options.max_height = sizes[i].max_height;
		thumbnail_size(&picture, &options, &width, &height);
		assert_int_equal(width, sizes[i].expect_width);
		assert_int_equal(height, sizes[i].expect_height);
	}
}

/* Bright in its upper left quarter. */
static AVFrame *create_frame(void)
{
	AVFrame *frame = av_frame_alloc();

	frame->format = AV_PIX_FMT_YUV420P;
	frame->width = WIDTH;
	frame->height = HEIGHT;
	assert_int_equal(av_frame_get_buffer(frame, 0), 0);
	for (int y = 0; y < HEIGHT; y++)
		for (int x = 0; x < WIDTH; x++)
			frame->data[0][y * frame->linesize[0] + x] =
				x < WIDTH / 2 && y < HEIGHT / 2 ? 235 : 16;
	for (int plane = 1; plane < 3; plane++)
		for (int y = 0; y < HEIGHT / 2; y++)
			memset(frame->data[plane] + (ptrdiff_t)y * frame->linesize[plane], 128,
			       WIDTH / 2);
	return frame;
}

/* Decodes a PNG and returns the quarter that is bright: 0 upper left, 1 upper right, 2 lower
 * left, 3 lower right. */
static int bright_quarter(const AVPacket *image, int width, int height)
{
	AVCodecContext *decoder = avcodec_alloc_context3(avcodec_find_decoder(AV_CODEC_ID_PNG));
	AVFrame *frame = av_frame_alloc();
	int brightest = -1, best = 0, value;

	assert_int_equal(avcodec_open2(decoder, NULL, NULL), 0);
	assert_int_equal(avcodec_send_packet(decoder, image), 0);
	assert_int_equal(avcodec_send_packet(decoder, NULL), 0);
	assert_int_equal(avcodec_receive_frame(decoder, frame), 0);
	assert_int_equal(frame->width, width);
	assert_int_equal(frame->height, height);
	for (int quarter = 0; quarter < 4; quarter++) {
		int x = quarter % 2 ? width * 3 / 4 : width / 4;
		int y = quarter / 2 ? height * 3 / 4 : height / 4;

		value = frame->data[0][y * frame->linesize[0] + 3 * x];
		if (value > best) {
			best = value;
			brightest = quarter;
		}
	}
	av_frame_free(&frame);
	avcodec_free_context(&decoder);
	return brightest;
}

static void turns_every_way(void **state)
{
	static const int expected[] = {0, 1, 3, 2}; /* the corner moves clockwise */
	struct thumbnail_options options = {.format = THUMBNAIL_PNG, .quality = 80};
	AVPacket *image = av_packet_alloc();
	AVFrame *frame = create_frame();
	struct media_picture picture;
	bool sideways;

	(void)state;
	for (int turn = 0; turn < 4; turn++) {
		media_picture_init(&picture, WIDTH, HEIGHT, (AVRational){1, 1}, turn * 90);
		sideways = turn % 2;
		assert_int_equal(thumbnail_encode(frame, &picture, &options, image, NULL), 0);
		assert_int_equal(
			bright_quarter(image, sideways ? HEIGHT : WIDTH, sideways ? WIDTH : HEIGHT),
			expected[turn]);
		av_packet_unref(image);
	}
	av_frame_free(&frame);
	av_packet_free(&image);
}

static void writes_three_formats(void **state)
{
	static const char *const magic[] = {"\xff\xd8\xff", "\x89PNG", "RIFF"};
	struct thumbnail_options options = {.max_width = 33, .max_height = 31};
	AVPacket *image = av_packet_alloc();
	AVFrame *frame = create_frame();
	struct media_picture picture;

	(void)state;
	for (int format = 0; format < THUMBNAIL_FORMATS; format++) {
		for (int64_t quality = 1; quality <= 100; quality += 33) {
			options.format = (enum thumbnail_format)format;
			options.quality = quality;
			media_picture_init(&picture, WIDTH, HEIGHT, (AVRational){1, 1}, 90);
			assert_int_equal(thumbnail_encode(frame, &picture, &options, image, NULL),
					 0);
			assert_memory_equal(image->data, magic[format], strlen(magic[format]));
			av_packet_unref(image);
		}
	}
	av_frame_free(&frame);
	av_packet_free(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_fit),
		cmocka_unit_test(turns_every_way),
		cmocka_unit_test(writes_three_formats),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
