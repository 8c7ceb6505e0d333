/* SPDX-License-Identifier: Apache-2.0 */
/* The driver for cgroup v2 (Documentation/admin-guide/cgroup-v2.rst): a delegated group of our
 * own where there is one (https://systemd.io/CGROUP_DELEGATION), else /sys/fs/cgroup/berth. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/descriptor.h"
#include "sandbox/cgroup.h"
#include "sandbox/sandbox.h"

#define MOUNT_PATH   "/sys/fs/cgroup"
#define PARENT_NAME  "berth"
#define OWN_LEAF     "supervisor"
#define CONTROL_SIZE 8192
#define IO_SIZE      65536 /* a line for each device that the group has used */
#define MOVE_ROUNDS  3
#define NS_PER_US    1000

static const char *const wanted_controllers[] = {"cpu", "memory", "pids", "io"};

static bool text_has_word(const char *text, const char *word)
{
	size_t length = strlen(word);

	for (const char *p = strstr(text, word); p; p = strstr(p + 1, word))
		if ((p == text || p[-1] == ' ') && (p[length] == '\0' || p[length] == ' '))
			return true;
	return false;
}

/* Lets the children of fd have the controllers it has itself. */
static void enable_controllers(int fd)
{
	char available[256], change[32];

	if (descriptor_read_control(fd, "cgroup.controllers", available, sizeof(available), NULL) <
	    0)
		return;
	for (size_t i = 0; i < sizeof(wanted_controllers) / sizeof(wanted_controllers[0]); i++) {
		if (!text_has_word(available, wanted_controllers[i]))
			continue;
		(void)snprintf(change, sizeof(change), "+%s", wanted_controllers[i]);
		/* what stays off shows in cgroup.controllers of the parent and is reported */
		(void)descriptor_write_control(fd, "cgroup.subtree_control", change, NULL);
	}
}

/* Path of our own group below the mount, "" for the root. */
static int read_own_path(char *ret_path, size_t size)
{
	char text[CONTROL_SIZE], *line, *end;

	if (descriptor_read_control(AT_FDCWD, "/proc/self/cgroup", text, sizeof(text), NULL) < 0)
		return -1;
	line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
	if (!line)
		return -1;
	line = strchr(line, '/');
	if (!line)
		return -1;
	end = strchr(line, '\n');
	if (end)
		*end = '\0';
	(void)snprintf(ret_path, size, "%s%s", MOUNT_PATH, strcmp(line, "/") == 0 ? "" : line);
	return 0;
}

/* systemd marks what it handed over (Delegate=yes) with this attribute. */
static bool is_delegated(int fd)
{
	char value[4];

	return fgetxattr(fd, "user.delegate", value, sizeof(value)) > 0 ||
	       fgetxattr(fd, "trusted.delegate", value, sizeof(value)) > 0;
}

/* Moves this process to a leaf: a group with processes cannot give controllers to children. What
 * else was started in the delegated group, such as the shell that berth runs from, goes along. */
static int move_to_leaf(int own_fd, struct berth_error *err)
{
	AUTO_CLOSE int leaf_fd = -1;
	char pids[CONTROL_SIZE], *saved, *pid;

	if (cgroup_open_directory(own_fd, OWN_LEAF, true, &leaf_fd, err) < 0 ||
	    descriptor_write_control(leaf_fd, "cgroup.procs", "0", err) < 0)
		return -1;
	/* several rounds: they may fork meanwhile, and a read may show a part of them */
	for (int round = 0; round < MOVE_ROUNDS; round++) {
		if (descriptor_read_control(own_fd, "cgroup.procs", pids, sizeof(pids), err) < 0)
			return -1;
		for (pid = strtok_r(pids, "\n", &saved); pid; pid = strtok_r(NULL, "\n", &saved))
			/* one that ended meanwhile is as good as moved */
			(void)descriptor_write_control(leaf_fd, "cgroup.procs", pid, NULL);
	}
	return 0;
}

