/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the engine only: what happens to a run when it gets a slot. */
#pragma once

#include "base/error.h"
#include "runner/engine/engine.h"
#include "runner/store/store_runs.h"

/* Before its first attempt: what the version that is current now says of its machine and limits,
 * for it is locked when it starts. A run whose task cannot be read any more ends (its state tells).
 */
int attempt_settle(struct engine *engine, struct run_row *run, struct berth_error *err);

/* Gives it an attempt with a token of its own and ENGINE_LAUNCH. */
int attempt_begin(struct engine *engine, struct run_row *run, struct berth_error *err);
