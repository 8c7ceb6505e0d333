/* SPDX-License-Identifier: Apache-2.0 */
/* The threads of one attempt: one decodes and scales and then encodes the audio, one encodes the
 * video; the caller's own thread reports and listens, for the task channel belongs to it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "extensions/ffmpeg/segment_encode.h"
#include "extensions/ffmpeg/transcode_plan.h"
#include "extensions/ffmpeg/transcode_settings.h"

struct transcode_pipeline {
	const char *path;
	const struct transcode_settings *settings;
	const struct transcode_plan *plan;
	int directory;     /* of the packet files */
	bool video, audio; /* what is to be encoded */
	int cpus;          /* of the run's share, from 1 */

	/* Called about ten times a second; true: the run is asked to end. frames counts those this
	 * attempt has encoded. */
	bool (*tick)(void *owner, int64_t frames, int64_t segments_done);
	void *owner;
};

struct transcode_result {
	int64_t frames_encoded; /* by this attempt */
	int64_t segments;       /* complete files */
	int64_t damaged;        /* packets that could not be decoded */
	int64_t deinterlaced;   /* frames, by this attempt */
};

/* Everything from position on is in packet files afterwards. */
int transcode_pipeline_run(const struct transcode_pipeline *pipeline,
			   const struct segment_position *position,
			   struct transcode_result *ret_result, struct berth_error *err);
