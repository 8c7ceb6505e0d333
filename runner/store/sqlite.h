/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the store only: SQLite statements prepared once, bound and read by position.
 *
 * A table's file lists its statements in a `static const struct sqlite_statement_row` table,
 * indexed by an enum, and hands that table with each call; they are prepared on first use and kept.
 */
#pragma once

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "runner/store/store.h"

/* One statement of the program: its text, and where the store keeps it prepared. */
struct sqlite_statement_row {
	const char *sql;
};

/* A file's statements; each file has one, with a number of its own. */
enum sqlite_file {
	SQLITE_FILE_STORE,
	SQLITE_FILE_RUNS,
	SQLITE_FILE_RUN_DATA,
	SQLITE_FILE_QUEUES,
	SQLITE_FILE_TIMERS,
	SQLITE_FILE_VERSIONS,
	SQLITE_FILE_ATTEMPTS,
	SQLITE_FILE_WAITPOINTS,
	SQLITE_FILE_BATCHES,
	SQLITE_FILE_LISTS,
	SQLITE_FILE_VIEWS,
	SQLITE_FILE_RETENTION,
	SQLITE_FILES,
};
#define SQLITE_STATEMENTS_MAX 64 /* in one file */

struct sqlite_use {
	struct store *store;
	sqlite3_stmt *statement;
	int next_parameter, next_column;
	bool is_unbound; /* a binding failed */
};

/* The body of a store; store.c makes it, sqlite.c keeps statements in it. */
struct store {
	sqlite3 *database;
	enum store_mode mode;
	int lock_fd; /* of STORE_LOCK_NAME; -1 unless it may write a directory */
	char *path;  /* of the file; NULL: in memory */
	bool in_transaction;
	struct berth_error lost; /* why the transaction was rolled back under the caller's feet */
	store_commit_hook commit_hook;
	void *commit_argument;
	sqlite3_stmt *statements[SQLITE_FILES][SQLITE_STATEMENTS_MAX];
};

/* Takes statement number `index` of a file's rows into use, reset and unbound. The caller binds its
 * parameters in order, steps, reads its columns in order, and ends with sqlite_end(), which is
 * harmless when repeated. */
int sqlite_start(struct store *store, enum sqlite_file file,
		 const struct sqlite_statement_row *rows, size_t index, struct sqlite_use *ret_use,
		 struct berth_error *err);
void sqlite_end(struct sqlite_use *use);
#define AUTO_SQLITE __attribute__((cleanup(sqlite_end)))

/* Text is not copied: it must last until sqlite_end(). NULL binds NULL. A failed binding shows in
 * the next step. */
void sqlite_bind_integer(struct sqlite_use *use, int64_t value);
void sqlite_bind_optional(struct sqlite_use *use, int64_t value, int64_t null_value);
void sqlite_bind_string(struct sqlite_use *use, const char *text);
void sqlite_bind_string_length(struct sqlite_use *use, const char *text, size_t length);

/* 1: a row is there; 0: there are no more. */
int sqlite_step(struct sqlite_use *use, struct berth_error *err);
/* The one row of a statement: 0; 1: there is none. */
int sqlite_find(struct sqlite_use *use, struct berth_error *err);
/* … and its first column, a number. */
int sqlite_find_integer(struct sqlite_use *use, int64_t *ret_value, struct berth_error *err);
/* Steps a statement that returns nothing, and ends it. */
int sqlite_execute(struct sqlite_use *use, struct berth_error *err);
/* Rows the last execute changed. */
int64_t sqlite_changes(const struct store *store);

int64_t sqlite_column_integer(struct sqlite_use *use);
int64_t sqlite_column_optional(struct sqlite_use *use, int64_t null_value);
/* The caller's; NULL for NULL. Out of memory shows as -1. */
int sqlite_column_string(struct sqlite_use *use, char **ret_text, struct berth_error *err);
/* Into a fixed buffer, cut; "" for NULL. */
void sqlite_column_copy(struct sqlite_use *use, char *target, size_t size);
void sqlite_column_skip(struct sqlite_use *use);

/* For store.c's neighbours: the failure of the last call as an error. BERTH_LIMIT with ENOSPC for a
 * full disk, BERTH_INVALID for a damaged file, BERTH_MEMORY, else BERTH_SYSTEM. */
int sqlite_fail(struct store *store, struct berth_error *err, const char *doing);

/* Statements that are run once, such as a migration; text may hold several. */
int sqlite_script(struct store *store, const char *text, const char *doing,
		  struct berth_error *err);
/* The statement's first column, which is one number. */
int sqlite_query_integer(struct store *store, const char *sql, int64_t *ret_value,
			 struct berth_error *err);

/* migrations_table.c, made from migrations/NNNN.sql: number 1 is rows[0]. */
struct store_migration {
	const char *sql;
};
extern const struct store_migration store_migrations[];
extern const int store_migration_count;
/* Runs those that the file has not seen. BERTH_UNSUPPORTED when it has seen more than there are. */
int store_migrate(struct store *store, struct berth_error *err);
