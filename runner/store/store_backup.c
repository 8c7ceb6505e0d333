/* SPDX-License-Identifier: Apache-2.0 */
/* The online copy of a store to a new file. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "runner/store/sqlite.h"

struct store_backup {
	sqlite3 *target;
	sqlite3_backup *copy;
	char *path;
	bool is_complete;
};

static int fail_target(struct store_backup *backup, struct berth_error *err)
{
	int result = sqlite3_errcode(backup->target);

	if ((result & 0xff) == SQLITE_FULL || sqlite3_system_errno(backup->target) == ENOSPC)
		return berth_fail(err, BERTH_LIMIT, ENOSPC, "backup to %s", backup->path);
	return berth_fail(err, BERTH_SYSTEM, sqlite3_system_errno(backup->target),
			  "backup to %s: %s", backup->path, sqlite3_errmsg(backup->target));
}

/* An existing file is never touched: it may be the only other copy. */
static int create_file(const char *path, struct berth_error *err)
{
	AUTO_CLOSE int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "create %s", path);
	return 0;
}

int store_backup_begin(struct store *store, const char *path, struct store_backup **ret_backup,
		       struct berth_error *err)
{
	struct store_backup *backup;

	if (create_file(path, err) < 0)
		return -1;
	backup = calloc(1, sizeof(*backup));
	if (backup)
		backup->path = strdup(path);
	if (!backup || !backup->path) {
		free(backup);
		(void)unlink(path);
		return berth_fail(err, BERTH_MEMORY, 0, "backup: out of memory");
	}
	if (sqlite3_open_v2(path, &backup->target, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
			    NULL) != SQLITE_OK) {
		(void)berth_fail(err, BERTH_SYSTEM, errno, "backup: open %s", path);
		goto fail;
	}
	backup->copy = sqlite3_backup_init(backup->target, "main", store->database, "main");
	if (!backup->copy) {
		(void)fail_target(backup, err);
		goto fail;
	}
	*ret_backup = backup;
	return 0;
fail:
	store_backup_finish(backup);
	return -1;
}

/* The file and its directory entry are on the disk. */
static int make_durable(const char *path, struct berth_error *err)
{
	AUTO_CLOSE int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	AUTO_CLOSE int directory = -1;
	AUTO_FREE char *copy = strdup(path);

	if (!copy)
		return berth_fail(err, BERTH_MEMORY, 0, "backup: out of memory");
	directory = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (file < 0 || directory < 0 || fsync(file) < 0 || fsync(directory) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "make %s durable", path);
	return 0;
}

static int conclude(struct store_backup *backup, struct berth_error *err)
{
	sqlite3_backup *copy = backup->copy;
	sqlite3 *target = backup->target;

	backup->copy = NULL;
	if (sqlite3_backup_finish(copy) != SQLITE_OK)
		return fail_target(backup, err);
	backup->target = NULL;
	(void)sqlite3_close(target); /* nothing is left to be written */
	if (make_durable(backup->path, err) < 0)
		return -1;
	backup->is_complete = true;
	return 0;
}

int store_backup_step(struct store_backup *backup, int pages, struct berth_error *err)
{
	int result = sqlite3_backup_step(backup->copy, pages);

	if (result == SQLITE_DONE)
		return conclude(backup, err);
	if (result == SQLITE_OK || (result & 0xff) == SQLITE_BUSY ||
	    (result & 0xff) == SQLITE_LOCKED)
		return 1;
	return fail_target(backup, err);
}

void store_backup_finish(struct store_backup *backup)
{
	if (!backup)
		return;
	if (backup->copy)
		(void)sqlite3_backup_finish(backup->copy); /* it is thrown away */
	if (backup->target)
		(void)sqlite3_close(backup->target);
	if (!backup->is_complete)
		(void)unlink(backup->path);
	free(backup->path);
	free(backup);
}
