/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of attempts and of checkpoints. */
#include "runner/store/store_attempts.h"

#include "runner/store/sqlite.h"

enum statement {
	INSERT,
	EXECUTING,
	FAIL,
	READ_FAIL,
	END,
	CHECKPOINT_WRITE,
	CHECKPOINT_READ,
	CHECKPOINT_COUNT,
	CHECKPOINTS_DELETE,
};

static const struct sqlite_statement_row rows[] = {
	[INSERT] = {"INSERT INTO attempts (run_id, number, token, machine, started_ns) "
		    "VALUES (?, ?, ?, ?, ?)"},
	[EXECUTING] = {"UPDATE attempts SET executing_ns = ? WHERE run_id = ? AND number = ?"},
	[FAIL] = {"UPDATE attempts SET fail = ? WHERE run_id = ? AND number = ?"},
	[READ_FAIL] = {"SELECT fail FROM attempts WHERE run_id = ? AND number = ?"},
	[END] = {"UPDATE attempts SET ended_ns = ?, outcome = ?, reason = ?, exit_code = ?, "
		 "message = ?, usage = ?, protections = ?, log_bytes = ? "
		 "WHERE run_id = ? AND number = ?"},
	[CHECKPOINT_WRITE] = {"INSERT OR REPLACE INTO checkpoints "
			      "(run_id, name, data, attempt, saved_ns) VALUES (?, ?, ?, ?, ?)"},
	[CHECKPOINT_READ] = {"SELECT data FROM checkpoints WHERE run_id = ? AND name = ?"},
	[CHECKPOINT_COUNT] = {"SELECT count(*) FROM checkpoints WHERE run_id = ?"},
	[CHECKPOINTS_DELETE] = {"DELETE FROM checkpoints WHERE run_id = ?"},
};

static int start(struct store *store, enum statement index, struct sqlite_use *ret_use,
		 struct berth_error *err)
{
	return sqlite_start(store, SQLITE_FILE_ATTEMPTS, rows, index, ret_use, err);
}

int store_attempt_insert(struct store *store, int64_t run_id, int64_t number, const char *token,
			 const char *machine, uint64_t started_ns, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, INSERT, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, run_id);
	sqlite_bind_integer(&use, number);
	sqlite_bind_string(&use, token);
	sqlite_bind_string(&use, machine);
	sqlite_bind_integer(&use, (int64_t)started_ns);
	return sqlite_execute(&use, err);
}

int store_attempt_executing(struct store *store, int64_t run_id, int64_t number, uint64_t now_ns,
			    struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, EXECUTING, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, (int64_t)now_ns);
	sqlite_bind_integer(&use, run_id);
	sqlite_bind_integer(&use, number);
	return sqlite_execute(&use, err);
}

int store_attempt_fail(struct store *store, int64_t run_id, int64_t number, const char *fail,
		       struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, FAIL, &use, err) < 0)
		return -1;
	sqlite_bind_string(&use, fail);
	sqlite_bind_integer(&use, run_id);
	sqlite_bind_integer(&use, number);
	return sqlite_execute(&use, err);
}

int store_attempt_read_fail(struct store *store, int64_t run_id, int64_t number, char **ret_fail,
			    struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};
	int found;

	if (start(store, READ_FAIL, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, run_id);
	sqlite_bind_integer(&use, number);
	found = sqlite_step(&use, err);
	if (found < 0)
		return -1;
	if (found == 0) {
		*ret_fail = NULL;
		return 0;
	}
	return sqlite_column_string(&use, ret_fail, err);
}

int store_attempt_end(struct store *store, int64_t run_id, int64_t number,
		      const struct attempt_end_row *row, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, END, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, (int64_t)row->ended_ns);
	sqlite_bind_string(&use, row->outcome);
	sqlite_bind_string(&use, row->reason);
	sqlite_bind_integer(&use, row->exit_code);
	sqlite_bind_string(&use, row->message);
	sqlite_bind_string(&use, row->usage);
	sqlite_bind_string(&use, row->protections);
	sqlite_bind_integer(&use, (int64_t)row->log_bytes);
	sqlite_bind_integer(&use, run_id);
	sqlite_bind_integer(&use, number);
	return sqlite_execute(&use, err);
}

int store_checkpoint_write(struct store *store, int64_t run_id, const char *name, const char *data,
			   int64_t attempt, uint64_t now_ns, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, CHECKPOINT_WRITE, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, run_id);
	sqlite_bind_string(&use, name);
	sqlite_bind_string(&use, data);
	sqlite_bind_integer(&use, attempt);
	sqlite_bind_integer(&use, (int64_t)now_ns);
	return sqlite_execute(&use, err);
}

int store_checkpoint_read(struct store *store, int64_t run_id, const char *name, char **ret_data,
			  struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};
	int missing;

	if (start(store, CHECKPOINT_READ, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, run_id);
	sqlite_bind_string(&use, name);
	missing = sqlite_find(&use, err);
	if (missing != 0)
		return missing;
	return sqlite_column_string(&use, ret_data, err);
}

int store_checkpoint_count(struct store *store, int64_t run_id, int64_t *ret_count,
			   struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, CHECKPOINT_COUNT, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, run_id);
	if (sqlite_step(&use, err) < 0)
		return -1;
	*ret_count = sqlite_column_integer(&use);
	return 0;
}

int store_checkpoints_delete(struct store *store, int64_t run_id, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, CHECKPOINTS_DELETE, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, run_id);
	return sqlite_execute(&use, err);
}
