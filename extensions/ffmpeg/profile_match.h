/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the input's tracks are already what the payload asks for, so that they can be copied. */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "extensions/ffmpeg/media_input.h"
#include "extensions/ffmpeg/transcode_settings.h"

#define PROFILE_REASON_SIZE 128

struct profile_match {
	bool video, audio;
	char video_reason[PROFILE_REASON_SIZE]; /* why it does not match; "" when it does */
	char audio_reason[PROFILE_REASON_SIZE];
};

/* Looks at the streams' parameters and, only when those fit, reads the video's packets once for
 * its keyframe distances and rates. audio is -1 when there is none, which matches. The input's
 * position is at its end afterwards. */
int profile_match(struct media_input *input, int video, int audio,
		  const struct transcode_settings *settings, struct profile_match *ret_match,
		  struct berth_error *err);
