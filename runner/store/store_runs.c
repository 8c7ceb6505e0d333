/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of runs. */
#include "runner/store/store_runs.h"

#include <string.h>

#include "runner/store/sqlite.h"

enum statement {
	NEWEST,
	INSERT,
	READ,
	WRITE_STATE,
	WRITE_ATTEMPT,
	WRITE_FINAL,
	LOCK_VERSION,
	SET_KEY,
	OF_KEY,
	NEXT_IN_LANE,
	LIST_STATE,
	LIST_CHILDREN,
	SUM_STATE,
};

#define STATE_COLUMNS                                                                              \
	"state = ?, is_cancelling = ?, position_ns = ?, active_ns = ?, resumed_ns = ?, "           \
	"delay_until_ns = ?, expires_ns = ?, retry_ns = ?, queued_ns = ?, updated_ns = ?"
#define ATTEMPT_COLUMNS                                                                            \
	STATE_COLUMNS                                                                              \
	", definition_id = ?, machine = ?, cpu_millis = ?, memory_bytes = ?, disk_bytes = ?, "     \
	"attempt = ?, max_attempts = ?, interruptions = ?, token = ?, max_duration_ms = ?, "       \
	"started_ns = ?, cpu_ns = ?, wall_ns = ?, memory_peak_bytes = ?"
#define ROW_COLUMNS                                                                                \
	"id, environment_id, task_id, queue_id, lane_id, state, position_ns, version_id, "         \
	"definition_id, machine, cpu_millis, memory_bytes, disk_bytes, attempt, max_attempts, "    \
	"interruptions, token, is_cancelling, priority_ms, max_duration_ms, active_ns, "           \
	"resumed_ns, delay_until_ns, ttl_ms, expires_ns, retry_ns, parent_id, root_id, depth, "    \
	"batch_id, batch_index, replay_of, dead_letter_of, is_test, idempotency_key, "             \
	"idempotency_expires_ns, created_ns, queued_ns, started_ns, finished_ns, updated_ns, "     \
	"cpu_ns, wall_ns, memory_peak_bytes"

static const struct sqlite_statement_row rows[] = {
	[NEWEST] = {"SELECT coalesce(max(id), 0) FROM runs"},
	[INSERT] = {"INSERT INTO runs (id, environment_id, task_id, queue_id, lane_id, state, "
		    "position_ns, version_id, definition_id, machine, cpu_millis, memory_bytes, "
		    "disk_bytes, max_attempts, priority_ms, max_duration_ms, delay_until_ns, "
		    "ttl_ms, expires_ns, parent_id, root_id, depth, batch_id, batch_index, "
		    "replay_of, dead_letter_of, is_test, idempotency_key, "
		    "idempotency_expires_ns, created_ns, queued_ns, updated_ns) VALUES (?, ?, ?, "
		    "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
		    "?, ?, ?, ?)"},
	[READ] = {"SELECT " ROW_COLUMNS " FROM runs WHERE id = ?"},
	[WRITE_STATE] = {"UPDATE runs SET " STATE_COLUMNS " WHERE id = ?"},
	[WRITE_ATTEMPT] = {"UPDATE runs SET " ATTEMPT_COLUMNS " WHERE id = ?"},
	[WRITE_FINAL] = {"UPDATE runs SET " ATTEMPT_COLUMNS ", finished_ns = ? WHERE id = ?"},
	[LOCK_VERSION] = {"UPDATE runs SET version_id = ? WHERE id = ?"},
	[SET_KEY] = {"UPDATE runs SET idempotency_key = ?, idempotency_expires_ns = ? "
		     "WHERE id = ?"},
	[OF_KEY] = {"SELECT id FROM runs WHERE task_id = ? AND idempotency_key = ?"},
	[NEXT_IN_LANE] = {"SELECT id FROM runs WHERE lane_id = ? AND state IN (2, 7) "
			  "ORDER BY position_ns, id LIMIT 1"},
	[LIST_STATE] = {"SELECT id, token, is_cancelling FROM runs WHERE state = ? AND id > ? "
			"ORDER BY id LIMIT ?"},
	[LIST_CHILDREN] = {"SELECT id FROM runs WHERE parent_id = ? AND state < ? "
			   "AND is_cancelling = 0 ORDER BY id LIMIT ?"},
	[SUM_STATE] = {"SELECT count(*), coalesce(sum(cpu_millis), 0), "
		       "coalesce(sum(memory_bytes), 0), coalesce(sum(disk_bytes), 0) FROM runs "
		       "WHERE state = ?"},
};

