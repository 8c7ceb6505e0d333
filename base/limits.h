/* SPDX-License-Identifier: Apache-2.0 */
/* What one run may use: a plain record, one table row per limit (limit_table.c). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/field.h"

/* 0 means "not limited" only where the comment says so. */
struct resource_limits {
	uint64_t cpu_millis;   /* thousandths of a CPU; 0: not limited */
	uint64_t memory_bytes; /* memory and tmpfs together, swap 0; 0: not limited */
	int64_t pids;          /* processes and threads; 0: not limited */
	uint64_t tmpfs_bytes;  /* each of /tmp, /dev/shm; a quarter of it for /run */
	int64_t tmpfs_inodes;  /* files in each of them */
	uint64_t disk_bytes;   /* each disk volume */
	int64_t disk_inodes;   /* files in each disk volume */
	int64_t io_weight;     /* 1 … 1000 as io.weight; 0: the host's default */
	int64_t open_files;    /* RLIMIT_NOFILE */
	uint64_t log_bytes; /* structured logs of one attempt, and stderr where it is not one with
			       stdout; kept by the runner */
};

/* Rows over struct resource_limits, named as on the command line and in presets.json. */
extern const struct field_row resource_limit_rows[];
extern const size_t resource_limit_row_count;
