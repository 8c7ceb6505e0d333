/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a store, its transactions and its maintenance. */
#include "runner/store/store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "runner/store/sqlite.h"

#define PATH_SIZE       4096
#define BUSY_TIMEOUT_MS 250
#define LOOKASIDE_SIZE  512
#define LOOKASIDE_COUNT 256

enum statement { BEGIN, COMMIT, ROLLBACK, PIECE_BEGIN, PIECE_KEEP, PIECE_UNDO };

static const struct sqlite_statement_row rows[] = {
	[BEGIN] = {"BEGIN IMMEDIATE"},    [COMMIT] = {"COMMIT"},
	[ROLLBACK] = {"ROLLBACK"},        [PIECE_BEGIN] = {"SAVEPOINT piece"},
	[PIECE_KEEP] = {"RELEASE piece"}, [PIECE_UNDO] = {"ROLLBACK TO piece"},
};

/* auto_vacuum counts only before the first table is made. */
static const char setup_write[] = "PRAGMA auto_vacuum = INCREMENTAL;"
				  "PRAGMA journal_mode = WAL;"
				  "PRAGMA synchronous = FULL;"
				  "PRAGMA journal_size_limit = 16777216;"
				  "PRAGMA cache_size = -16384;"
				  "PRAGMA temp_store = MEMORY;"
				  "PRAGMA mmap_size = 0;"
				  "PRAGMA cell_size_check = ON;"
				  "PRAGMA foreign_keys = OFF;";
static const char setup_read[] = "PRAGMA cache_size = -4096;"
				 "PRAGMA temp_store = MEMORY;"
				 "PRAGMA mmap_size = 0;"
				 "PRAGMA query_only = ON;";

static int run_statement(struct store *store, enum statement index, struct berth_error *err)
{
	AUTO_SQLITE struct sqlite_use use = {0};

	if (sqlite_start(store, SQLITE_FILE_STORE, rows, index, &use, err) < 0)
		return -1;
	return sqlite_execute(&use, err);
}