static int start(struct store *store, enum statement index, struct sqlite_use *ret_use,
		 struct berth_error *err)
{
	return sqlite_start(store, SQLITE_FILE_RUNS, rows, index, ret_use, err);
}

static const char *or_null(const char *text)
{
	return *text ? text : NULL;
}

int store_run_newest(struct store *store, int64_t *ret_id, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, NEWEST, &use, err) < 0 || sqlite_step(&use, err) < 0)
		return -1;
	*ret_id = sqlite_column_integer(&use);
	return 0;
}

int store_run_insert(struct store *store, const struct run_row *row, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, INSERT, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, row->id);
	sqlite_bind_integer(&use, row->environment_id);
	sqlite_bind_integer(&use, row->task_id);
	sqlite_bind_integer(&use, row->queue_id);
	sqlite_bind_integer(&use, row->lane_id);
	sqlite_bind_integer(&use, row->state);
	sqlite_bind_integer(&use, row->position_ns);
	sqlite_bind_optional(&use, row->version_id, 0);
	sqlite_bind_optional(&use, row->definition_id, 0);
	sqlite_bind_string(&use, row->machine);
	sqlite_bind_integer(&use, (int64_t)row->cpu_millis);
	sqlite_bind_integer(&use, (int64_t)row->memory_bytes);
	sqlite_bind_integer(&use, (int64_t)row->disk_bytes);
	sqlite_bind_integer(&use, row->max_attempts);
	sqlite_bind_integer(&use, row->priority_ms);
	sqlite_bind_integer(&use, (int64_t)row->max_duration_ms);
	sqlite_bind_optional(&use, (int64_t)row->delay_until_ns, 0);
	sqlite_bind_integer(&use, (int64_t)row->ttl_ms);
	sqlite_bind_optional(&use, (int64_t)row->expires_ns, 0);
	sqlite_bind_optional(&use, row->parent_id, 0);
	sqlite_bind_optional(&use, row->root_id, 0);
	sqlite_bind_integer(&use, row->depth);
	sqlite_bind_optional(&use, row->batch_id, 0);
	sqlite_bind_optional(&use, row->batch_index, row->batch_id ? -1 : 0);
	sqlite_bind_optional(&use, row->replay_of, 0);
	sqlite_bind_optional(&use, row->dead_letter_of, 0);
	sqlite_bind_integer(&use, row->is_test);
	sqlite_bind_string(&use, or_null(row->idempotency_key));
	sqlite_bind_optional(&use, (int64_t)row->idempotency_expires_ns, 0);
	sqlite_bind_integer(&use, (int64_t)row->created_ns);
	sqlite_bind_optional(&use, (int64_t)row->queued_ns, 0);
	sqlite_bind_integer(&use, (int64_t)row->updated_ns);
	return sqlite_execute(&use, err);
}

static uint64_t column_time(struct sqlite_use *use)
{
	return (uint64_t)sqlite_column_integer(use); /* NULL reads as 0 */
}

