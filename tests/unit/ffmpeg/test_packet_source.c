/* SPDX-License-Identifier: Apache-2.0 */
/* Joining segments: one timeline of decode timestamps over all of them. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "extensions/ffmpeg/packet_source.h"
#include "extensions/ffmpeg/segment_encode.h"

#define FRAME 512 /* ticks */

static int directory;
static char directory_path[] = "packet-source-XXXXXX";
static uint8_t header[] = "sps";

static int set_up(void **state)
{
	(void)state;
	if (!mkdtemp(directory_path))
		return -1;
	directory = open(directory_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return directory < 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	char name[SEGMENT_NAME_SIZE];

	(void)state;
	for (int64_t i = 0; i < 8; i++) {
		segment_name(i, name);
		(void)unlinkat(directory, name, 0);
	}
	(void)close(directory);
	return rmdir(directory_path);
}

/* A segment whose frames start at `first`, in decode order I P b b P b b …, `frames` of them. */
static void write_segment(int64_t segment, int64_t first, int64_t frames, const char *extradata)
{
	struct packet_file_format format = {
		.time_base_num = 1, .time_base_den = 12288, .extradata_size = 3};
	struct packet_file_writer writer;
	AVPacket *packet = av_packet_alloc();
	char name[SEGMENT_NAME_SIZE];
	int64_t index;

	memcpy(format.extradata, extradata, 3);
	segment_name(segment, name);
	assert_int_equal(packet_file_create(directory, name, &format, &writer, NULL), 0);
	for (int64_t i = 0; i < frames; i++) {
		/* 0 | 3 1 2 | 6 4 5 | …, and the rest in order */
		index = i;
		if (i > 0 && (i - 1) / 3 * 3 + 3 < frames)
			index = (i - 1) % 3 == 0 ? i + 2 : i - 1;
		assert_int_equal(av_new_packet(packet, 10), 0);
		memset(packet->data, 0, 10);
		packet->pts = (first + index) * FRAME;
		packet->duration = FRAME;
		packet->flags = i == 0 ? AV_PKT_FLAG_KEY : 0;
		assert_int_equal(packet_file_append(&writer, packet, index, NULL), 0);
		av_packet_unref(packet);
	}
	assert_int_equal(packet_file_complete(&writer, NULL), 0);
	av_packet_free(&packet);
}

static AVCodecContext encoder_of(int delay)
{
	AVCodecContext encoder = {0};

	encoder.framerate = (AVRational){24, 1};
	encoder.has_b_frames = delay;
	encoder.extradata = header;
	encoder.extradata_size = 3;
	return encoder;
}

static void timestamps_go_on_over_joins(void **state)
{
	AVCodecContext encoder = encoder_of(1);
	AVPacket *packet = av_packet_alloc();
	struct packet_source source;
	int64_t last = INT64_MIN, count = 0;

	(void)state;
	write_segment(0, 0, 10, "sps");
	write_segment(1, 10, 1, "sps");
	write_segment(2, 0, 0, "sps"); /* no frame fell into it */
	write_segment(3, 11, 13, "sps");
	packet_source_segments(&source, directory, 4, &encoder, (AVRational){1, 12288});
	while (source.next(&source, packet, NULL) == 0) {
		assert_true(packet->dts > last);
		assert_true(packet->dts <= packet->pts);
		/* a constant rate stays one: every frame is decoded one frame after the other */
		assert_int_equal(packet->dts, (count - 1) * FRAME);
		last = packet->dts;
		count++;
		av_packet_unref(packet);
	}
	assert_int_equal(count, 24);
	assert_int_equal(source.packets, 24);
	assert_int_equal(source.start_pts, 0);
	assert_int_equal(source.end_pts, 24 * FRAME);
	packet_source_finish(&source);
	av_packet_free(&packet);
}

static void another_header_is_refused(void **state)
{
	AVCodecContext encoder = encoder_of(1);
	AVPacket *packet = av_packet_alloc();
	struct packet_source source;
	struct berth_error err = {0};

	(void)state;
	write_segment(0, 0, 4, "SPS");
	packet_source_segments(&source, directory, 1, &encoder, (AVRational){1, 12288});
	assert_int_equal(source.next(&source, packet, &err), -1);
	assert_int_equal(err.code, BERTH_PROTOCOL);
	packet_source_finish(&source);
	av_packet_free(&packet);
}

static void deeper_reordering_is_noticed(void **state)
{
	AVCodecContext encoder = encoder_of(0);
	AVPacket *packet = av_packet_alloc();
	struct packet_source source;
	struct berth_error err = {0};
	int result;

	(void)state;
	write_segment(0, 0, 4, "sps");
	packet_source_segments(&source, directory, 1, &encoder, (AVRational){1, 12288});
	while ((result = source.next(&source, packet, &err)) == 0)
		av_packet_unref(packet);
	assert_int_equal(result, -1);
	assert_int_equal(err.code, BERTH_PROTOCOL);
	packet_source_finish(&source);
	av_packet_free(&packet);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timestamps_go_on_over_joins),
		cmocka_unit_test(another_header_is_refused),
		cmocka_unit_test(deeper_reordering_is_noticed),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
