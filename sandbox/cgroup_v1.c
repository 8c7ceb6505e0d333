/* SPDX-License-Identifier: Apache-2.0 */
/* The driver for cgroup v1: one hierarchy per controller under /sys/fs/cgroup (cgroups(7)). */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/statfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/descriptor.h"
#include "sandbox/cgroup.h"
#include "sandbox/sandbox.h"

#define PARENT_NAME  "berth"
#define CONTROL_SIZE 4096
#define IO_SIZE      65536    /* a dozen lines for each device that the group has used */
#define NS_PER_TICK  10000000 /* cpuacct.stat counts USER_HZ, which is 100 on every port */

/* The freezer first, for not every host has groups there: a sweep looks at the last. */
enum { V1_FREEZER, V1_CPU, V1_CPUACCT, V1_MEMORY, V1_PIDS, V1_BLKIO };

static const char *const controllers[CGROUP_HIERARCHIES_MAX] = {
	[V1_CPU] = "cpu",   [V1_CPUACCT] = "cpuacct", [V1_MEMORY] = "memory",
	[V1_PIDS] = "pids", [V1_BLKIO] = "blkio",     [V1_FREEZER] = "freezer",
};

static int hierarchy_of(const char *controller)
{
	for (int i = 0; i < CGROUP_HIERARCHIES_MAX; i++)
		if (strcmp(controllers[i], controller) == 0)
			return i;
	return -1;
}

static int make_parent(const char *controller)
{
	struct statfs facts;
	char path[64];
	int fd = -1;

	(void)snprintf(path, sizeof(path), "/sys/fs/cgroup/%s", controller);
	if (statfs(path, &facts) < 0 || facts.f_type != CGROUP_SUPER_MAGIC)
		return -1;
	(void)snprintf(path, sizeof(path), "/sys/fs/cgroup/%s/%s", controller, PARENT_NAME);
	(void)cgroup_open_directory(AT_FDCWD, path, true, &fd, NULL);
	return fd;
}

/* Whether there is a parent or not, only in a control group file system. */
static int open_parent(const char *controller)
{
	struct statfs facts;
	char path[64];
	int fd = -1;

	(void)snprintf(path, sizeof(path), "/sys/fs/cgroup/%s/%s", controller, PARENT_NAME);
	if (cgroup_open_directory(AT_FDCWD, path, false, &fd, NULL) < 0)
		fd = make_parent(controller);
	if (fd < 0)
		return -1;
	if (fstatfs(fd, &facts) < 0 || facts.f_type != CGROUP_SUPER_MAGIC) {
		close_fd(&fd);
		return -1;
	}
	/* made by a berth of root: of no use to anybody else */
	if (faccessat(fd, ".", W_OK, AT_EACCESS) < 0)
		close_fd(&fd);
	return fd;
}

static bool parent_has(const struct cgroup_host *host, int hierarchy, const char *file)
{
	return host->parent_fds[hierarchy] >= 0 &&
	       faccessat(host->parent_fds[hierarchy], file, W_OK, 0) == 0;
}

static int v1_probe(struct cgroup_host *host, struct berth_error *err)
{
	(void)err;
	for (int i = 0; i < CGROUP_HIERARCHIES_MAX; i++)
		host->parent_fds[i] = open_parent(controllers[i]);
	if (host->parent_fds[V1_MEMORY] < 0) {
		(void)snprintf(host->why, sizeof(host->why),
			       "no writable cgroup v1 memory controller");
		return 1;
	}
	for (size_t i = 0; i < cgroup_limit_row_count; i++) {
		const struct cgroup_limit_row *row = &cgroup_limit_rows[i];

		if (row->v1_file &&
		    parent_has(host, hierarchy_of(row->v1_controller), row->v1_file))
			host->features |= row->feature;
	}
	/* v1 kills one process; the supervisor kills the rest on the event */
	host->features |= CGROUP_OOM_GROUP;
	if (host->parent_fds[V1_BLKIO] >= 0)
		host->features |= CGROUP_IO_USAGE;
	if (host->parent_fds[V1_FREEZER] >= 0)
		host->features |= CGROUP_FREEZE;
	host->features |= CGROUP_RECLAIM;
	return 0;
}

static void v1_forgo_freeze(struct cgroup_host *host)
{
	close_fd(&host->parent_fds[V1_FREEZER]);
	host->features &= ~(unsigned)CGROUP_FREEZE;
}

/* Asks for an event at each OOM kill (Documentation/admin-guide/cgroup-v1/memory.rst §10). */
static int register_oom_event(struct cgroup *group, struct berth_error *err)
{
	AUTO_CLOSE int event_fd = -1, control_fd = -1;
	char text[32];

	event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (event_fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "eventfd");
	control_fd = openat(group->fds[V1_MEMORY], "memory.oom_control", O_RDONLY | O_CLOEXEC);
	if (control_fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "open memory.oom_control");
	(void)snprintf(text, sizeof(text), "%d %d", event_fd, control_fd);
	if (descriptor_write_control(group->fds[V1_MEMORY], "cgroup.event_control", text, err) < 0)
		return -1;
	group->oom_event_fd = steal_fd(&event_fd);
	return 0;
}

