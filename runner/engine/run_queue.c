/* SPDX-License-Identifier: Apache-2.0 */
/* A run takes its place in its lane, or leaves it because it waited too long. */
#include "runner/engine/run_queue.h"

#include <stdio.h>

#include "base/amount.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "runner/engine/engine_core.h"
#include "runner/engine/run_end.h"
#include "runner/engine/run_move.h"
#include "runner/store/store_timers.h"

void run_place(struct run_row *run, uint64_t since_ns, uint64_t now_ns)
{
	run->queued_ns = now_ns;
	run->position_ns = (int64_t)since_ns - run->priority_ms * (int64_t)CLOCK_NS_PER_MS;
	run->expires_ns = run->ttl_ms ? now_ns + run->ttl_ms * CLOCK_NS_PER_MS : 0;
}

int run_arm_ttl(struct engine *engine, const struct run_row *run, struct berth_error *err)
{
	const struct timer_row timer = {run->expires_ns, TIMER_EXPIRE, run->id};

	return run->expires_ns ? store_timer_insert(engine->store, &timer, err) : 0;
}

int run_enqueue_delayed(struct engine *engine, struct run_row *run, struct berth_error *err)
{
	uint64_t now_ns = clock_realtime_ns();

	run_place(run, run->delay_until_ns < now_ns ? run->delay_until_ns : now_ns, now_ns);
	if (run_arm_ttl(engine, run, err) < 0 ||
	    store_debounce_delete_run(engine->store, run->id, err) < 0)
		return -1;
	return run_advance(engine, run, RUN_EVENT_DUE, err);
}

int run_expire(struct engine *engine, struct run_row *run, struct berth_error *err)
{
	char duration[AMOUNT_TEXT_SIZE], message[AMOUNT_TEXT_SIZE + 64];
	AUTO_FREE char *error = NULL;

	(void)snprintf(message, sizeof(message), "the run did not start within its ttl of %s",
		       amount_format_duration_ns(run->ttl_ms * CLOCK_NS_PER_MS, duration));
	if (run_error_format(NULL, message, &error, err) < 0)
		return -1;
	return run_end(engine, run, RUN_EVENT_EXPIRE, error, err);
}
