/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the engine only: the task that is told of a run that failed for good. */
#pragma once

#include "base/error.h"
#include "runner/engine/engine.h"
#include "runner/store/store_runs.h"

/* When the run's definition names a task and the run failed: triggers it with {originalTaskId,
 * originalRunId, originalPayload, error, attemptCount}. A dead-letter run has none of its own. When
 * it is refused (no such task, a full queue) the run's error says so and the end goes on. */
int dead_letter_start(struct engine *engine, const struct run_row *run, const char *error,
		      struct berth_error *err);
