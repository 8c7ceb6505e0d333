/* SPDX-License-Identifier: Apache-2.0 */
/* Decode timestamps from display timestamps: those in order, `delay` frames late, which is what one
 * encoder would have given the whole track (H.264 C.4.5.3; x264 does the same). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define DECODE_TIMES_DELAY_MAX 16 /* H.264's largest reordering depth */

struct decode_times {
	int64_t waiting[DECODE_TIMES_DELAY_MAX + 1]; /* the smallest timestamps, sorted */
	int waiting_count, delay;
	int64_t nominal; /* a frame's duration, for the first frames */
	int64_t last;
	bool begun;
};

/* delay: how many frames may be decoded before one that is shown earlier. */
void decode_times_init(struct decode_times *times, int delay, int64_t nominal);

/* Takes the next packet's display timestamp, in decode order. 0: *ret_dts is set, later than the
 * one before and not after pts; 1: the packets are reordered more deeply than they may be. */
int decode_times_next(struct decode_times *times, int64_t pts, int64_t *ret_dts);
