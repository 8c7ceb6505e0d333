/* SPDX-License-Identifier: Apache-2.0 */
/* The durable store as its callers see it: opening, transactions, maintenance. What is kept is in
 * store_rows.h; the tables' own functions are in store_<table>.h. No SQL and no SQLite type leaves
 * this folder, so that a second engine is one more folder.
 *
 * A struct store belongs to one thread. Only one store of a directory may write; others are opened
 * with STORE_READ_ONLY and see a snapshot. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define STORE_FILE_NAME "berth.db"

struct store;

enum store_mode {
	STORE_READ_WRITE, /* made when it is not there; migrated when it is old */
	STORE_READ_ONLY,
	STORE_MEMORY, /* private, gone when closed: the simulator's */
};

#define STORE_LOCK_NAME         "berth.lock"

/* Opens directory/berth.db with WAL and synchronous=FULL (https://sqlite.org/wal.html), runs the
 * migrations that are missing and, up to STORE_QUICK_CHECK_BYTES, a quick integrity check (a larger
 * one would delay every start: store_check() is for that). BERTH_SYSTEM when the disk fails,
 * BERTH_UNSUPPORTED when a newer berth wrote it, BERTH_INVALID when it is damaged, BERTH_DENIED
 * when another process has it open for writing. */
#define STORE_QUICK_CHECK_BYTES (32 * 1024 * 1024)
int store_open(const char *directory, enum store_mode mode, struct store **ret_store,
	       struct berth_error *err);
/* Rolls back what is open; accepts NULL. */
void store_close(struct store *store);

/* One transaction of many pieces of work. A piece that fails is undone alone. BERTH_LIMIT with
 * ENOSPC when the disk is full: nothing of the transaction was kept. */
int store_begin(struct store *store, struct berth_error *err);
int store_commit(struct store *store, struct berth_error *err);
void store_rollback(struct store *store);
int store_piece_begin(struct store *store, struct berth_error *err);
int store_piece_keep(struct store *store, struct berth_error *err);
void store_piece_undo(struct store *store);

/* Whether the transaction was lost under the caller's feet (a full disk may roll it back): every
 * further call in it fails. */
bool store_is_broken(const struct store *store);

/* Tests: called before each commit; what is not 0 fails it as a full disk does. */
typedef int (*store_commit_hook)(void *argument);
void store_set_commit_hook(struct store *store, store_commit_hook hook, void *argument);

/* Copies the store, online and whole, to a new file (https://sqlite.org/backup.html), pages_a_step
 * pages each time: 1 while there is more, 0 when it is complete and durable. */
struct store_backup;
int store_backup_begin(struct store *store, const char *path, struct store_backup **ret_backup,
		       struct berth_error *err);
int store_backup_step(struct store_backup *backup, int pages, struct berth_error *err);
/* Removes an incomplete copy; accepts NULL. */
void store_backup_finish(struct store_backup *backup);

/* The whole check, slow; 0, or BERTH_INVALID with what is wrong. */
int store_check(struct store *store, struct berth_error *err);

/* Gives free pages back to the file system, at most pages of them, and truncates the log. */
int store_shrink(struct store *store, int pages, struct berth_error *err);

/* Bytes of the files. */
uint64_t store_size_bytes(const struct store *store);
