/* SPDX-License-Identifier: Apache-2.0 */
/* Resource limits of the task's processes (setrlimit(2)). */
#include <errno.h>
#include <sys/resource.h>

#include "sandbox/rlimits.h"

#define KIB 1024UL

const struct rlimit_row rlimit_rows[] = {
	{RLIMIT_CORE,       "core",       1,
	 "no core file; and 1, unlike 0, keeps the host's core_pattern program out (core(5))"     },
	{RLIMIT_MEMLOCK,    "memlock",    8192 * KIB, "locked memory cannot be reclaimed"         },
	{RLIMIT_MSGQUEUE,   "msgqueue",   800 * KIB,  "POSIX message queues are kernel memory"    },
	{RLIMIT_SIGPENDING, "sigpending", 4096,       "queued signals are kernel memory"          },
	{RLIMIT_RTPRIO,     "rtprio",     0,          "a real-time task would starve the host"    },
	{RLIMIT_NICE,       "nice",       0,          "no better priority than it was given"      },
	{RLIMIT_STACK,      "stack",      8192 * KIB, "the usual default, whatever the caller had"},
};
const unsigned rlimit_row_count = sizeof(rlimit_rows) / sizeof(rlimit_rows[0]);

static int apply(int resource, unsigned long value, struct berth_error *err)
{
	struct rlimit limit;

	if (getrlimit((__rlimit_resource_t)resource, &limit) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "getrlimit %d", resource);
	if (limit.rlim_max > value)
		limit.rlim_max = value;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit((__rlimit_resource_t)resource, &limit) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "setrlimit %d", resource);
	return 0;
}

int rlimits_apply(const struct resource_limits *limits, bool count_processes,
		  struct berth_error *err)
{
	for (unsigned i = 0; i < rlimit_row_count; i++)
		if (apply(rlimit_rows[i].resource, rlimit_rows[i].value, err) < 0)
			return -1;
	if (count_processes && limits->pids &&
	    apply(RLIMIT_NPROC, (unsigned long)limits->pids, err) < 0)
		return -1;
	return 0;
}

int rlimits_apply_open_files(const struct resource_limits *limits, struct berth_error *err)
{
	return limits->open_files ? apply(RLIMIT_NOFILE, (unsigned long)limits->open_files, err)
				  : 0;
}
