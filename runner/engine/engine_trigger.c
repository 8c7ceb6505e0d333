/* SPDX-License-Identifier: Apache-2.0 */
/* Accepting a run: from a request that was checked to rows, its place and its timers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "runner/engine/definition_cache.h"
#include "runner/engine/engine_core.h"
#include "runner/engine/engine_queues.h"
#include "runner/engine/engine_runs.h"
#include "runner/engine/payload_schema.h"
#include "runner/engine/run_check.h"
#include "runner/engine/run_debounce.h"
#include "runner/engine/run_delay.h"
#include "runner/engine/run_key.h"
#include "runner/engine/run_move.h"
#include "runner/engine/run_options.h"
#include "runner/engine/run_queue.h"
#include "runner/engine/run_tags.h"
#include "runner/store/store_queues.h"
#include "runner/store/store_timers.h"
#include "runner/store/store_versions.h"

#define PAYLOAD_TYPE_DEFAULT "application/json"

struct acceptance {
	struct engine *engine;
	const struct run_trigger *request;
	uint64_t now_ns;
	struct run_row parent; /* id 0: none */
	const struct definition *definition;
	struct run_row run;
};

int run_trigger_parse(const json_t *object, struct run_trigger *request, struct berth_error *err)
{
	if (field_parse_object(object, engine_trigger_rows, engine_trigger_row_count, request,
			       err) < 0)
		return -1;
	request->has_ttl = json_object_get(object, "ttl") != NULL;
	return 0;
}

void run_trigger_finish(struct run_trigger *request)
{
	field_finish(engine_trigger_rows, engine_trigger_row_count, request);
}

static int find_parent(struct acceptance *acceptance, struct berth_error *err)
{
	const struct run_trigger *request = acceptance->request;
	struct run_row *run = &acceptance->run;

	if (!request->parent_id)
		return 0;
	if (run_find(acceptance->engine, request->parent_id, &acceptance->parent, err) < 0)
		return -1;
	run->parent_id = acceptance->parent.id;
	run->root_id =
		acceptance->parent.root_id ? acceptance->parent.root_id : acceptance->parent.id;
	run->depth = acceptance->parent.depth + 1;
	if (run->depth > RUN_DEPTH_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "a run has more than %d parents above it",
				  RUN_DEPTH_MAX);
	return 0;
}

/* By the version asked for, by the waiting parent's, or by the current one. */
static int find_definition_id(struct acceptance *acceptance, int64_t *ret_id,
			      struct berth_error *err)
{
	const struct run_trigger *request = acceptance->request;
	struct engine *engine = acceptance->engine;
	struct run_row *run = &acceptance->run;
	int64_t version_id = 0;
	int found;

	if (request->version) {
		found = store_version_find(engine->store, run->environment_id, request->version,
					   &version_id, err);
		if (found > 0)
			return berth_fail(err, BERTH_NOT_FOUND, 0, "there is no version \"%.32s\"",
					  request->version);
		if (found < 0)
			return -1;
	} else if (request->parent_waits && acceptance->parent.version_id) {
		version_id = acceptance->parent.version_id;
	} else {
		return definition_cache_current(engine->definitions, engine->store,
						run->environment_id, run->task_id, ret_id, err);
	}
	run->version_id = version_id;
	return definition_of_version(engine->store, run->environment_id, version_id, request->task,
				     ret_id, err);
}

static int find_task(struct acceptance *acceptance, struct berth_error *err)
{
	const struct run_trigger *request = acceptance->request;
	struct engine *engine = acceptance->engine;
	struct run_row *run = &acceptance->run;
	int64_t definition_id = 0;

	if (definition_cache_task(engine->definitions, engine->store, run->environment_id,
				  request->task, &run->task_id, err) < 0 ||
	    find_definition_id(acceptance, &definition_id, err) < 0)
		return -1;
	if (!definition_id)
		return berth_fail(err, BERTH_NOT_FOUND, 0, "the %s has no task \"%.128s\"",
				  run->version_id ? "version asked for" : "current version",
				  request->task);
	run->definition_id = definition_id;
	return definition_cache_get(engine->definitions, engine->store, definition_id,
				    &acceptance->definition, err);
}

