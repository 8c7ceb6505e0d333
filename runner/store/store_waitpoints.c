/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of waitpoints, and of blocks: which wait request of which run stands before which of them.
 */
#include "runner/store/store_waitpoints.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner/store/sqlite.h"

enum statement {
	INSERT,
	READ,
	OF_RUN,
	OF_BATCH,
	OF_KEY,
	COMPLETE,
	RELEASE_KEY,
	DELETE,
	RUN,
	BLOCK_INSERT,
	BLOCK_COUNT,
	BLOCK_COUNT_RUN,
	BLOCK_READ_REQUEST,
	BLOCK_READ_PENDING,
	BLOCK_NEXT_FINISHED,
	BLOCK_SET_DONE,
	BLOCK_SET_ANSWERED,
	BLOCK_WAITPOINTS,
	BLOCK_WAITPOINTS_RUN,
	BLOCK_DELETE_WAITPOINT,
	BLOCK_DELETE,
	BLOCK_DELETE_RUN,
	BLOCK_LEADS_TO,
};

#define BLOCK_COLUMNS "run_id, token, wait_id, place, waitpoint_id, state"
#define BLOCK_COUNTS  "count(*), coalesce(sum(state = 0), 0), coalesce(sum(state = 2), 0)"

static const struct sqlite_statement_row rows[] = {
	[INSERT] = {"INSERT INTO waitpoints (id, environment_id, kind, state, run_id, batch_id, "
		    "due_ns, idempotency_key, idempotency_expires_ns, created_ns, completed_ns, "
		    "output, output_type, is_error, tags) "
		    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"},
	[READ] = {"SELECT id, environment_id, kind, state, run_id, batch_id, due_ns, "
		  "idempotency_key, idempotency_expires_ns, created_ns, completed_ns, "
		  "iif(?2, output, NULL), output_type, is_error, tags FROM waitpoints "
		  "WHERE id = ?1"},
	[OF_RUN] = {"SELECT id FROM waitpoints WHERE run_id = ?"},
	[OF_BATCH] = {"SELECT id FROM waitpoints WHERE batch_id = ?"},
	[OF_KEY] = {"SELECT id FROM waitpoints WHERE environment_id = ? AND idempotency_key = ?"},
	[COMPLETE] = {"UPDATE waitpoints SET state = ?, completed_ns = ?, output = ?, "
		      "output_type = ?, is_error = ? WHERE id = ? AND state = 0"},
	[RELEASE_KEY] = {"UPDATE waitpoints SET idempotency_key = NULL, "
			 "idempotency_expires_ns = NULL WHERE id = ?"},
	[DELETE] = {"DELETE FROM waitpoints WHERE id = ?"},
	[RUN] = {"SELECT environment_id, state, attempt, token, is_cancelling FROM runs "
		 "WHERE id = ?"},
	[BLOCK_INSERT] = {"INSERT INTO blocks (" BLOCK_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?)"},
	[BLOCK_COUNT] = {"SELECT " BLOCK_COUNTS " FROM blocks WHERE run_id = ? AND wait_id = ?"},
	[BLOCK_COUNT_RUN] = {"SELECT " BLOCK_COUNTS
			     ", count(DISTINCT wait_id) FROM blocks WHERE run_id = ?"},
	[BLOCK_READ_REQUEST] = {"SELECT " BLOCK_COLUMNS " FROM blocks WHERE run_id = ? "
				"AND wait_id = ? AND place >= ? ORDER BY place LIMIT ?"},
	[BLOCK_READ_PENDING] = {"SELECT " BLOCK_COLUMNS " FROM blocks WHERE waitpoint_id = ? "
				"AND state = 0 LIMIT ?"},
	/* place 0 is there in every request */
	[BLOCK_NEXT_FINISHED] = {"SELECT " BLOCK_COLUMNS " FROM blocks b WHERE run_id = ? "
				 "AND wait_id > ? AND place = 0 AND NOT EXISTS (SELECT 1 "
				 "FROM blocks p WHERE p.run_id = b.run_id "
				 "AND p.wait_id = b.wait_id AND p.state = 0) "
				 "ORDER BY wait_id LIMIT 1"},
	[BLOCK_SET_DONE] = {"UPDATE blocks SET state = 1 WHERE run_id = ? AND wait_id = ? "
			    "AND place = ? AND state = 0"},
	[BLOCK_SET_ANSWERED] = {"UPDATE blocks SET state = 2 WHERE run_id = ? AND wait_id = ?"},
	[BLOCK_WAITPOINTS] = {"SELECT b.waitpoint_id FROM blocks b "
			      "CROSS JOIN waitpoints w ON w.id = b.waitpoint_id "
			      "WHERE b.run_id = ? AND b.wait_id = ? AND w.kind = ? LIMIT ?"},
	[BLOCK_WAITPOINTS_RUN] = {"SELECT b.waitpoint_id FROM blocks b "
				  "CROSS JOIN waitpoints w ON w.id = b.waitpoint_id "
				  "WHERE b.run_id = ? AND w.kind = ? LIMIT ?"},
	[BLOCK_DELETE_WAITPOINT] = {"DELETE FROM blocks WHERE run_id = ? AND waitpoint_id = ?"},
	[BLOCK_DELETE] = {"DELETE FROM blocks WHERE run_id = ? AND wait_id = ?"},
	[BLOCK_DELETE_RUN] = {"DELETE FROM blocks WHERE run_id = ?"},
	/* UNION drops what was reached before, so that no circle is walked twice */
	[BLOCK_LEADS_TO] = {"WITH RECURSIVE reached (run_id) AS ("
			    "SELECT ?1 WHERE ?1 <> 0 UNION "
			    "SELECT run_id FROM batch_items "
			    "WHERE batch_id = ?2 AND run_id IS NOT NULL UNION "
			    "SELECT coalesce(w.run_id, i.run_id) FROM reached "
			    "CROSS JOIN blocks b ON b.run_id = reached.run_id AND b.state = 0 "
			    "CROSS JOIN waitpoints w ON w.id = b.waitpoint_id "
			    "LEFT JOIN batch_items i ON i.batch_id = w.batch_id "
			    "WHERE coalesce(w.run_id, i.run_id) IS NOT NULL LIMIT 2000) "
			    "SELECT 1 FROM reached WHERE run_id = ?3 LIMIT 1"},
};

static int start(struct store *store, enum statement index, struct sqlite_use *ret_use,
		 struct berth_error *err)
{
	return sqlite_start(store, SQLITE_FILE_WAITPOINTS, rows, index, ret_use, err);
}

void waitpoint_row_finish(struct waitpoint_row *row)
{
	free(row->idempotency_key);
	free(row->output);
	free(row->output_type);
	free(row->tags);
	memset(row, 0, sizeof(*row));
}

int store_waitpoint_insert(struct store *store, const struct waitpoint_row *row,
			   struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, INSERT, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, row->id);
	sqlite_bind_integer(&use, row->environment_id);
	sqlite_bind_integer(&use, row->kind);
	sqlite_bind_integer(&use, row->state);
	sqlite_bind_optional(&use, row->run_id, 0);
	sqlite_bind_optional(&use, row->batch_id, 0);
	sqlite_bind_optional(&use, (int64_t)row->due_ns, 0);
	sqlite_bind_string(&use, row->idempotency_key);
	sqlite_bind_optional(&use, (int64_t)row->idempotency_expires_ns, 0);
	sqlite_bind_integer(&use, (int64_t)row->created_ns);
	sqlite_bind_optional(&use, (int64_t)row->completed_ns, 0);
	sqlite_bind_string(&use, row->output);
	sqlite_bind_string(&use, row->output_type);
	sqlite_bind_integer(&use, row->is_error);
	sqlite_bind_string(&use, row->tags);
	return sqlite_execute(&use, err);
}

