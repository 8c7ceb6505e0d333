/* SPDX-License-Identifier: Apache-2.0 */
/* Finding the picture of a moment: the nearest keyframe, or exactly the frame shown then. */
#pragma once

#include <libavutil/frame.h>
#include <stdbool.h>

#include "base/error.h"
#include "extensions/ffmpeg/media_guard.h"
#include "extensions/ffmpeg/media_picture.h"

struct thumbnail_moment {
	double seconds; /* from the video's first frame; used when percent is negative */
	double percent; /* of its duration */
	bool exact;
};

struct thumbnail_frame {
	AVFrame *frame;    /* av_frame_free() */
	double requested;  /* seconds */
	double actual;     /* of the frame */
	bool keyframe;     /* it is one */
	AVRational aspect; /* of one pixel */
	int rotation;      /* clockwise, to be upright */
};

/* A moment behind the end gives the last keyframe or frame. */
int thumbnail_frame_find(const char *path, const struct thumbnail_moment *moment, int threads,
			 struct media_guard *guard, struct thumbnail_frame *ret_frame,
			 struct berth_error *err);
