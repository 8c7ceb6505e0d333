/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's thread and the reader's, and how jobs and effects travel between them and the loop.
 */
#include "runner/supervisor/engine_thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "runner/crash/crash_point.h"
#include "runner/engine/engine_waits.h"

#define GROUP_JOBS_MAX   512 /* pieces in one transaction */
#define GROUP_TIMERS_MAX 512
#define RETRY_NS         CLOCK_NS_PER_S /* between attempts to write to a disk that refuses */

/* What one committed group has for the loop. */
struct delivery {
	struct delivery *next;
	struct fifo jobs;
	struct engine_news *news;
	size_t news_count;
	bool tells_health, is_healthy;
	struct berth_error why;
};

struct engine_thread {
	struct loop *loop;
	struct engine_thread_options options;
	pthread_t writer, reader;
	bool has_writer, has_reader;
	struct loop_source *source;
	int event_fd;

	pthread_mutex_t mutex; /* guards what follows */
	pthread_cond_t writer_wakes, reader_wakes;
	struct fifo writes, reads;
	struct delivery *deliveries, **deliveries_end;
	bool is_stopping;
	int start_result; /* 1: not known yet */
	struct berth_error start_error;

	/* the writer's own */
	struct store *store;
	struct engine *engine;
	struct fifo kept;  /* reports that wait for the disk */
	struct fifo steps; /* what is done between groups, a little each time */
	bool is_healthy;
	uint64_t retry_ns;
};

static struct engine_job *job_of(struct fifo_link *link)
{
	return link ? (struct engine_job *)((char *)link - offsetof(struct engine_job, link))
		    : NULL;
}

static struct engine_job *take_job(struct fifo *list)
{
	return job_of(fifo_take(list));
}

static void deliver(struct engine_thread *thread, struct delivery *delivery)
{
	bool is_first;

	(void)pthread_mutex_lock(&thread->mutex);
	is_first = thread->deliveries == NULL;
	*thread->deliveries_end = delivery;
	thread->deliveries_end = &delivery->next;
	(void)pthread_mutex_unlock(&thread->mutex);
	if (is_first)
		(void)eventfd_write(thread->event_fd, 1); /* cannot overflow: the loop reads it */
}

/* Without memory for telling there is nobody who could go on. */
static struct delivery *delivery_create(void)
{
	struct delivery *delivery = calloc(1, sizeof(*delivery));

	if (!delivery)
		abort();
	fifo_init(&delivery->jobs);
	return delivery;
}

/* After the commit: what the effects need is read here, where the store is. */
static void complete_news(struct engine_thread *thread, struct engine_news *news)
{
	const struct engine_effect *effect = &news->effect;
	struct berth_error ignored; /* what cannot be read is not started; the end will tell */

	if (effect->kind == ENGINE_LAUNCH) {
		if (engine_read_launch(thread->engine, effect->run_id, effect->token, &news->launch,
				       &ignored) != 0)
			news->launch = (struct engine_launch){0};
	} else if (effect->kind == ENGINE_ANSWER) {
		if (engine_wait_result(thread->engine, effect->run_id, effect->token,
				       effect->wait_id, &news->answer, &ignored) != 0)
			news->answer = NULL;
	}
}

static void take_effects(struct engine_thread *thread, struct delivery *delivery)
{
	const struct engine_effect *effects = engine_effects(thread->engine, &delivery->news_count);

	if (delivery->news_count == 0)
		return;
	delivery->news = calloc(delivery->news_count, sizeof(*delivery->news));
	if (!delivery->news)
		abort();
	for (size_t i = 0; i < delivery->news_count; i++)
		delivery->news[i].effect = effects[i];
	for (size_t i = 0; i < delivery->news_count; i++)
		complete_news(thread, &delivery->news[i]);
}

static void delivery_destroy(struct delivery *delivery)
{
	for (size_t i = 0; i < delivery->news_count; i++) {
		engine_launch_finish(&delivery->news[i].launch);
		free(delivery->news[i].answer);
	}
	free(delivery->news);
	free(delivery);
}

static void set_health(struct engine_thread *thread, bool is_healthy, const struct berth_error *why)
{
	struct delivery *delivery;

	if (thread->is_healthy == is_healthy)
		return;
	thread->is_healthy = is_healthy;
	delivery = delivery_create();
	delivery->tells_health = true;
	delivery->is_healthy = is_healthy;
	if (why)
		delivery->why = *why;
	deliver(thread, delivery);
}

