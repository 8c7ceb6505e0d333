/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as people and programs are shown them: joined with the names of what they refer to. */
#include "runner/store/store_views.h"

#include <stdlib.h>
#include <string.h>

#include "runner/store/sqlite.h"

enum statement {
	RUN,
	RUN_DATA,
	TAGS,
	ATTEMPTS,
	QUEUES,
	QUEUE,
	VERSIONS,
	TASKS_CURRENT,
	TASKS_BUILT_IN,
	CHECKPOINTS,
};

#define QUEUE_COLUMNS                                                                              \
	"id, kind, name, base_limit, override_limit, key_limit, size_limit, overridden_ns, "       \
	"is_paused, queued, running"

static const struct sqlite_statement_row rows[] = {
	[RUN] = {"SELECT r.id, r.environment_id, r.state, t.name, q.name, l.concurrency_key, "
		 "v.name, r.machine, r.attempt, r.max_attempts, r.interruptions, r.priority_ms, "
		 "r.max_duration_ms, r.ttl_ms, r.created_ns, r.updated_ns, r.queued_ns, "
		 "r.started_ns, r.finished_ns, r.delay_until_ns, r.expires_ns, r.retry_ns, "
		 "r.parent_id, r.root_id, r.depth, r.batch_id, r.batch_index, r.replay_of, "
		 "r.dead_letter_of, r.is_test, r.is_cancelling, r.idempotency_key, r.cpu_ns, "
		 "r.wall_ns, r.memory_peak_bytes FROM runs r "
		 "LEFT JOIN tasks t ON t.id = r.task_id LEFT JOIN queues q ON q.id = r.queue_id "
		 "LEFT JOIN lanes l ON l.id = r.lane_id "
		 "LEFT JOIN versions v ON v.id = r.version_id WHERE r.id = ?"},
	[RUN_DATA] =
		{"SELECT iif(?2, payload, NULL), payload_type, iif(?2, metadata, NULL), "
		 "iif(?2, options, NULL), output, output_type, error FROM run_data WHERE run_id = ?1"},
	[TAGS] = {"SELECT tag FROM run_tags INDEXED BY run_tags_by_run WHERE run_id = ?"},
	[ATTEMPTS] = {"SELECT number, machine, outcome, reason, message, usage, protections, "
		      "started_ns, executing_ns, ended_ns, log_bytes, exit_code FROM attempts "
		      "WHERE run_id = ?1 AND number > (SELECT max(number) FROM attempts "
		      "WHERE run_id = ?1) - ?2 ORDER BY number"},
	[QUEUES] = {"SELECT " QUEUE_COLUMNS " FROM queues WHERE environment_id = ? AND name > ? "
		    "ORDER BY name LIMIT ?"},
	[QUEUE] = {"SELECT " QUEUE_COLUMNS " FROM queues WHERE environment_id = ? AND name = ?"},
	/* the newest are the last: few are of another environment */
	[VERSIONS] = {"SELECT id, name, bundle, created_ns, promoted_ns, is_current, "
		      "(SELECT count(*) FROM definitions d WHERE d.version_id = v.id) "
		      "FROM versions v NOT INDEXED WHERE environment_id = ? "
		      "ORDER BY id DESC LIMIT ?"},
	[TASKS_CURRENT] = {"SELECT d.task, v.name, d.definition FROM versions v "
			   "CROSS JOIN definitions d ON d.version_id = v.id "
			   "WHERE v.environment_id = ? AND v.is_current = 1 ORDER BY d.task"},
	[TASKS_BUILT_IN] = {"SELECT d.task, v.name, d.definition FROM versions v "
			    "CROSS JOIN definitions d ON d.version_id = v.id "
			    "WHERE v.environment_id = ? AND v.name = 'builtin' ORDER BY d.task"},
	[CHECKPOINTS] =
		{"SELECT name, attempt, saved_ns, length(CAST(data AS BLOB)) FROM checkpoints "
		 "WHERE run_id = ? ORDER BY name LIMIT ?"},
};

static int start(struct store *store, enum statement index, struct sqlite_use *ret_use,
		 struct berth_error *err)
{
	return sqlite_start(store, SQLITE_FILE_VIEWS, rows, index, ret_use, err);
}

static uint64_t read_time(struct sqlite_use *use)
{
	return (uint64_t)sqlite_column_optional(use, 0);
}

void run_view_finish(struct run_view *view)
{
	free(view->task);
	free(view->queue);
	free(view->concurrency_key);
	free(view->version);
	free(view->machine);
	free(view->idempotency_key);
	memset(view, 0, sizeof(*view));
}

static int read_run_names(struct sqlite_use *use, struct run_view *view, struct berth_error *err)
{
	char **const names[] = {&view->task, &view->queue, &view->concurrency_key, &view->version,
				&view->machine};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (sqlite_column_string(use, names[i], err) < 0)
			return -1;
	return 0;
}

