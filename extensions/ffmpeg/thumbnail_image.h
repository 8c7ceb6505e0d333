/* SPDX-License-Identifier: Apache-2.0 */
/* A decoded frame as an upright JPEG, PNG or WebP image of a given size. */
#pragma once

#include <libavcodec/packet.h>
#include <libavutil/frame.h>
#include <stdint.h>

#include "base/error.h"
#include "extensions/ffmpeg/media_picture.h"

enum thumbnail_format {
	THUMBNAIL_JPEG,
	THUMBNAIL_PNG,
	THUMBNAIL_WEBP,
	THUMBNAIL_FORMATS,
};

struct thumbnail_options {
	enum thumbnail_format format;
	int64_t quality;               /* 1 … 100; PNG is lossless */
	int64_t max_width, max_height; /* 0: no limit; a small picture is not enlarged */
};

/* "jpg", "png", "webp" */
const char *thumbnail_extension(enum thumbnail_format format);

/* The size of the image for a picture: inside the limits, aspect kept. */
void thumbnail_size(const struct media_picture *picture, const struct thumbnail_options *options,
		    int *ret_width, int *ret_height);

/* *image holds the file's bytes. picture describes the frame. */
int thumbnail_encode(const AVFrame *frame, const struct media_picture *picture,
		     const struct thumbnail_options *options, AVPacket *image,
		     struct berth_error *err);
