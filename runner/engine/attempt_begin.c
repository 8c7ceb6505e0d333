/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to a run when it gets a slot: its version is settled, its attempt begins. */
#include "runner/engine/attempt_begin.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "runner/engine/definition_cache.h"
#include "runner/engine/engine_core.h"
#include "runner/engine/run_end.h"
#include "runner/engine/run_move.h"
#include "runner/engine/run_options.h"
#include "runner/store/store_attempts.h"
#include "runner/store/store_timers.h"

#define TOKEN_BYTES 16

static int apply(struct engine *engine, struct run_row *run, int64_t definition_id,
		 struct berth_error *err)
{
	AUTO_RUN_OPTIONS struct run_options options = {0};
	AUTO_RUN_DATA struct run_data_row data = {0};
	const struct definition *definition;

	if (definition_cache_get(engine->definitions, engine->store, definition_id, &definition,
				 err) < 0 ||
	    store_run_data_read_input(engine->store, run->id, &data, err) < 0 ||
	    run_options_parse(data.options, &options, err) < 0 ||
	    run_options_apply(engine, &options, definition, run, err) < 0)
		return -1;
	run->definition_id = definition_id;
	return 0;
}

/* The store's and the host's own troubles are no reason to end a run. */
static bool is_runs_fault(const struct berth_error *err)
{
	return err->code == BERTH_INVALID || err->code == BERTH_NOT_FOUND;
}

int attempt_settle(struct engine *engine, struct run_row *run, struct berth_error *err)
{
	struct berth_error why = {0};
	const struct definition *definition;
	int64_t definition_id = 0;
	int result;

	if (run->version_id == 0 &&
	    definition_cache_current(engine->definitions, engine->store, run->environment_id,
				     run->task_id, &definition_id, err) < 0)
		return -1;
	if (definition_id != 0 && definition_id != run->definition_id)
		result = apply(engine, run, definition_id, &why);
	else
		result = definition_cache_get(engine->definitions, engine->store,
					      run->definition_id, &definition, &why);
	if (result == 0)
		return 0;
	if (is_runs_fault(&why) && !store_is_broken(engine->store))
		return run_end_system_failure(engine, run, "COULD_NOT_FIND_TASK", why.message, err);
	*err = why;
	return -1;
}

static int make_token(char ret_token[ENGINE_TOKEN_SIZE], struct berth_error *err)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char bytes[TOKEN_BYTES];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		return berth_fail(err, BERTH_SYSTEM, errno, "getrandom"); /* small: never partial */
	for (size_t i = 0; i < TOKEN_BYTES; i++) {
		ret_token[2 * i] = digits[bytes[i] >> 4];
		ret_token[2 * i + 1] = digits[bytes[i] & 15];
	}
	ret_token[2 * TOKEN_BYTES] = '\0';
	return 0;
}

/* Locked to the version of its definition, and safe from its ttl. */
static int start(struct engine *engine, struct run_row *run, uint64_t now_ns,
		 struct berth_error *err)
{
	const struct timer_row expire = {run->expires_ns, TIMER_EXPIRE, run->id};
	const struct definition *definition;

	if (run->started_ns != 0)
		return 0;
	run->started_ns = now_ns;
	if (run->expires_ns && store_timer_delete(engine->store, &expire, err) < 0)
		return -1;
	if (run->version_id)
		return 0;
	if (definition_cache_get(engine->definitions, engine->store, run->definition_id,
				 &definition, err) < 0)
		return -1;
	run->version_id = definition->version_id;
	return store_run_lock_version(engine->store, run->id, run->version_id, err);
}

/* Some tasks cannot go on from where another attempt stood. */
static int forget_checkpoints(struct engine *engine, const struct run_row *run,
			      struct berth_error *err)
{
	const struct definition *definition;

	if (run->attempt == 1)
		return 0;
	if (definition_cache_get(engine->definitions, engine->store, run->definition_id,
				 &definition, err) < 0)
		return -1;
	if (definition->resume == RESUME_CHECKPOINT)
		return 0;
	return store_checkpoints_delete(engine->store, run->id, err);
}

int attempt_begin(struct engine *engine, struct run_row *run, struct berth_error *err)
{
	struct engine_effect effect = {.kind = ENGINE_LAUNCH, .run_id = run->id};
	uint64_t now_ns = clock_realtime_ns();

	if (make_token(run->token, err) < 0 || start(engine, run, now_ns, err) < 0)
		return -1;
	run->attempt++;
	run->active_ns = 0;
	run->resumed_ns = 0;
	if (forget_checkpoints(engine, run, err) < 0 ||
	    run_advance(engine, run, RUN_EVENT_ADMIT, err) < 0 ||
	    store_attempt_insert(engine->store, run->id, run->attempt, run->token, run->machine,
				 now_ns, err) < 0)
		return -1;
	effect.attempt = run->attempt;
	memcpy(effect.token, run->token, sizeof(effect.token));
	return engine_add_effect(engine, &effect, err);
}
