/* SPDX-License-Identifier: Apache-2.0 */
/* Queues and their limits, and admission. docs/engine.md, Order. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "runner/engine/engine.h"

#define QUEUE_NAME_MAX  128 /* [A-Za-z0-9_/-]; "task/…" is a task's own, "limit/…" is reserved */
#define QUEUE_LIMIT_MAX 100000
#define QUEUE_SIZE_MAX  100000000

/* The queue of that name, made when it is not there. */
int engine_queue_ensure(struct engine *engine, int64_t environment_id, const char *name,
			int64_t *ret_queue_id, struct berth_error *err);

/* What a deployed version says of its queues; -1: no limit. */
int engine_queue_define(struct engine *engine, int64_t environment_id, const char *name,
			int64_t limit, int64_t key_limit, int64_t size_limit,
			struct berth_error *err);

int engine_queue_pause(struct engine *engine, int64_t queue_id, bool paused,
		       struct berth_error *err);
/* limit -1 takes the override away. */
int engine_queue_override(struct engine *engine, int64_t queue_id, int64_t limit,
			  struct berth_error *err);

/* For the engine: counts of a lane changed. Its head and its queue's are recomputed before
 * admission, once however often it is said. */
int engine_lane_refresh(struct engine *engine, int64_t lane_id, struct berth_error *err);
