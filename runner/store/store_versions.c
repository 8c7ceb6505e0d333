/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of versions, of the tasks they define, and of task names. */
#include "runner/store/store_versions.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "runner/store/sqlite.h"

enum statement {
	INSERT,
	FIND,
	CURRENT,
	LAST_OF_DAY,
	DEMOTE,
	PROMOTE,
	READ,
	NEXT_BUNDLE,
	READ_MANIFEST,
	DEFINITION_INSERT,
	DEFINITION_WRITE,
	DEFINITION_FIND,
	DEFINITION_READ,
	DEFINITION_NEXT,
	TASK_FIND,
	TASK_INSERT,
	TASK_NAME,
};

static const struct sqlite_statement_row rows[] = {
	[INSERT] = {"INSERT INTO versions (environment_id, name, bundle, manifest, created_ns) "
		    "VALUES (?, ?, ?, ?, ?) RETURNING id"},
	[FIND] = {"SELECT id FROM versions WHERE environment_id = ? AND name = ?"},
	[CURRENT] = {"SELECT id FROM versions WHERE environment_id = ? AND is_current = 1"},
	[LAST_OF_DAY] = {"SELECT coalesce(max(CAST(substr(name, 10) AS INTEGER)), 0) "
			 "FROM versions WHERE environment_id = ? AND name >= ?2 || '.' "
			 "AND name < ?2 || '/'"},
	[DEMOTE] = {"UPDATE versions SET is_current = 0 WHERE environment_id = ? "
		    "AND is_current = 1"},
	[PROMOTE] = {"UPDATE versions SET is_current = 1, promoted_ns = ? WHERE id = ?"},
	[READ] = {"SELECT name, bundle FROM versions WHERE id = ?"},
	[NEXT_BUNDLE] = {"SELECT id, bundle FROM versions WHERE id > ? ORDER BY id LIMIT 1"},
	[READ_MANIFEST] = {"SELECT manifest FROM versions WHERE id = ?"},
	[DEFINITION_INSERT] = {"INSERT INTO definitions (version_id, task, definition) "
			       "VALUES (?, ?, ?) RETURNING id"},
	[DEFINITION_WRITE] = {"UPDATE definitions SET definition = ? WHERE id = ?"},
	[DEFINITION_FIND] = {"SELECT id FROM definitions WHERE version_id = ? AND task = ?"},
	[DEFINITION_READ] = {"SELECT definition, version_id FROM definitions WHERE id = ?"},
	[DEFINITION_NEXT] = {"SELECT id, definition FROM definitions WHERE version_id = ? "
			     "AND id > ? ORDER BY id LIMIT 1"},
	[TASK_FIND] = {"SELECT id FROM tasks WHERE environment_id = ? AND name = ?"},
	[TASK_INSERT] = {"INSERT INTO tasks (environment_id, name) VALUES (?, ?) RETURNING id"},
	[TASK_NAME] = {"SELECT name FROM tasks WHERE id = ?"},
};

static int start(struct store *store, enum statement index, struct sqlite_use *ret_use,
		 struct berth_error *err)
{
	return sqlite_start(store, SQLITE_FILE_VERSIONS, rows, index, ret_use, err);
}

/* Statements of a number and a text that give a number. */
static int find(struct store *store, enum statement index, int64_t number, const char *text,
		int64_t *ret_number, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, index, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, number);
	if (text)
		sqlite_bind_string(&use, text);
	return sqlite_find_integer(&use, ret_number, err);
}

int store_version_insert(struct store *store, const struct version_row *row, int64_t *ret_id,
			 struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, INSERT, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, row->environment_id);
	sqlite_bind_string(&use, row->name);
	sqlite_bind_string(&use, row->bundle);
	sqlite_bind_string(&use, row->manifest);
	sqlite_bind_integer(&use, (int64_t)row->created_ns);
	return sqlite_find_integer(&use, ret_id, err);
}

int store_version_find(struct store *store, int64_t environment_id, const char *name,
		       int64_t *ret_id, struct berth_error *err)
{
	return find(store, FIND, environment_id, name, ret_id, err);
}

int store_version_current(struct store *store, int64_t environment_id, int64_t *ret_id,
			  struct berth_error *err)
{
	return find(store, CURRENT, environment_id, NULL, ret_id, err);
}

int store_version_last_of_day(struct store *store, int64_t environment_id, const char *day,
			      int64_t *ret_number, struct berth_error *err)
{
	return find(store, LAST_OF_DAY, environment_id, day, ret_number, err);
}

