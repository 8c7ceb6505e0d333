/* SPDX-License-Identifier: Apache-2.0 */
/* Where a track of the output comes from: the joined segments, a packet file, or the input's own
 * packets. Packets come in decode order with pts and dts on the file's timeline, which starts
 * at 0. */
#pragma once

#include <libavcodec/avcodec.h>
#include <stdint.h>

#include "base/error.h"
#include "extensions/ffmpeg/decode_times.h"
#include "extensions/ffmpeg/media_input.h"
#include "extensions/ffmpeg/packet_file.h"

struct packet_source {
	AVRational time_base;
	/* 0: *packet is filled; 1: the track ends */
	int (*next)(struct packet_source *source, AVPacket *packet, struct berth_error *err);
	int64_t origin; /* subtracted from every timestamp */
	int64_t packets;
	int64_t start_pts, end_pts; /* of what was read so far; end_pts includes the duration */

	/* files */
	int directory;
	struct packet_file_reader reader;
	bool opened;
	/* segments: the header they must have */
	const AVCodecContext *encoder;
	int64_t segment, segment_count;

	struct decode_times times; /* of video */

	/* the input's own packets */
	struct media_input *input;
	int stream;
	bool video;
};

/* The segments 0 … count-1 in directory, all of them encoded like `encoder` would. The caller sets
 * the origin. */
void packet_source_segments(struct packet_source *source, int directory, int64_t count,
			    const AVCodecContext *encoder, AVRational time_base);
/* One packet file whose packets need no reordering. */
void packet_source_file(struct packet_source *source, int directory, AVRational time_base);
/* One stream of an open input, which must outlive the source. */
void packet_source_stream(struct packet_source *source, struct media_input *input, int stream,
			  int64_t origin);

/* Accepts a zeroed one. */
void packet_source_finish(struct packet_source *source);
