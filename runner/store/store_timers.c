/* SPDX-License-Identifier: Apache-2.0 */
/* Timers: what is to be done when, kept until it is done. */
#include "runner/store/store_timers.h"

#include "runner/store/sqlite.h"

enum statement { INSERT, DELETE, READ_DUE, NEXT };

static const struct sqlite_statement_row rows[] = {
	[INSERT] = {"INSERT OR IGNORE INTO timers (due_ns, kind, subject_id) VALUES (?, ?, ?)"},
	[DELETE] = {"DELETE FROM timers WHERE due_ns = ? AND kind = ? AND subject_id = ?"},
	[READ_DUE] = {"SELECT due_ns, kind, subject_id FROM timers WHERE due_ns <= ? "
		      "ORDER BY due_ns, kind, subject_id LIMIT ?"},
	[NEXT] = {"SELECT due_ns FROM timers ORDER BY due_ns LIMIT 1"},
};

static int start(struct store *store, enum statement index, struct sqlite_use *ret_use,
		 struct berth_error *err)
{
	return sqlite_start(store, SQLITE_FILE_TIMERS, rows, index, ret_use, err);
}

static int change(struct store *store, enum statement index, const struct timer_row *row,
		  struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (start(store, index, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, (int64_t)row->due_ns);
	sqlite_bind_integer(&use, row->kind);
	sqlite_bind_integer(&use, row->subject_id);
	return sqlite_execute(&use, err);
}

int store_timer_insert(struct store *store, const struct timer_row *row, struct berth_error *err)
{
	return change(store, INSERT, row, err);
}

int store_timer_delete(struct store *store, const struct timer_row *row, struct berth_error *err)
{
	return change(store, DELETE, row, err);
}

int store_timer_read_due(struct store *store, uint64_t now_ns, struct timer_row *ret_rows,
			 size_t most, size_t *ret_count, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};
	size_t count = 0;
	int found = 0;

	if (start(store, READ_DUE, &use, err) < 0)
		return -1;
	sqlite_bind_integer(&use, (int64_t)now_ns);
	sqlite_bind_integer(&use, (int64_t)most);
	while (count < most && (found = sqlite_step(&use, err)) > 0) {
		ret_rows[count].due_ns = (uint64_t)sqlite_column_integer(&use);
		ret_rows[count].kind = (int)sqlite_column_integer(&use);
		ret_rows[count].subject_id = sqlite_column_integer(&use);
		count++;
	}
	*ret_count = count;
	return found < 0 ? -1 : 0;
}

int store_timer_next(struct store *store, uint64_t *ret_due_ns, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};
	int found;

	if (start(store, NEXT, &use, err) < 0)
		return -1;
	found = sqlite_step(&use, err);
	if (found < 0)
		return -1;
	*ret_due_ns = found ? (uint64_t)sqlite_column_integer(&use) : 0;
	return 0;
}
