/* SPDX-License-Identifier: Apache-2.0 */
/* One x264 instance with the payload's settings; every instance of a run writes the same stream
 * headers, so that what they encode can be joined. */
#pragma once

#include <libavcodec/avcodec.h>

#include "base/error.h"
#include "extensions/ffmpeg/transcode_picture.h"
#include "extensions/ffmpeg/transcode_settings.h"

/* The caller frees *ret_encoder with avcodec_free_context(). gop_frames is the longest distance
 * of two keyframes. Its time base is one frame at the nominal rate. */
int video_encoder_open(const struct transcode_settings *settings,
		       const struct transcode_picture *picture, int gop_frames, int threads,
		       AVCodecContext **ret_encoder, struct berth_error *err);
