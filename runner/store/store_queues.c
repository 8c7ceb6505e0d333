/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of queues and of their lanes. */
#include "runner/store/store_queues.h"

#include "runner/store/sqlite.h"

enum statement {
	INSERT,
	READ,
	FIND,
	WRITE_SETTINGS,
	WRITE_HEAD,
	COUNT,
	NEXT_READY,
	LANE_FIND,
	LANE_INSERT,
	LANE_READ,
	LANE_READ_KEY,
	LANE_WRITE_HEAD,
	LANE_COUNT,
	LANE_NEXT_READY,
	LANE_FIRST,
	LANE_NEXT_QUEUED,
};

static const struct sqlite_statement_row rows[] = {
	[INSERT] = {"INSERT INTO queues (environment_id, name, kind, base_limit, key_limit, "
		    "size_limit) VALUES (?, ?, ?, ?, ?, ?) RETURNING id"},
	[READ] = {"SELECT id, environment_id, name, kind, base_limit, override_limit, "
		  "overridden_ns, key_limit, size_limit, is_paused, queued, running, head_ns "
		  "FROM queues WHERE id = ?"},
	[FIND] = {"SELECT id FROM queues WHERE environment_id = ? AND name = ?"},
	[WRITE_SETTINGS] = {"UPDATE queues SET base_limit = ?, override_limit = ?, "
			    "overridden_ns = ?, key_limit = ?, size_limit = ?, is_paused = ? "
			    "WHERE id = ?"},
	[WRITE_HEAD] = {"UPDATE queues SET head_ns = ? WHERE id = ?"},
	[COUNT] = {"UPDATE queues SET queued = queued + ?, running = running + ? WHERE id = ?"},
	[NEXT_READY] = {"SELECT head_ns, id FROM queues WHERE head_ns IS NOT NULL "
			"AND (head_ns, id) > (?, ?) ORDER BY head_ns, id LIMIT 1"},
	[LANE_FIND] = {"SELECT id FROM lanes WHERE queue_id = ? AND concurrency_key = ?"},
	[LANE_INSERT] = {"INSERT INTO lanes (queue_id, concurrency_key) VALUES (?, ?) "
			 "RETURNING id"},
	[LANE_READ] = {"SELECT id, queue_id, queued, running, head_ns FROM lanes WHERE id = ?"},
	[LANE_READ_KEY] = {"SELECT concurrency_key FROM lanes WHERE id = ?"},
	[LANE_WRITE_HEAD] = {"UPDATE lanes SET head_ns = ? WHERE id = ?"},
	[LANE_COUNT] = {"UPDATE lanes SET queued = queued + ?, running = running + ? "
			"WHERE id = ?"},
	[LANE_NEXT_READY] = {"SELECT head_ns, id FROM lanes WHERE queue_id = ? "
			     "AND head_ns IS NOT NULL AND (head_ns, id) > (?, ?) "
			     "ORDER BY head_ns, id LIMIT 1"},
	[LANE_FIRST] = {"SELECT position_ns FROM runs WHERE lane_id = ? AND state IN (2, 7) "
			"ORDER BY position_ns, id LIMIT 1"},
	[LANE_NEXT_QUEUED] = {"SELECT id FROM lanes WHERE queue_id = ? AND id > ? AND queued > 0 "
			      "ORDER BY id LIMIT 1"},
};

static int start(struct store *store, enum statement index, struct sqlite_use *ret_use,
		 struct berth_error *err)
{
	return sqlite_start(store, SQLITE_FILE_QUEUES, rows, index, ret_use, err);
}

int store_queue_insert(struct store *store, const struct queue_row *row, int64_t *ret_id,
		       struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, INSERT, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, row->environment_id);
	sqlite_bind_string(&use, row->name);
	sqlite_bind_integer(&use, row->kind);
	sqlite_bind_optional(&use, row->base_limit, STORE_NONE);
	sqlite_bind_optional(&use, row->key_limit, STORE_NONE);
	sqlite_bind_optional(&use, row->size_limit, STORE_NONE);
	return sqlite_find_integer(&use, ret_id, err);
}

int store_queue_read(struct store *store, int64_t id, struct queue_row *ret_row,
		     struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};
	int missing;

	if (start(store, READ, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, id);
	missing = sqlite_find(&use, err);
	if (missing != 0)
		return missing;
	ret_row->id = sqlite_column_integer(&use);
	ret_row->environment_id = sqlite_column_integer(&use);
	sqlite_column_copy(&use, ret_row->name, sizeof(ret_row->name));
	ret_row->kind = (int)sqlite_column_integer(&use);
	ret_row->base_limit = sqlite_column_optional(&use, STORE_NONE);
	ret_row->override_limit = sqlite_column_optional(&use, STORE_NONE);
	ret_row->overridden_ns = (uint64_t)sqlite_column_integer(&use);
	ret_row->key_limit = sqlite_column_optional(&use, STORE_NONE);
	ret_row->size_limit = sqlite_column_optional(&use, STORE_NONE);
	ret_row->is_paused = sqlite_column_integer(&use) != 0;
	ret_row->queued = sqlite_column_integer(&use);
	ret_row->running = sqlite_column_integer(&use);
	ret_row->head_ns = sqlite_column_optional(&use, STORE_NONE);
	return 0;
}

