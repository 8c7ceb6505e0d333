/* SPDX-License-Identifier: Apache-2.0 */
/* Removing what has ended, by the operator's policy, a few rows a group. */
#include "runner/engine/engine_retention.h"

#include "base/clock.h"
#include "runner/engine/engine_batches.h"
#include "runner/engine/engine_core.h"
#include "runner/engine/run_move.h"

/* What is measured again after so many removals: each measurement is a few pages. */
#define REMOVALS_A_MEASUREMENT 8

static uint64_t before(uint64_t now_ns, uint64_t ms)
{
	uint64_t ns = ms > UINT64_MAX / CLOCK_NS_PER_MS ? UINT64_MAX : ms * CLOCK_NS_PER_MS;

	return now_ns > ns ? now_ns - ns : 0;
}

int engine_prune_begin(struct engine *engine, const struct engine_retention *policy,
		       struct engine_prune *ret_prune, struct berth_error *err)
{
	struct engine_prune prune = {.policy = *policy, .now_ns = clock_realtime_ns()};
	int64_t ended = 0;

	if (policy->runs < 0)
		return berth_fail(err, BERTH_INVALID, 0, "retention: a negative number of runs");
	if (policy->runs > 0 && store_count_ended(engine->store, &ended, err) < 0)
		return -1;
	prune.surplus = ended > policy->runs && policy->runs > 0 ? ended - policy->runs : 0;
	*ret_prune = prune;
	return 0;
}

/* Whether the pages in use are more than may be. */
static int is_too_large(struct engine *engine, const struct engine_prune *prune, bool *ret_is,
			struct berth_error *err)
{
	uint64_t bytes = 0;

	bool counts = prune->policy.store_bytes > 0 && !prune->is_dry;

	if (counts && store_used_bytes(engine->store, &bytes, err) < 0)
		return -1;
	*ret_is = counts && bytes > prune->policy.store_bytes;
	return 0;
}

static bool must_go(const struct engine_prune *prune, const struct prune_candidate *candidate,
		    bool is_too_large)
{
	const struct engine_retention *policy = &prune->policy;

	if (candidate->is_needed || candidate->ended_ns == 0 ||
	    candidate->ended_ns > before(prune->now_ns, policy->minimum_ms))
		return false;
	if (prune->kind == PRUNE_CHECKPOINTS)
		return policy->checkpoint_ms > 0 &&
		       candidate->ended_ns < before(prune->now_ns, policy->checkpoint_ms);
	/* files that take the space are none of the store's pages */
	if (prune->kind == PRUNE_VERSIONS)
		return policy->age_ms > 0 &&
		       candidate->ended_ns < before(prune->now_ns, policy->age_ms);
	if (is_too_large)
		return true;
	if (candidate->key_expires_ns > prune->now_ns)
		return false;
	if (policy->age_ms > 0 && candidate->ended_ns < before(prune->now_ns, policy->age_ms))
		return true;
	if (prune->kind == PRUNE_RUNS)
		return prune->surplus > 0;
	return candidate->ended_ns <= prune->reached_ns;
}

static int remove_one(struct engine *engine, struct engine_prune *prune,
		      const struct prune_candidate *candidate, struct berth_error *err)
{
	struct engine_effect effect = {.kind = ENGINE_FORGET, .run_id = candidate->id};
	struct run_row run;

	prune->removed[prune->kind]++;
	if (prune->kind == PRUNE_RUNS) {
		prune->surplus -= prune->surplus > 0;
		if (candidate->ended_ns > prune->reached_ns)
			prune->reached_ns = candidate->ended_ns;
	}
	if (prune->is_dry)
		return 0;
	if (prune->kind != PRUNE_RUNS)
		return store_prune_remove(engine->store, prune->kind, candidate->id, err);
	if (run_find(engine, candidate->id, &run, err) < 0)
		return -1;
	effect.attempt = run.attempt;
	if (store_prune_remove(engine->store, prune->kind, candidate->id, err) < 0)
		return -1;
	return engine_add_effect(engine, &effect, err);
}

/* A batch that nobody fills would wait for ever, and so would who waits for it. */
static int abandon(struct engine *engine, struct engine_prune *prune,
		   const struct prune_candidate *candidate, struct berth_error *err)
{
	if (prune->is_dry || prune->kind != PRUNE_BATCHES || candidate->ended_ns != 0 ||
	    prune->policy.batch_fill_ms == 0 ||
	    candidate->created_ns > before(prune->now_ns, prune->policy.batch_fill_ms))
		return 0;
	prune->abandoned++;
	return engine_batch_abandon(engine, candidate->id, err);
}

int engine_prune_step(struct engine *engine, struct engine_prune *prune, size_t most,
		      struct berth_error *err)
{
	struct prune_candidate candidates[PRUNE_STEP_MAX];
	struct engine_prune next = *prune; /* a step that fails is done again from where it was */
	bool too_large = false;
	size_t count, removals = 0;

	if (prune->kind == PRUNE_KINDS)
		return 0;
	if (most == 0 || most > PRUNE_STEP_MAX)
		most = PRUNE_STEP_MAX;
	if (store_prune_candidates(engine->store, next.kind, &next.place, candidates, most, &count,
				   err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (removals % REMOVALS_A_MEASUREMENT == 0 &&
		    is_too_large(engine, &next, &too_large, err) < 0)
			return -1;
		if (abandon(engine, &next, &candidates[i], err) < 0)
			return -1;
		if (!must_go(&next, &candidates[i], too_large))
			continue;
		if (remove_one(engine, &next, &candidates[i], err) < 0)
			return -1;
		removals++;
	}
	if (count < most) {
		next.kind++;
		next.place = (struct prune_place){0};
	}
	*prune = next;
	return next.kind < PRUNE_KINDS ? 1 : 0;
}
