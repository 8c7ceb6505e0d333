/* SPDX-License-Identifier: Apache-2.0 */
/* Removing what has ended, by the operator's policy, a few rows a group; and the online backup.
 * Nothing unfinished is removed, nor what something unfinished refers to: a run whose parent or
 * batch goes on, or whose result nobody has taken yet. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "runner/engine/engine.h"
#include "runner/store/store_retention.h"

/* 0: that does not bound it. Rows of runner/supervisor/settings_table.c. */
struct engine_retention {
	uint64_t minimum_ms;    /* what ended later stays, whatever the rest says */
	uint64_t age_ms;        /* what ended earlier goes */
	int64_t runs;           /* ended runs kept at most; the oldest go */
	uint64_t store_bytes;   /* of the store's pages in use; the oldest go */
	uint64_t checkpoint_ms; /* checkpoints of runs that ended earlier go before the runs */
	uint64_t batch_fill_ms; /* a batch that nobody filled for so long is sealed as it is */
};
/* An idempotency key that still holds keeps its run, token or batch from going by age or count; not
 * by bytes, for a full disk stops everything. */

/* One pass over everything; the caller's, so that a pass may be spread over many groups. */
struct engine_prune {
	struct engine_retention policy;
	bool is_dry; /* set after the beginning: only counts. What would go by bytes is not told,
		      * for nothing becomes smaller */
	uint64_t now_ns;
	enum prune_kind kind; /* PRUNE_KINDS: done */
	struct prune_place place;
	int64_t surplus;     /* ended runs more than may be kept */
	uint64_t reached_ns; /* what ended before this goes: a newer run went already */
	int64_t removed[PRUNE_KINDS];
	int64_t abandoned; /* batches */
};

/* Begins a pass. Looks through an index of all ended runs when the policy has a count. */
int engine_prune_begin(struct engine *engine, const struct engine_retention *policy,
		       struct engine_prune *ret_prune, struct berth_error *err);

#define PRUNE_STEP_MAX 256

/* One step within a group: looks at `most` things, at most PRUNE_STEP_MAX, and removes those that
 * are to go, with ENGINE_FORGET for each run. 1: there is more; 0: the pass is done. */
int engine_prune_step(struct engine *engine, struct engine_prune *prune, size_t most,
		      struct berth_error *err);

/* An online copy of the store in a new file, made between groups: no group may be open. */
struct engine_backup;
int engine_backup_begin(struct engine *engine, const char *path, struct engine_backup **ret_backup,
			struct berth_error *err);
/* One short step. 1: there is more; 0: the copy is complete and durable. */
int engine_backup_step(struct engine_backup *backup, struct berth_error *err);
/* Removes an incomplete copy; accepts NULL. */
void engine_backup_finish(struct engine_backup *backup);
