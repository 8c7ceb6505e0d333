/* SPDX-License-Identifier: Apache-2.0 */
/* The /dev of a run, made whole by a supervisor that may make nodes: one mount instead of one for
 * every node. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "sandbox/root.h"

#define DEVICES_PATH     "/dev"
#define DEVICES_POOL_MAX 64

/* Made ahead of launches, off the path users wait for. Each is used once: runs that shared one
 * could lock and watch each other's nodes. */
struct devices_pool {
	int fds[DEVICES_POOL_MAX];
	size_t ready, size;
};

/* A detached, read-only file system with the nodes, links and mount points of the default rows
 * below /dev. */
int devices_create(int *ret_fd, struct berth_error *err);

/* A ready one, or one made now. The same errors. */
int devices_pool_take(struct devices_pool *pool, int *ret_fd, struct berth_error *err);
/* Makes one more; false when there are enough, or the host refuses. */
bool devices_pool_refill_step(struct devices_pool *pool);
void devices_pool_refill(struct devices_pool *pool);
void devices_pool_finish(struct devices_pool *pool);

/* true for the rows that devices_create has already made. */
bool devices_have(const struct root_default *row);
