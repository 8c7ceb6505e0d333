/* SPDX-License-Identifier: Apache-2.0 */
/* Finding a run and moving it from one state to another, with everything counted by state. */
#include "runner/engine/run_move.h"

#include <string.h>

#include "base/clock.h"
#include "base/identifier.h"
#include "runner/engine/engine_core.h"
#include "runner/engine/engine_queues.h"
#include "runner/store/store_queues.h"

int run_find(struct engine *engine, int64_t run_id, struct run_row *ret_run,
	     struct berth_error *err)
{
	char name[IDENTIFIER_NUMBER_SIZE];
	int found = store_run_read(engine->store, run_id, ret_run, err);

	if (found <= 0)
		return found;
	identifier_format_number("run", run_id, name);
	return berth_fail(err, BERTH_NOT_FOUND, 0, "there is no run %s", name);
}

int run_find_live(struct engine *engine, int64_t run_id, const char *token, struct run_row *ret_run,
		  struct berth_error *err)
{
	int found = store_run_read(engine->store, run_id, ret_run, err);

	if (found < 0)
		return -1;
	if (found > 0 || !run_state_has_attempt((enum run_state)ret_run->state) ||
	    strcmp(ret_run->token, token) != 0)
		return ENGINE_STALE;
	return 0;
}

static uint64_t without(uint64_t sum, uint64_t part)
{
	return sum > part ? sum - part : 0;
}

/* The shares of one run, which may have changed with the move: old before, new after. */
static void take(struct engine_ledger *ledger, const struct run_row *run, enum run_state state)
{
	if (run_state_has_slot(state)) {
		ledger->running++;
		ledger->cpu_millis += run->cpu_millis;
	}
	if (run_state_has_attempt(state)) {
		ledger->memory_bytes += run->memory_bytes;
		ledger->disk_bytes += run->disk_bytes;
	}
}

static void give_back(struct engine_ledger *ledger, const struct run_row *run, enum run_state state)
{
	if (run_state_has_slot(state)) {
		ledger->running--;
		ledger->cpu_millis = without(ledger->cpu_millis, run->cpu_millis);
	}
	if (run_state_has_attempt(state)) {
		ledger->memory_bytes = without(ledger->memory_bytes, run->memory_bytes);
		ledger->disk_bytes = without(ledger->disk_bytes, run->disk_bytes);
	}
}

static int count(struct engine *engine, const struct run_row *run, enum run_state from,
		 enum run_state to, struct berth_error *err)
{
	int queued = run_state_is_queued(to) - run_state_is_queued(from);
	int running = run_state_has_slot(to) - run_state_has_slot(from);

	give_back(&engine->ledger, run, from);
	take(&engine->ledger, run, to);
	if (engine->ledger.blocked_run_id == run->id && !run_state_is_queued(to))
		engine->ledger.blocked_run_id = 0;
	if (queued == 0 && running == 0)
		return 0;
	if (store_lane_count(engine->store, run->lane_id, queued, running, err) < 0 ||
	    store_queue_count(engine->store, run->queue_id, queued, running, err) < 0)
		return -1;
	return engine_lane_refresh(engine, run->lane_id, err);
}

/* Time counts while it executes. A clock that was set back counts nothing. */
static void count_time(struct run_row *run, enum run_state from, enum run_state to, uint64_t now_ns)
{
	if (from == RUN_EXECUTING && run->resumed_ns) {
		run->active_ns += without(now_ns, run->resumed_ns);
		run->resumed_ns = 0;
	}
	if (to == RUN_EXECUTING)
		run->resumed_ns = now_ns;
}

static int write_row(struct engine *engine, const struct run_row *run, enum run_state from,
		     struct berth_error *err)
{
	enum run_state to = (enum run_state)run->state;

	if (run_state_is_final(to))
		return store_run_write_final(engine->store, run, err);
	if (run_state_has_attempt(from) != run_state_has_attempt(to))
		return store_run_write_attempt(engine->store, run, err);
	return store_run_write_state(engine->store, run, err);
}

int run_advance(struct engine *engine, struct run_row *run, enum run_event event,
		struct berth_error *err)
{
	enum run_state from = (enum run_state)run->state;
	int to = run_state_advance(from, event);
	uint64_t now_ns = clock_realtime_ns();

	if (to < 0)
		return berth_fail(err, BERTH_INVALID, 0, "a run that is %s has no event \"%s\"",
				  run_state_name(from), run_event_name(event));
	count_time(run, from, (enum run_state)to, now_ns);
	if (run_state_is_final((enum run_state)to))
		run->finished_ns = now_ns;
	if (!run_state_has_attempt((enum run_state)to))
		run->token[0] = '\0';
	run->state = to;
	run->updated_ns = now_ns;
	if (write_row(engine, run, from, err) < 0 ||
	    count(engine, run, from, (enum run_state)to, err) < 0)
		return -1;
	return engine_add_run_effect(engine, ENGINE_CHANGED, run->id, err);
}
