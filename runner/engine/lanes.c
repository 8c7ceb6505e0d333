/* SPDX-License-Identifier: Apache-2.0 */
/* The heads of lanes and queues: the position of what starts next, or none while nothing may. */
#include "runner/engine/lanes.h"

#include <stdbool.h>
#include <stdlib.h>

#include "runner/engine/engine_core.h"
#include "runner/engine/engine_queues.h"
#include "runner/store/store_queues.h"

#define DIRTY_FIRST 64

int engine_lane_refresh(struct engine *engine, int64_t lane_id, struct berth_error *err)
{
	/* mostly the same few: the newest is looked at first */
	for (size_t i = engine->dirty_count; i > 0; i--)
		if (engine->dirty_lanes[i - 1] == lane_id)
			return 0;
	if (engine->dirty_count == engine->dirty_capacity) {
		size_t capacity = engine->dirty_capacity ? engine->dirty_capacity * 2 : DIRTY_FIRST;
		int64_t *lanes = reallocarray(engine->dirty_lanes, capacity, sizeof(*lanes));

		if (!lanes)
			return berth_fail(err, BERTH_MEMORY, 0, "engine: out of memory");
		engine->dirty_lanes = lanes;
		engine->dirty_capacity = capacity;
	}
	engine->dirty_lanes[engine->dirty_count++] = lane_id;
	return 0;
}

static int refresh_lane(struct engine *engine, const struct lane_row *lane,
			const struct queue_row *queue, struct berth_error *err)
{
	int64_t head_ns = STORE_NONE;
	bool is_open = queue->key_limit == STORE_NONE || lane->running < queue->key_limit;

	if (is_open && lane->queued > 0 &&
	    store_lane_first_position(engine->store, lane->id, &head_ns, err) < 0)
		return -1;
	if (head_ns == lane->head_ns)
		return 0;
	return store_lane_write_head(engine->store, lane->id, head_ns, err);
}

/* A queue of its own has the environment's base limit as its upper bound: only the whole bursts. */
static int64_t effective_limit(const struct engine *engine, const struct queue_row *queue)
{
	int64_t limit =
		queue->override_limit != STORE_NONE ? queue->override_limit : queue->base_limit;
	int64_t most = engine->settings.concurrency;

	return limit == STORE_NONE || limit > most ? most : limit;
}

static int refresh_queue(struct engine *engine, const struct queue_row *queue,
			 struct berth_error *err)
{
	int64_t head_ns = STORE_NONE, lane_id;

	if (!queue->is_paused && queue->queued > 0 &&
	    queue->running < effective_limit(engine, queue)) {
		int found = store_lane_next_ready(engine->store, queue->id, INT64_MIN, 0, &head_ns,
						  &lane_id, err);

		if (found < 0)
			return -1;
	}
	if (head_ns == queue->head_ns)
		return 0;
	return store_queue_write_head(engine->store, queue->id, head_ns, err);
}

static int refresh_dirty(struct engine *engine, int64_t lane_id, struct berth_error *err)
{
	struct lane_row lane;
	struct queue_row queue;
	int found = store_lane_read(engine->store, lane_id, &lane, err);

	if (found != 0)
		return found < 0 ? -1 : 0; /* it was made by a piece that was undone */
	if (store_queue_read(engine->store, lane.queue_id, &queue, err) < 0 ||
	    refresh_lane(engine, &lane, &queue, err) < 0)
		return -1;
	return refresh_queue(engine, &queue, err);
}

int lanes_refresh(struct engine *engine, struct berth_error *err)
{
	for (size_t i = 0; i < engine->dirty_count; i++)
		if (refresh_dirty(engine, engine->dirty_lanes[i], err) < 0)
			return -1;
	engine->dirty_count = 0;
	return 0;
}

int lanes_refresh_queue(struct engine *engine, int64_t queue_id, struct berth_error *err)
{
	int64_t lane_id = 0;
	struct queue_row queue;
	struct lane_row lane;
	int found;

	if (store_queue_read(engine->store, queue_id, &queue, err) < 0)
		return -1;
	while ((found = store_lane_next_queued(engine->store, queue_id, lane_id, &lane_id, err)) ==
	       0)
		if (store_lane_read(engine->store, lane_id, &lane, err) < 0 ||
		    refresh_lane(engine, &lane, &queue, err) < 0)
			return -1;
	return found < 0 ? -1 : refresh_queue(engine, &queue, err);
}
