/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the engine only: triggers of one debounce key that become one run. */
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "runner/engine/definition.h"
#include "runner/engine/engine.h"
#include "runner/engine/engine_runs.h"

/* The trigger joins the run that the key holds back: it is put off, and of trailing ones gets what
 * the trigger says. 1: there is none. */
int run_debounce_join(struct engine *engine, const struct run_trigger *request, int64_t task_id,
		      const struct definition *definition, uint64_t now_ns, int64_t *ret_run_id,
		      struct berth_error *err);

/* The new run is held back by the request's key. */
int run_debounce_hold(struct engine *engine, const struct run_trigger *request, int64_t task_id,
		      int64_t run_id, uint64_t now_ns, struct berth_error *err);
