/* SPDX-License-Identifier: Apache-2.0 */
/* Deployed versions: made, promoted, rolled back. */
#include "runner/engine/engine_versions.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "runner/engine/definition.h"
#include "runner/engine/definition_cache.h"
#include "runner/engine/engine_core.h"
#include "runner/engine/engine_queues.h"
#include "runner/store/store_versions.h"

#define DAY_SIZE 9 /* YYYYMMDD, with NUL */

static void format_day(char ret_day[DAY_SIZE])
{
	char date[CLOCK_RFC3339_SIZE];

	clock_format_rfc3339(clock_realtime_ns(), date);
	(void)snprintf(ret_day, DAY_SIZE, "%.4s%.2s%.2s", date, date + 5, date + 8);
}

static int check_task(const json_t *task, const char **ret_id, struct berth_error *err)
{
	const char *id = json_string_value(json_object_get(task, "id"));
	size_t length = id ? strlen(id) : 0;
	struct definition definition;

	if (length < 1 || length > TASK_NAME_MAX || !text_is_utf8(id, length))
		return berth_fail(err, BERTH_INVALID, 0, "a task's id is a text of 1 to %d bytes",
				  TASK_NAME_MAX);
	if (definition_parse(task, &definition, err) < 0)
		return berth_fail_context(err, "task %s", id);
	definition_finish(&definition);
	*ret_id = id;
	return 0;
}

/* A task's JSON as it is kept, the caller's. */
static int format_task(const json_t *task, char **ret_text, struct berth_error *err)
{
	AUTO_FREE char *text = json_format_compact(task);

	if (!text)
		return berth_fail(err, BERTH_MEMORY, 0, "engine: out of memory");
	if (strlen(text) > DEFINITION_MAX)
		return berth_fail(err, BERTH_LIMIT, 0,
				  "a task's definition has %zu bytes, at most %d are allowed",
				  strlen(text), DEFINITION_MAX);
	*ret_text = steal_ptr(&text);
	return 0;
}

static int insert_task(struct engine *engine, int64_t environment_id, int64_t version_id,
		       const json_t *task, struct berth_error *err)
{
	AUTO_FREE char *text = NULL;
	int64_t task_id, definition_id;
	const char *id;
	int found;

	if (check_task(task, &id, err) < 0)
		return -1;
	found = store_definition_find(engine->store, version_id, id, &definition_id, err);
	if (found == 0)
		return berth_fail(err, BERTH_INVALID, 0, "task %s is defined twice", id);
	if (found < 0 || format_task(task, &text, err) < 0 ||
	    store_task_ensure(engine->store, environment_id, id, &task_id, err) < 0)
		return -1;
	return store_definition_insert(engine->store, version_id, id, text, &definition_id, err);
}

/* The queue that a task describes: its own, or a shared one whose settings it gives. */
static int define_task_queue(struct engine *engine, int64_t environment_id, const json_t *task,
			     struct berth_error *err)
{
	const json_t *queue = json_object_get(task, "queue");
	struct definition definition;
	char own[TASK_NAME_MAX + 8];
	int result = 0;

	if (definition_parse(task, &definition, err) < 0)
		return -1;
	(void)snprintf(own, sizeof(own), "task/%s", json_string_value(json_object_get(task, "id")));
	if (!definition.own_queue.name || json_object_size(queue) > 1)
		result = engine_queue_define(
			engine, environment_id,
			definition.own_queue.name ? definition.own_queue.name : own,
			definition.own_queue.limit, definition.own_queue.key_limit,
			definition.own_queue.size_limit, err);
	definition_finish(&definition);
	return result;
}

static int define_queue(struct engine *engine, int64_t environment_id, const json_t *object,
			struct berth_error *err)
{
	struct definition_queue queue = {0};
	int result = -1;

	if (!json_is_object(object))
		return berth_fail(err, BERTH_INVALID, 0, "queues: not an object");
	if (field_set_defaults(definition_queue_rows, definition_queue_row_count, &queue, err) ==
		    0 &&
	    field_parse_object(object, definition_queue_rows, definition_queue_row_count, &queue,
			       err) == 0)
		result = queue.name ? engine_queue_define(engine, environment_id, queue.name,
							  queue.limit, queue.key_limit,
							  queue.size_limit, err)
				    : berth_fail(err, BERTH_INVALID, 0, "queues: one has no name");
	field_finish(definition_queue_rows, definition_queue_row_count, &queue);
	return result;
}

static int define_queues(struct engine *engine, int64_t environment_id, int64_t version_id,
			 const json_t *queues, struct berth_error *err)
{
	int64_t definition_id = 0;
	json_t *queue;
	size_t index;

	for (;;) {
		AUTO_FREE char *text = NULL;
		AUTO_JSON json_t *task = NULL;
		int found = store_definition_next(engine->store, version_id, definition_id,
						  &definition_id, &text, err);

		if (found != 0) {
			if (found < 0)
				return -1;
			break;
		}
		if (json_parse(text, strlen(text), &task, err) < 0 ||
		    define_task_queue(engine, environment_id, task, err) < 0)
			return -1;
	}
	json_array_foreach (queues, index, queue)
		if (define_queue(engine, environment_id, queue, err) < 0)
			return -1;
	return 0;
}

