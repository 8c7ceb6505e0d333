/* SPDX-License-Identifier: Apache-2.0 */
/* Whether any disk of the host heeds a group's share of bandwidth. The kernel takes the weight
 * where none does. */
#pragma once

#include <stdbool.h>

#define IO_WEIGHT_BLOCKS    "/sys/block"
#define IO_WEIGHT_ROOT      "/sys/fs/cgroup"
#define IO_WEIGHT_DISK_SIZE 32

/* cgroup v1: a disk below blocks whose scheduler is bfq. */
bool io_weight_find_bfq(const char *blocks, char ret_disk[IO_WEIGHT_DISK_SIZE]);

/* cgroup v2: a disk, as major:minor, for which io.cost is enabled in the root group. */
bool io_weight_find_cost(const char *root_group, char ret_disk[IO_WEIGHT_DISK_SIZE]);