static int read_run(struct sqlite_use *use, struct run_view *view, struct berth_error *err)
{
	view->id = sqlite_column_integer(use);
	view->environment_id = sqlite_column_integer(use);
	view->state = (int)sqlite_column_integer(use);
	if (read_run_names(use, view, err) < 0)
		return -1;
	view->attempt = sqlite_column_integer(use);
	view->max_attempts = sqlite_column_integer(use);
	view->interruptions = sqlite_column_integer(use);
	view->priority_ms = sqlite_column_integer(use);
	view->max_duration_ms = (uint64_t)sqlite_column_integer(use);
	view->ttl_ms = (uint64_t)sqlite_column_integer(use);
	view->created_ns = read_time(use);
	view->updated_ns = read_time(use);
	view->queued_ns = read_time(use);
	view->started_ns = read_time(use);
	view->finished_ns = read_time(use);
	view->delay_until_ns = read_time(use);
	view->expires_ns = read_time(use);
	view->retry_ns = read_time(use);
	view->parent_id = sqlite_column_optional(use, 0);
	view->root_id = sqlite_column_optional(use, 0);
	view->depth = sqlite_column_integer(use);
	view->batch_id = sqlite_column_optional(use, 0);
	view->batch_index = sqlite_column_optional(use, 0);
	view->replay_of = sqlite_column_optional(use, 0);
	view->dead_letter_of = sqlite_column_optional(use, 0);
	view->is_test = sqlite_column_integer(use) != 0;
	view->is_cancelling = sqlite_column_integer(use) != 0;
	if (sqlite_column_string(use, &view->idempotency_key, err) < 0)
		return -1;
	view->cpu_ns = (uint64_t)sqlite_column_integer(use);
	view->wall_ns = (uint64_t)sqlite_column_integer(use);
	view->memory_peak_bytes = (uint64_t)sqlite_column_integer(use);
	return 0;
}

int store_view_run(struct store *store, int64_t run_id, struct run_view *ret_view,
		   struct berth_error *err)
{
	AUTO_RUN_VIEW struct run_view view = {0};
	AUTO_SQLITE struct sqlite_use use = {0};
	int found;

	if (start(store, RUN, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, run_id);
	found = sqlite_step(&use, err);
	if (found < 0 || (found && read_run(&use, &view, err) < 0))
		return -1;
	if (!found)
		return 1;
	*ret_view = view;
	memset(&view, 0, sizeof(view));
	return 0;
}

void run_data_view_finish(struct run_data_view *view)
{
	free(view->payload);
	free(view->payload_type);
	free(view->metadata);
	free(view->options);
	free(view->output);
	free(view->output_type);
	free(view->error);
	memset(view, 0, sizeof(*view));
}

int store_view_run_data(struct store *store, int64_t run_id, bool with_payload,
			struct run_data_view *ret_view, struct berth_error *err)
{
	AUTO_RUN_DATA_VIEW struct run_data_view view = {0};
	AUTO_SQLITE struct sqlite_use use = {0};
	char **const columns[] = {&view.payload, &view.payload_type, &view.metadata, &view.options,
				  &view.output,  &view.output_type,  &view.error};
	int found;

	if (start(store, RUN_DATA, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, run_id);
	sqlite_bind_integer(&use, with_payload);
	found = sqlite_step(&use, err);
	if (found < 0)
		return -1;
	for (size_t i = 0; found && i < sizeof(columns) / sizeof(columns[0]); i++)
		if (sqlite_column_string(&use, columns[i], err) < 0)
			return -1;
	*ret_view = view;
	memset(&view, 0, sizeof(view));
	return 0;
}

int store_view_tags(struct store *store, int64_t run_id, store_tag_visitor visit, void *owner,
		    struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};
	int found;

	if (start(store, TAGS, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, run_id);
	while ((found = sqlite_step(&use, err)) > 0) {
		char *tag = NULL;
		int result = sqlite_column_string(&use, &tag, err);

		if (result == 0)
			result = visit(owner, tag, err);
		free(tag);
		if (result < 0)
			return -1;
	}
	return found;
}

static void attempt_view_finish(struct attempt_view *view)
{
	free(view->machine);
	free(view->outcome);
	free(view->reason);
	free(view->message);
	free(view->usage);
	free(view->protections);
}

static int read_attempt(struct sqlite_use *use, struct attempt_view *view, struct berth_error *err)
{
	char **const strings[] = {&view->machine, &view->outcome, &view->reason,
				  &view->message, &view->usage,   &view->protections};

	view->number = sqlite_column_integer(use);
	for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
		if (sqlite_column_string(use, strings[i], err) < 0)
			return -1;
	view->started_ns = read_time(use);
	view->executing_ns = read_time(use);
	view->ended_ns = read_time(use);
	view->log_bytes = (uint64_t)sqlite_column_integer(use);
	view->exit_code = sqlite_column_optional(use, INT64_MIN);
	view->has_exit_code = view->exit_code != INT64_MIN;
	return 0;
}

int store_view_attempts(struct store *store, int64_t run_id, int64_t most,
			store_attempt_visitor visit, void *owner, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};
	int found;

