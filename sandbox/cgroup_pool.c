/* SPDX-License-Identifier: Apache-2.0 */
/* Control groups made ahead of launches and removed after them. */
#include "sandbox/cgroup_pool.h"

static bool same_limits(const struct resource_limits *a, const struct resource_limits *b)
{
	return a->cpu_millis == b->cpu_millis && a->memory_bytes == b->memory_bytes &&
	       a->pids == b->pids && a->io_weight == b->io_weight;
}

static void remove_ready(struct cgroup_pool *pool)
{
	while (pool->ready_count > 0)
		cgroup_destroy(&pool->ready[--pool->ready_count]);
}

static void remove_retired(struct cgroup_pool *pool)
{
	while (pool->retired_count > 0)
		cgroup_destroy(&pool->retired[--pool->retired_count]);
}

int cgroup_pool_take(struct cgroup_pool *pool, const struct resource_limits *limits,
		     struct cgroup *ret_group)
{
	if (pool->size == 0)
		return 1;
	if (!pool->limits_known || !same_limits(&pool->limits, limits)) {
		pool->limits = *limits;
		pool->limits_known = true;
		remove_ready(pool);
		return 1;
	}
	if (pool->ready_count == 0)
		return 1;
	*ret_group = pool->ready[--pool->ready_count];
	return 0;
}

void cgroup_pool_retire(struct cgroup_pool *pool, struct cgroup *group)
{
	if (pool->size == 0 || pool->retired_count == CGROUP_POOL_MAX) {
		cgroup_destroy(group);
		return;
	}
	pool->retired[pool->retired_count++] = *group;
	*group = (struct cgroup){0};
}

bool cgroup_pool_refill_step(struct cgroup_pool *pool, struct cgroup_host *host)
{
	struct cgroup *group;

	if (pool->retired_count > 0) {
		cgroup_destroy(&pool->retired[--pool->retired_count]);
		return true;
	}
	if (!pool->limits_known || pool->ready_count >= pool->size)
		return false;
	group = &pool->ready[pool->ready_count];
	if (cgroup_create(group, host, "ready", &pool->limits, NULL) < 0) {
		cgroup_destroy(group);
		return false;
	}
	if (host->driver->open_joins)
		host->driver->open_joins(group);
	pool->ready_count++;
	return true;
}

void cgroup_pool_refill(struct cgroup_pool *pool, struct cgroup_host *host)
{
	while (cgroup_pool_refill_step(pool, host))
		continue;
}

void cgroup_pool_finish(struct cgroup_pool *pool)
{
	remove_ready(pool);
	remove_retired(pool);
}
