/* SPDX-License-Identifier: Apache-2.0 */
/* A task's request that the engine answers: work in a group, then an answer when it is committed.
 */
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "runner/supervisor/engine_thread.h"
#include "runner/supervisor/live_state.h"

struct live_ask {
	struct engine_job job;
	struct live *live;
	struct task_request request;
	/* On the engine's thread; ENGINE_STALE is answered "stale". Sets reply, which is NULL where
	 * the row of the protocol has none. */
	int (*work)(struct engine *engine, struct live_ask *ask, struct berth_error *err);
	void (*finish)(struct live_ask *ask); /* NULL: nothing of its own to free */
	json_t *reply;
	bool waits; /* committed is not answered: ENGINE_ANSWER comes later */
};

/* Embed it first: size is that of the whole, which is zeroed. NULL without memory. */
void *live_ask_create(struct live *live, const struct task_request *request, size_t size,
		      struct berth_error *err);

/* Returns TASK_CHANNEL_DEFERRED. The ask frees itself. */
int live_ask_submit(struct live_ask *ask);

/* Of one that was not submitted. Accepts NULL. */
void live_ask_destroy(struct live_ask *ask);
