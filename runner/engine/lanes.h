/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the engine only: the heads of lanes and queues, which order what starts next. */
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "runner/engine/engine.h"

/* Recomputes the heads of every lane whose counts changed, and of their queues. */
int lanes_refresh(struct engine *engine, struct berth_error *err);

/* The same for every lane of one queue that has runs queued, and the queue itself: its limits or
 * its pause changed. */
int lanes_refresh_queue(struct engine *engine, int64_t queue_id, struct berth_error *err);
