/* SPDX-License-Identifier: Apache-2.0 */
/* What the task says while the workers encode: percent, fps and time left, and the checkpoints. */
#include "extensions/ffmpeg/transcode_progress.h"

#include <time.h>

#include "base/clock.h"

#define SAVE_EVERY_NS   (2 * CLOCK_NS_PER_S)
#define PERCENT_ENCODED 99.0 /* joining is the rest */

uint64_t transcode_progress_cpu_ns(void)
{
	struct timespec used = {0};

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used); /* a valid clock */
	return (uint64_t)used.tv_sec * CLOCK_NS_PER_S + (uint64_t)used.tv_nsec;
}

void transcode_progress_begin(struct transcode_progress *progress)
{
	progress->begun_ns = progress->saved_ns = clock_boottime_ns();
	progress->before = *progress->state;
}

void transcode_progress_save(struct transcode_progress *progress, int64_t frames,
			     int64_t segments_done)
{
	struct transcode_state *state = progress->state;
	struct berth_error err = {0};

	state->frames_encoded = progress->before.frames_encoded + frames;
	state->cpu_ns = progress->before.cpu_ns + transcode_progress_cpu_ns();
	state->segments_done = segments_done;
	progress->saved_ns = clock_boottime_ns();
	if (transcode_state_save(progress->task, state, &err) < 0)
		(void)berth_task_logf(progress->task, BERTH_TASK_WARN, "%s", err.message);
}

static void report(const struct transcode_progress *progress, int64_t frames)
{
	double held = (double)(progress->held + frames);
	double seconds =
		(double)(clock_boottime_ns() - progress->begun_ns) / (double)CLOCK_NS_PER_S;
	double rate = seconds > 0 ? (double)frames / seconds : 0;
	double expected = (double)progress->frames_expected;
	struct berth_task_progress report = {
		.percent = -1, .eta_s = -1, .rate = rate, .rate_unit = "frames"};

	if (expected > 0) {
		report.percent = PERCENT_ENCODED * held / expected;
		if (report.percent > PERCENT_ENCODED)
			report.percent = PERCENT_ENCODED;
		if (rate > 0)
			report.eta_s = expected > held ? (expected - held) / rate : 0;
	}
	(void)berth_task_progress(progress->task, &report, NULL); /* the next one may arrive */
}

bool transcode_progress_tick(void *owner, int64_t frames, int64_t segments_done)
{
	struct transcode_progress *progress = owner;

	report(progress, frames);
	if (segments_done != progress->state->segments_done ||
	    clock_boottime_ns() - progress->saved_ns > SAVE_EVERY_NS)
		transcode_progress_save(progress, frames, segments_done);
	return berth_task_cancelled(progress->task);
}