static int read_columns(struct sqlite_use *use, struct waitpoint_row *row, struct berth_error *err)
{
	row->id = sqlite_column_integer(use);
	row->environment_id = sqlite_column_integer(use);
	row->kind = (int)sqlite_column_integer(use);
	row->state = (int)sqlite_column_integer(use);
	row->run_id = sqlite_column_optional(use, 0);
	row->batch_id = sqlite_column_optional(use, 0);
	row->due_ns = (uint64_t)sqlite_column_optional(use, 0);
	if (sqlite_column_string(use, &row->idempotency_key, err) < 0)
		return -1;
	row->idempotency_expires_ns = (uint64_t)sqlite_column_optional(use, 0);
	row->created_ns = (uint64_t)sqlite_column_integer(use);
	row->completed_ns = (uint64_t)sqlite_column_optional(use, 0);
	if (sqlite_column_string(use, &row->output, err) < 0 ||
	    sqlite_column_string(use, &row->output_type, err) < 0)
		return -1;
	row->is_error = sqlite_column_integer(use) != 0;
	return sqlite_column_string(use, &row->tags, err);
}

int store_waitpoint_read(struct store *store, int64_t id, bool with_output,
			 struct waitpoint_row *ret_row, struct berth_error *err)
{
	AUTO_WAITPOINT struct waitpoint_row row = {0};
	AUTO_SQLITE struct sqlite_use use = {0};
	int found;

