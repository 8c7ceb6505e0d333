/* SPDX-License-Identifier: Apache-2.0 */
/* What has ended and may be removed, oldest first, and removing it whole. What must stay because
 * something unfinished refers to it is told here; what should go is the caller's policy
 * (runner/engine/engine_retention.h). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "runner/store/store.h"

enum prune_kind {
	PRUNE_CHECKPOINTS, /* of runs that have ended, without the runs; the number is the run's */
	PRUNE_RUNS,        /* with attempts, data, tags, checkpoints and waitpoint */
	PRUNE_TOKENS_COMPLETED, /* by the age of the token */
	PRUNE_TOKENS_TIMED_OUT, /* likewise */
	PRUNE_BATCHES,          /* with items and waitpoint; by the age of the batch */
	PRUNE_VERSIONS,         /* with definitions; never the current one, the one before it, the
				 * newest, nor one that a run names */
	PRUNE_KINDS,
};

struct prune_candidate {
	int64_t id;
	uint64_t ended_ns;       /* 0: it has not ended */
	uint64_t created_ns;     /* of a batch */
	uint64_t key_expires_ns; /* its idempotency key; 0: it has none */
	bool is_needed;          /* something unfinished refers to it */
};

/* Where a pass over one kind stands; zeros at its beginning. */
struct prune_place {
	uint64_t ended_ns;
	int64_t id;
};
/* At most `most` candidates from a place on, which is moved behind them. PRUNE_RUNS comes in the
 * order of the end, the others in the order of the number. */
int store_prune_candidates(struct store *store, enum prune_kind kind, struct prune_place *place,
			   struct prune_candidate *ret_candidates, size_t most, size_t *ret_count,
			   struct berth_error *err);
int store_prune_remove(struct store *store, enum prune_kind kind, int64_t id,
		       struct berth_error *err);

/* Runs that have ended. Reads an index of all of them: once a pass. */
int store_count_ended(struct store *store, int64_t *ret_count, struct berth_error *err);
/* Bytes of the pages in use: what removing brings down at once, unlike the files' sizes. */
int store_used_bytes(struct store *store, uint64_t *ret_bytes, struct berth_error *err);
