/* SPDX-License-Identifier: Apache-2.0 */
/* The tmpfs that a run's root is made of. */
#include "sandbox/own_tmpfs.h"

#include <inttypes.h>
#include <stdio.h>

#include "sandbox/mount_call.h"

#define ROOT_BYTES     "8m" /* generated files and mount points only */
#define ROOT_INODES    "4096"
#define TMPFS_QUARTERS 4
#define ATTRIBUTES     (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)

int own_tmpfs_create(uint64_t bytes, int64_t inodes, int *ret_fd, struct berth_error *err)
{
	char size[24], count[24];
	const char *const options[] = {"size", size, "nr_inodes", count, "mode", "1777", NULL};

	(void)snprintf(size, sizeof(size), "%" PRIu64, bytes);
	(void)snprintf(count, sizeof(count), "%" PRId64, inodes);
	return mount_create("tmpfs", options, ATTRIBUTES, ret_fd, err);
}

int own_tmpfs_create_default(const struct root_default *row, uint64_t bytes, int64_t inodes,
			     int *ret_fd, struct berth_error *err)
{
	return own_tmpfs_create(bytes * row->quarters / TMPFS_QUARTERS, inodes, ret_fd, err);
}

int own_tmpfs_create_root(int *ret_fd, struct berth_error *err)
{
	static const char *const options[] = {"size", ROOT_BYTES, "nr_inodes", ROOT_INODES,
					      "mode", "755",      NULL};

	return mount_create("tmpfs", options, ATTRIBUTES, ret_fd, err);
}
