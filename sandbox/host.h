/* SPDX-License-Identifier: Apache-2.0 */
/* What this host can do, probed once: the inside of struct sandbox_host. */
#pragma once

#include <stdbool.h>

#include "sandbox/cgroup.h"
#include "sandbox/network.h"
#include "sandbox/sandbox.h"

struct sandbox_host {
	bool privileged;      /* every id may be mapped, file systems may be mounted */
	bool time_namespaces; /* CONFIG_TIME_NS */
	int landlock_abi;     /* 0: none */
	int state_fd;         /* directory of the uid range locks; -1 when rootless */
	struct cgroup_host cgroup;
	struct network_pool network_pool;
};
