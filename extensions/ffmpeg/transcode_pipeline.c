/* SPDX-License-Identifier: Apache-2.0 */
/* The threads of one attempt: one decodes and scales and then encodes the audio, one encodes the
 * video; the caller's own thread reports and listens. */
#include "extensions/ffmpeg/transcode_pipeline.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/clock.h"
#include "extensions/ffmpeg/audio_encode.h"
#include "extensions/ffmpeg/frame_filter.h"
#include "extensions/ffmpeg/frame_queue.h"
#include "extensions/ffmpeg/frame_scale.h"
#include "extensions/ffmpeg/frame_source.h"
#include "extensions/ffmpeg/media_error.h"
#include "extensions/ffmpeg/packet_file.h"

#define PATIENCE_NS (120 * CLOCK_NS_PER_S)
#define TICK_NS     (100 * CLOCK_NS_PER_MS)

/* What the threads share. */
struct line {
	const struct transcode_pipeline *pipeline;
	const struct segment_position *position;
	struct frame_queue queue;
	struct segment_counters counters;
	struct media_guard guard; /* of the reading thread */
	atomic_bool stop;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* under the lock */
	int running;
	bool failed;
	struct berth_error err;
	int64_t damaged, deinterlaced;
};

static bool is_stopped(void *owner)
{
	struct line *line = owner;

	return atomic_load_explicit(&line->stop, memory_order_relaxed);
}

static void stop_line(struct line *line)
{
	atomic_store(&line->stop, true);
	frame_queue_close(&line->queue);
}

/* A thread has ended: failure is NULL when it did its work. */
static void end_thread(struct line *line, const struct berth_error *failure)
{
	(void)pthread_mutex_lock(&line->lock);
	if (failure && !line->failed) {
		line->failed = true;
		line->err = *failure;
	}
	line->running--;
	(void)pthread_cond_signal(&line->changed);
	(void)pthread_mutex_unlock(&line->lock);
	if (failure)
		stop_line(line);
}

static int pass_on(struct line *line, struct frame_scale *scale, AVFrame *frame,
		   struct berth_error *err)
{
	AVFrame *scaled;
	int result = frame_scale_apply(scale, frame, &scaled, err);

	if (result == 0)
		result = frame_queue_put(&line->queue, scaled, err);
	av_frame_unref(frame);
	/* the time the encoder takes is not the file's fault */
	media_guard_renew(&line->guard);
	return result > 0 ? media_fail_cancelled(err) : result;
}

static int read_frames(struct line *line, struct frame_source *source, struct frame_filter *filter,
		       struct frame_scale *scale, struct berth_error *err)
{
	AVFrame *frame = av_frame_alloc();
	int result;

	if (!frame)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "frame");
	do {
		result = frame_filter_next(filter, source, frame, err);
		if (result == 0)
			result = pass_on(line, scale, frame, err);
	} while (result == 0);
	av_frame_free(&frame);
	return result < 0 ? -1 : 0;
}

static int read_video(struct line *line, struct berth_error *err)
{
	const struct transcode_pipeline *pipeline = line->pipeline;
	struct frame_source source = {0};
	struct frame_filter filter = {0};
	struct frame_scale scale = {0};
	int result = -1;

	frame_scale_init(&scale, &pipeline->plan->picture);
	if (frame_filter_init(&filter, &pipeline->plan->picture, pipeline->settings->deinterlace,
			      pipeline->cpus, err) == 0 &&
	    frame_source_init(&source, pipeline->path, pipeline->cpus, &line->guard, err) == 0 &&
	    frame_source_start(&source, line->position->resume_at, err) == 0)
		result = read_frames(line, &source, &filter, &scale, err);
	(void)pthread_mutex_lock(&line->lock);
	line->damaged = source.damaged;
	line->deinterlaced = filter.deinterlaced;
	(void)pthread_mutex_unlock(&line->lock);
	frame_scale_finish(&scale);
	frame_filter_finish(&filter);
	frame_source_finish(&source);
	return result;
}

static int read_audio(struct line *line, struct berth_error *err)
{
	const struct transcode_pipeline *pipeline = line->pipeline;
	struct audio_job job = {.settings = pipeline->settings,
				.path = pipeline->path,
				.directory = pipeline->directory,
				.guard = &line->guard};
	struct packet_file_state state;
	int result = packet_file_inspect(pipeline->directory, AUDIO_NAME, &state, err);

	if (result < 0)
		return -1;
	if (result == 0 && state.complete)
		return 0;
	media_guard_renew(&line->guard);
	return audio_encode(&job, err);
}

/* The audio comes last: it takes a hundredth of the time, in which the video's last frames, still
 * in the encoder, use the other processors. */
