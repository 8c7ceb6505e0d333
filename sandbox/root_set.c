/* SPDX-License-Identifier: Apache-2.0 */
/* The file systems of a run's own, made ahead. */
#include "sandbox/root_set.h"

#include <errno.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sandbox/devices.h"
#include "sandbox/own_tmpfs.h"

void root_set_close(struct root_set *set)
{
	close_fd(&set->root_fd);
	close_fd(&set->devices_fd);
	while (set->tmpfs_count > 0)
		close_fd(&set->tmpfs_fds[--set->tmpfs_count]);
}

/* No CAP_MKNOD, or a container whose device rules forbid it: the host's nodes are bound later. */
static int create_devices(struct root_set *set, struct berth_error *err)
{
	struct berth_error failure = {0};

	if (devices_create(&set->devices_fd, &failure) == 0 || failure.errnum == EPERM)
		return 0;
	if (err)
		*err = failure;
	return -1;
}

static int fill(struct root_set *set, uint64_t bytes, int64_t inodes, struct berth_error *err)
{
	if (own_tmpfs_create_root(&set->root_fd, err) < 0 || create_devices(set, err) < 0)
		return -1;
	for (size_t i = 0; i < root_default_count; i++) {
		if (root_defaults[i].kind != ROOT_TMPFS)
			continue;
		if (own_tmpfs_create_default(&root_defaults[i], bytes, inodes,
					     &set->tmpfs_fds[set->tmpfs_count], err) < 0)
			return -1;
		set->tmpfs_count++;
	}
	return 0;
}

static int create(struct root_set *ret_set, uint64_t bytes, int64_t inodes, struct berth_error *err)
{
	*ret_set = (struct root_set){.root_fd = -1, .devices_fd = -1};
	if (fill(ret_set, bytes, inodes, err) == 0)
		return 0;
	root_set_close(ret_set);
	return -1;
}

int root_set_pool_take(struct root_set_pool *pool, const struct resource_limits *limits,
		       struct root_set *ret_set, struct berth_error *err)
{
	if (pool->tmpfs_bytes != limits->tmpfs_bytes ||
	    pool->tmpfs_inodes != limits->tmpfs_inodes) {
		root_set_pool_finish(pool);
		pool->tmpfs_bytes = limits->tmpfs_bytes;
		pool->tmpfs_inodes = limits->tmpfs_inodes;
	}
	if (pool->ready == 0)
		return create(ret_set, limits->tmpfs_bytes, limits->tmpfs_inodes, err);
	*ret_set = pool->sets[--pool->ready];
	return 0;
}

bool root_set_pool_refill_step(struct root_set_pool *pool)
{
	if (pool->ready >= pool->size || pool->tmpfs_bytes == 0 ||
	    create(&pool->sets[pool->ready], pool->tmpfs_bytes, pool->tmpfs_inodes, NULL) < 0)
		return false;
	pool->ready++;
	return true;
}

void root_set_pool_finish(struct root_set_pool *pool)
{
	while (pool->ready > 0)
		root_set_close(&pool->sets[--pool->ready]);
}