/* Opens the directory the runs' groups go into; positive when there is none. */
static int open_parent(struct cgroup_host *host, int *ret_fd)
{
	AUTO_CLOSE int own_fd = -1, root_fd = -1;
	char path[CONTROL_SIZE], *leaf;

	if (read_own_path(path, sizeof(path)) == 0) {
		leaf = strrchr(path, '/');
		if (leaf && strcmp(leaf, "/" OWN_LEAF) == 0)
			*leaf = '\0'; /* a berth of the same delegated group was here before */
		own_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (own_fd >= 0 && strlen(path) > strlen(MOUNT_PATH) && is_delegated(own_fd) &&
		    faccessat(own_fd, "cgroup.procs", W_OK, AT_EACCESS) == 0 &&
		    move_to_leaf(own_fd, NULL) == 0) {
			enable_controllers(own_fd);
			*ret_fd = steal_fd(&own_fd);
			return 0;
		}
	}
	root_fd = open(MOUNT_PATH, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0)
		return 1;
	enable_controllers(root_fd);
	if (cgroup_open_directory(root_fd, PARENT_NAME, true, ret_fd, NULL) < 0) {
		(void)snprintf(host->why, sizeof(host->why),
			       "no delegated cgroup (Delegate=yes) and not root");
		return 1;
	}
	enable_controllers(*ret_fd);
	return 0;
}

static int v2_probe(struct cgroup_host *host, struct berth_error *err)
{
	char available[256];
	struct statfs facts;

	(void)err;
	if (statfs(MOUNT_PATH, &facts) < 0 || facts.f_type != CGROUP2_SUPER_MAGIC) {
		(void)snprintf(host->why, sizeof(host->why), "%s is not cgroup v2", MOUNT_PATH);
		return 1;
	}
	if (open_parent(host, &host->parent_fds[0]) > 0)
		return 1;
	if (descriptor_read_control(host->parent_fds[0], "cgroup.subtree_control", available,
				    sizeof(available), NULL) < 0)
		available[0] = '\0';
	if (text_has_word(available, "cpu"))
		host->features |= CGROUP_CPU;
	if (text_has_word(available, "memory"))
		host->features |= CGROUP_MEMORY | CGROUP_OOM_GROUP | CGROUP_SWAP;
	if (faccessat(host->parent_fds[0], "memory.reclaim", W_OK, AT_EACCESS) == 0) /* 5.19 */
		host->features |= CGROUP_RECLAIM;
	host->features |= CGROUP_FREEZE; /* 5.2, older than what the mounts need */
	if (text_has_word(available, "pids"))
		host->features |= CGROUP_PIDS;
	if (text_has_word(available, "io"))
		host->features |= CGROUP_IO_WEIGHT | CGROUP_IO_USAGE;
	if (!(host->features & CGROUP_MEMORY))
		(void)snprintf(host->why, sizeof(host->why),
			       "the memory controller is not delegated to berth's cgroup");
	return 0;
}

static int apply_limits(struct cgroup *group, const struct resource_limits *limits,
			struct berth_error *err)
{
	struct berth_error failure = {0};
	char text[32];

	for (size_t i = 0; i < cgroup_limit_row_count; i++) {
		const struct cgroup_limit_row *row = &cgroup_limit_rows[i];

		if (!(group->host->features & row->feature) ||
		    !row->format_v2(limits, text, sizeof(text)))
			continue;
		if (descriptor_write_control(group->fds[0], row->v2_file, text, &failure) == 0) {
			group->enforced |= row->feature;
			continue;
		}
		/* swap may be compiled out, io.weight needs a scheduler that knows weights */
		if (failure.errnum == ENOENT)
			continue;
		if (err)
			*err = failure;
		return -1;
	}
	return 0;
}

static int v2_create(struct cgroup *group, const struct resource_limits *limits,
		     struct berth_error *err)
{
	if (cgroup_open_directory(group->host->parent_fds[0], group->name, true, &group->fds[0],
				  err) < 0 ||
	    apply_limits(group, limits, err) < 0)
		return berth_fail_context(err, "cgroup v2");
	return 0;
}

static int v2_clone_fd(const struct cgroup *group)
{
	return group->fds[0];
}

static uint64_t scale(uint64_t value, uint64_t factor)
{
	return value == SANDBOX_USAGE_UNKNOWN ? value : value * factor;
}

static void read_cpu(int fd, struct sandbox_usage *usage)
{
	char text[CONTROL_SIZE];

	if (descriptor_read_control(fd, "cpu.stat", text, sizeof(text), NULL) < 0)
		return;
	usage->cpu_ns = scale(cgroup_find_value(text, "usage_usec"), NS_PER_US);
	usage->cpu_user_ns = scale(cgroup_find_value(text, "user_usec"), NS_PER_US);
	usage->cpu_system_ns = scale(cgroup_find_value(text, "system_usec"), NS_PER_US);
	usage->throttled_ns = scale(cgroup_find_value(text, "throttled_usec"), NS_PER_US);
}