static void *reader_main(void *argument)
{
	struct line *line = argument;
	struct berth_error err = {0};
	int result = 0;

	if (line->pipeline->video) {
		result = read_video(line, &err);
		frame_queue_end(&line->queue, result < 0 ? &err : NULL);
	}
	if (result == 0 && line->pipeline->audio)
		result = read_audio(line, &err);
	end_thread(line, result < 0 ? &err : NULL);
	return NULL;
}

/* x264's own rule, for the run's share instead of the host's processors. */
static int encoder_threads(int cpus)
{
	return cpus == 1 ? 1 : cpus * 3 / 2;
}

static void *encoder_main(void *argument)
{
	struct line *line = argument;
	const struct transcode_pipeline *pipeline = line->pipeline;
	struct segment_job job = {.settings = pipeline->settings,
				  .plan = pipeline->plan,
				  .directory = pipeline->directory,
				  .threads = encoder_threads(pipeline->cpus),
				  .frames = &line->queue,
				  .counters = &line->counters};
	struct berth_error err = {0};
	int result = segment_encode(&job, line->position, &err);

	frame_queue_close(&line->queue);
	end_thread(line, result < 0 ? &err : NULL);
	return NULL;
}

static int start_thread(struct line *line, void *(*entry)(void *), pthread_t *ret_thread,
			struct berth_error *err)
{
	int result;

	(void)pthread_mutex_lock(&line->lock);
	result = pthread_create(ret_thread, NULL, entry, line);
	if (result == 0)
		line->running++;
	(void)pthread_mutex_unlock(&line->lock);
	return result == 0 ? 0 : berth_fail(err, BERTH_SYSTEM, result, "start a thread");
}

/* Reports and listens until the last thread has ended. */
static void supervise(struct line *line)
{
	const struct transcode_pipeline *pipeline = line->pipeline;
	struct timespec until;
	uint64_t due;

	(void)pthread_mutex_lock(&line->lock);
	while (line->running > 0) {
		(void)clock_gettime(CLOCK_MONOTONIC, &until); /* a valid clock */
		due = (uint64_t)until.tv_sec * CLOCK_NS_PER_S + (uint64_t)until.tv_nsec + TICK_NS;
		until = (struct timespec){.tv_sec = (time_t)(due / CLOCK_NS_PER_S),
					  .tv_nsec = (long)(due % CLOCK_NS_PER_S)};
		(void)pthread_cond_clockwait(&line->changed, &line->lock, CLOCK_MONOTONIC, &until);
		(void)pthread_mutex_unlock(&line->lock);
		if (pipeline->tick(pipeline->owner, atomic_load(&line->counters.frames),
				   atomic_load(&line->counters.segments)))
			stop_line(line);
		(void)pthread_mutex_lock(&line->lock);
	}
	(void)pthread_mutex_unlock(&line->lock);
}

static int run_line(struct line *line, struct berth_error *err)
{
	const bool with_video = line->pipeline->video;
	pthread_t reader, encoder;
	int reading, encoding = 0;

	reading = start_thread(line, reader_main, &reader, err);
	if (reading == 0 && with_video) {
		encoding = start_thread(line, encoder_main, &encoder, err);
		if (encoding < 0)
			stop_line(line);
	}
	supervise(line);
	if (reading == 0)
		(void)pthread_join(reader, NULL);
	if (reading == 0 && encoding == 0 && with_video)
		(void)pthread_join(encoder, NULL);
	if (reading < 0 || encoding < 0)
		return -1;
	if (line->failed)
		*err = line->err;
	return line->failed ? -1 : 0;
}

int transcode_pipeline_run(const struct transcode_pipeline *pipeline,
			   const struct segment_position *position,
			   struct transcode_result *ret_result, struct berth_error *err)
{
	struct line line = {.pipeline = pipeline, .position = position};
	int result;

	line.guard = (struct media_guard){
		.is_cancelled = is_stopped, .owner = &line, .patience_ns = PATIENCE_NS};
	media_guard_renew(&line.guard);
	atomic_store(&line.counters.segments, position->segments);
	(void)pthread_mutex_init(&line.lock, NULL); /* cannot fail with default attributes */
	(void)pthread_cond_init(&line.changed, NULL);
	result = frame_queue_init(&line.queue, err);
	if (result == 0)
		result = run_line(&line, err);
	*ret_result = (struct transcode_result){
		.frames_encoded = atomic_load(&line.counters.frames),
		.segments = atomic_load(&line.counters.segments),
		.damaged = line.damaged,
		.deinterlaced = line.deinterlaced,
	};
	frame_queue_finish(&line.queue);
	(void)pthread_cond_destroy(&line.changed);
	(void)pthread_mutex_destroy(&line.lock);
	return result;
}
