/* SPDX-License-Identifier: Apache-2.0 */
/* Starting what may start: heads in order, the environment's limit, the ledger, starvation. */
#include "runner/engine/admission.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/clock.h"
#include "runner/engine/attempt_begin.h"
#include "runner/engine/engine_core.h"
#include "runner/engine/engine_waits.h"
#include "runner/engine/lanes.h"
#include "runner/engine/run_move.h"
#include "runner/store/store_queues.h"

/* Heads that are passed by in one round because they do not fit. Whoever has so many large runs at
 * the heads of different lanes waits until one of them starts. */
#define PASSED_MAX 64

struct round {
	struct engine *engine;
	int64_t passed[PASSED_MAX]; /* lanes whose head does not fit */
	size_t passed_count;
	uint64_t now_ns;
	bool is_over;
};

static bool was_passed(const struct round *round, int64_t lane_id)
{
	for (size_t i = 0; i < round->passed_count; i++)
		if (round->passed[i] == lane_id)
			return true;
	return false;
}

static bool has_slot(const struct engine *engine)
{
	return (double)engine->ledger.running <
	       (double)engine->settings.concurrency * engine->settings.burst;
}

static bool has_room(uint64_t taken, uint64_t wanted, uint64_t all)
{
	return all == 0 || taken + wanted <= all;
}

/* A resuming run still has its memory and disk. When nothing runs, the head starts in any case:
 * runs that only wait must not keep out what they wait for, and one larger than the ledger starts
 * alone.
 */
static bool fits(const struct engine *engine, const struct run_row *run)
{
	const struct engine_ledger *ledger = &engine->ledger;
	const struct engine_settings *settings = &engine->settings;

	if (ledger->running == 0)
		return true;
	if (!has_room(ledger->cpu_millis, run->cpu_millis, settings->cpu_millis))
		return false;
	if (run_state_has_attempt((enum run_state)run->state))
		return true;
	return has_room(ledger->memory_bytes, run->memory_bytes, settings->memory_bytes) &&
	       has_room(ledger->disk_bytes, run->disk_bytes, settings->disk_bytes);
}

/* The head that waits longest for room is remembered; when it was passed by for too long, nothing
 * starts before it. */
static void pass(struct round *round, const struct run_row *run)
{
	struct engine_ledger *ledger = &round->engine->ledger;
	uint64_t patience_ns = round->engine->settings.starvation_ms * CLOCK_NS_PER_MS;

	round->passed[round->passed_count++] = run->lane_id;
	if (round->passed_count == PASSED_MAX)
		round->is_over = true;
	if (ledger->blocked_run_id == 0) {
		ledger->blocked_run_id = run->id;
		ledger->blocked_ns = round->now_ns;
	}
	if (ledger->blocked_run_id == run->id && round->now_ns >= ledger->blocked_ns + patience_ns)
		round->is_over = true;
	if (round->now_ns < ledger->blocked_ns)
		ledger->blocked_ns = round->now_ns; /* the clock was set back */
}

static int resume(struct engine *engine, struct run_row *run, struct berth_error *err)
{
	struct engine_effect effect = {.kind = ENGINE_RESUMED, .run_id = run->id};

	if (run_advance(engine, run, RUN_EVENT_ADMIT, err) < 0)
		return -1;
	effect.attempt = run->attempt;
	memcpy(effect.token, run->token, sizeof(effect.token));
	if (engine_add_effect(engine, &effect, err) < 0)
		return -1;
	return engine_waits_answer(engine, run->id, err);
}

/* The first run of a lane: started, resumed, or passed by. */
static int meet(struct round *round, int64_t lane_id, struct berth_error *err)
{
	struct engine *engine = round->engine;
	struct run_row run;
	int64_t run_id;
	int found = store_run_next_in_lane(engine->store, lane_id, &run_id, err);

	if (found > 0)
		return berth_fail(err, BERTH_INVALID, 0, "lane %lld has a head and no run",
				  (long long)lane_id);
	if (found < 0 || run_find(engine, run_id, &run, err) < 0)
		return -1;
	if (run.state == RUN_QUEUED && attempt_settle(engine, &run, err) < 0)
		return -1;
	if (run.state == RUN_QUEUED || run.state == RUN_RESUMING) {
		if (!fits(engine, &run)) {
			pass(round, &run);
			return 0;
		}
		if ((run.state == RUN_RESUMING ? resume(engine, &run, err)
					       : attempt_begin(engine, &run, err)) < 0)
			return -1;
	}
	return lanes_refresh(engine, err);
}

/* The first lane in order whose head was not passed by; 1: there is none. */
static int find_lane(const struct round *round, int64_t *ret_lane_id, struct berth_error *err)
{
	struct store *store = round->engine->store;
	int64_t queue_ns = INT64_MIN, queue_id = 0;
	int found;

	while ((found = store_queue_next_ready(store, queue_ns, queue_id, &queue_ns, &queue_id,
					       err)) == 0) {
		int64_t lane_ns = INT64_MIN, lane_id = 0;

		while ((found = store_lane_next_ready(store, queue_id, lane_ns, lane_id, &lane_ns,
						      &lane_id, err)) == 0)
			if (!was_passed(round, lane_id)) {
				*ret_lane_id = lane_id;
				return 0;
			}
		if (found < 0)
			return -1;
	}
	return found;
}

int engine_admit(struct engine *engine, struct berth_error *err)
{
	struct round round = {.engine = engine, .now_ns = clock_realtime_ns()};
	int64_t lane_id;

	if (lanes_refresh(engine, err) < 0)
		return -1;
	while (!engine->is_held && !round.is_over && has_slot(engine)) {
		int found = find_lane(&round, &lane_id, err);

		if (found != 0)
			return found < 0 ? -1 : 0;
		if (meet(&round, lane_id, err) < 0)
			return -1;
	}
	return 0;
}
