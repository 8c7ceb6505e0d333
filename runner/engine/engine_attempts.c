/* SPDX-License-Identifier: Apache-2.0 */
/* What a live attempt reports: that it executes, its output, its end. */
#include "runner/engine/engine_attempts.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"
#include "runner/engine/attempt_end_table.h"
#include "runner/engine/definition_cache.h"
#include "runner/engine/engine_core.h"
#include "runner/engine/engine_runs.h"
#include "runner/engine/engine_waits.h"
#include "runner/engine/machine_ladder.h"
#include "runner/engine/retry_policy.h"
#include "runner/engine/run_end.h"
#include "runner/engine/run_move.h"
#include "runner/engine/run_options.h"
#include "runner/store/store_attempts.h"
#include "runner/store/store_timers.h"

#define ERROR_MAX (256 * 1024) /* bytes of a task's own error; a larger one is replaced */

int engine_attempt_started(struct engine *engine, int64_t run_id, const char *token,
			   struct berth_error *err)
{
	struct run_row run;
	int found = run_find_live(engine, run_id, token, &run, err);

	if (found != 0)
		return found;
	if (run.state != RUN_DEQUEUED)
		return 0; /* said before */
	if (store_attempt_executing(engine->store, run_id, run.attempt, clock_realtime_ns(), err) <
	    0)
		return -1;
	return run_advance(engine, &run, RUN_EVENT_STARTED, err);
}

int engine_attempt_output(struct engine *engine, int64_t run_id, const char *token,
			  const char *output, const char *type, struct berth_error *err)
{
	struct run_row run;
	size_t length = strlen(output);
	int found = run_find_live(engine, run_id, token, &run, err);

	if (found != 0)
		return found;
	if (length > RUN_OUTPUT_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "output: %zu bytes, at most %d are allowed",
				  length, RUN_OUTPUT_MAX);
	if (strnlen(type, RUN_PAYLOAD_TYPE_MAX + 1) > RUN_PAYLOAD_TYPE_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "output: its type has at most %d bytes",
				  RUN_PAYLOAD_TYPE_MAX);
	if (!text_is_utf8(output, length))
		return berth_fail(err, BERTH_INVALID, 0, "output: not UTF-8");
	return store_run_data_write_output(engine->store, run_id, output, type, err);
}

int engine_attempt_fail(struct engine *engine, int64_t run_id, const char *token, const char *fail,
			struct berth_error *err)
{
	struct run_row run;
	int found = run_find_live(engine, run_id, token, &run, err);

	if (found != 0)
		return found;
	if (strnlen(fail, ENGINE_FAIL_MAX + 1) > ENGINE_FAIL_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "fail: at most %d bytes are allowed",
				  ENGINE_FAIL_MAX);
	return store_attempt_fail(engine->store, run_id, run.attempt, fail, err);
}

/* One end while it is decided upon. */
struct ending {
	struct engine *engine;
	const struct engine_attempt_end *end;
	const struct definition *definition; /* NULL: it cannot be read */
	struct run_row run;
	const struct machine *machine; /* the next attempt's, when it is another */
	uint64_t due_ns;               /* of the next attempt */
	uint64_t now_ns;
};

/* Of a run whose definition cannot be read the attempt ends all the same: for good. */
static int find_definition(struct ending *ending, struct berth_error *err)
{
	struct engine *engine = ending->engine;
	struct berth_error why = {0};

	if (definition_cache_get(engine->definitions, engine->store, ending->run.definition_id,
				 &ending->definition, &why) == 0)
		return 0;
	if (!store_is_broken(engine->store) &&
	    (why.code == BERTH_INVALID || why.code == BERTH_NOT_FOUND))
		return 0;
	*err = why;
	return -1;
}

static const char *outcome_word(const struct engine_attempt_end *end)
{
	return end->is_interrupted ? "interrupted" : outcome_rows[end->outcome].name;
}

/* The attempt's row, and the run's sums. */
static int record(struct ending *ending, struct berth_error *err)
{
	const struct engine_attempt_end *end = ending->end;
	struct run_row *run = &ending->run;
	const struct attempt_end_row row = {
		.ended_ns = ending->now_ns,
		.outcome = outcome_word(end),
		.reason = end->reason,
		.exit_code = end->exit_code,
		.message = end->message,
		.usage = end->usage,
		.protections = end->protections,
		.log_bytes = end->log_bytes,
	};

	run->cpu_ns += end->cpu_ns;
	run->wall_ns += end->wall_ns;
	if (end->memory_peak_bytes > run->memory_peak_bytes)
		run->memory_peak_bytes = end->memory_peak_bytes;
	if (store_attempt_end(ending->engine->store, run->id, run->attempt, &row, err) < 0)
		return -1;
	return engine_waits_forget(ending->engine, run->id, err);
}

