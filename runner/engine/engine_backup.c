/* SPDX-License-Identifier: Apache-2.0 */
/* The online backup: the store's copy, made in short steps between groups. */
#include <stdlib.h>

#include "base/clock.h"
#include "runner/engine/engine_core.h"
#include "runner/engine/engine_retention.h"

/* A step takes so long that nobody who waits for a commit notices. */
#define STEP_NS    (2 * CLOCK_NS_PER_MS)
#define STEP_PAGES 64

struct engine_backup {
	struct store_backup *copy;
};

int engine_backup_begin(struct engine *engine, const char *path, struct engine_backup **ret_backup,
			struct berth_error *err)
{
	struct engine_backup *backup;

	if (!path || path[0] != '/')
		return berth_fail(err, BERTH_INVALID, 0, "a backup's path begins with a slash");
	backup = calloc(1, sizeof(*backup));
	if (!backup)
		return berth_fail(err, BERTH_MEMORY, 0, "backup: out of memory");
	if (store_backup_begin(engine->store, path, &backup->copy, err) < 0) {
		free(backup);
		return -1;
	}
	*ret_backup = backup;
	return 0;
}

int engine_backup_step(struct engine_backup *backup, struct berth_error *err)
{
	uint64_t begin_ns = clock_boottime_ns();
	int result;

	do {
		result = store_backup_step(backup->copy, STEP_PAGES, err);
	} while (result == 1 && clock_boottime_ns() - begin_ns < STEP_NS);
	return result;
}

void engine_backup_finish(struct engine_backup *backup)
{
	if (!backup)
		return;
	store_backup_finish(backup->copy);
	free(backup);
}
