/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite statements prepared once, bound and read by position; its failures as errors. */
#include "runner/store/sqlite.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct failure_row {
	int result; /* primary result code, https://sqlite.org/rescode.html */
	enum berth_code code;
	int errnum;
	const char *sentence;
};

static const struct failure_row failure_rows[] = {
	{SQLITE_FULL,       BERTH_LIMIT,   ENOSPC, "the disk is full"           },
	{SQLITE_CONSTRAINT, BERTH_INVALID, 0,      "a constraint is broken"     },
	{SQLITE_CORRUPT,    BERTH_INVALID, 0,      "the file is damaged"        },
	{SQLITE_NOTADB,     BERTH_INVALID, 0,      "the file is no database"    },
	{SQLITE_NOMEM,      BERTH_MEMORY,  0,      "out of memory"              },
	{SQLITE_BUSY,       BERTH_SYSTEM,  EBUSY,  "somebody else has it locked"},
	{SQLITE_LOCKED,     BERTH_SYSTEM,  EBUSY,  "it is locked"               },
	{SQLITE_TOOBIG,     BERTH_LIMIT,   0,      "a value is too large"       },
	{SQLITE_READONLY,   BERTH_DENIED,  EROFS,  "it may only be read"        },
};

#define FAILURE_ROWS (sizeof(failure_rows) / sizeof(failure_rows[0]))

static const struct failure_row *find_failure(int result)
{
	for (size_t i = 0; i < FAILURE_ROWS; i++)
		if (failure_rows[i].result == (result & 0xff))
			return &failure_rows[i];
	return NULL;
}

static bool is_disk_full(int errnum)
{
	return errnum == ENOSPC || errnum == EDQUOT || errnum == EFBIG;
}

static int fill_error(struct store *store, struct berth_error *err, const char *doing)
{
	int result = sqlite3_extended_errcode(store->database);
	const struct failure_row *row = find_failure(result);
	int errnum;

	if (result == SQLITE_CONSTRAINT_COMMITHOOK)
		row = find_failure(SQLITE_FULL); /* store_set_commit_hook() */
	if (row)
		return berth_fail(err, row->code, row->errnum, "store: %s: %s", doing,
				  row->code == BERTH_INVALID ? sqlite3_errmsg(store->database)
							     : row->sentence);
	errnum = sqlite3_system_errno(store->database);
	if ((result & 0xff) == SQLITE_IOERR && is_disk_full(errnum))
		return berth_fail(err, BERTH_LIMIT, ENOSPC, "store: %s: the disk is full", doing);
	if ((result & 0xff) == SQLITE_IOERR && (result == SQLITE_IOERR_NOMEM || errnum == ENOMEM))
		return berth_fail(err, BERTH_MEMORY, 0, "store: %s: out of memory", doing);
	return berth_fail(err, BERTH_SYSTEM, errnum, "store: %s: %s (%d)", doing,
			  sqlite3_errmsg(store->database), result);
}

int sqlite_fail(struct store *store, struct berth_error *err, const char *doing)
{
	struct berth_error why = {0};

	(void)fill_error(store, &why, doing);
	/* a full disk and the like may end a transaction (https://sqlite.org/lang_transaction.html,
	 * Response To Errors Within A Transaction) */
	if (store->in_transaction && sqlite3_get_autocommit(store->database) &&
	    store->lost.code == BERTH_NONE)
		store->lost = why;
	if (err)
		*err = why;
	return -1;
}

static int prepare(struct store *store, const char *sql, sqlite3_stmt **ret_statement,
		   struct berth_error *err)
{
	if (sqlite3_prepare_v3(store->database, sql, -1, SQLITE_PREPARE_PERSISTENT, ret_statement,
			       NULL) != SQLITE_OK)
		return sqlite_fail(store, err, sql);
	return 0;
}

int sqlite_start(struct store *store, enum sqlite_file file,
		 const struct sqlite_statement_row *rows, size_t index, struct sqlite_use *ret_use,
		 struct berth_error *err)
{
	sqlite3_stmt **place = &store->statements[file][index];

	assert(index < SQLITE_STATEMENTS_MAX);
	if (store->lost.code != BERTH_NONE) {
		if (err)
			*err = store->lost;
		return -1;
	}
	if (!*place && prepare(store, rows[index].sql, place, err) < 0)
		return -1;
	assert(!sqlite3_stmt_busy(*place)); /* one use at a time */
	*ret_use = (struct sqlite_use){.store = store, .statement = *place};
	return 0;
}

