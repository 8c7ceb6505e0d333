/* SPDX-License-Identifier: Apache-2.0 */
/* After a restart: what the launcher still has against what the store says. */
#include <stdlib.h>
#include <string.h>

#include "runner/engine/engine_attempts.h"
#include "runner/engine/engine_core.h"
#include "runner/engine/engine_runs.h"
#include "runner/engine/engine_waits.h"
#include "runner/engine/run_move.h"

#define CHUNK 64

static int compare(const void *left, const void *right)
{
	const struct engine_live *one = left, *other = right;

	if (one->run_id != other->run_id)
		return one->run_id < other->run_id ? -1 : 1;
	return strcmp(one->token, other->token);
}

static bool is_live(const struct engine_live *live, size_t count, const struct run_token *run)
{
	struct engine_live wanted = {.run_id = run->run_id};

	memcpy(wanted.token, run->token, sizeof(wanted.token));
	return count > 0 && bsearch(&wanted, live, count, sizeof(*live), compare) != NULL;
}

static int interrupt(struct engine *engine, void *argument, struct berth_error *err)
{
	const struct run_token *run = argument;
	const struct engine_attempt_end end = {
		.outcome = OUTCOME_ERROR,
		.is_interrupted = true,
		.message = "its launcher or host went away",
	};

	return engine_attempt_end(engine, run->run_id, run->token, &end, err);
}

static int launch_again(struct engine *engine, void *argument, struct berth_error *err)
{
	const struct run_token *run = argument;
	const struct engine_attempt_end end = {
		.outcome = OUTCOME_ERROR,
		.is_interrupted = true,
		.never_began = true,
		.message = "its launch was lost on the way to the launcher",
	};

	return engine_attempt_end(engine, run->run_id, run->token, &end, err);
}

/* What was asked of it, or for it, before and may have been lost. */
static int go_on(struct engine *engine, void *argument, struct berth_error *err)
{
	const struct run_token *run = argument;
	struct engine_effect ask = {
		.kind = ENGINE_ASK,
		.run_id = run->run_id,
		.grace_ms = RUN_CANCEL_GRACE_MS,
	};

	memcpy(ask.token, run->token, sizeof(ask.token));
	if (run->is_cancelling && engine_add_effect(engine, &ask, err) < 0)
		return -1;
	return engine_waits_answer_again(engine, run->run_id, err);
}

/* The launcher's table, sorted. */
struct survivors {
	const struct engine_live *live;
	size_t count;
	bool is_new_launcher;
};

static engine_work choose(const struct survivors *survivors, enum run_state state,
			  const struct run_token *run)
{
	if (is_live(survivors->live, survivors->count, run))
		return go_on;
	return state == RUN_DEQUEUED && !survivors->is_new_launcher ? launch_again : interrupt;
}

/* Runs of one state, which have an attempt by the store. */
static int recover_state(struct engine *engine, enum run_state state,
			 const struct survivors *survivors, struct berth_error *err)
{
	struct run_token runs[CHUNK];
	int64_t after_id = 0;
	size_t count;

	do {
		if (store_run_list_state(engine->store, (int)state, after_id, runs, CHUNK, &count,
					 err) < 0)
			return -1;
		for (size_t i = 0; i < count; i++)
			if (engine_do(engine, choose(survivors, state, &runs[i]), &runs[i], err) <
			    0)
				return -1;
		if (count > 0)
			after_id = runs[count - 1].run_id;
	} while (count == CHUNK);
	return 0;
}

/* Processes that nobody waits for any more. */
static int kill_unknown(struct engine *engine, const struct engine_live *live, size_t count,
			struct berth_error *err)
{
	for (size_t i = 0; i < count; i++) {
		struct engine_effect effect = {.kind = ENGINE_KILL, .run_id = live[i].run_id};
		struct run_row run;
		int found = run_find_live(engine, live[i].run_id, live[i].token, &run, err);

		memcpy(effect.token, live[i].token, sizeof(effect.token));
		if (found < 0 ||
		    (found == ENGINE_STALE && engine_add_effect(engine, &effect, err) < 0))
			return -1;
	}
	return 0;
}

int engine_recover(struct engine *engine, const struct engine_live *live, size_t count,
		   bool is_new_launcher, struct berth_error *err)
{
	struct engine_live *sorted = calloc(count ? count : 1, sizeof(*sorted));
	const struct survivors survivors = {sorted, count, is_new_launcher};
	int result = 0;

	if (!sorted)
		return berth_fail(err, BERTH_MEMORY, 0, "engine: out of memory");
	if (count > 0)
		memcpy(sorted, live, count * sizeof(*sorted));
	qsort(sorted, count, sizeof(*sorted), compare);
	for (int state = 0; state < RUN_STATES && result == 0; state++)
		if (run_state_has_attempt((enum run_state)state))
			result = recover_state(engine, (enum run_state)state, &survivors, err);
	if (result == 0)
		result = kill_unknown(engine, sorted, count, err);
	free(sorted);
	return result;
}
