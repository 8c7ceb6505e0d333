/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the engine only: the end of a run, whatever ended it. */
#pragma once

#include "base/error.h"
#include "runner/engine/engine.h"
#include "runner/engine/run_state.h"
#include "runner/store/store_runs.h"

/* Ends it by the event, which leads to a final state: error is JSON text of a TaskRunError or NULL.
 * Its timers go, its key is released when it failed, who waits for it is told, its dead-letter task
 * starts. */
int run_end(struct engine *engine, struct run_row *run, enum run_event event, const char *error,
	    struct berth_error *err);

/* The same, with an INTERNAL_ERROR of that code. */
int run_end_system_failure(struct engine *engine, struct run_row *run, const char *code,
			   const char *message, struct berth_error *err);

/* {"type":"INTERNAL_ERROR","code":…,"message":…}, or with code NULL
 * {"type":"STRING_ERROR","raw":…}: the caller's. */
int run_error_format(const char *code, const char *message, char **ret_text,
		     struct berth_error *err);