/* One transaction with the jobs' pieces and what is due; 0 when it is committed. */
static int commit_group(struct engine_thread *thread, struct fifo *jobs, struct berth_error *err)
{
	if (engine_group_begin(thread->engine, err) < 0)
		return -1;
	for (struct engine_job *job = job_of(jobs->first); job; job = job_of(job->link.next)) {
		job->error = (struct berth_error){0};
		job->result = engine_do(thread->engine, job->work, job, &job->error);
		if (job->result < 0 && store_is_broken(thread->store)) {
			*err = job->error;
			engine_group_abort(thread->engine);
			return -1;
		}
	}
	if (engine_tick(thread->engine, GROUP_TIMERS_MAX, err) < 0) {
		engine_group_abort(thread->engine);
		return -1;
	}
	crash_point(CRASH_COMMIT_BEFORE);
	if (engine_group_commit(thread->engine, err) < 0)
		return -1;
	crash_point(CRASH_COMMIT_AFTER);
	return 0;
}

/* The disk refused: what only asks is told so, what reports is kept until it takes again. */
static void refuse_group(struct engine_thread *thread, struct fifo *jobs,
			 const struct berth_error *why)
{
	struct delivery *delivery = delivery_create();
	struct fifo kept;

	fifo_init(&kept);
	for (struct engine_job *job; (job = take_job(jobs));) {
		if (job->may_wait) {
			fifo_add(&kept, &job->link);
			continue;
		}
		job->result = -1;
		job->error = *why;
		fifo_add(&delivery->jobs, &job->link);
	}
	fifo_move(&thread->kept, &kept, SIZE_MAX);
	thread->kept = kept;
	if (!kept.first)
		fifo_init(&thread->kept);
	thread->retry_ns = clock_boottime_ns() + RETRY_NS;
	deliver(thread, delivery);
	set_health(thread, false, why);
}

static void run_group(struct engine_thread *thread, struct fifo *jobs)
{
	struct berth_error err = {0};
	struct delivery *delivery;

	if (commit_group(thread, jobs, &err) < 0) {
		refuse_group(thread, jobs, &err);
		return;
	}
	set_health(thread, true, NULL);
	delivery = delivery_create();
	take_effects(thread, delivery);
	fifo_move(jobs, &delivery->jobs, SIZE_MAX);
	if (!delivery->jobs.first && delivery->news_count == 0) {
		free(delivery);
		return;
	}
	deliver(thread, delivery);
}

/* When the writer has something to do although nobody hands it anything: CLOCK_REALTIME; 0: never.
 */
static uint64_t next_wake_ns(const struct engine_thread *thread)
{
	uint64_t boottime_ns = clock_boottime_ns();

	if (thread->is_healthy)
		return engine_next_due_ns(thread->engine);
	return clock_realtime_ns() +
	       (thread->retry_ns > boottime_ns ? thread->retry_ns - boottime_ns : 0);
}

/* Waits for jobs or time, with the mutex held; false when the thread is to end. */
static bool await_work(struct engine_thread *thread)
{
	while (!thread->writes.first && !thread->steps.first && !thread->is_stopping) {
		uint64_t due_ns = next_wake_ns(thread);
		struct timespec due = {.tv_sec = (time_t)(due_ns / CLOCK_NS_PER_S),
				       .tv_nsec = (long)(due_ns % CLOCK_NS_PER_S)};

		if (due_ns == 0) {
			(void)pthread_cond_wait(&thread->writer_wakes, &thread->mutex);
			continue;
		}
		if (due_ns <= clock_realtime_ns())
			return true;
		(void)pthread_cond_timedwait(&thread->writer_wakes, &thread->mutex, &due);
	}
	return thread->writes.first || thread->steps.first || !thread->is_stopping;
}

/* Work between groups is not part of one. */
static void set_steps_aside(struct engine_thread *thread, struct fifo *taken)
{
	struct fifo rest;

	fifo_init(&rest);
	for (struct engine_job *job; (job = take_job(taken));)
		fifo_add(job->step ? &thread->steps : &rest, &job->link);
	fifo_move(&rest, taken, SIZE_MAX);
}

static void deliver_one(struct engine_thread *thread, struct engine_job *job)
{
	struct delivery *delivery = delivery_create();

	fifo_add(&delivery->jobs, &job->link);
	deliver(thread, delivery);
}

static void make_step(struct engine_thread *thread)
{
	struct engine_job *job = take_job(&thread->steps);

	if (!job)
		return;
	job->error = (struct berth_error){0};
	job->result = job->step(thread->engine, job, &job->error);
	if (job->result > 0)
		fifo_add(&thread->steps, &job->link); /* the others have their turn */
	else
		deliver_one(thread, job);
}

