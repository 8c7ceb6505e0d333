/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of queues, versions, tasks and checkpoints. */
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "runner/engine/engine_reads.h"
#include "runner/engine/run_json.h"
#include "runner/store/store_views.h"

#define QUEUES_MAX      1000 /* in one page */
#define VERSIONS_MAX    1000 /* shown, the newest */
#define CHECKPOINTS_MAX 1000 /* shown */

static int fail_memory(struct berth_error *err)
{
	return berth_fail(err, BERTH_MEMORY, 0, "list: out of memory");
}

static int append(json_t *list, json_t *value, struct berth_error *err)
{
	return json_array_append_new(list, value) < 0 ? fail_memory(err) : 0;
}

/* {"current","base","override","overriddenAt"} */
static json_t *queue_concurrency(const struct queue_view *view, int64_t current)
{
	return json_pack("{s:o, s:o, s:o, s:o}", "current",
			 run_json_optional(current, STORE_VIEW_NO_LIMIT), "base",
			 run_json_optional(view->base_limit, STORE_VIEW_NO_LIMIT), "override",
			 run_json_optional(view->override_limit, STORE_VIEW_NO_LIMIT),
			 "overriddenAt", run_json_date(view->overridden_ns));
}

static int add_queue(void *owner, const struct queue_view *view, struct berth_error *err)
{
	bool is_task = strncmp(view->name, "task/", strlen("task/")) == 0;
	int64_t current = view->override_limit == STORE_VIEW_NO_LIMIT ? view->base_limit
								      : view->override_limit;

	return append(owner,
		      json_pack("{s:o, s:s, s:s, s:I, s:I, s:b, s:o, s:o, s:o, s:s, s:o}", "id",
				run_json_id("queue", view->id), "name", view->name, "type",
				is_task ? "task" : "custom", "running", (json_int_t)view->running,
				"queued", (json_int_t)view->queued, "paused", (int)view->is_paused,
				"concurrencyLimit", run_json_optional(current, STORE_VIEW_NO_LIMIT),
				"keyLimit", run_json_optional(view->key_limit, STORE_VIEW_NO_LIMIT),
				"sizeLimit",
				run_json_optional(view->size_limit, STORE_VIEW_NO_LIMIT), "version",
				"V1", "concurrency", queue_concurrency(view, current)),
		      err);
}

int read_queues(struct store *store, int64_t environment_id, const char *after, json_t **ret_page,
		struct berth_error *err)
{
	AUTO_JSON json_t *list = json_array();
	const char *next = NULL;
	json_t *page;

	if (!list)
		return fail_memory(err);
	if (store_view_queues(store, environment_id ? environment_id : 1, after ? after : "",
			      QUEUES_MAX + 1, add_queue, list, err) < 0)
		return -1;
	if (json_array_size(list) > QUEUES_MAX) {
		(void)json_array_remove(list, QUEUES_MAX);
		next = json_string_value(
			json_object_get(json_array_get(list, QUEUES_MAX - 1), "name"));
	}
	page = json_pack("{s:O, s:s?}", "data", list, "next", next);
	if (!page)
		return fail_memory(err);
	*ret_page = page;
	return 0;
}

int read_queue(struct store *store, int64_t environment_id, const char *name, json_t **ret_queue,
	       struct berth_error *err)
{
	AUTO_JSON json_t *list = json_array();
	char safe[160];
	int found;

	if (!list)
		return fail_memory(err);
	found = store_view_queue(store, environment_id ? environment_id : 1, name, add_queue, list,
				 err);
	if (found < 0)
		return -1;
	if (found == 1) {
		(void)text_sanitize(name, strnlen(name, 128), safe, sizeof(safe));
		return berth_fail(err, BERTH_NOT_FOUND, 0, "there is no queue \"%s\"", safe);
	}
	*ret_queue = json_incref(json_array_get(list, 0));
	return 0;
}

static int add_version(void *owner, const struct version_view *view, struct berth_error *err)
{
	return append(owner,
		      json_pack("{s:s, s:o, s:o, s:b, s:s, s:I}", "version", view->name,
				"createdAt", run_json_date(view->created_ns), "promotedAt",
				run_json_date(view->promoted_ns), "isCurrent",
				(int)view->is_current, "bundle", view->bundle, "taskCount",
				(json_int_t)view->tasks),
		      err);
}

int read_versions(struct store *store, int64_t environment_id, json_t **ret_list,
		  struct berth_error *err)
{
	AUTO_JSON json_t *list = json_array();

	if (!list)
		return fail_memory(err);
	if (store_view_versions(store, environment_id ? environment_id : 1, VERSIONS_MAX,
				add_version, list, err) < 0)
		return -1;
	*ret_list = json_incref(list);
	return 0;
}

static int add_task(void *owner, const struct task_view *view, struct berth_error *err)
{
	return append(owner,
		      json_pack("{s:s, s:s, s:o}", "id", view->name, "version", view->version,
				"definition", run_json_value(view->definition, NULL)),
		      err);
}

int read_tasks(struct store *store, int64_t environment_id, json_t **ret_list,
	       struct berth_error *err)
{
	AUTO_JSON json_t *list = json_array();

	environment_id = environment_id ? environment_id : 1;
	if (!list)
		return fail_memory(err);
	if (store_view_tasks(store, environment_id, false, add_task, list, err) < 0 ||
	    store_view_tasks(store, environment_id, true, add_task, list, err) < 0)
		return -1;
	*ret_list = json_incref(list);
	return 0;
}

static int add_checkpoint(void *owner, const struct checkpoint_view *view, struct berth_error *err)
{
	return append(owner,
		      json_pack("{s:s, s:I, s:I, s:o}", "name", view->name, "attempt",
				(json_int_t)view->attempt, "bytes", (json_int_t)view->bytes,
				"savedAt", run_json_date(view->saved_ns)),
		      err);
}

int read_checkpoints(struct store *store, int64_t run_id, json_t **ret_list,
		     struct berth_error *err)
{
	AUTO_JSON json_t *list = json_array();

	if (!list)
		return fail_memory(err);
	if (store_view_checkpoints(store, run_id, CHECKPOINTS_MAX, add_checkpoint, list, err) < 0)
		return -1;
	*ret_list = json_incref(list);
	return 0;
}
