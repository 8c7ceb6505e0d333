/* SPDX-License-Identifier: Apache-2.0 */
/* The pictures of one video stream in display order, from any point, exactly: whatever the entry
 * point, the same frames come with the same timestamps. */
#pragma once

#include <libavcodec/avcodec.h>
#include <libavutil/frame.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "extensions/ffmpeg/media_guard.h"
#include "extensions/ffmpeg/media_input.h"

struct frame_source {
	struct media_input input;
	struct media_guard *guard;
	const char *path;
	AVCodecContext *decoder;
	AVPacket *packet;
	AVFrame *pending;     /* pushed back */
	int64_t last_pts;     /* of the frame delivered last; INT64_MIN: none yet */
	int64_t previous_pts; /* of the frame before that */
	int64_t skip_pts;     /* frames before it are not delivered */
	int64_t nominal;      /* one frame's duration, for frames that have no timestamp */
	int64_t packets, damaged;
	int stream, threads;
	bool has_pending, draining, moved;
};

/* Opens the file's video stream. The path and the guard must outlive the source. */
int frame_source_init(struct frame_source *source, const char *path, int threads,
		      struct media_guard *guard, struct berth_error *err);
/* Accepts a zeroed source. */
void frame_source_finish(struct frame_source *source);

/* The next frame delivered is the first one at or after pts. */
int frame_source_start(struct frame_source *source, int64_t pts, struct berth_error *err);

/* 0: *frame is the next one, its pts set and larger than the last one's; 1: the end. */
int frame_source_next(struct frame_source *source, AVFrame *frame, struct berth_error *err);

/* The frame was read too far: the next call of frame_source_next() delivers it again. */
void frame_source_push_back(struct frame_source *source, AVFrame *frame);
