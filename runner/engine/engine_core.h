/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the engine only: what its files share. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "runner/engine/engine.h"
#include "runner/engine/run_state.h"
#include "runner/store/store.h"

struct definition_cache;

struct engine {
	struct store *store;
	struct engine_settings settings;
	struct engine_ledger ledger;
	struct engine_effect *effects;
	size_t effect_count, effect_capacity;
	int64_t *dirty_lanes; /* whose heads are recomputed before admission; each once */
	size_t dirty_count, dirty_capacity;
	int64_t last_number; /* newest of runs, waitpoints and batches */
	uint64_t next_due_ns;
	uint64_t random_state;
	struct definition_cache *definitions;
	bool is_held;
	bool owes_round; /* no longer held, and what may start has not been started yet */
	bool is_stale;   /* a group was lost: read again what is kept in memory */
};

struct store *engine_store(struct engine *engine);
const struct engine_settings *engine_settings(const struct engine *engine);
int engine_add_effect(struct engine *engine, const struct engine_effect *effect,
		      struct berth_error *err);
/* An effect that names no more than the run. */
int engine_add_run_effect(struct engine *engine, enum engine_effect_kind kind, int64_t run_id,
			  struct berth_error *err);

/* A number for a new run, waitpoint or batch: of all of them in order of age. */
int64_t engine_next_number(struct engine *engine);

/* [0, 1), for jitter. */
double engine_random(struct engine *engine);
/* Tests: what engine_random() goes on from. */
void engine_seed(struct engine *engine, uint64_t seed);
