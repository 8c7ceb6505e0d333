/* SPDX-License-Identifier: Apache-2.0 */
/* How a coded picture is meant to be seen: rotation, pixel shape, and the size that follows. */
#pragma once

#include <libavformat/avformat.h>
#include <libavutil/rational.h>

struct media_picture {
	int width, height;                 /* as coded */
	AVRational aspect;                 /* of one pixel; 1/1 when unknown */
	int rotation;                      /* clockwise to be upright: 0, 90, 180, 270 */
	int display_width, display_height; /* upright, in square pixels */
};

/* The display matrix's rotation, clockwise, to the nearest quarter; 0 without one. */
int media_picture_rotation(const AVStream *stream);

/* An absurd or unknown aspect counts as square; sizes are at least 1. */
void media_picture_init(struct media_picture *picture, int width, int height, AVRational aspect,
			int rotation);
