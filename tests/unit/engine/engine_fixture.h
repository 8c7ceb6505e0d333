/* SPDX-License-Identifier: Apache-2.0 */
/* An engine over a store in memory (or in a directory), a clock that stands until it is moved, and
 * the steps that most tests of the engine take. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "machines/machine.h"
#include "runner/engine/engine.h"
#include "runner/engine/engine_attempts.h"
#include "runner/engine/engine_runs.h"
#include "runner/engine/run_state.h"
#include "runner/store/store_runs.h"

/* 2026-01-01T00:00:00Z, where the clock stands first. */
#define FIXTURE_EPOCH_NS (UINT64_C(1767225600) * 1000000000)

struct fixture {
	struct store *store;
	struct engine *engine;
	struct machine_list machines;
	struct engine_settings settings;
	struct berth_error err;
};

/* cmocka set-up and tear-down: *state is a fixture with default settings and nothing deployed. */
int fixture_set_up(void **state);
int fixture_tear_down(void **state);

/* The same without cmocka. directory NULL: in memory. */
void fixture_open(struct fixture *fixture, const char *directory);
void fixture_close(struct fixture *fixture);
/* Another engine over the same store, as after a restart, with the fixture's settings. */
void fixture_restart(struct fixture *fixture);

/* The clock of all fixtures. */
void fixture_move_clock_ms(int64_t ms);
void fixture_set_clock_ns(uint64_t ns);

/* Deploys and promotes one version with the tasks of this JSON array; asserts that it works. */
void fixture_deploy(struct fixture *fixture, const char *tasks);

/* One group of one piece: the work's own result; the commit must work. */
int fixture_do(struct fixture *fixture, engine_work work, void *argument);
/* An empty group: admission only. */
void fixture_admit(struct fixture *fixture);
/* Ticks until nothing is due; the number of timers. */
int fixture_tick(struct fixture *fixture);

/* Triggers; the run's number, or 0 with fixture->err. */
int64_t fixture_trigger(struct fixture *fixture, const struct run_trigger *request);
int64_t fixture_trigger_task(struct fixture *fixture, const char *task);

/* The run's row. */
struct run_row fixture_run(struct fixture *fixture, int64_t run_id);
enum run_state fixture_state(struct fixture *fixture, int64_t run_id);

/* What the live attempt of the run reports; the engine's result. */
int fixture_started(struct fixture *fixture, int64_t run_id);
int fixture_end(struct fixture *fixture, int64_t run_id, enum run_outcome outcome);
int fixture_end_as(struct fixture *fixture, int64_t run_id, const struct engine_attempt_end *end);
int fixture_cancel(struct fixture *fixture, int64_t run_id, uint64_t grace_ms);

/* How many effects of that kind the last group had for the run (0: any). */
size_t fixture_effects(struct fixture *fixture, enum engine_effect_kind kind, int64_t run_id);