void sqlite_end(struct sqlite_use *use)
{
	if (!use->statement)
		return;
	(void)sqlite3_reset(use->statement); /* its result is the last step's */
	(void)sqlite3_clear_bindings(use->statement);
	use->statement = NULL;
}

void sqlite_bind_integer(struct sqlite_use *use, int64_t value)
{
	/* cannot fail for a parameter that is there; a wrong number is our bug */
	int result = sqlite3_bind_int64(use->statement, ++use->next_parameter, value);

	assert(result == SQLITE_OK);
	(void)result;
}

void sqlite_bind_optional(struct sqlite_use *use, int64_t value, int64_t null_value)
{
	if (value == null_value)
		use->next_parameter++; /* unbound is NULL */
	else
		sqlite_bind_integer(use, value);
}

void sqlite_bind_string_length(struct sqlite_use *use, const char *text, size_t length)
{
	use->next_parameter++;
	if (!text)
		return;
	if (sqlite3_bind_text64(use->statement, use->next_parameter, text, length, SQLITE_STATIC,
				SQLITE_UTF8) != SQLITE_OK)
		use->is_unbound = true;
}

void sqlite_bind_string(struct sqlite_use *use, const char *text)
{
	sqlite_bind_string_length(use, text, text ? strlen(text) : 0);
}

int sqlite_step(struct sqlite_use *use, struct berth_error *err)
{
	int result;

	if (use->is_unbound)
		return sqlite_fail(use->store, err, sqlite3_sql(use->statement));
	result = sqlite3_step(use->statement);
	use->next_column = 0;
	if (result == SQLITE_ROW)
		return 1;
	if (result == SQLITE_DONE)
		return 0;
	return sqlite_fail(use->store, err, sqlite3_sql(use->statement));
}

int sqlite_find(struct sqlite_use *use, struct berth_error *err)
{
	int found = sqlite_step(use, err);

	return found < 0 ? -1 : found == 0;
}

int sqlite_find_integer(struct sqlite_use *use, int64_t *ret_value, struct berth_error *err)
{
	int missing = sqlite_find(use, err);

	if (missing == 0)
		*ret_value = sqlite_column_integer(use);
	return missing;
}

int sqlite_execute(struct sqlite_use *use, struct berth_error *err)
{
	int result = sqlite_step(use, err);

	sqlite_end(use);
	return result < 0 ? -1 : 0;
}

int64_t sqlite_changes(const struct store *store)
{
	return sqlite3_changes64(store->database);
}

int64_t sqlite_column_integer(struct sqlite_use *use)
{
	return sqlite3_column_int64(use->statement, use->next_column++);
}

int64_t sqlite_column_optional(struct sqlite_use *use, int64_t null_value)
{
	if (sqlite3_column_type(use->statement, use->next_column) != SQLITE_NULL)
		return sqlite_column_integer(use);
	use->next_column++;
	return null_value;
}

int sqlite_column_string(struct sqlite_use *use, char **ret_text, struct berth_error *err)
{
	int column = use->next_column++;
	const unsigned char *text = sqlite3_column_text(use->statement, column);
	char *copy;

	if (!text && sqlite3_column_type(use->statement, column) == SQLITE_NULL) {
		*ret_text = NULL;
		return 0;
	}
	copy = text ? strdup((const char *)text) : NULL;
	if (!copy)
		return berth_fail(err, BERTH_MEMORY, 0, "store: out of memory");
	*ret_text = copy;
	return 0;
}

void sqlite_column_copy(struct sqlite_use *use, char *target, size_t size)
{
	const unsigned char *text = sqlite3_column_text(use->statement, use->next_column++);

	(void)snprintf(target, size, "%s", text ? (const char *)text : "");
}

void sqlite_column_skip(struct sqlite_use *use)
{
	use->next_column++;
}

int sqlite_script(struct store *store, const char *text, const char *doing, struct berth_error *err)
{
	if (sqlite3_exec(store->database, text, NULL, NULL, NULL) != SQLITE_OK)
		return sqlite_fail(store, err, doing);
	return 0;
}

int sqlite_query_integer(struct store *store, const char *sql, int64_t *ret_value,
			 struct berth_error *err)
{
	sqlite3_stmt *statement = NULL;
	int result = sqlite3_prepare_v2(store->database, sql, -1, &statement, NULL);

	if (result == SQLITE_OK)
		result = sqlite3_step(statement);
	if (result == SQLITE_ROW)
		*ret_value = sqlite3_column_int64(statement, 0);
	else
		(void)sqlite_fail(store, err, sql);
	(void)sqlite3_finalize(statement);
	return result == SQLITE_ROW ? 0 : -1;
}
