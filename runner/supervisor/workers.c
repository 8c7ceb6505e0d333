/* SPDX-License-Identifier: Apache-2.0 */
/* A few threads, one list of chores, one list of those that are done. */
#include "runner/supervisor/workers.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "base/cleanup.h"

#define WORKERS_MAX 2

struct workers {
	struct loop_source *source;
	int event_fd;
	pthread_t threads[WORKERS_MAX];
	size_t thread_count;

	pthread_mutex_t mutex; /* guards what follows */
	pthread_cond_t wakes;
	struct fifo waiting, done;
	size_t idle;
	bool is_stopping;
};

static struct control_chore *take_chore(struct fifo *list)
{
	struct fifo_link *link = fifo_take(list);

	return link ? (struct control_chore *)((char *)link - offsetof(struct control_chore, link))
		    : NULL;
}

static void run_one(struct workers *workers, struct control_chore *chore)
{
	(void)pthread_mutex_unlock(&workers->mutex);
	chore->error = (struct berth_error){0};
	chore->result = chore->run(chore, &chore->error);
	(void)pthread_mutex_lock(&workers->mutex);
	fifo_add(&workers->done, &chore->link);
	(void)eventfd_write(workers->event_fd, 1); /* cannot overflow: the loop reads it */
}

static void *work(void *argument)
{
	struct workers *workers = argument;
	struct control_chore *chore;

	(void)pthread_mutex_lock(&workers->mutex);
	for (;;) {
		while (!workers->waiting.first && !workers->is_stopping) {
			workers->idle++;
			(void)pthread_cond_wait(&workers->wakes, &workers->mutex);
			workers->idle--;
		}
		chore = take_chore(&workers->waiting);
		if (!chore)
			break;
		run_one(workers, chore);
	}
	(void)pthread_mutex_unlock(&workers->mutex);
	return NULL;
}

static int handle_done(void *owner, uint32_t events, struct berth_error *err)
{
	struct workers *workers = owner;
	struct control_chore *chore;
	eventfd_t count;

	(void)events;
	(void)err;
	(void)eventfd_read(workers->event_fd, &count); /* only its readiness counts */
	for (;;) {
		(void)pthread_mutex_lock(&workers->mutex);
		chore = take_chore(&workers->done);
		(void)pthread_mutex_unlock(&workers->mutex);
		if (!chore)
			return 0;
		chore->done(chore, chore->result, &chore->error);
	}
}

int workers_create(struct loop *loop, struct workers **ret_workers, struct berth_error *err)
{
	struct workers *workers = calloc(1, sizeof(*workers));

	if (!workers)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "workers");
	(void)pthread_mutex_init(&workers->mutex, NULL);
	(void)pthread_cond_init(&workers->wakes, NULL);
	fifo_init(&workers->waiting);
	fifo_init(&workers->done);
	workers->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (workers->event_fd < 0)
		(void)berth_fail(err, BERTH_SYSTEM, errno, "eventfd");
	if (workers->event_fd < 0 ||
	    loop_add_descriptor(loop, workers->event_fd, EPOLLIN, handle_done, workers,
				&workers->source, err) < 0) {
		workers_destroy(workers);
		return -1;
	}
	*ret_workers = workers;
	return 0;
}

void workers_destroy(struct workers *workers)
{
	if (!workers)
		return;
	(void)pthread_mutex_lock(&workers->mutex);
	workers->is_stopping = true;
	(void)pthread_cond_broadcast(&workers->wakes);
	(void)pthread_mutex_unlock(&workers->mutex);
	for (size_t i = 0; i < workers->thread_count; i++)
		(void)pthread_join(workers->threads[i], NULL);
	loop_source_destroy(workers->source);
	close_fd(&workers->event_fd);
	(void)pthread_cond_destroy(&workers->wakes);
	(void)pthread_mutex_destroy(&workers->mutex);
	free(workers);
}

/* One more thread when all are busy; without any, the loop does it itself. */
static void start_thread(struct workers *workers)
{
	if (workers->thread_count < WORKERS_MAX &&
	    pthread_create(&workers->threads[workers->thread_count], NULL, work, workers) == 0)
		workers->thread_count++;
}

void workers_submit(struct workers *workers, struct control_chore *chore)
{
	(void)pthread_mutex_lock(&workers->mutex);
	fifo_add(&workers->waiting, &chore->link);
	if (workers->idle == 0)
		start_thread(workers);
	if (workers->thread_count == 0)
		run_one(workers, take_chore(&workers->waiting));
	(void)pthread_cond_signal(&workers->wakes);
	(void)pthread_mutex_unlock(&workers->mutex);
}
