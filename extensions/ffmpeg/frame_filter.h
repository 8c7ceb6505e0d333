/* SPDX-License-Identifier: Apache-2.0 */
/* What is done to pictures before they are scaled: deinterlacing and tone mapping, by libavfilter.
 * Where neither is due, no filter is made. */
#pragma once

#include <libavutil/frame.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "extensions/ffmpeg/frame_source.h"
#include "extensions/ffmpeg/transcode_picture.h"

struct AVFilterContext;
struct AVFilterGraph;
struct filter_library;

struct frame_filter {
	const struct transcode_picture *target;
	AVRational time_base; /* of the frames that come in and go out */
	int deinterlace;      /* enum transcode_deinterlace */
	int threads;
	const struct filter_library *library; /* NULL: no picture has needed it */
	struct AVFilterGraph *graph; /* for pictures of the source_* kind; NULL: none is due yet */
	struct AVFilterContext *input, *output;
	int source_width, source_height, source_format;
	AVFrame *held;        /* of another kind: it waits until the graph is empty */
	int64_t deinterlaced; /* frames that were */
};

int frame_filter_init(struct frame_filter *filter, const struct transcode_picture *target,
		      int deinterlace, int threads, struct berth_error *err);
/* Accepts a zeroed one. */
void frame_filter_finish(struct frame_filter *filter);

/* 0: *frame is the source's next one, filtered, with its own pts; 1: the end. */
int frame_filter_next(struct frame_filter *filter, struct frame_source *source, AVFrame *frame,
		      struct berth_error *err);
