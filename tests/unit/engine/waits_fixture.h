/* SPDX-License-Identifier: Apache-2.0 */
/* An engine over a store in memory, with a clock that stands still until it is moved, and an
 * attempt's side of it: what starts, waits, answers and ends. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "machines/machine.h"
#include "runner/engine/engine.h"
#include "runner/engine/engine_attempts.h"
#include "runner/engine/engine_batches.h"
#include "runner/engine/engine_runs.h"
#include "runner/engine/engine_waits.h"
#include "runner/engine/run_state.h"
#include "runner/store/store.h"

#define FIXTURE_S UINT64_C(1000) /* ms */

struct waits_fixture {
	struct store *store;
	struct engine *engine;
	struct machine_list machines;
	/* of the last group */
	struct engine_effect effects[4096];
	size_t effect_count;
};

/* Tasks: "work" (limit 10), "single" (queue of limit 1), "short" (maxDuration 10 s). One group is
 * one call of the functions below. */
void fixture_create(struct waits_fixture *fixture);
void fixture_destroy(struct waits_fixture *fixture);

/* cmocka's: *state is a fixture of the test's own. Whatever the test did, none of its statements
 * may have scanned. */
int fixture_set_up(void **state);
int fixture_tear_down(void **state);
uint64_t fixture_now_ns(void);
void fixture_advance(uint64_t ms);
/* Moves the clock and handles what is due. */
void fixture_pass(struct waits_fixture *fixture, uint64_t ms);

/* One piece in a group of its own; the effects are kept. Returns the piece's outcome. */
int fixture_do(struct waits_fixture *fixture, engine_work work, void *argument,
	       struct berth_error *err);

/* Effects of the last group of that kind about that run (0: any). */
size_t fixture_count(const struct waits_fixture *fixture, enum engine_effect_kind kind,
		     int64_t run_id);
bool fixture_is_answered(const struct waits_fixture *fixture, int64_t run_id, const char *wait_id);

int64_t fixture_trigger(struct waits_fixture *fixture, const char *task, int64_t parent_id);
int64_t fixture_trigger_as(struct waits_fixture *fixture, const struct run_trigger *request);
int fixture_state(struct waits_fixture *fixture, int64_t run_id);
/* The token of its live attempt, in memory of its own until the next call. */
const char *fixture_token(struct waits_fixture *fixture, int64_t run_id);

/* Says that its attempt executes; it must have been admitted. */
void fixture_start(struct waits_fixture *fixture, int64_t run_id);
/* Triggers and starts. */
int64_t fixture_run(struct waits_fixture *fixture, const char *task, int64_t parent_id);
/* Ends its attempt: with that output, or as failed when it is NULL. */
void fixture_end(struct waits_fixture *fixture, int64_t run_id, const char *output);
void fixture_cancel(struct waits_fixture *fixture, int64_t run_id);

/* The token is filled in. */
int fixture_wait(struct waits_fixture *fixture, struct engine_wait wait, struct berth_error *err);
int fixture_wait_run(struct waits_fixture *fixture, int64_t run_id, const char *wait_id,
		     int64_t child_id);
/* seconds from now */
int fixture_wait_seconds(struct waits_fixture *fixture, int64_t run_id, const char *wait_id,
			 uint64_t seconds);
/* NULL while it is not finished; the caller's. */
char *fixture_result(struct waits_fixture *fixture, int64_t run_id, const char *wait_id);
int fixture_take(struct waits_fixture *fixture, int64_t run_id, const char *wait_id);

int64_t fixture_token_create(struct waits_fixture *fixture, uint64_t timeout_ms);
int fixture_token_complete(struct waits_fixture *fixture, int64_t waitpoint_id, const char *output);
