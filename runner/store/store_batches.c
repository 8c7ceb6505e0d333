/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of batches and of their items. */
#include "runner/store/store_batches.h"

#include <stdlib.h>
#include <string.h>

#include "runner/store/sqlite.h"

enum statement {
	INSERT,
	READ,
	OF_KEY,
	UPDATE,
	ITEM_INSERT,
	ITEM_NEXT,
	OF_RUN,
};

static const struct sqlite_statement_row rows[] = {
	[INSERT] = {"INSERT INTO batches (id, environment_id, state, expected, parent_id, "
		    "idempotency_key, idempotency_expires_ns, created_ns, updated_ns) "
		    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"},
	[READ] = {"SELECT id, environment_id, state, expected, accepted, failed, ended, parent_id, "
		  "idempotency_key, idempotency_expires_ns, created_ns, updated_ns, sealed_ns, "
		  "completed_ns FROM batches WHERE id = ?"},
	[OF_KEY] = {"SELECT id FROM batches WHERE environment_id = ? AND idempotency_key = ?"},
	[UPDATE] = {"UPDATE batches SET state = ?, accepted = ?, failed = ?, ended = ?, "
		    "idempotency_key = ?, idempotency_expires_ns = ?, updated_ns = ?, "
		    "sealed_ns = ?, completed_ns = ? WHERE id = ?"},
	[ITEM_INSERT] = {"INSERT INTO batch_items (batch_id, place, run_id, error) "
			 "VALUES (?, ?, ?, ?)"},
	[ITEM_NEXT] = {"SELECT place, run_id, error FROM batch_items "
		       "WHERE batch_id = ? AND place >= ? ORDER BY place LIMIT 1"},
	[OF_RUN] = {"SELECT batch_id, count(*) FROM batch_items WHERE run_id = ? "
		    "AND batch_id > ? GROUP BY batch_id ORDER BY batch_id LIMIT 1"},
};

static int start(struct store *store, enum statement index, struct sqlite_use *ret_use,
		 struct berth_error *err)
{
	return sqlite_start(store, SQLITE_FILE_BATCHES, rows, index, ret_use, err);
}

void batch_row_finish(struct batch_row *row)
{
	free(row->idempotency_key);
	memset(row, 0, sizeof(*row));
}

void batch_item_row_finish(struct batch_item_row *row)
{
	free(row->error);
	memset(row, 0, sizeof(*row));
}

int store_batch_insert(struct store *store, const struct batch_row *row, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, INSERT, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, row->id);
	sqlite_bind_integer(&use, row->environment_id);
	sqlite_bind_integer(&use, row->state);
	sqlite_bind_integer(&use, row->expected);
	sqlite_bind_optional(&use, row->parent_id, 0);
	sqlite_bind_string(&use, row->idempotency_key);
	sqlite_bind_optional(&use, (int64_t)row->idempotency_expires_ns, 0);
	sqlite_bind_integer(&use, (int64_t)row->created_ns);
	sqlite_bind_integer(&use, (int64_t)row->updated_ns);
	return sqlite_execute(&use, err);
}

static int read_columns(struct sqlite_use *use, struct batch_row *row, struct berth_error *err)
{
	row->id = sqlite_column_integer(use);
	row->environment_id = sqlite_column_integer(use);
	row->state = (int)sqlite_column_integer(use);
	row->expected = sqlite_column_integer(use);
	row->accepted = sqlite_column_integer(use);
	row->failed = sqlite_column_integer(use);
	row->ended = sqlite_column_integer(use);
	row->parent_id = sqlite_column_optional(use, 0);
	if (sqlite_column_string(use, &row->idempotency_key, err) < 0)
		return -1;
	row->idempotency_expires_ns = (uint64_t)sqlite_column_optional(use, 0);
	row->created_ns = (uint64_t)sqlite_column_integer(use);
	row->updated_ns = (uint64_t)sqlite_column_integer(use);
	row->sealed_ns = (uint64_t)sqlite_column_optional(use, 0);
	row->completed_ns = (uint64_t)sqlite_column_optional(use, 0);
	return 0;
}

int store_batch_read(struct store *store, int64_t id, struct batch_row *ret_row,
		     struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};
	struct batch_row row = {0};
	int found;

	if (start(store, READ, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, id);
	found = sqlite_step(&use, err);
	if (found < 0 || (found && read_columns(&use, &row, err) < 0))
		return -1;
	if (!found)
		return 1;
	*ret_row = row;
	return 0;
}

int store_batch_of_key(struct store *store, int64_t environment_id, const char *key,
		       int64_t *ret_id, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, OF_KEY, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, environment_id);
	sqlite_bind_string(&use, key);
	return sqlite_find_integer(&use, ret_id, err);
}

int store_batch_update(struct store *store, const struct batch_row *row, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, UPDATE, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, row->state);
	sqlite_bind_integer(&use, row->accepted);
	sqlite_bind_integer(&use, row->failed);
	sqlite_bind_integer(&use, row->ended);
	sqlite_bind_string(&use, row->idempotency_key);
	sqlite_bind_optional(&use, (int64_t)row->idempotency_expires_ns, 0);
	sqlite_bind_integer(&use, (int64_t)row->updated_ns);
	sqlite_bind_optional(&use, (int64_t)row->sealed_ns, 0);
	sqlite_bind_optional(&use, (int64_t)row->completed_ns, 0);
	sqlite_bind_integer(&use, row->id);
	return sqlite_execute(&use, err);
}

int store_batch_item_insert(struct store *store, int64_t batch_id, const struct batch_item_row *row,
			    struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, ITEM_INSERT, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, batch_id);
	sqlite_bind_integer(&use, row->place);
	sqlite_bind_optional(&use, row->run_id, 0);
	sqlite_bind_string(&use, row->error);
	return sqlite_execute(&use, err);
}

int store_batch_item_next(struct store *store, int64_t batch_id, int64_t place,
			  struct batch_item_row *ret_row, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};
	struct batch_item_row row = {0};
	int missing;

	if (start(store, ITEM_NEXT, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, batch_id);
	sqlite_bind_integer(&use, place);
	missing = sqlite_find(&use, err);
	if (missing != 0)
		return missing;
	row.place = sqlite_column_integer(&use);
	row.run_id = sqlite_column_optional(&use, 0);
	if (sqlite_column_string(&use, &row.error, err) < 0)
		return -1;
	*ret_row = row;
	return 0;
}

int store_batch_of_run(struct store *store, int64_t run_id, int64_t batch_id, int64_t *ret_batch_id,
		       int64_t *ret_items, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};
	int missing;

	if (start(store, OF_RUN, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, run_id);
	sqlite_bind_integer(&use, batch_id);
	missing = sqlite_find(&use, err);
	if (missing != 0)
		return missing;
	*ret_batch_id = sqlite_column_integer(&use);
	*ret_items = sqlite_column_integer(&use);
	return 0;
}
