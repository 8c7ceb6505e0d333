/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the engine only: a run takes its place in its lane, or leaves it because it waited too
 * long. */
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "runner/engine/engine.h"
#include "runner/engine/run_state.h"
#include "runner/store/store_runs.h"

/* Sets queued_ns, position_ns and expires_ns of a run that is queued now. since_ns is what its
 * place counts from: now, or when its delay was over. */
void run_place(struct run_row *run, uint64_t since_ns, uint64_t now_ns);
/* Arms its ttl. */
int run_arm_ttl(struct engine *engine, const struct run_row *run, struct berth_error *err);

/* A DELAYED run is due. */
int run_enqueue_delayed(struct engine *engine, struct run_row *run, struct berth_error *err);

/* It did not start within its ttl. */
int run_expire(struct engine *engine, struct run_row *run, struct berth_error *err);