static int insert_version(struct engine *engine, const struct engine_deploy *deploy,
			  struct version_row *row, int64_t *ret_id, struct berth_error *err)
{
	char day[DAY_SIZE];
	int64_t last;

	format_day(day);
	if (store_version_last_of_day(engine->store, row->environment_id, day, &last, err) < 0)
		return -1;
	(void)snprintf(row->name, sizeof(row->name), "%s.%" PRId64, day, last + 1);
	row->bundle = deploy->bundle;
	row->manifest = deploy->manifest;
	row->created_ns = clock_realtime_ns();
	return store_version_insert(engine->store, row, ret_id, err);
}

static int promote(struct engine *engine, int64_t environment_id, int64_t version_id,
		   const char *manifest, struct berth_error *err)
{
	AUTO_JSON json_t *object = NULL;

	if (json_parse(manifest, strlen(manifest), &object, err) < 0)
		return berth_fail_context(err, "manifest");
	if (store_version_promote(engine->store, environment_id, version_id, clock_realtime_ns(),
				  err) < 0 ||
	    define_queues(engine, environment_id, version_id, json_object_get(object, "queues"),
			  err) < 0)
		return -1;
	definition_cache_clear(engine->definitions);
	return 0;
}

int engine_deploy(struct engine *engine, const struct engine_deploy *deploy,
		  char ret_name[VERSION_NAME_SIZE], struct berth_error *err)
{
	struct version_row row = {
		.environment_id = deploy->environment_id ? deploy->environment_id : 1,
	};
	int64_t version_id;
	json_t *task;
	size_t index;

	if (json_array_size(deploy->tasks) < 1 || json_array_size(deploy->tasks) > ENGINE_TASKS_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "a version has 1 to %d tasks, not %zu",
				  ENGINE_TASKS_MAX, json_array_size(deploy->tasks));
	if (insert_version(engine, deploy, &row, &version_id, err) < 0)
		return -1;
	json_array_foreach (deploy->tasks, index, task)
		if (insert_task(engine, row.environment_id, version_id, task, err) < 0)
			return -1;
	if (deploy->promote &&
	    promote(engine, row.environment_id, version_id, deploy->manifest, err) < 0)
		return -1;
	memcpy(ret_name, row.name, VERSION_NAME_SIZE);
	return 0;
}

int engine_promote(struct engine *engine, int64_t environment_id, const char *name,
		   struct berth_error *err)
{
	AUTO_FREE char *manifest = NULL;
	int64_t version_id;
	int found;

	environment_id = environment_id ? environment_id : 1;
	found = store_version_find(engine->store, environment_id, name, &version_id, err);
	if (found > 0 || (found == 0 && strcmp(name, STORE_BUILTIN_VERSION) == 0))
		return berth_fail(err, BERTH_NOT_FOUND, 0, "there is no version \"%.32s\"", name);
	if (found < 0 || store_version_read_manifest(engine->store, version_id, &manifest, err) < 0)
		return -1;
	return promote(engine, environment_id, version_id, manifest, err);
}

static int define_builtin_task(struct engine *engine, int64_t version_id, const json_t *task,
			       struct berth_error *err)
{
	AUTO_FREE char *text = NULL;
	int64_t definition_id;
	const char *id;
	int found;

	if (check_task(task, &id, err) < 0)
		return -1;
	found = store_definition_find(engine->store, version_id, id, &definition_id, err);
	if (found > 0)
		return insert_task(engine, 1, version_id, task, err);
	if (found < 0 || format_task(task, &text, err) < 0)
		return -1;
	return store_definition_write(engine->store, definition_id, text, err);
}

int engine_define_builtin(struct engine *engine, const json_t *tasks, struct berth_error *err)
{
	struct version_row row = {
		.environment_id = 1,
		.name = STORE_BUILTIN_VERSION,
		.bundle = "",
		.manifest = "{}",
		.created_ns = clock_realtime_ns(),
	};
	int64_t version_id;
	json_t *task;
	size_t index;
	int found = store_version_find(engine->store, 1, STORE_BUILTIN_VERSION, &version_id, err);

	if (found > 0)
		found = store_version_insert(engine->store, &row, &version_id, err);
	if (found < 0)
		return -1;
	json_array_foreach (tasks, index, task)
		if (define_builtin_task(engine, version_id, task, err) < 0)
			return -1;
	definition_cache_clear(engine->definitions);
	return define_queues(engine, 1, version_id, NULL, err);
}