	if (start(store, READ, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, id);
	sqlite_bind_integer(&use, with_output);
	found = sqlite_step(&use, err);
	if (found < 0 || (found && read_columns(&use, &row, err) < 0))
		return -1;
	if (!found)
		return 1;
	*ret_row = row;
	memset(&row, 0, sizeof(row));
	return 0;
}

/* The one number that the started and bound statement selects; 1: none. */
static int read_number_of(struct store *store, enum statement index, int64_t key, int64_t *ret_id,
			  struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, index, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, key);
	return sqlite_find_integer(&use, ret_id, err);
}

int store_waitpoint_of_run(struct store *store, int64_t run_id, int64_t *ret_id,
			   struct berth_error *err)
{
	return read_number_of(store, OF_RUN, run_id, ret_id, err);
}

int store_waitpoint_of_batch(struct store *store, int64_t batch_id, int64_t *ret_id,
			     struct berth_error *err)
{
	return read_number_of(store, OF_BATCH, batch_id, ret_id, err);
}

int store_waitpoint_of_key(struct store *store, int64_t environment_id, const char *key,
			   int64_t *ret_id, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, OF_KEY, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, environment_id);
	sqlite_bind_string(&use, key);
	return sqlite_find_integer(&use, ret_id, err);
}

int store_waitpoint_complete(struct store *store, int64_t id,
			     const struct waitpoint_completion *completion, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, COMPLETE, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, completion->state);
	sqlite_bind_integer(&use, (int64_t)completion->completed_ns);
	sqlite_bind_string(&use, completion->output);
	sqlite_bind_string(&use, completion->output_type);
	sqlite_bind_integer(&use, completion->is_error);
	sqlite_bind_integer(&use, id);
	if (sqlite_execute(&use, err) < 0)
		return -1;
	return sqlite_changes(store) == 0 ? 1 : 0;
}

/* A statement over one number that returns nothing. */
static int execute_of(struct store *store, enum statement index, int64_t key,
		      struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, index, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, key);
	return sqlite_execute(&use, err);
}

int store_waitpoint_release_key(struct store *store, int64_t id, struct berth_error *err)
{
	return execute_of(store, RELEASE_KEY, id, err);
}

int store_waitpoint_delete(struct store *store, int64_t id, struct berth_error *err)
{
	return execute_of(store, DELETE, id, err);
}

int store_wait_run(struct store *store, int64_t run_id, struct wait_run *ret_run,
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
	ret_run->attempt = sqlite_column_integer(&use);
	sqlite_column_copy(&use, ret_run->token, sizeof(ret_run->token));
	ret_run->is_cancelling = sqlite_column_integer(&use) != 0;
	return 0;
}

int store_block_insert(struct store *store, const struct block_row *row, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, BLOCK_INSERT, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, row->run_id);
	sqlite_bind_string(&use, row->token);
	sqlite_bind_string(&use, row->wait_id);
	sqlite_bind_integer(&use, row->place);
	sqlite_bind_integer(&use, row->waitpoint_id);
	sqlite_bind_integer(&use, row->state);
	return sqlite_execute(&use, err);
}

int store_block_count(struct store *store, int64_t run_id, const char *wait_id,
		      struct block_counts *ret_counts, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, BLOCK_COUNT, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, run_id);
	sqlite_bind_string(&use, wait_id);
	if (sqlite_step(&use, err) < 0)
		return -1;
	ret_counts->all = sqlite_column_integer(&use);
	ret_counts->pending = sqlite_column_integer(&use);
	ret_counts->answered = sqlite_column_integer(&use);
	ret_counts->requests = ret_counts->all ? 1 : 0;
	return 0;
}

int store_block_count_run(struct store *store, int64_t run_id, struct block_counts *ret_counts,
			  struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, BLOCK_COUNT_RUN, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, run_id);
	if (sqlite_step(&use, err) < 0)
		return -1;
	ret_counts->all = sqlite_column_integer(&use);
	ret_counts->pending = sqlite_column_integer(&use);
	ret_counts->answered = sqlite_column_integer(&use);
	ret_counts->requests = sqlite_column_integer(&use);
	return 0;
}