/* While the disk refuses, only reports are tried, once a second. */
static void select_jobs(struct engine_thread *thread, struct fifo *taken, struct fifo *jobs)
{
	static const char why[] = "the store cannot be written to";
	struct delivery *refused = NULL;

	if (thread->is_healthy) {
		fifo_move(&thread->kept, jobs, SIZE_MAX);
		fifo_move(taken, jobs, SIZE_MAX);
		return;
	}
	for (struct engine_job *job; (job = take_job(taken));) {
		if (job->may_wait) {
			fifo_add(&thread->kept, &job->link);
			continue;
		}
		if (!refused)
			refused = delivery_create();
		job->result = berth_fail(&job->error, BERTH_LIMIT, ENOSPC, why);
		fifo_add(&refused->jobs, &job->link);
	}
	if (refused)
		deliver(thread, refused);
	if (clock_boottime_ns() >= thread->retry_ns || thread->is_stopping)
		fifo_move(&thread->kept, jobs, GROUP_JOBS_MAX);
}

static void write_until_stopped(struct engine_thread *thread)
{
	for (;;) {
		struct fifo taken, jobs;
		bool is_last;

		fifo_init(&taken);
		fifo_init(&jobs);
		(void)pthread_mutex_lock(&thread->mutex);
		is_last = !await_work(thread);
		fifo_move(&thread->writes, &taken, GROUP_JOBS_MAX);
		(void)pthread_mutex_unlock(&thread->mutex);
		set_steps_aside(thread, &taken);
		select_jobs(thread, &taken, &jobs);
		if (thread->is_healthy || jobs.first || clock_boottime_ns() >= thread->retry_ns)
			run_group(thread, &jobs);
		make_step(thread);
		if (is_last)
			return;
	}
}

static int open_engine(struct engine_thread *thread, struct berth_error *err)
{
	if (store_open(thread->options.state_directory, STORE_READ_WRITE, &thread->store, err) < 0)
		return -1;
	return engine_create(thread->store, thread->options.settings, &thread->engine, err);
}

static void *writer_main(void *argument)
{
	struct engine_thread *thread = argument;
	struct berth_error err = {0};
	int result = open_engine(thread, &err);

	(void)pthread_mutex_lock(&thread->mutex);
	thread->start_result = result;
	thread->start_error = err;
	(void)pthread_cond_broadcast(&thread->reader_wakes);
	(void)pthread_mutex_unlock(&thread->mutex);
	if (result == 0)
		write_until_stopped(thread);
	engine_destroy(thread->engine);
	store_close(thread->store);
	return NULL;
}

static void read_one(struct engine_thread *thread, struct store *store, struct engine_job *job)
{
	job->error = (struct berth_error){0};
	job->result = job->read(store, job, &job->error);
	deliver_one(thread, job);
}

static void fail_one(struct engine_thread *thread, struct engine_job *job,
		     const struct berth_error *why)
{
	job->error = *why;
	job->result = -1;
	deliver_one(thread, job);
}

static void *reader_main(void *argument)
{
	struct engine_thread *thread = argument;
	struct store *store = NULL;
	struct berth_error err = {0};
	int opened = store_open(thread->options.state_directory, STORE_READ_ONLY, &store, &err);

	for (;;) {
		struct engine_job *job;

		(void)pthread_mutex_lock(&thread->mutex);
		while (!thread->reads.first && !thread->is_stopping)
			(void)pthread_cond_wait(&thread->reader_wakes, &thread->mutex);
		job = take_job(&thread->reads);
		(void)pthread_mutex_unlock(&thread->mutex);
		if (!job)
			break;
		if (opened == 0)
			read_one(thread, store, job);
		else
			fail_one(thread, job, &err);
	}
	store_close(store);
	return NULL;
}

/* A launch wakes another process, perhaps on this CPU: whoever waits for an answer need not wait
 * for that. */
static void answer_requests(struct engine_thread *thread, struct delivery *delivery)
{
	struct fifo rest;
	bool answered = false;

	fifo_init(&rest);
	for (struct engine_job *job; (job = take_job(&delivery->jobs));) {
		if (!job->is_request) {
			fifo_add(&rest, &job->link);
			continue;
		}
		job->done(job, job->result, &job->error);
		answered = true;
	}
	fifo_move(&rest, &delivery->jobs, SIZE_MAX);
	if (answered && thread->options.on_answered)
		thread->options.on_answered(thread->options.owner);
}

static int hand_over(struct engine_thread *thread, struct delivery *delivery,
		     struct berth_error *err)
{
	const struct engine_thread_options *options = &thread->options;

	if (delivery->tells_health && options->on_health &&
	    options->on_health(options->owner, delivery->is_healthy, &delivery->why, err) < 0)
		return -1;
	answer_requests(thread, delivery);
	for (size_t i = 0; i < delivery->news_count; i++)
		if (options->on_news(options->owner, &delivery->news[i], err) < 0)
			return -1;
	for (struct engine_job *job; (job = take_job(&delivery->jobs));)
		job->done(job, job->result, &job->error);
	return 0;
}

