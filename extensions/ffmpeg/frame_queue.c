/* SPDX-License-Identifier: Apache-2.0 */
/* A few decoded frames on their way from the thread that decodes to the one that encodes. */
#include "extensions/ffmpeg/frame_queue.h"

#include <errno.h>

#include "extensions/ffmpeg/media_error.h"

int frame_queue_init(struct frame_queue *queue, struct berth_error *err)
{
	*queue = (struct frame_queue){0};
	(void)pthread_mutex_init(&queue->lock, NULL); /* cannot fail with default attributes */
	(void)pthread_cond_init(&queue->changed, NULL);
	for (int i = 0; i < FRAME_QUEUE_LENGTH; i++) {
		queue->frames[i] = av_frame_alloc();
		if (!queue->frames[i])
			return berth_fail(err, BERTH_MEMORY, ENOMEM, "frame queue");
	}
	return 0;
}

void frame_queue_finish(struct frame_queue *queue)
{
	if (!queue->frames[0])
		return;
	for (int i = 0; i < FRAME_QUEUE_LENGTH; i++)
		av_frame_free(&queue->frames[i]);
	(void)pthread_cond_destroy(&queue->changed);
	(void)pthread_mutex_destroy(&queue->lock);
}

int frame_queue_put(struct frame_queue *queue, const AVFrame *frame, struct berth_error *err)
{
	int result = 1;

	(void)pthread_mutex_lock(&queue->lock);
	while (queue->count == FRAME_QUEUE_LENGTH && !queue->closed)
		(void)pthread_cond_wait(&queue->changed, &queue->lock);
	if (!queue->closed) {
		result = av_frame_ref(
			queue->frames[(queue->first + queue->count) % FRAME_QUEUE_LENGTH], frame);
		if (result == 0)
			queue->count++;
		(void)pthread_cond_broadcast(&queue->changed);
	}
	(void)pthread_mutex_unlock(&queue->lock);
	return result < 0 ? media_fail(err, result, "queue a frame") : result;
}

void frame_queue_end(struct frame_queue *queue, const struct berth_error *failure)
{
	(void)pthread_mutex_lock(&queue->lock);
	queue->ended = true;
	if (failure) {
		queue->failed = true;
		queue->err = *failure;
	}
	(void)pthread_cond_broadcast(&queue->changed);
	(void)pthread_mutex_unlock(&queue->lock);
}

int frame_queue_get(struct frame_queue *queue, AVFrame *frame, struct berth_error *err)
{
	int result = 0;

	(void)pthread_mutex_lock(&queue->lock);
	while (queue->count == 0 && !queue->ended)
		(void)pthread_cond_wait(&queue->changed, &queue->lock);
	if (queue->count > 0) {
		av_frame_move_ref(frame, queue->frames[queue->first]);
		queue->first = (queue->first + 1) % FRAME_QUEUE_LENGTH;
		queue->count--;
		(void)pthread_cond_broadcast(&queue->changed);
	} else if (queue->failed) {
		if (err)
			*err = queue->err;
		result = -1;
	} else {
		result = 1;
	}
	(void)pthread_mutex_unlock(&queue->lock);
	return result;
}

void frame_queue_close(struct frame_queue *queue)
{
	(void)pthread_mutex_lock(&queue->lock);
	queue->closed = true;
	(void)pthread_cond_broadcast(&queue->changed);
	(void)pthread_mutex_unlock(&queue->lock);
}
