/* SPDX-License-Identifier: Apache-2.0 */
/* Queues: made when they are first named, limited, paused. */
#include "runner/engine/engine_queues.h"

#include <string.h>

#include "base/clock.h"
#include "runner/engine/engine_core.h"
#include "runner/engine/lanes.h"
#include "runner/store/store_queues.h"

#define TASK_PREFIX     "task/"
#define RESERVED_PREFIX "limit/"
#define QUEUE_LETTERS   "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_/-"

/* A task's own queue is named by berth: task names have letters that queue names have not. */
static int check_name(const char *name, struct berth_error *err)
{
	size_t length = strlen(name);
	bool is_own = strncmp(name, TASK_PREFIX, strlen(TASK_PREFIX)) == 0;

	if (length == 0 || length > QUEUE_NAME_MAX + strlen(TASK_PREFIX) * is_own)
		return berth_fail(err, BERTH_INVALID, 0,
				  "a queue's name has 1 to %d characters, not %zu", QUEUE_NAME_MAX,
				  length);
	if (!is_own && name[strspn(name, QUEUE_LETTERS)])
		return berth_fail(
			err, BERTH_INVALID, 0,
			"the queue \"%.128s\" has a character other than A-Z a-z 0-9 _ / -", name);
	if (strncmp(name, RESERVED_PREFIX, strlen(RESERVED_PREFIX)) == 0)
		return berth_fail(err, BERTH_INVALID, 0,
				  "the queue \"%.128s\": names that begin with " RESERVED_PREFIX
				  " are reserved",
				  name);
	return 0;
}

int engine_queue_ensure(struct engine *engine, int64_t environment_id, const char *name,
			int64_t *ret_queue_id, struct berth_error *err)
{
	struct queue_row row = {
		.environment_id = environment_id,
		.base_limit = STORE_NONE,
		.key_limit = STORE_NONE,
		.size_limit = STORE_NONE,
	};
	int found = store_queue_find(engine->store, environment_id, name, ret_queue_id, err);

	if (found <= 0)
		return found;
	if (check_name(name, err) < 0)
		return -1;
	memcpy(row.name, name, strlen(name) + 1);
	row.kind = strncmp(name, TASK_PREFIX, strlen(TASK_PREFIX)) == 0 ? QUEUE_TASK : QUEUE_NAMED;
	return store_queue_insert(engine->store, &row, ret_queue_id, err);
}

static int check_limit(const char *what, int64_t limit, int64_t most, struct berth_error *err)
{
	if (limit >= STORE_NONE && limit <= most)
		return 0;
	return berth_fail(err, BERTH_INVALID, 0, "%s is -1 (none) or 0 to %lld, not %lld", what,
			  (long long)most, (long long)limit);
}

static int read_queue(struct engine *engine, int64_t queue_id, struct queue_row *ret_row,
		      struct berth_error *err)
{
	int found = store_queue_read(engine->store, queue_id, ret_row, err);

	if (found > 0)
		return berth_fail(err, BERTH_NOT_FOUND, 0, "there is no such queue");
	return found;
}

int engine_queue_define(struct engine *engine, int64_t environment_id, const char *name,
			int64_t limit, int64_t key_limit, int64_t size_limit,
			struct berth_error *err)
{
	struct queue_row row;
	int64_t queue_id;

	if (check_limit("a queue's limit", limit, QUEUE_LIMIT_MAX, err) < 0 ||
	    check_limit("a queue's limit of a key", key_limit, QUEUE_LIMIT_MAX, err) < 0 ||
	    check_limit("a queue's size", size_limit, QUEUE_SIZE_MAX, err) < 0 ||
	    engine_queue_ensure(engine, environment_id, name, &queue_id, err) < 0 ||
	    read_queue(engine, queue_id, &row, err) < 0)
		return -1;
	if (row.base_limit == limit && row.key_limit == key_limit && row.size_limit == size_limit)
		return 0;
	row.base_limit = limit;
	row.key_limit = key_limit;
	row.size_limit = size_limit;
	if (store_queue_write_settings(engine->store, &row, err) < 0)
		return -1;
	return lanes_refresh_queue(engine, queue_id, err);
}

int engine_queue_pause(struct engine *engine, int64_t queue_id, bool paused,
		       struct berth_error *err)
{
	struct queue_row row;

	if (read_queue(engine, queue_id, &row, err) < 0)
		return -1;
	if (row.is_paused == paused)
		return 0;
	row.is_paused = paused;
	if (store_queue_write_settings(engine->store, &row, err) < 0)
		return -1;
	return lanes_refresh_queue(engine, queue_id, err);
}

int engine_queue_override(struct engine *engine, int64_t queue_id, int64_t limit,
			  struct berth_error *err)
{
	struct queue_row row;

	if (check_limit("a queue's limit", limit, QUEUE_LIMIT_MAX, err) < 0 ||
	    read_queue(engine, queue_id, &row, err) < 0)
		return -1;
	row.override_limit = limit;
	row.overridden_ns = limit == STORE_NONE ? 0 : clock_realtime_ns();
	if (store_queue_write_settings(engine->store, &row, err) < 0)
		return -1;
	return lanes_refresh_queue(engine, queue_id, err);
}
