/* SPDX-License-Identifier: Apache-2.0 */
/* Batches: announced, filled item by item, sealed, complete when every run has ended. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "runner/engine/engine.h"
#include "runner/engine/engine_runs.h"

#define BATCH_ITEMS_MAX 1000

enum batch_state {
	BATCH_PENDING,    /* not all items are there */
	BATCH_PROCESSING, /* sealed; runs go on */
	BATCH_COMPLETED,
	BATCH_PARTIAL_FAILED, /* sealed; some items were refused, the runs of the others have ended
			       */
	BATCH_ABORTED,        /* nothing of it was accepted */
};

struct engine_batch_request {
	int64_t environment_id; /* 0: 1 */
	int64_t expected;       /* 1 … BATCH_ITEMS_MAX */
	int64_t parent_id;      /* 0: none */
	bool parent_waits;
	const char *idempotency_key; /* NULL: none */
	uint64_t idempotency_ttl_ms;
};
int engine_batch_create(struct engine *engine, const struct engine_batch_request *request,
			int64_t *ret_batch_id, bool *ret_is_cached, struct berth_error *err);

/* One item; the same index again is the item that is there (deduplicated). A refused trigger is
 * recorded as the item's error and is no failure of the call: *ret_accepted.run_id is 0 then and
 * err says why. */
int engine_batch_add(struct engine *engine, int64_t batch_id, int64_t index,
		     const struct run_trigger *request, struct run_accepted *ret_accepted,
		     bool *ret_is_duplicate, struct berth_error *err);

/* Sealed when all expected items are there: 0, or 1 when some are missing (resend them). */
int engine_batch_seal(struct engine *engine, int64_t batch_id, struct berth_error *err);

/* For the engine: a run is final. Counts in every batch of which it is an item, also in those that
 * found it by an idempotency key. */
int engine_batch_run_ended(struct engine *engine, int64_t run_id, struct berth_error *err);

/* For retention: nobody filled it; seals it with what is there. */
int engine_batch_abandon(struct engine *engine, int64_t batch_id, struct berth_error *err);