static void read_columns(struct sqlite_use *use, struct run_row *row)
{
	row->id = sqlite_column_integer(use);
	row->environment_id = sqlite_column_integer(use);
	row->task_id = sqlite_column_integer(use);
	row->queue_id = sqlite_column_integer(use);
	row->lane_id = sqlite_column_integer(use);
	row->state = (int)sqlite_column_integer(use);
	row->position_ns = sqlite_column_integer(use);
	row->version_id = sqlite_column_integer(use);
	row->definition_id = sqlite_column_integer(use);
	sqlite_column_copy(use, row->machine, sizeof(row->machine));
	row->cpu_millis = column_time(use);
	row->memory_bytes = column_time(use);
	row->disk_bytes = column_time(use);
	row->attempt = sqlite_column_integer(use);
	row->max_attempts = sqlite_column_integer(use);
	row->interruptions = sqlite_column_integer(use);
	sqlite_column_copy(use, row->token, sizeof(row->token));
	row->is_cancelling = sqlite_column_integer(use) != 0;
	row->priority_ms = sqlite_column_integer(use);
	row->max_duration_ms = column_time(use);
	row->active_ns = column_time(use);
	row->resumed_ns = column_time(use);
	row->delay_until_ns = column_time(use);
	row->ttl_ms = column_time(use);
	row->expires_ns = column_time(use);
	row->retry_ns = column_time(use);
	row->parent_id = sqlite_column_integer(use);
	row->root_id = sqlite_column_integer(use);
	row->depth = sqlite_column_integer(use);
	row->batch_id = sqlite_column_integer(use);
	row->batch_index = sqlite_column_integer(use);
	row->replay_of = sqlite_column_integer(use);
	row->dead_letter_of = sqlite_column_integer(use);
	row->is_test = sqlite_column_integer(use) != 0;
	sqlite_column_copy(use, row->idempotency_key, sizeof(row->idempotency_key));
	row->idempotency_expires_ns = column_time(use);
	row->created_ns = column_time(use);
	row->queued_ns = column_time(use);
	row->started_ns = column_time(use);
	row->finished_ns = column_time(use);
	row->updated_ns = column_time(use);
	row->cpu_ns = column_time(use);
	row->wall_ns = column_time(use);
	row->memory_peak_bytes = column_time(use);
}

int store_run_read(struct store *store, int64_t id, struct run_row *ret_row,
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
	read_columns(&use, ret_row);
	return 0;
}

static void bind_state(struct sqlite_use *use, const struct run_row *row)
{
	sqlite_bind_integer(use, row->state);
	sqlite_bind_integer(use, row->is_cancelling);
	sqlite_bind_integer(use, row->position_ns);
	sqlite_bind_integer(use, (int64_t)row->active_ns);
	sqlite_bind_optional(use, (int64_t)row->resumed_ns, 0);
	sqlite_bind_optional(use, (int64_t)row->delay_until_ns, 0);
	sqlite_bind_optional(use, (int64_t)row->expires_ns, 0);
	sqlite_bind_optional(use, (int64_t)row->retry_ns, 0);
	sqlite_bind_optional(use, (int64_t)row->queued_ns, 0);
	sqlite_bind_integer(use, (int64_t)row->updated_ns);
}

static void bind_attempt(struct sqlite_use *use, const struct run_row *row)
{
	bind_state(use, row);
	sqlite_bind_optional(use, row->definition_id, 0);
	sqlite_bind_string(use, row->machine);
	sqlite_bind_integer(use, (int64_t)row->cpu_millis);
	sqlite_bind_integer(use, (int64_t)row->memory_bytes);
	sqlite_bind_integer(use, (int64_t)row->disk_bytes);
	sqlite_bind_integer(use, row->attempt);
	sqlite_bind_integer(use, row->max_attempts);
	sqlite_bind_integer(use, row->interruptions);
	sqlite_bind_string(use, or_null(row->token));
	sqlite_bind_integer(use, (int64_t)row->max_duration_ms);
	sqlite_bind_optional(use, (int64_t)row->started_ns, 0);
	sqlite_bind_integer(use, (int64_t)row->cpu_ns);
	sqlite_bind_integer(use, (int64_t)row->wall_ns);
	sqlite_bind_integer(use, (int64_t)row->memory_peak_bytes);
}