	if (start(store, ATTEMPTS, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, run_id);
	sqlite_bind_integer(&use, most);
	while ((found = sqlite_step(&use, err)) > 0) {
		struct attempt_view view = {0};
		int result = read_attempt(&use, &view, err);

		if (result == 0)
			result = visit(owner, &view, err);
		attempt_view_finish(&view);
		if (result < 0)
			return -1;
	}
	return found;
}

/* Hands the rows of a started and bound statement of QUEUE_COLUMNS to the visitor, and counts them.
 */
static int visit_queues(struct sqlite_use *use, store_queue_visitor visit, void *owner,
			int64_t *ret_count, struct berth_error *err)
{
	int found;

	for (*ret_count = 0; (found = sqlite_step(use, err)) > 0; ++*ret_count) {
		struct queue_view view = {0};
		int result;

		view.id = sqlite_column_integer(use);
		view.kind = sqlite_column_integer(use);
		result = sqlite_column_string(use, &view.name, err);
		view.base_limit = sqlite_column_optional(use, STORE_VIEW_NO_LIMIT);
		view.override_limit = sqlite_column_optional(use, STORE_VIEW_NO_LIMIT);
		view.key_limit = sqlite_column_optional(use, STORE_VIEW_NO_LIMIT);
		view.size_limit = sqlite_column_optional(use, STORE_VIEW_NO_LIMIT);
		view.overridden_ns = read_time(use);
		view.is_paused = sqlite_column_integer(use) != 0;
		view.queued = sqlite_column_integer(use);
		view.running = sqlite_column_integer(use);
		if (result == 0)
			result = visit(owner, &view, err);
		free(view.name);
		if (result < 0)
			return -1;
	}
	return found;
}

int store_view_queues(struct store *store, int64_t environment_id, const char *after, int64_t most,
		      store_queue_visitor visit, void *owner, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};
	int64_t count;

	if (start(store, QUEUES, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, environment_id);
	sqlite_bind_string(&use, after);
	sqlite_bind_integer(&use, most);
	return visit_queues(&use, visit, owner, &count, err);
}

int store_view_queue(struct store *store, int64_t environment_id, const char *name,
		     store_queue_visitor visit, void *owner, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};
	int64_t count;

	if (start(store, QUEUE, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, environment_id);
	sqlite_bind_string(&use, name);
	if (visit_queues(&use, visit, owner, &count, err) < 0)
		return -1;
	return count == 0 ? 1 : 0;
}

int store_view_versions(struct store *store, int64_t environment_id, int64_t most,
			store_version_visitor visit, void *owner, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};
	int found;

	if (start(store, VERSIONS, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, environment_id);
	sqlite_bind_integer(&use, most);
	while ((found = sqlite_step(&use, err)) > 0) {
		struct version_view view = {.id = sqlite_column_integer(&use)};
		int result = sqlite_column_string(&use, &view.name, err);

		if (result == 0)
			result = sqlite_column_string(&use, &view.bundle, err);
		view.created_ns = read_time(&use);
		view.promoted_ns = read_time(&use);
		view.is_current = sqlite_column_integer(&use) != 0;
		view.tasks = sqlite_column_integer(&use);
		if (result == 0)
			result = visit(owner, &view, err);
		free(view.name);
		free(view.bundle);
		if (result < 0)
			return -1;
	}
	return found;
}

int store_view_tasks(struct store *store, int64_t environment_id, bool built_in,
		     store_task_visitor visit, void *owner, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};
	int found;

	if (start(store, built_in ? TASKS_BUILT_IN : TASKS_CURRENT, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, environment_id);
	while ((found = sqlite_step(&use, err)) > 0) {
		struct task_view view = {0};
		int result = sqlite_column_string(&use, &view.name, err);

		if (result == 0)
			result = sqlite_column_string(&use, &view.version, err);
		if (result == 0)
			result = sqlite_column_string(&use, &view.definition, err);
		if (result == 0)
			result = visit(owner, &view, err);
		free(view.name);
		free(view.version);
		free(view.definition);
		if (result < 0)
			return -1;
	}
	return found;
}

int store_view_checkpoints(struct store *store, int64_t run_id, int64_t most,
			   store_checkpoint_visitor visit, void *owner, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};
	int found;

	if (start(store, CHECKPOINTS, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, run_id);
	sqlite_bind_integer(&use, most);
	while ((found = sqlite_step(&use, err)) > 0) {
		struct checkpoint_view view = {0};
		int result = sqlite_column_string(&use, &view.name, err);

		view.attempt = sqlite_column_integer(&use);
		view.saved_ns = read_time(&use);
		view.bytes = sqlite_column_integer(&use);
		if (result == 0)
			result = visit(owner, &view, err);
		free(view.name);
		if (result < 0)
			return -1;
	}
	return found;
}
