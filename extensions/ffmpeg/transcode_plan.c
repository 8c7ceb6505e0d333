/* SPDX-License-Identifier: Apache-2.0 */
/* Where keyframes and segments lie on the timeline. */
#include "extensions/ffmpeg/transcode_plan.h"

#include <libavutil/avutil.h>
#include <libavutil/mathematics.h>
#include <math.h>

/* Ticks of the time base and groups of pictures both become whole numbers of this product:
 * a tick is time_base.num * fps.num of it, a group time_base.den * fps.den * gop_frames. Neither
 * overflows 128 bits. */
static __int128 tick_length(const struct transcode_plan *plan)
{
	return (__int128)plan->picture.time_base.num * plan->picture.fps.num;
}

static __int128 gop_length(const struct transcode_plan *plan)
{
	return (__int128)plan->picture.time_base.den * plan->picture.fps.den * plan->gop_frames;
}

static __int128 half_frame(const struct transcode_plan *plan)
{
	return (__int128)plan->picture.time_base.den * plan->picture.fps.den / 2;
}

static int64_t clamp(int64_t value, int64_t least, int64_t most)
{
	if (value < least)
		return least;
	return value > most ? most : value;
}

void transcode_plan_init(struct transcode_plan *plan, const struct transcode_settings *settings,
			 int64_t first_pts, int64_t duration_us)
{
	double fps = av_q2d(plan->picture.fps);

	plan->first_pts = first_pts;
	plan->segment_gops = settings->segment_gops;
	plan->gop_frames = (int)clamp(llround(settings->gop_seconds * fps), 1, INT16_MAX);
	plan->frames_expected = av_rescale(duration_us, plan->picture.fps.num,
					   (int64_t)plan->picture.fps.den * AV_TIME_BASE);
}

int64_t transcode_plan_gop(const struct transcode_plan *plan, int64_t pts)
{
	__int128 distance =
		((__int128)pts - plan->first_pts) * tick_length(plan) + half_frame(plan);
	__int128 gop = distance / gop_length(plan);

	if (distance < 0)
		return 0;
	return gop > INT64_MAX ? INT64_MAX : (int64_t)gop;
}

int64_t transcode_plan_segment(const struct transcode_plan *plan, int64_t pts)
{
	return transcode_plan_gop(plan, pts) / plan->segment_gops;
}
