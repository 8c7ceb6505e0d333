/* SPDX-License-Identifier: Apache-2.0 */
/* Control groups made ahead of launches and removed after them, off the path users wait for.
 * Each is used once. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/limits.h"
#include "sandbox/cgroup.h"

#define CGROUP_POOL_MAX 64

struct cgroup_pool {
	size_t size;                   /* 0: nothing is pooled, groups are removed at once */
	struct resource_limits limits; /* what the ready groups have: those of the last launch */
	bool limits_known;
	struct cgroup ready[CGROUP_POOL_MAX];
	size_t ready_count;
	struct cgroup retired[CGROUP_POOL_MAX]; /* empty groups that wait for removal */
	size_t retired_count;
};

/* Takes a ready group with exactly these limits; positive when there is none. Remembers the limits
 * for the next refill. */
int cgroup_pool_take(struct cgroup_pool *pool, const struct resource_limits *limits,
		     struct cgroup *ret_group);

/* Removes a group whose last process is gone, later when something is pooled. */
void cgroup_pool_retire(struct cgroup_pool *pool, struct cgroup *group);

/* Removes the retired groups and makes ready ones. Stops silently when the host refuses. */
void cgroup_pool_refill(struct cgroup_pool *pool, struct cgroup_host *host);

/* One group removed or made; false: there is nothing to do, or the host refuses. */
bool cgroup_pool_refill_step(struct cgroup_pool *pool, struct cgroup_host *host);

void cgroup_pool_finish(struct cgroup_pool *pool);
