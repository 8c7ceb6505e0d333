/* SPDX-License-Identifier: Apache-2.0 */
/* Changing runs that are there: cancel, replay, reschedule. */
#include "runner/engine/engine_runs.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "runner/engine/engine_core.h"
#include "runner/engine/run_delay.h"
#include "runner/engine/run_end.h"
#include "runner/engine/run_move.h"
#include "runner/engine/run_options.h"
#include "runner/engine/run_queue.h"
#include "runner/store/store_timers.h"
#include "runner/store/store_versions.h"

/* The words of the run's end; nobody failed. */
static int end_cancelled(struct engine *engine, struct run_row *run, struct berth_error *err)
{
	AUTO_FREE char *error = NULL;

	if (run_error_format("TASK_RUN_CANCELLED", "the run was cancelled", &error, err) < 0)
		return -1;
	return run_end(engine, run, RUN_EVENT_CANCEL, error, err);
}

/* Asked once; killed whenever that is wanted. */
static int stop_attempt(struct engine *engine, struct run_row *run, uint64_t grace_ms,
			struct berth_error *err)
{
	const struct timer_row children = {clock_realtime_ns(), TIMER_CANCEL_CHILDREN, run->id};
	struct engine_effect effect = {
		.kind = grace_ms ? ENGINE_ASK : ENGINE_KILL,
		.run_id = run->id,
		.attempt = run->attempt,
		.grace_ms = grace_ms,
	};
	bool was_asked = run->is_cancelling;

	if (was_asked && grace_ms)
		return 0;
	memcpy(effect.token, run->token, sizeof(effect.token));
	if (engine_add_effect(engine, &effect, err) < 0)
		return -1;
	if (was_asked)
		return 0;
	run->is_cancelling = true;
	run->updated_ns = clock_realtime_ns();
	if (store_run_write_state(engine->store, run, err) < 0 ||
	    store_timer_insert(engine->store, &children, err) < 0)
		return -1;
	return engine_add_run_effect(engine, ENGINE_CHANGED, run->id, err);
}

int engine_cancel(struct engine *engine, int64_t run_id, uint64_t grace_ms, struct berth_error *err)
{
	struct run_row run;

	if (run_find(engine, run_id, &run, err) < 0)
		return -1;
	if (run_state_is_final((enum run_state)run.state))
		return 0;
	if (run_state_has_attempt((enum run_state)run.state))
		return stop_attempt(engine, &run, grace_ms, err);
	return end_cancelled(engine, &run, err);
}

int engine_reschedule(struct engine *engine, int64_t run_id, const char *delay,
		      struct berth_error *err)
{
	uint64_t now_ns = clock_realtime_ns(), until_ns;
	struct timer_row timer = {.kind = TIMER_DELAY, .subject_id = run_id};
	struct run_row run;

	if (run_find(engine, run_id, &run, err) < 0 ||
	    run_delay_parse(delay, now_ns, &until_ns, err) < 0)
		return -1;
	if (run.state != RUN_DELAYED)
		return berth_fail(err, BERTH_INVALID, 0,
				  "only a run that is DELAYED can be rescheduled, this one is %s",
				  run_state_api_name((enum run_state)run.state));
	timer.due_ns = run.delay_until_ns;
	if (store_timer_delete(engine->store, &timer, err) < 0)
		return -1;
	run.delay_until_ns = until_ns ? until_ns : now_ns;
	if (!until_ns)
		return run_enqueue_delayed(engine, &run, err);
	timer.due_ns = until_ns;
	run.updated_ns = now_ns;
	if (store_timer_insert(engine->store, &timer, err) < 0 ||
	    store_run_write_state(engine->store, &run, err) < 0)
		return -1;
	return engine_add_run_effect(engine, ENGINE_CHANGED, run_id, err);
}

/* What an old run was asked to be; pointers are the parts'. */
struct replay {
	struct run_row run;
	struct run_data_row data;
	struct run_options options;
	json_t *metadata, *tags;
	char *task;
};

static void finish_replay(struct replay *replay)
{
	run_data_row_finish(&replay->data);
	run_options_finish(&replay->options);
	json_decref(replay->metadata);
	json_decref(replay->tags);
	free(replay->task);
}

static int read_replay(struct engine *engine, int64_t run_id, struct replay *replay,
		       struct berth_error *err)
{
	AUTO_FREE char *tags = NULL;

	if (run_find(engine, run_id, &replay->run, err) < 0 ||
	    store_run_data_read_input(engine->store, run_id, &replay->data, err) < 0 ||
	    run_options_parse(replay->data.options, &replay->options, err) < 0 ||
	    store_task_name(engine->store, replay->run.task_id, &replay->task, err) < 0 ||
	    store_run_tags_read(engine->store, run_id, &tags, err) < 0 ||
	    json_parse(tags, strlen(tags), &replay->tags, err) < 0)
		return -1;
	if (replay->data.metadata &&
	    json_parse(replay->data.metadata, strlen(replay->data.metadata), &replay->metadata,
		       err) < 0)
		return -1;
	return 0;
}

/* What the overrides give, else what the old run had. */
static void merge(const struct replay *old, const struct run_trigger *overrides,
		  struct run_trigger *ret_request)
{
	struct run_trigger request = *overrides;

	request.task = old->task;
	request.environment_id = old->run.environment_id;
	request.replay_of = old->run.id;
	request.is_test = old->run.is_test || overrides->is_test;
	if (!request.payload) {
		request.payload = old->data.payload;
		request.payload_type = old->data.payload_type;
	}
	if (!request.metadata)
		request.metadata = old->metadata;
	if (!request.tags)
		request.tags = old->tags;
	if (!request.inputs)
		request.inputs = old->options.inputs;
	if (!request.output_directory)
		request.output_directory = old->options.output_directory;
	if (!request.queue)
		request.queue = old->options.queue;
	if (!request.concurrency_key)
		request.concurrency_key = old->options.concurrency_key;
	if (!request.machine)
		request.machine = old->options.machine;
	if (!request.max_attempts)
		request.max_attempts = old->options.max_attempts;
	if (!request.max_duration_ms)
		request.max_duration_ms = old->options.max_duration_ms;
	if (!request.priority)
		request.priority = old->options.priority;
	if (!request.has_ttl) {
		request.has_ttl = old->options.has_ttl;
		request.ttl_ms = old->options.ttl_ms;
	}
	*ret_request = request;
}

int engine_replay(struct engine *engine, int64_t run_id, const struct run_trigger *overrides,
		  struct run_accepted *ret_accepted, struct berth_error *err)
{
	static const struct run_trigger nothing;
	struct replay replay = {0};
	struct run_trigger request;
	int result;

	result = read_replay(engine, run_id, &replay, err);
	if (result == 0) {
		merge(&replay, overrides ? overrides : &nothing, &request);
		result = engine_trigger(engine, &request, ret_accepted, err);
	}
	finish_replay(&replay);
	return result;
}