/* What is no JSON is a text. */
static int parse_payload(const struct run_trigger *request, json_t **ret_payload,
			 struct berth_error *err)
{
	const char *payload = request->payload ? request->payload : "null";
	bool is_json =
		!request->payload_type || strcmp(request->payload_type, PAYLOAD_TYPE_DEFAULT) == 0;

	if (is_json)
		return json_parse(payload, strlen(payload), ret_payload, err) < 0
			       ? berth_fail_context(err, "payload")
			       : 0;
	*ret_payload = json_string(payload);
	return *ret_payload ? 0
			    : berth_fail(err, BERTH_INVALID, 0,
					 "payload: the task's payloadSchema wants UTF-8");
}

static int check_payload(const struct acceptance *acceptance, struct berth_error *err)
{
	const json_t *schema = acceptance->definition->payload_schema;
	AUTO_JSON json_t *payload = NULL;

	if (!schema)
		return 0;
	if (parse_payload(acceptance->request, &payload, err) < 0)
		return -1;
	return payload_schema_validate(schema, payload, err);
}

/* 0: the key or the debounce found a run; 1: a new one is to be made. */
static int find_run(struct acceptance *acceptance, int64_t *ret_run_id, struct berth_error *err)
{
	const struct run_trigger *request = acceptance->request;
	struct engine *engine = acceptance->engine;
	struct run_row *run = &acceptance->run;
	uint64_t ttl_ms =
		request->idempotency_ttl_ms ? request->idempotency_ttl_ms : RUN_KEY_TTL_MS;
	int found = 1;

	if (request->idempotency_key) {
		run_key_normalize(request->idempotency_key, run->idempotency_key);
		run->idempotency_expires_ns = acceptance->now_ns + ttl_ms * CLOCK_NS_PER_MS;
		found = run_key_find(engine, run->task_id, run->idempotency_key, acceptance->now_ns,
				     ret_run_id, err);
	}
	if (found > 0 && request->debounce_mode != RUN_DEBOUNCE_NONE)
		found = run_debounce_join(engine, request, run->task_id, acceptance->definition,
					  acceptance->now_ns, ret_run_id, err);
	return found;
}

static int choose_delay(struct acceptance *acceptance, struct berth_error *err)
{
	const struct run_trigger *request = acceptance->request;
	uint64_t *until_ns = &acceptance->run.delay_until_ns;

	if (request->debounce_mode != RUN_DEBOUNCE_NONE)
		*until_ns = acceptance->now_ns + request->debounce_delay_ms * CLOCK_NS_PER_MS;
	else if (request->delay)
		return run_delay_parse(request->delay, acceptance->now_ns, until_ns, err);
	return 0;
}

static void choose_ttl(struct acceptance *acceptance)
{
	const struct run_trigger *request = acceptance->request;
	uint64_t most_ms = acceptance->engine->settings.max_ttl_ms;
	uint64_t ttl_ms = request->has_ttl ? request->ttl_ms : acceptance->definition->ttl_ms;

	if (most_ms && (ttl_ms == 0 || ttl_ms > most_ms))
		ttl_ms = most_ms;
	acceptance->run.ttl_ms = ttl_ms;
}

static int choose_queue(struct acceptance *acceptance, struct berth_error *err)
{
	const struct run_trigger *request = acceptance->request;
	struct engine *engine = acceptance->engine;
	struct run_row *run = &acceptance->run;
	const char *shared = acceptance->definition->own_queue.name;
	char own[STORE_QUEUE_NAME_SIZE];
	struct queue_row queue;
	int64_t limit;

	(void)snprintf(own, sizeof(own), "task/%s", request->task);
	if (engine_queue_ensure(engine, run->environment_id,
				request->queue ? request->queue
				: shared       ? shared
					       : own,
				&run->queue_id, err) < 0 ||
	    store_queue_read(engine->store, run->queue_id, &queue, err) < 0)
		return -1;
	limit = queue.size_limit != STORE_NONE ? queue.size_limit
					       : engine->settings.queue_size_limit;
	if ((queue.size_limit != STORE_NONE || limit > 0) && queue.queued >= limit)
		return berth_fail(err, BERTH_LIMIT, 0,
				  "the queue %.128s is full: %lld runs are queued", queue.name,
				  (long long)queue.queued);
	return store_lane_ensure(engine->store, run->queue_id,
				 request->concurrency_key ? request->concurrency_key : "",
				 &run->lane_id, err);
}

