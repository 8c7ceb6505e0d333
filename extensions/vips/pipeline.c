/* SPDX-License-Identifier: Apache-2.0 */
/* A queue of jobs over a few threads: decode, resize what others are made from, write files. */
#include "extensions/vips/pipeline.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <vips/vips.h>

#include "base/amount.h"
#include "extensions/vips/library.h"
#include "extensions/vips/loader.h"
#include "extensions/vips/picture.h"

#define QUEUE_SIZE       (2 * REQUEST_VARIANTS_MAX + 1) /* every step is resized and written once */
#define BASE             REQUEST_VARIANTS_MAX           /* its place in images */
/* libvips, its libraries, the heap of the threads: measured with an image of one pixel. */
#define PROCESS_OVERHEAD (32 * UINT64_C(1048576))

struct job {
	int (*run)(struct pipeline *pipeline, size_t step, struct berth_error *err);
	size_t step;
};

struct pipeline {
	const struct request *request;
	struct source source;
	int output_directory;
	unsigned workers;
	uint64_t memory_bytes;
	/* Written by one job, read by those that are queued after it. */
	struct plan plan;
	struct source_decoded decoded;
	struct output outputs[REQUEST_VARIANTS_MAX];

	pthread_mutex_t lock; /* over all below */
	pthread_cond_t queued, changed;
	pthread_t threads[PIPELINE_WORKERS_MAX];
	unsigned threads_started, threads_running;
	struct job queue[QUEUE_SIZE];
	size_t queue_head, queue_tail, jobs_running;
	VipsImage *images[REQUEST_VARIANTS_MAX + 1];
	size_t image_users[REQUEST_VARIANTS_MAX + 1]; /* jobs that still need it */
	bool stopping;
	unsigned news; /* counts changes, so that a watcher misses none */
	struct pipeline_status status;
	char log[PIPELINE_LOG_LINES][PIPELINE_LOG_SIZE]; /* each line once */
	size_t log_count;
};

static void announce(struct pipeline *pipeline)
{
	pipeline->news++;
	(void)pthread_cond_broadcast(&pipeline->changed);
}

/* The lock is held. A library says the same each time it opens the input. */
static bool log_is_new(const struct pipeline *pipeline, const char *text)
{
	for (size_t i = 0; i < pipeline->log_count; i++)
		if (strncmp(pipeline->log[i], text, PIPELINE_LOG_SIZE - 1) == 0)
			return false;
	return true;
}

void pipeline_log(void *owner, const char *text)
{
	struct pipeline *pipeline = owner;

	(void)pthread_mutex_lock(&pipeline->lock);
	if (!log_is_new(pipeline, text)) {
		(void)pthread_mutex_unlock(&pipeline->lock);
		return;
	}
	if (pipeline->log_count < PIPELINE_LOG_LINES)
		(void)snprintf(pipeline->log[pipeline->log_count++], PIPELINE_LOG_SIZE, "%s", text);
	else
		pipeline->status.log_lost++;
	announce(pipeline);
	(void)pthread_mutex_unlock(&pipeline->lock);
}

/* The lock is held. */
static void enqueue(struct pipeline *pipeline,
		    int (*run)(struct pipeline *, size_t, struct berth_error *), size_t step)
{
	pipeline->queue[pipeline->queue_tail++] = (struct job){run, step};
	(void)pthread_cond_signal(&pipeline->queued);
}

/* The picture that a step is made from, for one job. */
static VipsImage *image_take(struct pipeline *pipeline, size_t index)
{
	VipsImage *image;

	(void)pthread_mutex_lock(&pipeline->lock);
	image = g_object_ref(pipeline->images[index]);
	if (--pipeline->image_users[index] == 0)
		g_clear_object(&pipeline->images[index]);
	(void)pthread_mutex_unlock(&pipeline->lock);
	return image;
}

static size_t source_index(const struct plan_step *step)
{
	return step->source == PLAN_FROM_BASE ? BASE : step->source;
}

/* Of all pixels to write, those of one step. */
static double step_share(const struct plan *plan, size_t index)
{
	double sum = 0;

	for (size_t i = 0; i < plan->count; i++)
		sum += (double)plan->steps[i].canvas_width * plan->steps[i].canvas_height;
	return (double)plan->steps[index].canvas_width * plan->steps[index].canvas_height / sum;
}

static int run_write(struct pipeline *pipeline, size_t index, struct berth_error *err)
{
	const struct plan_step *step = &pipeline->plan.steps[index];
	VipsImage *image = image_take(pipeline, step->kept ? index : source_index(step));

	if (output_write(image, step, pipeline->request, pipeline->output_directory,
			 &pipeline->outputs[step->variant], err) < 0)
		return -1;
	(void)pthread_mutex_lock(&pipeline->lock);
	pipeline->status.encoded += step_share(&pipeline->plan, index);
	pipeline->status.newest = pipeline->request->variants[step->variant].name;
	announce(pipeline);
	(void)pthread_mutex_unlock(&pipeline->lock);
	return 0;
}

