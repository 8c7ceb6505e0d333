/* SPDX-License-Identifier: Apache-2.0 */
/* Encoding frames into segments, one packet file each, from the beginning or from where a killed
 * attempt left off.
 *
 * One encoder goes on from segment to segment, so that its rate control sees the whole video as
 * it would in one file; still every segment begins with an IDR frame and stands alone. Files are
 * completed in order: there is never a gap. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "base/error.h"
#include "extensions/ffmpeg/frame_queue.h"
#include "extensions/ffmpeg/transcode_plan.h"
#include "extensions/ffmpeg/transcode_settings.h"

#define SEGMENT_NAME_SIZE 32

/* Where earlier attempts have come to. */
struct segment_position {
	int64_t segments;  /* complete files: 0 … segments-1 */
	int64_t index;     /* frames in the file after them, which is not complete */
	int64_t resume_at; /* the first timestamp that is not in a file; INT64_MIN: none is */
	int64_t held;      /* frames in all files */
};

/* What the encoding thread shows to the others while it works. */
struct segment_counters {
	atomic_int_fast64_t frames;   /* written by this attempt */
	atomic_int_fast64_t segments; /* completed, earlier attempts' included */
};

struct segment_job {
	const struct transcode_settings *settings;
	const struct transcode_plan *plan;
	int directory; /* of the packet files */
	int threads;   /* for the encoder */
	struct frame_queue *frames;
	struct segment_counters *counters;
};

void segment_name(int64_t segment, char ret_name[SEGMENT_NAME_SIZE]);

/* Looks at the files there are. Files behind the first incomplete one are left alone: they are
 * replaced when the frames get there. */
int segment_find_position(int directory, struct segment_position *ret_position,
			  struct berth_error *err);

/* Encodes the queue's frames, which begin at position->resume_at, to their end. */
int segment_encode(const struct segment_job *job, const struct segment_position *position,
		   struct berth_error *err);
