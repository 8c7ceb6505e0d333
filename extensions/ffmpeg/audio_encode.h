/* SPDX-License-Identifier: Apache-2.0 */
/* The audio track: one continuous AAC encode into a packet file, on the video's timeline. Gaps in
 * the input become silence and overlaps are cut, so that it stays in step. */
#pragma once

#include <libavcodec/avcodec.h>
#include <stdatomic.h>

#include "base/error.h"
#include "extensions/ffmpeg/media_guard.h"
#include "extensions/ffmpeg/transcode_settings.h"

#define AUDIO_NAME "audio"

struct audio_job {
	const struct transcode_settings *settings;
	const char *path;
	int directory; /* of the packet files */
	struct media_guard *guard;
};

/* The encoder for the settings; the caller frees it with avcodec_free_context(). */
int audio_encoder_open(const struct transcode_settings *settings, int source_channels,
		       AVCodecContext **ret_encoder, struct berth_error *err);

/* The file AUDIO_NAME is complete afterwards. What an earlier attempt left of it is replaced. */
int audio_encode(const struct audio_job *job, struct berth_error *err);