static int lock_directory(struct store *store, const char *directory, struct berth_error *err)
{
	char path[PATH_SIZE];

	if (snprintf(path, sizeof(path), "%s/" STORE_LOCK_NAME, directory) >= (int)sizeof(path))
		return berth_fail(err, BERTH_LIMIT, 0, "store: the path %.64s… is too long",
				  directory);
	store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (store->lock_fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "store: open %s", path);
	if (flock(store->lock_fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return berth_fail(err, BERTH_DENIED, 0, "store: another process uses %s",
				  directory);
	return berth_fail(err, BERTH_SYSTEM, errno, "store: lock %s", path);
}

static int open_database(struct store *store, const char *directory, struct berth_error *err)
{
	int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW;
	int result;

	flags |= store->mode == STORE_READ_ONLY ? SQLITE_OPEN_READONLY
						: SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
	if (store->mode != STORE_MEMORY &&
	    asprintf(&store->path, "%s/" STORE_FILE_NAME, directory) < 0) {
		store->path = NULL;
		return berth_fail(err, BERTH_MEMORY, 0, "store: out of memory");
	}
	if (store->mode == STORE_READ_WRITE && lock_directory(store, directory, err) < 0)
		return -1;
	result = sqlite3_open_v2(store->path ? store->path : ":memory:", &store->database, flags,
				 NULL);
	if (!store->database)
		return berth_fail(err, BERTH_MEMORY, 0, "store: out of memory");
	if (result != SQLITE_OK)
		return sqlite_fail(store, err, store->path ? store->path : "open");
	(void)sqlite3_extended_result_codes(store->database, 1);
	(void)sqlite3_busy_timeout(store->database, BUSY_TIMEOUT_MS);
	(void)sqlite3_db_config(store->database, SQLITE_DBCONFIG_LOOKASIDE, NULL, LOOKASIDE_SIZE,
				LOOKASIDE_COUNT);
	(void)sqlite3_db_config(store->database, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)sqlite3_db_config(store->database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	return 0;
}

static int check_words(struct store *store, const char *sql, struct berth_error *err)
{
	sqlite3_stmt *statement = NULL;
	const unsigned char *words;
	int result = sqlite3_prepare_v2(store->database, sql, -1, &statement, NULL);

	if (result == SQLITE_OK)
		result = sqlite3_step(statement);
	words = result == SQLITE_ROW ? sqlite3_column_text(statement, 0) : NULL;
	if (words && strcmp((const char *)words, "ok") != 0)
		(void)berth_fail(err, BERTH_INVALID, 0, "store: the file is damaged: %s",
				 (const char *)words);
	else if (!words)
		(void)sqlite_fail(store, err, sql);
	else
		result = SQLITE_OK;
	(void)sqlite3_finalize(statement);
	return result == SQLITE_OK ? 0 : -1;
}

static int prepare_database(struct store *store, struct berth_error *err)
{
	bool writes = store->mode != STORE_READ_ONLY;

	if (sqlite_script(store, writes ? setup_write : setup_read, "open", err) < 0)
		return -1;
	if (store->mode == STORE_READ_WRITE && store_size_bytes(store) > 0 &&
	    store_size_bytes(store) <= STORE_QUICK_CHECK_BYTES &&
	    check_words(store, "PRAGMA quick_check(1)", err) < 0)
		return -1;
	return store_migrate(store, err);
}

int store_open(const char *directory, enum store_mode mode, struct store **ret_store,
	       struct berth_error *err)
{
	struct store *store = calloc(1, sizeof(*store));

	if (!store)
		return berth_fail(err, BERTH_MEMORY, 0, "store: out of memory");
	store->mode = mode;
	store->lock_fd = -1;
	if (open_database(store, directory, err) < 0 || prepare_database(store, err) < 0) {
		store_close(store);
		return -1;
	}
	*ret_store = store;
	return 0;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	store_rollback(store);
	for (size_t file = 0; file < SQLITE_FILES; file++)
		for (size_t i = 0; i < SQLITE_STATEMENTS_MAX; i++)
			(void)sqlite3_finalize(store->statements[file][i]);
	(void)sqlite3_close(store->database); /* NULL is harmless; nothing uses it any more */
	if (store->lock_fd >= 0)
		(void)close(store->lock_fd);
	free(store->path);
	free(store);
}

int store_begin(struct store *store, struct berth_error *err)
{
	assert(!store->in_transaction);
	if (run_statement(store, BEGIN, err) < 0)
		return -1;
	store->in_transaction = true;
	return 0;
}

int store_commit(struct store *store, struct berth_error *err)
{
	assert(store->in_transaction);
	if (run_statement(store, COMMIT, err) < 0) {
		store_rollback(store);
		return -1;
	}
	store->in_transaction = false;
	return 0;
}

void store_rollback(struct store *store)
{
	if (!store->in_transaction)
		return;
	store->lost = (struct berth_error){0};
	store->in_transaction = false;
	if (!sqlite3_get_autocommit(store->database))
		(void)run_statement(store, ROLLBACK, NULL); /* fails only when there is none */
}

int store_piece_begin(struct store *store, struct berth_error *err)
{
	return run_statement(store, PIECE_BEGIN, err);
}

int store_piece_keep(struct store *store, struct berth_error *err)
{
	return run_statement(store, PIECE_KEEP, err);
}

void store_piece_undo(struct store *store)
{
	struct berth_error why = {0};

	if (store_is_broken(store))
		return;
	if (run_statement(store, PIECE_UNDO, &why) < 0 ||
	    run_statement(store, PIECE_KEEP, &why) < 0)
		store->lost = why; /* what is in the transaction is not known: it must not commit */
}

bool store_is_broken(const struct store *store)
{
	return store->lost.code != BERTH_NONE;
}

static int call_commit_hook(void *argument)
{
	struct store *store = argument;

	return store->commit_hook(store->commit_argument);
}

void store_set_commit_hook(struct store *store, store_commit_hook hook, void *argument)
{
	store->commit_hook = hook;
	store->commit_argument = argument;
	(void)sqlite3_commit_hook(store->database, hook ? call_commit_hook : NULL, store);
}

int store_check(struct store *store, struct berth_error *err)
{
	return check_words(store, "PRAGMA integrity_check(1)", err);
}

int store_shrink(struct store *store, int pages, struct berth_error *err)
{
	sqlite3_stmt *statement = NULL;
	int result = sqlite3_prepare_v2(store->database, "PRAGMA incremental_vacuum(1)", -1,
					&statement, NULL);

	for (int i = 0; i < pages && result == SQLITE_OK; i++) {
		int step = sqlite3_step(statement);

		result =
			step == SQLITE_DONE || step == SQLITE_ROW ? sqlite3_reset(statement) : step;
	}
	(void)sqlite3_finalize(statement);
	if (result != SQLITE_OK)
		return sqlite_fail(store, err, "shrink");
	result = sqlite3_wal_checkpoint_v2(store->database, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL,
					   NULL);
	if (result != SQLITE_OK &&
	    (result & 0xff) != SQLITE_BUSY) /* a reader keeps it: next time */
		return sqlite_fail(store, err, "shrink");
	return 0;
}

uint64_t store_size_bytes(const struct store *store)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	char path[PATH_SIZE];
	uint64_t bytes = 0;
	struct stat status;

	for (size_t i = 0; store->path && i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s%s", store->path, suffixes[i]);
		if (stat(path, &status) == 0)
			bytes += (uint64_t)status.st_size;
	}
	return bytes;
}
