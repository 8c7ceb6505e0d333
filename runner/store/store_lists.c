/* SPDX-License-Identifier: Apache-2.0 */
/* What lists are made of: numbers of rows in order of age, read from one index each. */
#include "runner/store/store_lists.h"

#include "runner/store/sqlite.h"

/* The statements of one index, newest and oldest first. INDEXED BY: a list must never be led by
 * another index than it says, for that would sort (https://sqlite.org/lang_indexedby.html). */
#define BOTH_ORDERS(select, column)                                                                \
	{select " AND " column " > ? AND " column " < ? ORDER BY " column " DESC LIMIT ?"},        \
	{                                                                                          \
		select " AND " column " > ? AND " column " < ? ORDER BY " column " LIMIT ?"        \
	}

enum statement {
	IDS, /* two for each enum list_index */
	RUN = 2 * LIST_INDEXES,
	RUN_HAS_TAG,
	FIND, /* one for each enum list_name */
	BEGIN = FIND + LIST_NAMES,
	END,
};

static const struct sqlite_statement_row rows[] = {
	/* the key that is bound to a list of all is NULL */
	BOTH_ORDERS("SELECT id FROM runs WHERE ? IS NULL", "id"),
	BOTH_ORDERS("SELECT id FROM runs INDEXED BY runs_by_state WHERE state = ?", "id"),
	BOTH_ORDERS("SELECT id FROM runs INDEXED BY runs_by_task WHERE task_id = ?", "id"),
	BOTH_ORDERS("SELECT id FROM runs INDEXED BY runs_by_queue WHERE queue_id = ?", "id"),
	BOTH_ORDERS("SELECT id FROM runs INDEXED BY runs_by_version WHERE version_id = ?", "id"),
	BOTH_ORDERS("SELECT id FROM runs INDEXED BY runs_by_parent WHERE parent_id = ?", "id"),
	/* sorts, but never more than a batch may have items */
	BOTH_ORDERS("SELECT id FROM runs INDEXED BY runs_by_batch WHERE batch_id = ?", "id"),
	BOTH_ORDERS("SELECT run_id FROM run_tags WHERE tag = ?", "run_id"),
	BOTH_ORDERS("SELECT id FROM waitpoints INDEXED BY waitpoints_by_state "
		    "WHERE kind = 2 AND state = ?",
		    "id"),
	{"SELECT environment_id, state, task_id, queue_id, version_id, batch_id, parent_id, "
	 "machine, is_test FROM runs WHERE id = ?"},
	{"SELECT 1 FROM run_tags WHERE tag = ? AND run_id = ?"},
	{"SELECT id FROM tasks WHERE environment_id = ? AND name = ?"},
	{"SELECT id FROM queues WHERE environment_id = ? AND name = ?"},
	{"SELECT id FROM versions WHERE environment_id = ? AND name = ?"},
	{"BEGIN DEFERRED"},
	{"COMMIT"},
};
_Static_assert(sizeof(rows) / sizeof(rows[0]) == END + 1, "a statement each");

static int start(struct store *store, size_t index, struct sqlite_use *ret_use,
		 struct berth_error *err)
{
	return sqlite_start(store, SQLITE_FILE_LISTS, rows, index, ret_use, err);
}

int store_snapshot_begin(struct store *store, bool *ret_is_mine, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};
	bool is_mine = sqlite3_get_autocommit(store->database) != 0;

	if (is_mine && (start(store, BEGIN, &use, err) < 0 || sqlite_execute(&use, err) < 0))
		return -1;
	*ret_is_mine = is_mine;
	return 0;
}

void store_snapshot_end(struct store *store, bool is_mine)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	/* nothing was written: there is nothing that could fail to be kept */
	if (is_mine && start(store, END, &use, NULL) == 0)
		(void)sqlite_execute(&use, NULL);
}

int store_list_ids(struct store *store, const struct list_range *range, int64_t *ret_ids,
		   size_t most, size_t *ret_count, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};
	size_t count = 0;
	int found = 0;

	if (start(store, IDS + 2 * (size_t)range->index + range->oldest_first, &use, err) < 0)
		return -1;
	if (range->index == LIST_RUNS || range->index == LIST_RUNS_BY_TAG)
		sqlite_bind_string(&use, range->index == LIST_RUNS ? NULL : range->text);
	else
		sqlite_bind_integer(&use, range->key);
	sqlite_bind_integer(&use, range->above_id);
	sqlite_bind_integer(&use, range->below_id);
	sqlite_bind_integer(&use, (int64_t)most);
	while (count < most && (found = sqlite_step(&use, err)) > 0)
		ret_ids[count++] = sqlite_column_integer(&use);
	if (found < 0)
		return -1;
	*ret_count = count;
	return 0;
}

int store_list_run(struct store *store, int64_t run_id, struct list_run *ret_run,
		   struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};
	int missing;

	if (start(store, RUN, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, run_id);
	missing = sqlite_find(&use, err);
	if (missing != 0)
		return missing;
	ret_run->environment_id = sqlite_column_integer(&use);
	ret_run->state = sqlite_column_integer(&use);
	ret_run->task_id = sqlite_column_integer(&use);
	ret_run->queue_id = sqlite_column_integer(&use);
	ret_run->version_id = sqlite_column_optional(&use, 0);
	ret_run->batch_id = sqlite_column_optional(&use, 0);
	ret_run->parent_id = sqlite_column_optional(&use, 0);
	sqlite_column_copy(&use, ret_run->machine, sizeof(ret_run->machine));
	ret_run->is_test = sqlite_column_integer(&use) != 0;
	return 0;
}

int store_list_run_has_tag(struct store *store, int64_t run_id, const char *tag,
			   struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, RUN_HAS_TAG, &use, err) < 0)
		return -1;
	sqlite_bind_string(&use, tag);
	sqlite_bind_integer(&use, run_id);
	return sqlite_step(&use, err);
}

int store_list_find(struct store *store, enum list_name kind, int64_t environment_id,
		    const char *name, int64_t *ret_id, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, FIND + (size_t)kind, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, environment_id);
	sqlite_bind_string(&use, name);
	return sqlite_find_integer(&use, ret_id, err);
}
