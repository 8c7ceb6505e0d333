/* SPDX-License-Identifier: Apache-2.0 */
/* The online backup: a copy beside the store, made between groups of work, then into the client's
 * file. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "runner/control/control_call.h"
#include "runner/engine/engine_retention.h"
#include "runner/supervisor/supervisor.h"

#define NAME "backup.db"

struct backup {
	struct engine_job job; /* first: done() casts */
	struct control_chore chore;
	struct supervisor *supervisor;
	struct control_call *call;
	struct engine_backup *copy;
	char path[PATH_MAX];
	int64_t bytes;
};

static void finish(struct backup *backup)
{
	(void)unlinkat(backup->supervisor->state_fd, NAME, 0);
	backup->supervisor->is_backing_up = false;
	free(backup);
}

static int step(struct engine *engine, struct engine_job *job, struct berth_error *err)
{
	struct backup *backup = (struct backup *)job;
	int result = 0;

	if (!backup->copy)
		result = engine_backup_begin(engine, backup->path, &backup->copy, err);
	if (result == 0)
		result = engine_backup_step(backup->copy, err);
	if (result <= 0) {
		engine_backup_finish(backup->copy);
		backup->copy = NULL;
	}
	return result;
}

static int copy_all(int from, int to, int64_t *ret_bytes, struct berth_error *err)
{
	struct stat status;
	off_t offset = 0;

	if (fstat(from, &status) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "look at the backup");
	while (offset < status.st_size) {
		ssize_t copied = sendfile(to, from, &offset, (size_t)(status.st_size - offset));

		if (copied <= 0)
			return berth_fail(err, BERTH_SYSTEM, copied < 0 ? errno : EIO,
					  "write the backup");
	}
	if (fsync(to) < 0 && errno != EINVAL) /* a pipe is no file */
		return berth_fail(err, BERTH_SYSTEM, errno, "write the backup");
	*ret_bytes = status.st_size;
	return 0;
}

static struct backup *of_chore(struct control_chore *chore)
{
	return (struct backup *)(void *)((char *)chore - offsetof(struct backup, chore));
}

static int copy(struct control_chore *chore, struct berth_error *err)
{
	struct backup *backup = of_chore(chore);
	AUTO_CLOSE int fd = open(backup->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "open %s", backup->path);
	return copy_all(fd, backup->call->descriptors[0], &backup->bytes, err);
}

static void on_copied(struct control_chore *chore, int result, const struct berth_error *why)
{
	struct backup *backup = of_chore(chore);

	if (result < 0)
		control_call_fail(backup->call, why);
	else
		control_call_answer(backup->call,
				    json_pack("{s:I}", "bytes", (json_int_t)backup->bytes));
	finish(backup);
}

static void on_made(struct engine_job *job, int result, const struct berth_error *why)
{
	struct backup *backup = (struct backup *)job;

	if (result < 0) {
		control_call_fail(backup->call, why);
		finish(backup);
		return;
	}
	backup->chore.run = copy;
	backup->chore.done = on_copied;
	workers_submit(backup->supervisor->workers, &backup->chore);
}

int supervisor_backup(void *owner, struct control_call *call, struct berth_error *err)
{
	struct supervisor *supervisor = owner;
	struct backup *backup;

	if (supervisor->is_backing_up)
		return berth_fail(err, BERTH_LIMIT, EBUSY, "another backup is being made");
	backup = calloc(1, sizeof(*backup));
	if (!backup)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "backup");
	(void)snprintf(backup->path, sizeof(backup->path), "%s/" NAME, supervisor->state);
	(void)unlinkat(supervisor->state_fd, NAME, 0); /* of one that was killed */
	backup->job.step = step;
	backup->job.done = on_made;
	backup->supervisor = supervisor;
	backup->call = call;
	supervisor->is_backing_up = true;
	engine_thread_submit(supervisor->engine, &backup->job, false);
	return 0;
}
