/* SPDX-License-Identifier: Apache-2.0 */
/* The file systems of a run's own (its root, /dev, every tmpfs), made by a supervisor that may. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/limits.h"
#include "sandbox/root.h"

#define ROOT_SET_POOL_MAX 64

/* Detached and empty, owned by the host's root until a run takes them. */
struct root_set {
	int root_fd;
	int devices_fd;                   /* -1: this host allows no device nodes */
	int tmpfs_fds[ROOT_DEFAULTS_MAX]; /* one for each ROOT_TMPFS row, in their order */
	size_t tmpfs_count;
};

/* Made ahead of launches, off the path users wait for, for the limits of the last one. Each is used
 * once: runs that shared one could see, lock and watch each other's files. */
struct root_set_pool {
	struct root_set sets[ROOT_SET_POOL_MAX];
	size_t ready, size;
	uint64_t tmpfs_bytes; /* of the ready ones; 0: no launch has asked for any yet */
	int64_t tmpfs_inodes;
};

/* A ready one, or one made now. */
int root_set_pool_take(struct root_set_pool *pool, const struct resource_limits *limits,
		       struct root_set *ret_set, struct berth_error *err);
/* Makes one more; false when there are enough, none was asked for yet, or the host refuses. */
bool root_set_pool_refill_step(struct root_set_pool *pool);
void root_set_pool_finish(struct root_set_pool *pool);

void root_set_close(struct root_set *set);
