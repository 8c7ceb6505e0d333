/* SPDX-License-Identifier: Apache-2.0 */
/* What the task says while the workers encode: percent, fps and time left, and the checkpoints. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "extensions/ffmpeg/transcode_state.h"
#include "extensions/task/task.h"

struct transcode_progress {
	struct berth_task *task;
	struct transcode_state *state; /* saved as the work goes on */
	int64_t frames_expected;       /* 0: unknown */
	int64_t held;                  /* frames that earlier attempts have encoded */
	uint64_t begun_ns, saved_ns;
	struct transcode_state before; /* as it was when this attempt began */
};

void transcode_progress_begin(struct transcode_progress *progress);

/* For transcode_pipeline.tick. */
bool transcode_progress_tick(void *owner, int64_t frames, int64_t segments_done);

/* Processor time of this process, nanoseconds. */
uint64_t transcode_progress_cpu_ns(void);

/* Brings the state up to date and saves it. A checkpoint that cannot be saved is only logged: the
 * packet files are what is needed to go on. */
void transcode_progress_save(struct transcode_progress *progress, int64_t frames,
			     int64_t segments_done);
