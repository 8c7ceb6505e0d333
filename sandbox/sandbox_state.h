/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of one run, for the files that launch it, pause it and hand it over. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sandbox/cgroup.h"
#include "sandbox/identity.h"
#include "sandbox/protection_set.h"
#include "sandbox/sandbox.h"

struct sandbox {
	struct sandbox_host *host;
	struct cgroup cgroup;
	struct identity identity;
	int pidfd, control_fd, epoll_fd, channel_fd;
	int mounts_fd; /* keeps the run's mounts, so that taking them apart can wait */
	bool channel_expected, start_told, started, ended, exec_failed, reported_end, oom_seen,
		kill_requested, frozen;
	bool cgroup_pending; /* named, not made yet */
	uint64_t launched_ns;
	struct sandbox_volume *volumes[SANDBOX_VOLUMES_MAX];
	size_t volume_count;
	struct sandbox_outcome outcome;
	struct protection_set *protections;
};

/* Watches a run's pidfd, control socket and group; at the end of a launch, and of an import. */
int sandbox_watch(struct sandbox *sandbox, struct berth_error *err);

/* After SIGKILL of a frozen run: lets its processes die of it. */
void sandbox_let_die(struct sandbox *sandbox);
