/* SPDX-License-Identifier: Apache-2.0 */
/* Opening somebody's media file: one regular file, read through our own descriptor, from the
 * known containers, within limits. */
#pragma once

#include <libavformat/avformat.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "extensions/ffmpeg/media_guard.h"

#define MEDIA_STREAMS_MAX    64
#define MEDIA_DIMENSION_MAX  16384
#define MEDIA_PIXELS_MAX     (INT64_C(1) << 28)
#define MEDIA_SIDE_BYTES_MAX (INT64_C(5) << 20) /* read before the streams are known */

enum media_depth {
	MEDIA_HEADER,  /* what the container's header says, when it says enough */
	MEDIA_STREAMS, /* packets are read and decoded until every stream is known */
};

struct media_format;

struct media_input {
	AVFormatContext *format;
	const struct media_format *kind;
	AVIOContext *io;
	struct media_guard *guard;
	int64_t size_bytes; /* at the time of opening; bytes appended later are not read */
	int64_t position;
	int fd;
	bool header_sufficed; /* no packet was read to know the streams */
};

/* Zero-initialises *input and opens path. Anything but a regular, non-empty file in a known
 * container fails with BERTH_INVALID, BERTH_LIMIT or BERTH_UNSUPPORTED. The guard must outlive the
 * input. media_input_finish() is allowed after a failure. */
int media_input_init(struct media_input *input, const char *path, enum media_depth depth,
		     struct media_guard *guard, struct berth_error *err);
void media_input_finish(struct media_input *input);

/* The index of the stream a viewer would call the video or the audio, or -1. A cover picture is
 * not a video. */
int media_input_best_stream(const struct media_input *input, enum AVMediaType type);

/* Tells the demuxer to skip every stream but this one. */
void media_input_select(struct media_input *input, int stream);

/* Reads the next packet of any selected stream. 0: *packet is filled; 1: end of the file. */
int media_input_read(struct media_input *input, AVPacket *packet, struct berth_error *err);

/* The end of the file as the header declares it, in AV_TIME_BASE units; 0: it does not say. */
int64_t media_input_duration(const struct media_input *input);