static int run_resize(struct pipeline *pipeline, size_t index, struct berth_error *err);

/* A picture is there: its file, and what is made from it. */
static void image_publish(struct pipeline *pipeline, size_t index, VipsImage *image)
{
	const struct plan *plan = &pipeline->plan;
	size_t users = 0;

	(void)pthread_mutex_lock(&pipeline->lock);
	if (index != BASE) {
		enqueue(pipeline, run_write, index);
		users++;
	}
	for (size_t i = 0; i < plan->count; i++) {
		if (source_index(&plan->steps[i]) != index)
			continue;
		enqueue(pipeline, plan->steps[i].kept ? run_resize : run_write, i);
		users++;
	}
	pipeline->images[index] = image;
	pipeline->image_users[index] = users;
	(void)pthread_mutex_unlock(&pipeline->lock);
}

static int run_resize(struct pipeline *pipeline, size_t index, struct berth_error *err)
{
	const struct plan_step *step = &pipeline->plan.steps[index];
	VipsImage *image = image_take(pipeline, source_index(step));

	if (picture_resize(&image, step->scaled_width, step->scaled_height, err) < 0 ||
	    picture_keep(&image, err) < 0) {
		g_object_unref(image);
		return -1;
	}
	image_publish(pipeline, index, image);
	return 0;
}

/* Called by libvips in its own threads. */
static bool on_decode_progress(void *owner, int percent)
{
	struct pipeline *pipeline = owner;
	bool go_on;

	(void)pthread_mutex_lock(&pipeline->lock);
	go_on = !pipeline->stopping;
	if (percent > pipeline->status.decode_percent) {
		pipeline->status.decode_percent = percent;
		announce(pipeline);
	}
	(void)pthread_mutex_unlock(&pipeline->lock);
	return go_on;
}

static int check_memory(const struct pipeline *pipeline, struct berth_error *err)
{
	const struct source *source = &pipeline->source;
	unsigned channels = source->facts.alpha ? 4 : 3;
	uint64_t decoding = source_memory(source);
	uint64_t needed =
		PROCESS_OVERHEAD + decoding +
		plan_memory(&pipeline->plan, pipeline->request, channels, pipeline->workers);
	char has[AMOUNT_TEXT_SIZE], needs[AMOUNT_TEXT_SIZE];

	if (pipeline->memory_bytes == 0 || needed <= pipeline->memory_bytes)
		return 0;
	return berth_fail(err, BERTH_LIMIT, 0,
			  "a %s of %d x %d and these variants need about %s of memory, and the "
			  "run has %s: choose a larger machine",
			  source->loader->name, source->facts.width, source->facts.height,
			  amount_format_bytes(needed, needs),
			  amount_format_bytes(pipeline->memory_bytes, has));
}

static int run_decode(struct pipeline *pipeline, size_t step, struct berth_error *err)
{
	const struct source_facts *facts = &pipeline->source.facts;
	VipsImage *base = NULL;

	(void)step;
	if (source_read_header(&pipeline->source, pipeline->request, err) < 0 ||
	    plan_make(pipeline->request, facts->width, facts->height, &pipeline->plan, err) < 0 ||
	    check_memory(pipeline, err) < 0 ||
	    source_decode(&pipeline->source, pipeline->request, &pipeline->plan, on_decode_progress,
			  pipeline, &base, &pipeline->decoded, err) < 0)
		return -1;
	/* From here on there is a thread for each file: not several for one. */
	if (pipeline->workers > 1)
		library_set_threads(1);
	image_publish(pipeline, BASE, base);
	(void)pthread_mutex_lock(&pipeline->lock);
	pipeline->status.decoded = true;
	announce(pipeline);
	(void)pthread_mutex_unlock(&pipeline->lock);
	return 0;
}

/* The lock is held. false: there is no work and none will come. */
static bool job_next(struct pipeline *pipeline, struct job *ret_job)
{
	while (!pipeline->stopping && pipeline->queue_head == pipeline->queue_tail &&
	       pipeline->jobs_running > 0)
		(void)pthread_cond_wait(&pipeline->queued, &pipeline->lock);
	if (pipeline->stopping || pipeline->queue_head == pipeline->queue_tail)
		return false;
	*ret_job = pipeline->queue[pipeline->queue_head++];
	pipeline->jobs_running++;
	return true;
}

