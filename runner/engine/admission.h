/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the engine only: starting what may start. docs/engine.md, Order. */
#pragma once

#include "base/error.h"
#include "runner/engine/engine.h"

/* Starts or resumes, in order of their positions, runs for which there are a slot and a share of
 * the ledger. Nothing while the engine is held. */
int engine_admit(struct engine *engine, struct berth_error *err);