int store_version_promote(struct store *store, int64_t environment_id, int64_t id, uint64_t now_ns,
			  struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use demote = {0};
	AUTO_SQLITE struct sqlite_use promote = {0};

	if (start(store, DEMOTE, &demote, err) < 0)
		return -1;
	sqlite_bind_integer(&demote, environment_id);
	if (sqlite_execute(&demote, err) < 0 || start(store, PROMOTE, &promote, err) < 0)
		return -1;
	sqlite_bind_integer(&promote, (int64_t)now_ns);
	sqlite_bind_integer(&promote, id);
	return sqlite_execute(&promote, err);
}

int store_version_read(struct store *store, int64_t id, char **ret_name, char **ret_bundle,
		       struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};
	AUTO_FREE char *name = NULL;
	int missing;

	if (start(store, READ, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, id);
	missing = sqlite_find(&use, err);
	if (missing != 0)
		return missing;
	if (sqlite_column_string(&use, &name, err) < 0 ||
	    sqlite_column_string(&use, ret_bundle, err) < 0)
		return -1;
	*ret_name = steal_ptr(&name);
	return 0;
}

int store_version_next_bundle(struct store *store, int64_t after_id, int64_t *ret_id,
			      char **ret_bundle, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};
	int found;

	if (start(store, NEXT_BUNDLE, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, after_id);
	found = sqlite_step(&use, err);
	if (found <= 0)
		return found < 0 ? -1 : 1;
	*ret_id = sqlite_column_integer(&use);
	return sqlite_column_string(&use, ret_bundle, err);
}

int store_version_read_manifest(struct store *store, int64_t id, char **ret_manifest,
				struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};
	int found;

	if (start(store, READ_MANIFEST, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, id);
	found = sqlite_step(&use, err);
	if (found < 0)
		return -1;
	if (found == 0)
		return berth_fail(err, BERTH_NOT_FOUND, 0, "store: there is no version %lld",
				  (long long)id);
	return sqlite_column_string(&use, ret_manifest, err);
}

int store_definition_insert(struct store *store, int64_t version_id, const char *task,
			    const char *definition, int64_t *ret_id, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, DEFINITION_INSERT, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, version_id);
	sqlite_bind_string(&use, task);
	sqlite_bind_string(&use, definition);
	return sqlite_find_integer(&use, ret_id, err);
}

int store_definition_write(struct store *store, int64_t id, const char *definition,
			   struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, DEFINITION_WRITE, &use, err) < 0)
		return -1;
	sqlite_bind_string(&use, definition);
	sqlite_bind_integer(&use, id);
	return sqlite_execute(&use, err);
}

int store_definition_find(struct store *store, int64_t version_id, const char *task,
			  int64_t *ret_id, struct berth_error *err)
{
	return find(store, DEFINITION_FIND, version_id, task, ret_id, err);
}

int store_definition_read(struct store *store, int64_t id, char **ret_definition,
			  int64_t *ret_version_id, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};
	int missing;

	if (start(store, DEFINITION_READ, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, id);
	missing = sqlite_find(&use, err);
	if (missing != 0)
		return missing;
	if (sqlite_column_string(&use, ret_definition, err) < 0)
		return -1;
	*ret_version_id = sqlite_column_integer(&use);
	return 0;
}

int store_definition_next(struct store *store, int64_t version_id, int64_t after_id,
			  int64_t *ret_id, char **ret_definition, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};
	int64_t id;
	int missing;

	if (start(store, DEFINITION_NEXT, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, version_id);
	sqlite_bind_integer(&use, after_id);
	missing = sqlite_find(&use, err);
	if (missing != 0)
		return missing;
	id = sqlite_column_integer(&use);
	if (sqlite_column_string(&use, ret_definition, err) < 0)
		return -1;
	*ret_id = id;
	return 0;
}

int store_task_find(struct store *store, int64_t environment_id, const char *name, int64_t *ret_id,
		    struct berth_error *err)
{
	return find(store, TASK_FIND, environment_id, name, ret_id, err);
}

int store_task_ensure(struct store *store, int64_t environment_id, const char *name,
		      int64_t *ret_id, struct berth_error *err)
{
	int found = find(store, TASK_FIND, environment_id, name, ret_id, err);

	return found > 0 ? find(store, TASK_INSERT, environment_id, name, ret_id, err) : found;
}

int store_task_name(struct store *store, int64_t id, char **ret_name, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};
	int found;

	if (start(store, TASK_NAME, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, id);
	found = sqlite_step(&use, err);
	if (found < 0)
		return -1;
	if (found == 0)
		return berth_fail(err, BERTH_NOT_FOUND, 0, "store: there is no task %lld",
				  (long long)id);
	return sqlite_column_string(&use, ret_name, err);
}
