/* SPDX-License-Identifier: Apache-2.0 */
/* What happens when a timer is due: one row a kind. */
#include <stddef.h>

#include "base/clock.h"
#include "runner/engine/engine_core.h"
#include "runner/engine/engine_runs.h"
#include "runner/engine/engine_waits.h"
#include "runner/engine/run_move.h"
#include "runner/engine/run_queue.h"
#include "runner/store/store_timers.h"

#define CHUNK           64
#define CHILDREN_A_TIME 256
#define AGAIN_NS        (60 * CLOCK_NS_PER_S) /* after a timer that could not be handled */

typedef int (*timer_handler)(struct engine *engine, int64_t subject_id, struct berth_error *err);

/* 0 when the run is in that state, 1 when the timer is none of its any more. */
static int find_in(struct engine *engine, int64_t run_id, enum run_state state,
		   struct run_row *ret_run, struct berth_error *err)
{
	int found = store_run_read(engine->store, run_id, ret_run, err);

	if (found == 0 && ret_run->state != (int)state)
		return 1;
	return found;
}

static int delay_is_over(struct engine *engine, int64_t run_id, struct berth_error *err)
{
	struct run_row run;
	int found = find_in(engine, run_id, RUN_DELAYED, &run, err);

	if (found != 0)
		return found < 0 ? -1 : 0;
	return run_enqueue_delayed(engine, &run, err);
}

static int ttl_is_over(struct engine *engine, int64_t run_id, struct berth_error *err)
{
	struct run_row run;
	int found = find_in(engine, run_id, RUN_QUEUED, &run, err);

	if (found != 0 || run.started_ns != 0)
		return found < 0 ? -1 : 0;
	return run_expire(engine, &run, err);
}

static int retry_is_due(struct engine *engine, int64_t run_id, struct berth_error *err)
{
	struct run_row run;
	int found = find_in(engine, run_id, RUN_RETRYING, &run, err);

	if (found != 0)
		return found < 0 ? -1 : 0;
	run.retry_ns = 0;
	return run_advance(engine, &run, RUN_EVENT_DUE, err);
}

/* A bounded number at a time; what is left is due at once. */
static int cancel_children(struct engine *engine, int64_t run_id, struct berth_error *err)
{
	const struct timer_row again = {clock_realtime_ns(), TIMER_CANCEL_CHILDREN, run_id};
	int64_t children[CHILDREN_A_TIME];
	size_t count;

	if (store_run_list_children(engine->store, run_id, RUN_COMPLETED, children, CHILDREN_A_TIME,
				    &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (engine_cancel(engine, children[i], RUN_CANCEL_GRACE_MS, err) < 0)
			return -1;
	return count < CHILDREN_A_TIME ? 0 : store_timer_insert(engine->store, &again, err);
}

static const timer_handler handlers[TIMER_KINDS] = {
	[TIMER_DELAY] = delay_is_over,       [TIMER_EXPIRE] = ttl_is_over,
	[TIMER_RETRY] = retry_is_due,        [TIMER_CANCEL_CHILDREN] = cancel_children,
	[TIMER_DATE] = engine_waitpoint_due, [TIMER_TOKEN] = engine_waitpoint_due,
};

static int handle(struct engine *engine, void *argument, struct berth_error *err)
{
	const struct timer_row *timer = argument;

	if (store_timer_delete(engine->store, timer, err) < 0)
		return -1;
	if (timer->kind < 0 || timer->kind >= TIMER_KINDS)
		return berth_fail(err, BERTH_INVALID, 0, "timer of kind %d", timer->kind);
	return handlers[timer->kind](engine, timer->subject_id, err);
}

/* One that always fails must not keep the others from being handled. */
static int put_off(struct engine *engine, void *argument, struct berth_error *err)
{
	const struct timer_row *timer = argument;
	struct timer_row later = *timer;

	later.due_ns = clock_realtime_ns() + AGAIN_NS;
	if (store_timer_delete(engine->store, timer, err) < 0)
		return -1;
	return store_timer_insert(engine->store, &later, err);
}

static int handle_one(struct engine *engine, struct timer_row *timer, struct berth_error *err)
{
	if (engine_do(engine, handle, timer, err) >= 0)
		return 0;
	if (store_is_broken(engine->store) ||
	    (err && err->code != BERTH_INVALID && err->code != BERTH_NOT_FOUND))
		return -1;
	return engine_do(engine, put_off, timer, err);
}

int engine_tick(struct engine *engine, int most, struct berth_error *err)
{
	struct timer_row timers[CHUNK];
	struct berth_error why = {0};
	int handled = 0;
	size_t count;

	do {
		size_t wanted = most - handled < CHUNK ? (size_t)(most - handled) : CHUNK;

		if (store_timer_read_due(engine->store, clock_realtime_ns(), timers, wanted, &count,
					 err) < 0)
			return -1;
		for (size_t i = 0; i < count; i++, handled++)
			if (handle_one(engine, &timers[i], &why) < 0) {
				if (err)
					*err = why;
				return -1;
			}
	} while (count == CHUNK && handled < most);
	return handled;
}
