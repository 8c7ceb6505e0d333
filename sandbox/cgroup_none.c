/* SPDX-License-Identifier: Apache-2.0 */
/* The driver for hosts that give berth no control group: nothing is limited, and said so. */
#include <stdio.h>

#include "sandbox/cgroup.h"

static int none_probe(struct cgroup_host *host, struct berth_error *err)
{
	(void)err;
	(void)snprintf(host->why, sizeof(host->why), "no cgroup that berth may create groups in");
	return 0;
}

static int none_create(struct cgroup *group, const struct resource_limits *limits,
		       struct berth_error *err)
{
	(void)group;
	(void)limits;
	(void)err;
	return 0;
}

static int none_clone_fd(const struct cgroup *group)
{
	(void)group;
	return -1;
}

static void none_read_usage(const struct cgroup *group, bool is_live, struct sandbox_usage *usage)
{
	(void)group;
	(void)is_live;
	(void)usage;
}

const struct cgroup_driver cgroup_driver_none = {
	.name = "none",
	.probe = none_probe,
	.create = none_create,
	.clone_fd = none_clone_fd,
	.read_usage = none_read_usage,
};
