/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of queues and of their lanes, one a concurrency key. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "runner/store/store.h"

#define STORE_NONE            (-1) /* NULL of what may be 0: a limit, a head */

#define STORE_QUEUE_NAME_SIZE 134 /* "task/" and a task name of 128, with NUL */

struct queue_row {
	int64_t id, environment_id;
	char name[STORE_QUEUE_NAME_SIZE];
	int kind;                                                  /* enum queue_kind */
	int64_t base_limit, override_limit, key_limit, size_limit; /* STORE_NONE: none */
	uint64_t overridden_ns;
	bool is_paused;
	int64_t queued, running;
	int64_t head_ns; /* STORE_NONE: nothing of it may start */
};

enum queue_kind {
	QUEUE_TASK,  /* a task's own, "task/<id>" */
	QUEUE_NAMED, /* shared */
};

struct lane_row {
	int64_t id, queue_id;
	int64_t queued, running;
	int64_t head_ns;
};

int store_queue_insert(struct store *store, const struct queue_row *row, int64_t *ret_id,
		       struct berth_error *err);
/* 1: there is none. */
int store_queue_read(struct store *store, int64_t id, struct queue_row *ret_row,
		     struct berth_error *err);
int store_queue_find(struct store *store, int64_t environment_id, const char *name, int64_t *ret_id,
		     struct berth_error *err);
/* Limits, override and pause. */
int store_queue_write_settings(struct store *store, const struct queue_row *row,
			       struct berth_error *err);
int store_queue_write_head(struct store *store, int64_t id, int64_t head_ns,
			   struct berth_error *err);
int store_queue_count(struct store *store, int64_t id, int64_t queued, int64_t running,
		      struct berth_error *err);
/* The first queue with a head after (head_ns, id), which is (INT64_MIN, 0) for the first; 1: there
 * are no more. */
int store_queue_next_ready(struct store *store, int64_t head_ns, int64_t id, int64_t *ret_head_ns,
			   int64_t *ret_id, struct berth_error *err);

/* The lane of a key ("" without), made when it is not there. */
int store_lane_ensure(struct store *store, int64_t queue_id, const char *key, int64_t *ret_id,
		      struct berth_error *err);
/* 1: there is none. */
int store_lane_read(struct store *store, int64_t id, struct lane_row *ret_row,
		    struct berth_error *err);
/* Its concurrency key, the caller's; NULL when there is no such lane. */
int store_lane_read_key(struct store *store, int64_t id, char **ret_key, struct berth_error *err);
int store_lane_write_head(struct store *store, int64_t id, int64_t head_ns,
			  struct berth_error *err);
/* Adds to the counts. */
int store_lane_count(struct store *store, int64_t id, int64_t queued, int64_t running,
		     struct berth_error *err);
/* As of queues, in one queue. */
int store_lane_next_ready(struct store *store, int64_t queue_id, int64_t head_ns, int64_t id,
			  int64_t *ret_head_ns, int64_t *ret_id, struct berth_error *err);
/* The position of the run that is next in the lane; STORE_NONE: none waits. */
int store_lane_first_position(struct store *store, int64_t id, int64_t *ret_position_ns,
			      struct berth_error *err);
/* The next lane of a queue that has runs queued, after a number; 1: there are no more. */
int store_lane_next_queued(struct store *store, int64_t queue_id, int64_t after_id, int64_t *ret_id,
			   struct berth_error *err);