static int apply_limits(struct cgroup *group, const struct resource_limits *limits,
			struct berth_error *err)
{
	char text[32];

	for (size_t i = 0; i < cgroup_limit_row_count; i++) {
		const struct cgroup_limit_row *row = &cgroup_limit_rows[i];

		if (!row->v1_file || !(group->host->features & row->feature) ||
		    !row->format_v1(limits, text, sizeof(text)))
			continue;
		if (descriptor_write_control(group->fds[hierarchy_of(row->v1_controller)],
					     row->v1_file, text, err) < 0)
			return -1;
		group->enforced |= row->feature;
	}
	return 0;
}

static int v1_create(struct cgroup *group, const struct resource_limits *limits,
		     struct berth_error *err)
{
	/* the last first: see cgroup_sweep() */
	for (int i = CGROUP_HIERARCHIES_MAX - 1; i >= 0; i--) {
		if (group->host->parent_fds[i] < 0)
			continue;
		if (cgroup_open_directory(group->host->parent_fds[i], group->name, true,
					  &group->fds[i], err) < 0)
			return berth_fail_context(err, "cgroup v1 %s", controllers[i]);
	}
	if (apply_limits(group, limits, err) < 0)
		return berth_fail_context(err, "cgroup v1");
	if (limits->memory_bytes) {
		if (register_oom_event(group, err) < 0)
			return berth_fail_context(err, "cgroup v1");
		group->enforced |= CGROUP_OOM_GROUP;
	}
	return 0;
}

static void v1_open_joins(struct cgroup *group)
{
	for (int i = 0; i < CGROUP_HIERARCHIES_MAX; i++)
		if (group->fds[i] >= 0)
			group->join_fds[i] = openat(group->fds[i], "tasks", O_WRONLY | O_CLOEXEC);
}

/* By name where it may have been made after this child was born. */
static int join_one(const struct cgroup *group, int hierarchy, struct berth_error *err)
{
	char tasks[CGROUP_NAME_SIZE + sizeof("/tasks")];

	if (group->join_fds[hierarchy] >= 0)
		return descriptor_write_all(group->join_fds[hierarchy], "0", 1, err);
	(void)snprintf(tasks, sizeof(tasks), "%s/tasks", group->name);
	return descriptor_write_control(group->host->parent_fds[hierarchy], tasks, "0", err);
}

/* A thread that moves itself takes no lock of the whole system: kernel/cgroup/cgroup.c,
 * cgroup_procs_write_start(). Being moved by somebody else does, and waits for an RCU grace period,
 * which is 20 ms and more on a busy host. The child is one thread. */
static int v1_join(const struct cgroup *group, struct berth_error *err)
{
	for (int i = 0; i < CGROUP_HIERARCHIES_MAX; i++)
		if (group->host->parent_fds[i] >= 0 && join_one(group, i, err) < 0)
			return berth_fail_context(err, "cgroup v1 %s", controllers[i]);
	return 0;
}

static int v1_clone_fd(const struct cgroup *group)
{
	(void)group;
	return -1;
}

static bool read_number(int fd, const char *file, uint64_t *ret_value)
{
	char text[32];

	if (fd < 0 || descriptor_read_control(fd, file, text, sizeof(text), NULL) < 0)
		return false;
	*ret_value = strtoull(text, NULL, 10);
	return true;
}

/* "8:0 Read 4096" lines, of all devices. */
static void read_io(int fd, struct sandbox_usage *usage)
{
	char text[IO_SIZE], operation[16];
	uint64_t bytes;

	if (fd < 0 || descriptor_read_control(fd, "blkio.throttle.io_service_bytes", text,
					      sizeof(text), NULL) < 0)
		return;
	usage->io_read_bytes = usage->io_write_bytes = 0;
	for (const char *line = text; line; line = strchr(line, '\n')) {
		if (*line == '\n')
			line++;
		if (sscanf(line, "%*u:%*u %15s %" SCNu64, operation, &bytes) != 2)
			continue;
		if (strcmp(operation, "Read") == 0)
			usage->io_read_bytes += bytes;
		else if (strcmp(operation, "Write") == 0)
			usage->io_write_bytes += bytes;
	}
}

