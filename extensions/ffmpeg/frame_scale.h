/* SPDX-License-Identifier: Apache-2.0 */
/* Turning any decoded picture into the encoder's size and YUV 4:2:0 of 8 bits. */
#pragma once

#include <libavutil/frame.h>

#include "base/error.h"
#include "extensions/ffmpeg/frame_queue.h"
#include "extensions/ffmpeg/transcode_picture.h"

#define FRAME_SCALE_FRAMES (FRAME_QUEUE_LENGTH + 3) /* and those being made and encoded */

struct SwsContext;

struct frame_scale {
	const struct transcode_picture *target;
	struct SwsContext *context; /* for pictures of the source_* kind */
	int source_width, source_height, source_format, source_space, source_range;
	AVFrame *scaled[FRAME_SCALE_FRAMES]; /* one is reused when nobody holds it any more */
};

void frame_scale_init(struct frame_scale *scale, const struct transcode_picture *target);
/* Accepts a zeroed one. */
void frame_scale_finish(struct frame_scale *scale);

/* *ret_frame is the frame itself when it fits already, or one of the scaler's, of which a reference
 * can be taken. Only pts and duration are carried over. */
int frame_scale_apply(struct frame_scale *scale, AVFrame *frame, AVFrame **ret_frame,
		      struct berth_error *err);