/* "8:0 rbytes=1 wbytes=2 …" lines, of all devices. */
static void read_io(int fd, struct sandbox_usage *usage)
{
	char text[IO_SIZE];
	const char *found;

	if (descriptor_read_control(fd, "io.stat", text, sizeof(text), NULL) < 0)
		return;
	usage->io_read_bytes = usage->io_write_bytes = 0;
	for (found = strstr(text, "rbytes="); found; found = strstr(found + 1, "rbytes="))
		usage->io_read_bytes += strtoull(found + strlen("rbytes="), NULL, 10);
	for (found = strstr(text, "wbytes="); found; found = strstr(found + 1, "wbytes="))
		usage->io_write_bytes += strtoull(found + strlen("wbytes="), NULL, 10);
}

static void read_number(int fd, const char *file, uint64_t *ret_value)
{
	char text[32];

	if (descriptor_read_control(fd, file, text, sizeof(text), NULL) == 0)
		*ret_value = strtoull(text, NULL, 10);
}

/* A process that is ending already, as one born into a group smaller than itself, is let go
 * without being counted as a kill: then only the event tells. */
static void read_oom_events(const char *text, struct sandbox_usage *usage)
{
	usage->oom_kills = cgroup_find_value(text, "oom_kill");
	usage->oom_events = cgroup_find_value(text, "oom");
}

static void v2_read_usage(const struct cgroup *group, bool is_live, struct sandbox_usage *usage)
{
	char text[CONTROL_SIZE];

	read_cpu(group->fds[0], usage);
	read_number(group->fds[0], "memory.peak", &usage->memory_peak_bytes); /* Linux 5.19 */
	if (descriptor_read_control(group->fds[0], "memory.events", text, sizeof(text), NULL) == 0)
		read_oom_events(text, usage);
	if (descriptor_read_control(group->fds[0], "pids.events", text, sizeof(text), NULL) == 0)
		usage->pids_refused = cgroup_find_value(text, "max");
	read_io(group->fds[0], usage);
	if (!is_live)
		return;
	read_number(group->fds[0], "memory.current", &usage->memory_bytes);
	read_number(group->fds[0], "pids.current", &usage->pids);
}

static void v2_remove(struct cgroup *group)
{
	if (group->fds[0] >= 0)
		(void)cgroup_remove_directory(group->host->parent_fds[0], group->name);
}

/* cgroup-v2.rst: cgroup.events tells when every process has come to its stop. */
static int v2_freeze(const struct cgroup *group, bool frozen, struct berth_error *err)
{
	char text[CONTROL_SIZE];

	if (descriptor_write_control(group->fds[0], "cgroup.freeze", frozen ? "1" : "0", err) < 0 ||
	    descriptor_read_control(group->fds[0], "cgroup.events", text, sizeof(text), err) < 0)
		return -1;
	return cgroup_find_value(text, "frozen") == frozen ? 0 : CGROUP_CHANGING;
}

/* The freezer lets what was killed die; this reaches what was never told (5.14). */
static void v2_let_die(const struct cgroup *group)
{
	(void)descriptor_write_control(group->fds[0], "cgroup.kill", "1", NULL);
}

/* Swap is 0 for a run (cgroup_limit_table.c), and open only while somebody asks for this. */
static int v2_reclaim(const struct cgroup *group, uint64_t bytes, struct berth_error *err)
{
	struct berth_error failure = {0};
	char text[32];
	int result;

	(void)snprintf(text, sizeof(text), "%" PRIu64, bytes);
	(void)descriptor_write_control(group->fds[0], "memory.swap.max", "max", NULL);
	result = descriptor_write_control(group->fds[0], "memory.reclaim", text, &failure);
	(void)descriptor_write_control(group->fds[0], "memory.swap.max", "0", NULL);
	if (result == 0)
		return CGROUP_CHANGING;
	/* less than was asked for could be taken: that was all */
	if (failure.errnum == EAGAIN || failure.errnum == EIO)
		return 0;
	if (err)
		*err = failure;
	return -1;
}

static int v2_processes_fd(const struct cgroup *group)
{
	return group->fds[0];
}

const struct cgroup_driver cgroup_driver_v2 = {
	.name = "v2",
	.probe = v2_probe,
	.create = v2_create,
	.clone_fd = v2_clone_fd,
	.read_usage = v2_read_usage,
	.remove = v2_remove,
	.freeze = v2_freeze,
	.let_die = v2_let_die,
	.reclaim = v2_reclaim,
	.processes_fd = v2_processes_fd,
};
