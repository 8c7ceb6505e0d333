/* SPDX-License-Identifier: Apache-2.0 */
/* A few decoded frames on their way from the thread that decodes to the one that encodes: both work
 * at the same time, and memory stays bounded. */
#pragma once

#include <libavutil/frame.h>
#include <pthread.h>
#include <stdbool.h>

#include "base/error.h"

#define FRAME_QUEUE_LENGTH 6

struct frame_queue {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	AVFrame *frames[FRAME_QUEUE_LENGTH];
	int first, count;
	bool ended;  /* no frame will follow */
	bool closed; /* the reader wants no more */
	bool failed;
	struct berth_error err; /* the writer's */
};

int frame_queue_init(struct frame_queue *queue, struct berth_error *err);
/* Accepts a zeroed queue. */
void frame_queue_finish(struct frame_queue *queue);

/* Adds a reference to the frame, waiting while the queue is full. 0: added; 1: nobody reads any
 * more. */
int frame_queue_put(struct frame_queue *queue, const AVFrame *frame, struct berth_error *err);
/* The writer has ended; a failure is handed to the reader behind the frames that are there. */
void frame_queue_end(struct frame_queue *queue, const struct berth_error *failure);

/* 0: *frame is the next one, the reader's; 1: the end; or the writer's failure. */
int frame_queue_get(struct frame_queue *queue, AVFrame *frame, struct berth_error *err);
/* The reader has ended: the writer does not wait any more. */
void frame_queue_close(struct frame_queue *queue);
