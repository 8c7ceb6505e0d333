/* SPDX-License-Identifier: Apache-2.0 */
/* Resource limits of the task's processes (setrlimit(2)). Never RLIMIT_AS: it kills Node and the
 * JVM; memory is the cgroup's. */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/limits.h"

struct rlimit_row {
	int resource; /* RLIMIT_* */
	const char *name;
	unsigned long value;
	const char *reason;
};
extern const struct rlimit_row rlimit_rows[];
extern const unsigned rlimit_row_count;

/* Sets every row; with count_processes also RLIMIT_NPROC, which
 * stands in for a pids controller. Never raises a hard limit. Async-signal-safe. */
int rlimits_apply(const struct resource_limits *limits, bool count_processes,
		  struct berth_error *err);

/* RLIMIT_NOFILE, by the task itself when it has closed what is not its own: a supervisor of many
 * runs has more descriptors open than a task may have, and init is born with them. */
int rlimits_apply_open_files(const struct resource_limits *limits, struct berth_error *err);