static void read_cpu(const struct cgroup *group, struct sandbox_usage *usage)
{
	char text[CONTROL_SIZE];
	uint64_t ticks;

	(void)read_number(group->fds[V1_CPUACCT], "cpuacct.usage", &usage->cpu_ns);
	if (group->fds[V1_CPUACCT] >= 0 &&
	    descriptor_read_control(group->fds[V1_CPUACCT], "cpuacct.stat", text, sizeof(text),
				    NULL) == 0) {
		ticks = cgroup_find_value(text, "user");
		if (ticks != SANDBOX_USAGE_UNKNOWN)
			usage->cpu_user_ns = ticks * NS_PER_TICK;
		ticks = cgroup_find_value(text, "system");
		if (ticks != SANDBOX_USAGE_UNKNOWN)
			usage->cpu_system_ns = ticks * NS_PER_TICK;
	}
	if (group->fds[V1_CPU] >= 0 &&
	    descriptor_read_control(group->fds[V1_CPU], "cpu.stat", text, sizeof(text), NULL) == 0)
		usage->throttled_ns = cgroup_find_value(text, "throttled_time");
}

static void v1_read_usage(const struct cgroup *group, bool is_live, struct sandbox_usage *usage)
{
	char text[CONTROL_SIZE];
	int memory = group->fds[V1_MEMORY];

	read_cpu(group, usage);
	(void)read_number(memory, "memory.max_usage_in_bytes", &usage->memory_peak_bytes);
	if (memory >= 0 &&
	    descriptor_read_control(memory, "memory.oom_control", text, sizeof(text), NULL) == 0)
		usage->oom_kills = cgroup_find_value(text, "oom_kill"); /* since Linux 4.13 */
	if (group->fds[V1_PIDS] >= 0 && descriptor_read_control(group->fds[V1_PIDS], "pids.events",
								text, sizeof(text), NULL) == 0)
		usage->pids_refused = cgroup_find_value(text, "max");
	read_io(group->fds[V1_BLKIO], usage);
	if (!is_live)
		return;
	(void)read_number(memory, "memory.usage_in_bytes", &usage->memory_bytes);
	(void)read_number(group->fds[V1_PIDS], "pids.current", &usage->pids);
}

static void v1_remove(struct cgroup *group)
{
	/* one that is busy stays in the last hierarchy as well: the next sweep finds it there */
	for (int i = 0; i < CGROUP_HIERARCHIES_MAX; i++)
		if (group->fds[i] >= 0 &&
		    !cgroup_remove_directory(group->host->parent_fds[i], group->name))
			return;
}

/* Documentation/admin-guide/cgroup-v1/freezer-subsystem.rst: each look goes on with a freeze that
 * some process has kept from being complete. */
static int v1_freeze(const struct cgroup *group, bool frozen, struct berth_error *err)
{
	const char *wanted = frozen ? "FROZEN" : "THAWED";
	char state[32];

	if (descriptor_write_control(group->fds[V1_FREEZER], "freezer.state", wanted, err) < 0 ||
	    descriptor_read_control(group->fds[V1_FREEZER], "freezer.state", state, sizeof(state),
				    err) < 0)
		return -1;
	return strcmp(state, wanted) == 0 ? 0 : CGROUP_CHANGING;
}

/* The freezer holds even what was killed. */
static void v1_let_die(const struct cgroup *group)
{
	if (group->fds[V1_FREEZER] >= 0)
		(void)descriptor_write_control(group->fds[V1_FREEZER], "freezer.state", "THAWED",
					       NULL);
}

/* All that there is, in one call: memory.rst §5.1. */
static int v1_reclaim(const struct cgroup *group, uint64_t bytes, struct berth_error *err)
{
	(void)bytes;
	return descriptor_write_control(group->fds[V1_MEMORY], "memory.force_empty", "0", err);
}

static int v1_processes_fd(const struct cgroup *group)
{
	return group->fds[V1_PIDS] >= 0 ? group->fds[V1_PIDS] : group->fds[V1_MEMORY];
}

/* Its processes were killed with their supervisor, and cannot die while they are frozen. Where it
 * is not there, there is nothing to thaw. */
static void v1_rescue(const struct cgroup_host *host, const char *name)
{
	char path[CGROUP_NAME_SIZE + sizeof("/freezer.state")];

	(void)snprintf(path, sizeof(path), "%s/freezer.state", name);
	if (host->parent_fds[V1_FREEZER] >= 0)
		(void)descriptor_write_control(host->parent_fds[V1_FREEZER], path, "THAWED", NULL);
}

const struct cgroup_driver cgroup_driver_v1 = {
	.name = "v1",
	.probe = v1_probe,
	.create = v1_create,
	.forgo_freeze = v1_forgo_freeze,
	.open_joins = v1_open_joins,
	.join = v1_join,
	.clone_fd = v1_clone_fd,
	.read_usage = v1_read_usage,
	.remove = v1_remove,
	.freeze = v1_freeze,
	.let_die = v1_let_die,
	.reclaim = v1_reclaim,
	.processes_fd = v1_processes_fd,
	.rescue = v1_rescue,
};