int store_queue_find(struct store *store, int64_t environment_id, const char *name, int64_t *ret_id,
		     struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, FIND, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, environment_id);
	sqlite_bind_string(&use, name);
	return sqlite_find_integer(&use, ret_id, err);
}

int store_queue_write_settings(struct store *store, const struct queue_row *row,
			       struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, WRITE_SETTINGS, &use, err) < 0)
		return -1;
	sqlite_bind_optional(&use, row->base_limit, STORE_NONE);
	sqlite_bind_optional(&use, row->override_limit, STORE_NONE);
	sqlite_bind_optional(&use, (int64_t)row->overridden_ns, 0);
	sqlite_bind_optional(&use, row->key_limit, STORE_NONE);
	sqlite_bind_optional(&use, row->size_limit, STORE_NONE);
	sqlite_bind_integer(&use, row->is_paused);
	sqlite_bind_integer(&use, row->id);
	return sqlite_execute(&use, err);
}

static int write_head(struct store *store, enum statement index, int64_t id, int64_t head_ns,
		      struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, index, &use, err) < 0)
		return -1;
	sqlite_bind_optional(&use, head_ns, STORE_NONE);
	sqlite_bind_integer(&use, id);
	return sqlite_execute(&use, err);
}

int store_queue_write_head(struct store *store, int64_t id, int64_t head_ns,
			   struct berth_error *err)
{
	return write_head(store, WRITE_HEAD, id, head_ns, err);
}

static int add_counts(struct store *store, enum statement index, int64_t id, int64_t queued,
		      int64_t running, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, index, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, queued);
	sqlite_bind_integer(&use, running);
	sqlite_bind_integer(&use, id);
	return sqlite_execute(&use, err);
}

int store_queue_count(struct store *store, int64_t id, int64_t queued, int64_t running,
		      struct berth_error *err)
{
	return add_counts(store, COUNT, id, queued, running, err);
}

static int read_ready(struct sqlite_use *use, int64_t *ret_head_ns, int64_t *ret_id,
		      struct berth_error *err)
{
	int found = sqlite_step(use, err);

	if (found <= 0)
		return found < 0 ? -1 : 1;
	*ret_head_ns = sqlite_column_integer(use);
	*ret_id = sqlite_column_integer(use);
	return 0;
}

int store_queue_next_ready(struct store *store, int64_t head_ns, int64_t id, int64_t *ret_head_ns,
			   int64_t *ret_id, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, NEXT_READY, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, head_ns);
	sqlite_bind_integer(&use, id);
	return read_ready(&use, ret_head_ns, ret_id, err);
}

static int find_lane(struct store *store, enum statement index, int64_t queue_id, const char *key,
		     int64_t *ret_id, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, index, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, queue_id);
	sqlite_bind_string(&use, key);
	return sqlite_find_integer(&use, ret_id, err);
}

int store_lane_ensure(struct store *store, int64_t queue_id, const char *key, int64_t *ret_id,
		      struct berth_error *err)
{
	int found = find_lane(store, LANE_FIND, queue_id, key, ret_id, err);

	return found > 0 ? find_lane(store, LANE_INSERT, queue_id, key, ret_id, err) : found;
}

int store_lane_read(struct store *store, int64_t id, struct lane_row *ret_row,
		    struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};
	int missing;

	if (start(store, LANE_READ, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, id);
	missing = sqlite_find(&use, err);
	if (missing != 0)
		return missing;
	ret_row->id = sqlite_column_integer(&use);
	ret_row->queue_id = sqlite_column_integer(&use);
	ret_row->queued = sqlite_column_integer(&use);
	ret_row->running = sqlite_column_integer(&use);
	ret_row->head_ns = sqlite_column_optional(&use, STORE_NONE);
	return 0;
}

int store_lane_read_key(struct store *store, int64_t id, char **ret_key, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};
	int found;

	if (start(store, LANE_READ_KEY, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, id);
	found = sqlite_step(&use, err);
	if (found > 0)
		return sqlite_column_string(&use, ret_key, err);
	*ret_key = NULL;
	return found;
}

int store_lane_write_head(struct store *store, int64_t id, int64_t head_ns, struct berth_error *err)
{
	return write_head(store, LANE_WRITE_HEAD, id, head_ns, err);
}

int store_lane_count(struct store *store, int64_t id, int64_t queued, int64_t running,
		     struct berth_error *err)
{
	return add_counts(store, LANE_COUNT, id, queued, running, err);
}

int store_lane_next_ready(struct store *store, int64_t queue_id, int64_t head_ns, int64_t id,
			  int64_t *ret_head_ns, int64_t *ret_id, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, LANE_NEXT_READY, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, queue_id);
	sqlite_bind_integer(&use, head_ns);
	sqlite_bind_integer(&use, id);
	return read_ready(&use, ret_head_ns, ret_id, err);
}

int store_lane_first_position(struct store *store, int64_t id, int64_t *ret_position_ns,
			      struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};
	int found;

	if (start(store, LANE_FIRST, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, id);
	found = sqlite_step(&use, err);
	if (found < 0)
		return -1;
	*ret_position_ns = found ? sqlite_column_integer(&use) : STORE_NONE;
	return 0;
}

int store_lane_next_queued(struct store *store, int64_t queue_id, int64_t after_id, int64_t *ret_id,
			   struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, LANE_NEXT_QUEUED, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, queue_id);
	sqlite_bind_integer(&use, after_id);
	return sqlite_find_integer(&use, ret_id, err);
}