int store_run_write_state(struct store *store, const struct run_row *row, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, WRITE_STATE, &use, err) < 0)
		return -1;
	bind_state(&use, row);
	sqlite_bind_integer(&use, row->id);
	return sqlite_execute(&use, err);
}

int store_run_write_attempt(struct store *store, const struct run_row *row, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, WRITE_ATTEMPT, &use, err) < 0)
		return -1;
	bind_attempt(&use, row);
	sqlite_bind_integer(&use, row->id);
	return sqlite_execute(&use, err);
}

int store_run_write_final(struct store *store, const struct run_row *row, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, WRITE_FINAL, &use, err) < 0)
		return -1;
	bind_attempt(&use, row);
	sqlite_bind_integer(&use, (int64_t)row->finished_ns);
	sqlite_bind_integer(&use, row->id);
	return sqlite_execute(&use, err);
}

int store_run_lock_version(struct store *store, int64_t id, int64_t version_id,
			   struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, LOCK_VERSION, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, version_id);
	sqlite_bind_integer(&use, id);
	return sqlite_execute(&use, err);
}

int store_run_set_key(struct store *store, int64_t id, const char *key, uint64_t expires_ns,
		      struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, SET_KEY, &use, err) < 0)
		return -1;
	sqlite_bind_string(&use, or_null(key));
	sqlite_bind_optional(&use, (int64_t)expires_ns, 0);
	sqlite_bind_integer(&use, id);
	return sqlite_execute(&use, err);
}

/* One number, or 1 without. */
int store_run_of_key(struct store *store, int64_t task_id, const char *key, int64_t *ret_id,
		     struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, OF_KEY, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, task_id);
	sqlite_bind_string(&use, key);
	return sqlite_find_integer(&use, ret_id, err);
}

int store_run_next_in_lane(struct store *store, int64_t lane_id, int64_t *ret_id,
			   struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, NEXT_IN_LANE, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, lane_id);
	return sqlite_find_integer(&use, ret_id, err);
}

int store_run_list_state(struct store *store, int state, int64_t after_id,
			 struct run_token *ret_tokens, size_t most, size_t *ret_count,
			 struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};
	size_t count = 0;
	int found = 0;

	if (start(store, LIST_STATE, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, state);
	sqlite_bind_integer(&use, after_id);
	sqlite_bind_integer(&use, (int64_t)most);
	while (count < most && (found = sqlite_step(&use, err)) > 0) {
		ret_tokens[count].run_id = sqlite_column_integer(&use);
		sqlite_column_copy(&use, ret_tokens[count].token, sizeof(ret_tokens[count].token));
		ret_tokens[count].is_cancelling = sqlite_column_integer(&use) != 0;
		count++;
	}
	*ret_count = count;
	return found < 0 ? -1 : 0;
}

int store_run_list_children(struct store *store, int64_t parent_id, int first_final,
			    int64_t *ret_ids, size_t most, size_t *ret_count,
			    struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};
	size_t count = 0;
	int found = 0;

	if (start(store, LIST_CHILDREN, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, parent_id);
	sqlite_bind_integer(&use, first_final);
	sqlite_bind_integer(&use, (int64_t)most);
	while (count < most && (found = sqlite_step(&use, err)) > 0)
		ret_ids[count++] = sqlite_column_integer(&use);
	*ret_count = count;
	return found < 0 ? -1 : 0;
}

int store_run_sum_state(struct store *store, int state, struct run_sums *ret_sums,
			struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, SUM_STATE, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, state);
	if (sqlite_step(&use, err) < 0)
		return -1;
	ret_sums->count = sqlite_column_integer(&use);
	ret_sums->cpu_millis = column_time(&use);
	ret_sums->memory_bytes = column_time(&use);
	ret_sums->disk_bytes = column_time(&use);
	return 0;
}
