/* SPDX-License-Identifier: Apache-2.0 */
/* Everything one launch hands from the supervisor's side to the child's. */
#pragma once

#include <stdbool.h>

#include "sandbox/cgroup.h"
#include "sandbox/identity.h"
#include "sandbox/root.h"
#include "sandbox/sandbox.h"

struct launch {
	const struct sandbox_spec *spec;
	struct identity identity;
	struct root_plan root;
	const struct cgroup *cgroup;
	bool privileged;
	bool own_network; /* a new namespace whose loopback the child sets up */
	bool time_namespace;
	bool vfork_task;      /* the task borrows init's memory until it executes */
	bool count_processes; /* no pids controller: RLIMIT_NPROC stands in */
	int landlock_abi;
	int control_fd;    /* the child's end */
	int supervisor_fd; /* the other end, which the child must not keep */
};

/* The child of clone3(2): builds the sandbox, becomes its init, forks the task. Never returns.
 * Runs in a fork of a single-threaded process and calls only async-signal-safe functions. */
_Noreturn void init_main(struct launch *launch);

/* The task, a fork of init: gives up every right and executes. Never returns. */
_Noreturn void task_main(const struct launch *launch);

/* Reports an error to the supervisor. */
void launch_report(int control_fd, int kind, const struct berth_error *error);
