/* SPDX-License-Identifier: Apache-2.0 */
/* What this host has for its runs, and whether a machine fits it. */
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "machines/machine.h"

struct machine_capacity {
	uint64_t cpu_millis;   /* CPUs we may use (sched_getaffinity(2)), or our cgroup's quota */
	uint64_t memory_bytes; /* RAM, or our cgroup's limit; the lower of the two */
};

int machine_host_capacity(struct machine_capacity *ret_capacity, struct berth_error *err);

/* The same with root before the paths of /proc/self/cgroup and /sys/fs/cgroup (tests). */
int machine_capacity_under(const char *root, struct machine_capacity *ret_capacity,
			   struct berth_error *err);

/* Fails with BERTH_LIMIT when limits ask for more than the capacity; the message names the machine
 * (name may be NULL: limits given one by one), what it asks, what the host has, and the largest
 * machine of the list that fits. */
int machine_check_fit(const struct machine_list *list, const char *name,
		      const struct resource_limits *limits, const struct machine_capacity *capacity,
		      struct berth_error *err);
