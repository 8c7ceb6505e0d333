/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a run, whatever ended it. */
#include "runner/engine/run_end.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "runner/engine/dead_letter.h"
#include "runner/engine/engine_core.h"
#include "runner/engine/engine_waits.h"
#include "runner/engine/run_move.h"
#include "runner/store/store_timers.h"

#define MESSAGE_MAX 4096

int run_error_format(const char *code, const char *message, char **ret_text,
		     struct berth_error *err)
{
	char safe[MESSAGE_MAX];
	AUTO_JSON json_t *error = NULL;

	(void)text_sanitize(message, strnlen(message, MESSAGE_MAX), safe, sizeof(safe));
	error = code ? json_pack("{s:s,s:s,s:s}", "type", "INTERNAL_ERROR", "code", code, "message",
				 safe)
		     : json_pack("{s:s,s:s}", "type", "STRING_ERROR", "raw", safe);
	*ret_text = error ? json_format_compact(error) : NULL;
	if (!*ret_text)
		return berth_fail(err, BERTH_MEMORY, 0, "engine: out of memory");
	return 0;
}

/* The timers that its state may have left. */
static int drop_timers(struct engine *engine, const struct run_row *run, struct berth_error *err)
{
	const struct timer_row timers[] = {
		{run->delay_until_ns,                            TIMER_DELAY,  run->id},
		{run->started_ns ? 0 : run->expires_ns,          TIMER_EXPIRE, run->id},
		{run->state == RUN_RETRYING ? run->retry_ns : 0, TIMER_RETRY,  run->id},
	};

	for (size_t i = 0; i < sizeof(timers) / sizeof(timers[0]); i++)
		if (timers[i].due_ns && store_timer_delete(engine->store, &timers[i], err) < 0)
			return -1;
	if (run->state != RUN_DELAYED)
		return 0;
	return store_debounce_delete_run(engine->store, run->id, err);
}

/* Success and cancellation keep the key: the same trigger again finds this run. */
static int release_key(struct engine *engine, struct run_row *run, struct berth_error *err)
{
	if (!run->idempotency_key[0] || run->state == RUN_COMPLETED || run->state == RUN_CANCELED)
		return 0;
	run->idempotency_key[0] = '\0';
	return store_run_set_key(engine->store, run->id, "", 0, err);
}

static int cancel_children(struct engine *engine, const struct run_row *run,
			   struct berth_error *err)
{
	const struct timer_row timer = {clock_realtime_ns(), TIMER_CANCEL_CHILDREN, run->id};

	if (run->state != RUN_CANCELED)
		return 0;
	return store_timer_insert(engine->store, &timer, err);
}

int run_end(struct engine *engine, struct run_row *run, enum run_event event, const char *error,
	    struct berth_error *err)
{
	if (drop_timers(engine, run, err) < 0 || run_advance(engine, run, event, err) < 0)
		return -1;
	if (error && store_run_data_write_error(engine->store, run->id, error, err) < 0)
		return -1;
	if (release_key(engine, run, err) < 0 || cancel_children(engine, run, err) < 0 ||
	    engine_waits_run_ended(engine, run->id, err) < 0 ||
	    dead_letter_start(engine, run, error, err) < 0)
		return -1;
	return engine_add_run_effect(engine, ENGINE_ENDED, run->id, err);
}

int run_end_system_failure(struct engine *engine, struct run_row *run, const char *code,
			   const char *message, struct berth_error *err)
{
	AUTO_FREE char *error = NULL;

	if (run_error_format(code, message, &error, err) < 0)
		return -1;
	return run_end(engine, run, RUN_EVENT_SYSTEM_FAILURE, error, err);
}
