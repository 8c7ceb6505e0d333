/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the engine only: finding a run and moving it from one state to another, with everything
 * that is counted by state. */
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "runner/engine/engine.h"
#include "runner/engine/engine_attempts.h"
#include "runner/engine/run_state.h"
#include "runner/store/store_runs.h"

/* BERTH_NOT_FOUND. */
int run_find(struct engine *engine, int64_t run_id, struct run_row *ret_run,
	     struct berth_error *err);
/* ENGINE_STALE when its live attempt is not the one of that token. */
int run_find_live(struct engine *engine, int64_t run_id, const char *token, struct run_row *ret_run,
		  struct berth_error *err);

/* Moves the run by the event and writes everything of *run that may have changed: its row, the
 * counts of its lane and queue, the ledger, the time it has executed. The caller sets its other
 * fields first. BERTH_INVALID when the event cannot happen in its state. */
int run_advance(struct engine *engine, struct run_row *run, enum run_event event,
		struct berth_error *err);
