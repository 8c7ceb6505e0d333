/* SPDX-License-Identifier: Apache-2.0 */
/* Where keyframes and segments lie on the timeline. Every frame's segment follows from its own
 * timestamp alone, so that every attempt cuts at the same places. */
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "extensions/ffmpeg/transcode_picture.h"
#include "extensions/ffmpeg/transcode_settings.h"

struct transcode_plan {
	struct transcode_picture picture;
	int64_t first_pts; /* where the grid begins, in picture.time_base: about the first frame */
	int gop_frames;    /* frames at the nominal rate between two keyframes */
	int64_t segment_gops;
	int64_t frames_expected; /* 0: unknown */
};

/* picture is set. duration_us is the video's as the header says; 0: unknown. */
void transcode_plan_init(struct transcode_plan *plan, const struct transcode_settings *settings,
			 int64_t first_pts, int64_t duration_us);

/* The group of pictures a frame belongs to, from 0. A timestamp up to half a frame early (rounded
 * by its container) still counts for the later group. */
int64_t transcode_plan_gop(const struct transcode_plan *plan, int64_t pts);
int64_t transcode_plan_segment(const struct transcode_plan *plan, int64_t pts);