static int finish(struct ending *ending, enum run_event event, const char *code,
		  struct berth_error *err)
{
	const struct engine_attempt_end *end = ending->end;
	const char *message = end->message ? end->message : outcome_rows[end->outcome].sentence;
	AUTO_FREE char *error = NULL;

	if (event == RUN_EVENT_COMPLETE)
		return run_end(ending->engine, &ending->run, event, NULL, err);
	if (!code && end->error && strnlen(end->error, ERROR_MAX + 1) <= ERROR_MAX)
		return run_end(ending->engine, &ending->run, event, end->error, err);
	if (run_error_format(code, message, &error, err) < 0)
		return -1;
	return run_end(ending->engine, &ending->run, event, error, err);
}

/* Goes on from where it was, uncounted; three times, or when the task does not want it, it is over.
 * A launch that was lost on its way is no matter to the task. */
static int conclude_interrupted(struct ending *ending, struct berth_error *err)
{
	struct run_row *run = &ending->run;
	bool may_go_on =
		ending->definition &&
		(ending->definition->interrupted == INTERRUPTED_RETRY || ending->end->never_began);

	if (run->is_cancelling)
		return finish(ending, RUN_EVENT_CANCEL, "TASK_RUN_CANCELLED", err);
	run->interruptions++;
	if (!may_go_on || run->interruptions >= INTERRUPTIONS_MAX)
		return finish(ending, RUN_EVENT_SYSTEM_FAILURE, INTERRUPTED_CODE, err);
	return run_advance(ending->engine, run, RUN_EVENT_REQUEUE, err);
}

/* Whether another attempt follows; sets when, and on which machine. */
static bool is_retried(struct ending *ending)
{
	const struct engine_attempt_end *end = ending->end;
	const struct definition *definition = ending->definition;
	const struct run_row *run = &ending->run;
	int64_t number = run->attempt - run->interruptions;
	uint64_t delay_ms;

	if (!definition || !end_rows[end->outcome].is_retried)
		return false;
	if (end->outcome == OUTCOME_KILLED_MEMORY)
		ending->machine =
			machine_ladder_next(definition->policy.out_of_memory,
					    ending->engine->settings.machines, run->machine);
	/* a larger machine is not one more try of the same */
	if (number >= (ending->machine ? RUN_ATTEMPTS_LIMIT : run->max_attempts))
		return false;
	delay_ms =
		retry_policy_delay_ms(&definition->policy, number, engine_random(ending->engine));
	ending->due_ns =
		end->retry_at_ns ? end->retry_at_ns : ending->now_ns + delay_ms * CLOCK_NS_PER_MS;
	return true;
}

static int retry(struct ending *ending, struct berth_error *err)
{
	struct engine *engine = ending->engine;
	struct run_row *run = &ending->run;
	const struct timer_row timer = {ending->due_ns, TIMER_RETRY, run->id};
	bool is_later = ending->due_ns > ending->now_ns;

	run->retry_ns = is_later ? ending->due_ns : 0;
	if (run_advance(engine, run, is_later ? RUN_EVENT_RETRY : RUN_EVENT_REQUEUE, err) < 0 ||
	    store_run_data_write_output(engine->store, run->id, NULL, NULL, err) < 0)
		return -1;
	if (is_later && store_timer_insert(engine->store, &timer, err) < 0)
		return -1;
	if (!ending->machine)
		return 0;
	/* only now: until here it held the shares of the old one */
	run_take_machine(run, ending->machine, ending->definition);
	return store_run_write_attempt(engine->store, run, err);
}

static int conclude(struct ending *ending, struct berth_error *err)
{
	const struct engine_attempt_end *end = ending->end;
	const struct end_row *row = &end_rows[end->outcome];
	const char *code = row->code;

	if (end->is_interrupted)
		return conclude_interrupted(ending, err);
	/* a task that reached its end in the grace period is simply done */
	if (ending->run.is_cancelling && end->outcome != OUTCOME_COMPLETED)
		return finish(ending, RUN_EVENT_CANCEL, "TASK_RUN_CANCELLED", err);
	if (is_retried(ending))
		return retry(ending, err);
	if (end->outcome == OUTCOME_CRASHED && end->exit_code == SEGMENTATION_EXIT_CODE)
		code = SEGMENTATION_CODE;
	return finish(ending, row->event, code, err);
}

int engine_attempt_end(struct engine *engine, int64_t run_id, const char *token,
		       const struct engine_attempt_end *end, struct berth_error *err)
{
	struct ending ending = {.engine = engine, .end = end, .now_ns = clock_realtime_ns()};
	int found = run_find_live(engine, run_id, token, &ending.run, err);

	if (found != 0)
		return found;
	if (end->outcome >= OUTCOMES || end->retry_at_ns > INT64_MAX)
		return berth_fail(err, BERTH_INVALID, 0, "an attempt cannot end so");
	if (record(&ending, err) < 0 || find_definition(&ending, err) < 0)
		return -1;
	return conclude(&ending, err);
}
