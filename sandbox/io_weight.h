/* SPDX-License-Identifier: Apache-2.0 */
/* Whether any disk of the host heeds a group's share of bandwidth. The kernel takes the weight
 * where none does. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define IO_WEIGHT_BLOCKS    "/sys/block"
#define IO_WEIGHT_ROOT      "/sys/fs/cgroup"
#define IO_WEIGHT_DISK_SIZE 32

/* What was found last: looking at every disk takes longer than the rest of a launch. */
struct io_weight_disks {
	uint64_t looked_ns;             /* clock_boottime_ns(); 0: never */
	char disk[IO_WEIGHT_DISK_SIZE]; /* one that heeds weights; "": none does */
};
#define IO_WEIGHT_LOOK_NS 10000000000ULL /* disks are seldom given another scheduler */

/* cgroup v1: a disk below blocks whose scheduler is bfq. */
bool io_weight_find_bfq(const char *blocks, char ret_disk[IO_WEIGHT_DISK_SIZE]);

/* cgroup v2: a disk, as major:minor, for which io.cost is enabled in the root group. */
bool io_weight_find_cost(const char *root_group, char ret_disk[IO_WEIGHT_DISK_SIZE]);

/* The disk that find() finds below place, looked for at most every IO_WEIGHT_LOOK_NS; "": none.
 * Borrowed from the argument. */
const char *io_weight_look(struct io_weight_disks *disks,
			   bool (*find)(const char *place, char ret_disk[IO_WEIGHT_DISK_SIZE]),
			   const char *place);
