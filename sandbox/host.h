/* SPDX-License-Identifier: Apache-2.0 */
/* What this host can do, probed once: the inside of struct sandbox_host. */
#pragma once

#include <stdbool.h>

#include "sandbox/cgroup.h"
#include "sandbox/cgroup_pool.h"
#include "sandbox/io_weight.h"
#include "sandbox/network.h"
#include "sandbox/protection_set.h"
#include "sandbox/root_set.h"
#include "sandbox/sandbox.h"

struct sandbox_host {
	bool privileged;      /* every id may be mapped, file systems may be mounted */
	bool time_namespaces; /* CONFIG_TIME_NS */
	bool vfork_task;      /* exec moves a vfork child into its time namespace */
	bool may_move_init;   /* off the supervisor's CPU: its choice of CPUs is free */
	int landlock_abi;     /* below LANDLOCK_ABI_MIN: not used */
	int state_fd;         /* directory of the uid range locks; -1 when rootless */
	struct cgroup_host cgroup;
	struct network_pool network_pool;
	struct sandbox_ahead *ahead; /* borrowed; NULL: none */
	struct cgroup_pool cgroup_pool;
	struct root_set_pool root_sets;
	struct protection_set *protections; /* of the last launch */
	struct io_weight_disks weighed_disks;
	int view_namespace_fd; /* maps the task's id to view_uid, view_gid; -1: not made yet */
	uid_t view_uid;
	gid_t view_gid;
	int retired_fds[CGROUP_POOL_MAX]; /* mount namespaces of ended runs */
	size_t retired_fd_count;
};

/* Takes back what the states claim of limits that the group was asked for and did not take. */
void sandbox_host_correct_protections(const struct sandbox_host *host, const struct cgroup *group,
				      const struct resource_limits *limits,
				      struct sandbox_protection_state states[SANDBOX_PROTECTIONS]);

/* Lets go of the last reference to a run's mounts: now, or at the next refill when the host pools.
 * Unmounting waits for an RCU grace period, which need not be on anybody's path. */
void sandbox_host_retire_mounts(struct sandbox_host *host, int *namespace_fd);
