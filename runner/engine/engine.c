/* SPDX-License-Identifier: Apache-2.0 */
/* Groups of work, their pieces and effects, and what the engine keeps in memory. */
#include "runner/engine/engine.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/cleanup.h"
#include "runner/engine/admission.h"
#include "runner/engine/definition_cache.h"
#include "runner/engine/engine_core.h"
#include "runner/store/store_runs.h"
#include "runner/store/store_timers.h"

#define EFFECTS_FIRST 64
#define AT_ONCE_NS    1 /* long ago */

static int add_state(struct engine *engine, enum run_state state, struct engine_ledger *ledger,
		     struct berth_error *err)
{
	struct run_sums sums;

	if (store_run_sum_state(engine->store, (int)state, &sums, err) < 0)
		return -1;
	if (run_state_has_slot(state)) {
		ledger->running += sums.count;
		ledger->cpu_millis += sums.cpu_millis;
	}
	ledger->memory_bytes += sums.memory_bytes;
	ledger->disk_bytes += sums.disk_bytes;
	return 0;
}

/* Reads again from the store what is kept in memory. */
static int reload(struct engine *engine, struct berth_error *err)
{
	struct engine_ledger ledger = {0};
	int64_t newest;

	for (int state = 0; state < RUN_STATES; state++)
		if (run_state_has_attempt((enum run_state)state) &&
		    add_state(engine, (enum run_state)state, &ledger, err) < 0)
			return -1;
	if (store_run_newest(engine->store, &newest, err) < 0 ||
	    store_timer_next(engine->store, &engine->next_due_ns, err) < 0)
		return -1;
	if (newest > engine->last_number)
		engine->last_number = newest;
	engine->ledger = ledger;
	engine->dirty_count = 0;
	definition_cache_clear(engine->definitions);
	engine->is_stale = false;
	return 0;
}

int engine_create(struct store *store, const struct engine_settings *settings,
		  struct engine **ret_engine, struct berth_error *err)
{
	struct engine *engine = calloc(1, sizeof(*engine));

	if (!engine)
		return berth_fail(err, BERTH_MEMORY, 0, "engine: out of memory");
	engine->store = store;
	engine->settings = *settings;
	engine->is_held = true;
	if (getrandom(&engine->random_state, sizeof(engine->random_state), 0) !=
	    (ssize_t)sizeof(engine->random_state)) {
		engine_destroy(engine);
		return berth_fail(err, BERTH_SYSTEM, errno, "getrandom");
	}
	if (definition_cache_create(&engine->definitions, err) < 0 || reload(engine, err) < 0) {
		engine_destroy(engine);
		return -1;
	}
	*ret_engine = engine;
	return 0;
}

void engine_destroy(struct engine *engine)
{
	if (!engine)
		return;
	definition_cache_destroy(engine->definitions);
	free(engine->effects);
	free(engine->dirty_lanes);
	free(engine);
}

void engine_hold(struct engine *engine, bool is_held)
{
	if (engine->is_held && !is_held)
		engine->owes_round = true;
	engine->is_held = is_held;
}

int engine_group_begin(struct engine *engine, struct berth_error *err)
{
	engine->effect_count = 0;
	if (engine->is_stale && reload(engine, err) < 0)
		return -1;
	return store_begin(engine->store, err);
}

int engine_group_commit(struct engine *engine, struct berth_error *err)
{
	if (!store_is_broken(engine->store) && engine_admit(engine, err) < 0)
		goto lost;
	if (!store_is_broken(engine->store) &&
	    store_timer_next(engine->store, &engine->next_due_ns, err) < 0)
		goto lost;
	if (store_commit(engine->store, err) < 0)
		goto lost;
	engine->owes_round = engine->owes_round && engine->is_held;
	return 0;
lost:
	engine_group_abort(engine);
	return -1;
}

void engine_group_abort(struct engine *engine)
{
	store_rollback(engine->store);
	engine->effect_count = 0;
	engine->is_stale = true;
	(void)reload(engine, NULL); /* when that fails too, the next group begins with it */
}

const struct engine_effect *engine_effects(const struct engine *engine, size_t *ret_count)
{
	*ret_count = engine->effect_count;
	return engine->effects;
}

/* As if the piece had not been. Lanes that it made dirty may stay so. */
static void undo_piece(struct engine *engine, const struct engine_ledger *ledger, size_t effects)
{
	store_piece_undo(engine->store);
	engine->ledger = *ledger;
	engine->effect_count = effects;
	definition_cache_clear(engine->definitions); /* it may have made what was read */
}

int engine_do(struct engine *engine, engine_work work, void *argument, struct berth_error *err)
{
	const struct engine_ledger ledger = engine->ledger;
	size_t effects = engine->effect_count;
	int result;

	if (store_piece_begin(engine->store, err) < 0)
		return -1;
	result = work(engine, argument, err);
	if (result >= 0 && store_piece_keep(engine->store, err) < 0)
		result = -1;
	if (result < 0)
		undo_piece(engine, &ledger, effects);
	return result;
}

uint64_t engine_next_due_ns(const struct engine *engine)
{
	return engine->owes_round && !engine->is_held ? AT_ONCE_NS : engine->next_due_ns;
}

void engine_read_ledger(const struct engine *engine, struct engine_ledger *ret_ledger)
{
	*ret_ledger = engine->ledger;
}

struct store *engine_store(struct engine *engine)
{
	return engine->store;
}

const struct engine_settings *engine_settings(const struct engine *engine)
{
	return &engine->settings;
}

int engine_add_effect(struct engine *engine, const struct engine_effect *effect,
		      struct berth_error *err)
{
	if (!engine->effects || engine->effect_count == engine->effect_capacity) {
		size_t capacity =
			engine->effect_capacity ? engine->effect_capacity * 2 : EFFECTS_FIRST;
		struct engine_effect *effects =
			reallocarray(engine->effects, capacity, sizeof(*effects));

		if (!effects)
			return berth_fail(err, BERTH_MEMORY, 0, "engine: out of memory");
		engine->effects = effects;
		engine->effect_capacity = capacity;
	}
	engine->effects[engine->effect_count++] = *effect;
	return 0;
}

int engine_add_run_effect(struct engine *engine, enum engine_effect_kind kind, int64_t run_id,
			  struct berth_error *err)
{
	const struct engine_effect effect = {.kind = kind, .run_id = run_id};
	const struct engine_effect *last =
		engine->effect_count ? &engine->effects[engine->effect_count - 1] : NULL;

	if (last && last->kind == kind && last->run_id == run_id)
		return 0; /* once is enough */
	return engine_add_effect(engine, &effect, err);
}

int64_t engine_next_number(struct engine *engine)
{
	engine->last_number = identifier_next_number(engine->last_number);
	return engine->last_number;
}

void engine_seed(struct engine *engine, uint64_t seed)
{
	engine->random_state = seed;
}

/* splitmix64, https://prng.di.unimi.it/splitmix64.c: the upper 53 bits make a double. */
double engine_random(struct engine *engine)
{
	uint64_t mixed = engine->random_state += UINT64_C(0x9e3779b97f4a7c15);

	mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
	mixed ^= mixed >> 31;
	return (double)(mixed >> 11) / (double)(UINT64_C(1) << 53);
}
