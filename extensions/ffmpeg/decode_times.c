/* SPDX-License-Identifier: Apache-2.0 */
/* Decode timestamps from display timestamps. */
#include "extensions/ffmpeg/decode_times.h"

#include <string.h>

void decode_times_init(struct decode_times *times, int delay, int64_t nominal)
{
	*times = (struct decode_times){.delay = delay, .nominal = nominal > 0 ? nominal : 1};
	if (times->delay < 0)
		times->delay = 0;
	if (times->delay > DECODE_TIMES_DELAY_MAX)
		times->delay = DECODE_TIMES_DELAY_MAX;
}

static void insert(struct decode_times *times, int64_t pts)
{
	int place = times->waiting_count;

	while (place > 0 && times->waiting[place - 1] > pts) {
		times->waiting[place] = times->waiting[place - 1];
		place--;
	}
	times->waiting[place] = pts;
	times->waiting_count++;
}

int decode_times_next(struct decode_times *times, int64_t pts, int64_t *ret_dts)
{
	int64_t dts;

	insert(times, pts);
	if (times->waiting_count <= times->delay) {
		dts = times->waiting[0] -
		      (times->delay - times->waiting_count + 1) * times->nominal;
	} else {
		dts = times->waiting[0];
		times->waiting_count--;
		memmove(times->waiting, times->waiting + 1,
			(size_t)times->waiting_count * sizeof(times->waiting[0]));
	}
	if (dts > pts || (times->begun && dts <= times->last))
		return 1;
	times->begun = true;
	times->last = dts;
	*ret_dts = dts;
	return 0;
}