static void *worker_main(void *argument)
{
	struct pipeline *pipeline = argument;
	struct job job;

	(void)pthread_mutex_lock(&pipeline->lock);
	while (job_next(pipeline, &job)) {
		struct berth_error error = {0};
		int status;

		(void)pthread_mutex_unlock(&pipeline->lock);
		status = job.run(pipeline, job.step, &error);
		(void)pthread_mutex_lock(&pipeline->lock);
		pipeline->jobs_running--;
		if (status < 0 && !pipeline->status.failed) {
			pipeline->status.failed = true;
			pipeline->status.error = error;
			pipeline->stopping = true;
		}
		(void)pthread_cond_broadcast(&pipeline->queued);
	}
	pipeline->threads_running--;
	announce(pipeline);
	(void)pthread_mutex_unlock(&pipeline->lock);
	vips_thread_shutdown();
	return NULL;
}

static int threads_start(struct pipeline *pipeline, struct berth_error *err)
{
	int status = 0;

	(void)pthread_mutex_lock(&pipeline->lock);
	for (unsigned i = 0; i < pipeline->workers; i++) {
		status = pthread_create(&pipeline->threads[i], NULL, worker_main, pipeline);
		if (status != 0)
			break;
		pipeline->threads_started++;
		pipeline->threads_running++;
	}
	(void)pthread_mutex_unlock(&pipeline->lock);
	/* One is enough to get there. */
	return pipeline->threads_started > 0
		       ? 0
		       : berth_fail(err, BERTH_SYSTEM, status, "start a thread");
}

int pipeline_start(struct pipeline_spec *spec, struct pipeline **ret_pipeline,
		   struct berth_error *err)
{
	struct pipeline *pipeline = calloc(1, sizeof(*pipeline));
	pthread_condattr_t attributes;

	if (!pipeline)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "start the pipeline");
	pipeline->request = spec->request;
	pipeline->source = spec->source;
	pipeline->output_directory = spec->output_directory;
	pipeline->workers = spec->workers;
	pipeline->memory_bytes = spec->memory_bytes;
	(void)pthread_mutex_init(&pipeline->lock, NULL);
	(void)pthread_condattr_init(&attributes);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&pipeline->queued, NULL);
	(void)pthread_cond_init(&pipeline->changed, &attributes);
	(void)pthread_condattr_destroy(&attributes);
	library_set_log(pipeline_log, pipeline);
	enqueue(pipeline, run_decode, 0);
	spec->source.descriptor = -1;
	if (threads_start(pipeline, err) < 0) {
		pipeline_destroy(pipeline);
		return -1;
	}
	*ret_pipeline = pipeline;
	return 0;
}

static struct timespec deadline_after(unsigned timeout_ms)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	now.tv_sec += timeout_ms / 1000;
	now.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
	if (now.tv_nsec >= 1000000000) {
		now.tv_sec++;
		now.tv_nsec -= 1000000000;
	}
	return now;
}

void pipeline_watch(struct pipeline *pipeline, unsigned timeout_ms,
		    struct pipeline_status *ret_status)
{
	struct timespec deadline = deadline_after(timeout_ms);
	int status = 0;

	(void)pthread_mutex_lock(&pipeline->lock);
	while (pipeline->news == 0 && status != ETIMEDOUT)
		status = pthread_cond_timedwait(&pipeline->changed, &pipeline->lock, &deadline);
	pipeline->news = 0;
	pipeline->status.idle = pipeline->threads_running == 0;
	pipeline->status.log_count = pipeline->log_count;
	*ret_status = pipeline->status;
	(void)pthread_mutex_unlock(&pipeline->lock);
}

const char *pipeline_log_line(const struct pipeline *pipeline, size_t index)
{
	return pipeline->log[index];
}

void pipeline_stop(struct pipeline *pipeline)
{
	(void)pthread_mutex_lock(&pipeline->lock);
	pipeline->stopping = true;
	(void)pthread_cond_broadcast(&pipeline->queued);
	(void)pthread_mutex_unlock(&pipeline->lock);
}

struct pipeline_result pipeline_result(const struct pipeline *pipeline)
{
	return (struct pipeline_result){.source = &pipeline->source,
					.decoded = &pipeline->decoded,
					.plan = &pipeline->plan,
					.outputs = pipeline->outputs};
}

void pipeline_destroy(struct pipeline *pipeline)
{
	if (!pipeline)
		return;
	for (unsigned i = 0; i < pipeline->threads_started; i++)
		(void)pthread_join(pipeline->threads[i], NULL);
	library_set_log(NULL, NULL);
	for (size_t i = 0; i <= REQUEST_VARIANTS_MAX; i++)
		g_clear_object(&pipeline->images[i]);
	source_close(&pipeline->source);
	(void)pthread_cond_destroy(&pipeline->queued);
	(void)pthread_cond_destroy(&pipeline->changed);
	(void)pthread_mutex_destroy(&pipeline->lock);
	free(pipeline);
}
