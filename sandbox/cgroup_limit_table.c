/* SPDX-License-Identifier: Apache-2.0 */
/* The limits a control group enforces, one row each, for both versions of the interface. */
#include <inttypes.h>
#include <stdio.h>

#include "sandbox/cgroup.h"

#define CPU_PERIOD_US    100000 /* the kernel's default period in both versions */
#define CPU_QUOTA_MIN_US 1000   /* less is EINVAL (kernel/sched/core.c) */

static uint64_t cpu_quota_us(const struct resource_limits *limits)
{
	uint64_t quota = limits->cpu_millis * CPU_PERIOD_US / 1000;

	return quota < CPU_QUOTA_MIN_US ? CPU_QUOTA_MIN_US : quota;
}

static bool format_cpu_v1(const struct resource_limits *limits, char *text, size_t size)
{
	(void)snprintf(text, size, "%" PRIu64, cpu_quota_us(limits));
	return limits->cpu_millis != 0;
}

static bool format_cpu_v2(const struct resource_limits *limits, char *text, size_t size)
{
	(void)snprintf(text, size, "%" PRIu64 " %d", cpu_quota_us(limits), CPU_PERIOD_US);
	return limits->cpu_millis != 0;
}

static bool format_memory(const struct resource_limits *limits, char *text, size_t size)
{
	(void)snprintf(text, size, "%" PRIu64, limits->memory_bytes);
	return limits->memory_bytes != 0;
}

static bool format_no_swap(const struct resource_limits *limits, char *text, size_t size)
{
	(void)snprintf(text, size, "0");
	return limits->memory_bytes != 0;
}

static bool format_one(const struct resource_limits *limits, char *text, size_t size)
{
	(void)snprintf(text, size, "1");
	return limits->memory_bytes != 0;
}

static bool format_pids(const struct resource_limits *limits, char *text, size_t size)
{
	(void)snprintf(text, size, "%" PRId64, limits->pids);
	return limits->pids != 0;
}

static bool format_io_v1(const struct resource_limits *limits, char *text, size_t size)
{
	(void)snprintf(text, size, "%" PRId64, limits->io_weight);
	return limits->io_weight != 0 && limits->io_weight != CGROUP_IO_WEIGHT_DEFAULT;
}

static bool format_io_v2(const struct resource_limits *limits, char *text, size_t size)
{
	(void)snprintf(text, size, "default %" PRId64, limits->io_weight);
	return limits->io_weight != 0 && limits->io_weight != CGROUP_IO_WEIGHT_DEFAULT;
}

/* In this order: memsw cannot be set below memory.limit_in_bytes. */
const struct cgroup_limit_row cgroup_limit_rows[] = {
	{CGROUP_CPU,       "cpu",    "cpu.cfs_quota_us",            "cpu.max",          format_cpu_v1, format_cpu_v2},
	{CGROUP_MEMORY,    "memory", "memory.limit_in_bytes",       "memory.max",       format_memory,
	 format_memory											      },
	{CGROUP_SWAP,      "memory", "memory.memsw.limit_in_bytes", "memory.swap.max",  format_memory,
	 format_no_swap											     },
	{CGROUP_OOM_GROUP, NULL,     NULL,                          "memory.oom.group", NULL,          format_one   },
	{CGROUP_PIDS,      "pids",   "pids.max",                    "pids.max",         format_pids,   format_pids  },
	{CGROUP_IO_WEIGHT, "blkio",  "blkio.bfq.weight",            "io.weight",        format_io_v1,  format_io_v2 },
};
const size_t cgroup_limit_row_count = sizeof(cgroup_limit_rows) / sizeof(cgroup_limit_rows[0]);
