/* SPDX-License-Identifier: Apache-2.0 */
/* What one attempt tells the next: the checkpoint "transcode". The encoded packets themselves are
 * in packet files; this says whether they belong to the same work, and what they cost. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "extensions/ffmpeg/transcode_plan.h"
#include "extensions/task/task.h"

#define TRANSCODE_FINGERPRINT_SIZE 65 /* SHA-256 in hex */

struct transcode_state {
	char fingerprint[TRANSCODE_FINGERPRINT_SIZE];
	int64_t attempts; /* that encoded something, this one included */
	int64_t segments_done;
	int64_t frames_encoded; /* by all attempts, repeated ones included */
	uint64_t cpu_ns;        /* of all attempts, up to their last checkpoint */
};

/* Of the input's size, its first and last bytes, the payload and the encoder's version. */
int transcode_state_fingerprint(const char *path, const char *payload,
				char ret_fingerprint[TRANSCODE_FINGERPRINT_SIZE],
				struct berth_error *err);

/* 0: *ret_state is the earlier attempts'; 1: there is none for this fingerprint. */
int transcode_state_restore(struct berth_task *task, const char *fingerprint,
			    struct transcode_state *ret_state, struct berth_error *err);

int transcode_state_save(struct berth_task *task, const struct transcode_state *state,
			 struct berth_error *err);