static void read_block(struct sqlite_use *use, struct block_row *row)
{
	row->run_id = sqlite_column_integer(use);
	sqlite_column_copy(use, row->token, sizeof(row->token));
	sqlite_column_copy(use, row->wait_id, sizeof(row->wait_id));
	row->place = sqlite_column_integer(use);
	row->waitpoint_id = sqlite_column_integer(use);
	row->state = (enum block_state)sqlite_column_integer(use);
}

/* The rows of a started and bound statement that selects BLOCK_COLUMNS. */
static int read_blocks(struct sqlite_use *use, struct block_row *ret_rows, size_t most,
		       size_t *ret_count, struct berth_error *err)
{
	size_t count = 0;
	int found = 0;

	while (count < most && (found = sqlite_step(use, err)) > 0)
		read_block(use, &ret_rows[count++]);
	if (found < 0)
		return -1;
	*ret_count = count;
	return 0;
}

int store_block_read_request(struct store *store, int64_t run_id, const char *wait_id,
			     int64_t from_place, struct block_row *ret_rows, size_t most,
			     size_t *ret_count, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, BLOCK_READ_REQUEST, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, run_id);
	sqlite_bind_string(&use, wait_id);
	sqlite_bind_integer(&use, from_place);
	sqlite_bind_integer(&use, (int64_t)most);
	return read_blocks(&use, ret_rows, most, ret_count, err);
}

int store_block_read_pending(struct store *store, int64_t waitpoint_id, struct block_row *ret_rows,
			     size_t most, size_t *ret_count, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, BLOCK_READ_PENDING, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, waitpoint_id);
	sqlite_bind_integer(&use, (int64_t)most);
	return read_blocks(&use, ret_rows, most, ret_count, err);
}

int store_block_next_finished(struct store *store, int64_t run_id, const char *wait_id,
			      struct block_row *ret_row, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};
	int missing;

	if (start(store, BLOCK_NEXT_FINISHED, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, run_id);
	sqlite_bind_string(&use, wait_id);
	missing = sqlite_find(&use, err);
	if (missing != 0)
		return missing;
	read_block(&use, ret_row);
	return 0;
}

int store_block_set_done(struct store *store, const struct block_row *row, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, BLOCK_SET_DONE, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, row->run_id);
	sqlite_bind_string(&use, row->wait_id);
	sqlite_bind_integer(&use, row->place);
	return sqlite_execute(&use, err);
}

/* A statement over a run and one of its requests that returns nothing. */
static int execute_request(struct store *store, enum statement index, int64_t run_id,
			   const char *wait_id, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, index, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, run_id);
	sqlite_bind_string(&use, wait_id);
	return sqlite_execute(&use, err);
}

int store_block_set_answered(struct store *store, int64_t run_id, const char *wait_id,
			     struct berth_error *err)
{
	return execute_request(store, BLOCK_SET_ANSWERED, run_id, wait_id, err);
}

int store_block_waitpoints(struct store *store, int64_t run_id, const char *wait_id, int kind,
			   int64_t *ret_ids, size_t most, size_t *ret_count,
			   struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};
	size_t count = 0;
	int found = 0;

	if (start(store, wait_id ? BLOCK_WAITPOINTS : BLOCK_WAITPOINTS_RUN, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, run_id);
	if (wait_id)
		sqlite_bind_string(&use, wait_id);
	sqlite_bind_integer(&use, kind);
	sqlite_bind_integer(&use, (int64_t)most);
	while (count < most && (found = sqlite_step(&use, err)) > 0)
		ret_ids[count++] = sqlite_column_integer(&use);
	if (found < 0)
		return -1;
	*ret_count = count;
	return 0;
}

int store_block_delete_waitpoint(struct store *store, int64_t run_id, int64_t waitpoint_id,
				 struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, BLOCK_DELETE_WAITPOINT, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, run_id);
	sqlite_bind_integer(&use, waitpoint_id);
	return sqlite_execute(&use, err);
}

int store_block_delete(struct store *store, int64_t run_id, const char *wait_id,
		       struct berth_error *err)
{
	if (!wait_id)
		return execute_of(store, BLOCK_DELETE_RUN, run_id, err);
	return execute_request(store, BLOCK_DELETE, run_id, wait_id, err);
}

int store_block_leads_to(struct store *store, int64_t run_id, int64_t batch_id, int64_t waiter_id,
			 struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, BLOCK_LEADS_TO, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, run_id);
	sqlite_bind_integer(&use, batch_id);
	sqlite_bind_integer(&use, waiter_id);
	return sqlite_step(&use, err);
}