static int choose(struct acceptance *acceptance, struct berth_error *err)
{
	const struct run_trigger *request = acceptance->request;
	struct run_row *run = &acceptance->run;
	const struct run_options options = {
		.machine = request->machine,
		.max_attempts = request->max_attempts,
		.max_duration_ms = request->max_duration_ms,
	};

	if (choose_delay(acceptance, err) < 0 ||
	    run_options_apply(acceptance->engine, &options, acceptance->definition, run, err) < 0 ||
	    choose_queue(acceptance, err) < 0)
		return -1;
	choose_ttl(acceptance);
	run->id = engine_next_number(acceptance->engine);
	run->priority_ms = request->priority * 1000;
	run->batch_id = request->batch_id;
	run->batch_index = request->batch_index;
	run->replay_of = request->replay_of;
	run->dead_letter_of = request->dead_letter_of;
	run->is_test = request->is_test;
	run->created_ns = run->updated_ns = acceptance->now_ns;
	run->state = run->delay_until_ns ? RUN_DELAYED : RUN_QUEUED;
	if (run->state == RUN_QUEUED)
		run_place(run, acceptance->now_ns, acceptance->now_ns);
	if (request->parent_waits && acceptance->parent.id && run->state == RUN_QUEUED)
		run->position_ns = acceptance->parent.position_ns;
	return 0;
}

static int write_data(struct acceptance *acceptance, struct berth_error *err)
{
	const struct run_trigger *request = acceptance->request;
	struct engine *engine = acceptance->engine;
	AUTO_FREE char *options = NULL, *metadata = NULL;
	struct run_data_row data = {
		.payload = request->payload,
		.payload_type = request->payload_type ? request->payload_type
						      : (char *)PAYLOAD_TYPE_DEFAULT,
	};

	if (run_options_format(request, &options, err) < 0 ||
	    run_metadata_format(request->metadata, &metadata, err) < 0)
		return -1;
	data.options = options;
	data.metadata = metadata;
	if (store_run_data_insert(engine->store, acceptance->run.id, &data, err) < 0)
		return -1;
	return run_tags_write(engine, acceptance->run.id, request->tags, err);
}

static int write_place(struct acceptance *acceptance, struct berth_error *err)
{
	struct engine *engine = acceptance->engine;
	const struct run_row *run = &acceptance->run;
	const struct timer_row delay = {run->delay_until_ns, TIMER_DELAY, run->id};

	if (run->state == RUN_DELAYED) {
		if (store_timer_insert(engine->store, &delay, err) < 0)
			return -1;
		if (acceptance->request->debounce_mode == RUN_DEBOUNCE_NONE)
			return 0;
		return run_debounce_hold(engine, acceptance->request, run->task_id, run->id,
					 acceptance->now_ns, err);
	}
	if (run_arm_ttl(engine, run, err) < 0 ||
	    store_lane_count(engine->store, run->lane_id, 1, 0, err) < 0 ||
	    store_queue_count(engine->store, run->queue_id, 1, 0, err) < 0)
		return -1;
	return engine_lane_refresh(engine, run->lane_id, err);
}

int engine_trigger(struct engine *engine, const struct run_trigger *request,
		   struct run_accepted *ret_accepted, struct berth_error *err)
{
	struct acceptance acceptance = {
		.engine = engine,
		.request = request,
		.now_ns = clock_realtime_ns(),
		.run.environment_id = request->environment_id ? request->environment_id : 1,
	};
	int64_t run_id;
	int found;

	if (run_check(request, err) < 0 || find_parent(&acceptance, err) < 0 ||
	    find_task(&acceptance, err) < 0 || check_payload(&acceptance, err) < 0)
		return -1;
	found = find_run(&acceptance, &run_id, err);
	if (found < 0)
		return -1;
	if (found == 0) {
		*ret_accepted = (struct run_accepted){.run_id = run_id, .is_cached = true};
		return 0;
	}
	if (choose(&acceptance, err) < 0 ||
	    store_run_insert(engine->store, &acceptance.run, err) < 0 ||
	    write_data(&acceptance, err) < 0 || write_place(&acceptance, err) < 0)
		return -1;
	*ret_accepted = (struct run_accepted){.run_id = acceptance.run.id};
	return 0;
}