static int handle_deliveries(void *owner, uint32_t events, struct berth_error *err)
{
	struct engine_thread *thread = owner;
	struct delivery *delivery;
	eventfd_t count;
	int result = 0;

	(void)events;
	(void)eventfd_read(thread->event_fd, &count); /* only its readiness counts */
	(void)pthread_mutex_lock(&thread->mutex);
	delivery = thread->deliveries;
	thread->deliveries = NULL;
	thread->deliveries_end = &thread->deliveries;
	(void)pthread_mutex_unlock(&thread->mutex);
	while (delivery) {
		struct delivery *next = delivery->next;

		if (hand_over(thread, delivery, err) < 0)
			result = -1;
		delivery_destroy(delivery);
		delivery = next;
	}
	return result;
}

static int create_threads(struct engine_thread *thread, struct berth_error *err)
{
	int failed = pthread_create(&thread->writer, NULL, writer_main, thread);

	if (failed)
		return berth_fail(err, BERTH_SYSTEM, failed, "start the engine's thread");
	thread->has_writer = true;
	(void)pthread_mutex_lock(&thread->mutex);
	while (thread->start_result > 0)
		(void)pthread_cond_wait(&thread->reader_wakes, &thread->mutex);
	(void)pthread_mutex_unlock(&thread->mutex);
	if (thread->start_result < 0) {
		if (err)
			*err = thread->start_error;
		return -1;
	}
	failed = pthread_create(&thread->reader, NULL, reader_main, thread);
	if (failed)
		return berth_fail(err, BERTH_SYSTEM, failed, "start the reader's thread");
	thread->has_reader = true;
	return 0;
}

int engine_thread_start(struct loop *loop, const struct engine_thread_options *options,
			struct engine_thread **ret_thread, struct berth_error *err)
{
	struct engine_thread *thread = calloc(1, sizeof(*thread));

	if (!thread)
		return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
	thread->loop = loop;
	thread->options = *options;
	thread->is_healthy = true;
	thread->start_result = 1;
	fifo_init(&thread->writes);
	fifo_init(&thread->reads);
	fifo_init(&thread->kept);
	fifo_init(&thread->steps);
	thread->deliveries_end = &thread->deliveries;
	(void)pthread_mutex_init(&thread->mutex, NULL);
	(void)pthread_cond_init(&thread->writer_wakes, NULL); /* CLOCK_REALTIME, as timers are */
	(void)pthread_cond_init(&thread->reader_wakes, NULL);
	thread->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (thread->event_fd < 0)
		(void)berth_fail(err, BERTH_SYSTEM, errno, "eventfd");
	if (thread->event_fd < 0 ||
	    loop_add_descriptor(loop, thread->event_fd, EPOLLIN, handle_deliveries, thread,
				&thread->source, err) < 0 ||
	    create_threads(thread, err) < 0) {
		engine_thread_stop(thread);
		return -1;
	}
	*ret_thread = thread;
	return 0;
}

void engine_thread_stop(struct engine_thread *thread)
{
	if (!thread)
		return;
	(void)pthread_mutex_lock(&thread->mutex);
	thread->is_stopping = true;
	(void)pthread_cond_broadcast(&thread->writer_wakes);
	(void)pthread_cond_broadcast(&thread->reader_wakes);
	(void)pthread_mutex_unlock(&thread->mutex);
	if (thread->has_writer)
		(void)pthread_join(thread->writer, NULL);
	if (thread->has_reader)
		(void)pthread_join(thread->reader, NULL);
	/* reports that the disk never took are the launcher's to repeat to the next supervisor */
	if (thread->source)
		(void)handle_deliveries(thread, 0, NULL);
	for (struct engine_job *job; (job = take_job(&thread->kept));)
		job->done(job, -1, &thread->start_error);
	loop_source_destroy(thread->source);
	close_fd(&thread->event_fd);
	(void)pthread_cond_destroy(&thread->writer_wakes);
	(void)pthread_cond_destroy(&thread->reader_wakes);
	(void)pthread_mutex_destroy(&thread->mutex);
	free(thread);
}

void engine_thread_submit(struct engine_thread *thread, struct engine_job *job, bool may_wait)
{
	bool is_read = job->read != NULL;

	job->may_wait = may_wait;
	(void)pthread_mutex_lock(&thread->mutex);
	fifo_add(is_read ? &thread->reads : &thread->writes, &job->link);
	(void)pthread_cond_signal(is_read ? &thread->reader_wakes : &thread->writer_wakes);
	(void)pthread_mutex_unlock(&thread->mutex);
}
