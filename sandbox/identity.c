/* SPDX-License-Identifier: Apache-2.0 */
/* Which ids of the host a run's ids are: a range of its own per run, never the host's root. */
#include "sandbox/identity.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/descriptor.h"
#include "sandbox/sandbox.h"

#define MAP_SIZE 64

static int try_slot(int directory_fd, uint32_t slot, int *ret_fd, struct berth_error *err)
{
	AUTO_CLOSE int fd = -1;
	char name[16];

	(void)snprintf(name, sizeof(name), "%u", slot);
	fd = openat(directory_fd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "open the uid range lock uids/%s",
				  name);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		if (errno == EWOULDBLOCK)
			return 1;
		return berth_fail(err, BERTH_SYSTEM, errno, "lock uids/%s", name);
	}
	*ret_fd = steal_fd(&fd);
	return 0;
}

int identity_acquire(struct identity *identity, int state_fd, bool privileged,
		     struct berth_error *err)
{
	AUTO_CLOSE int directory_fd = -1;
	uint32_t first, slot;
	int taken;

	*identity = (struct identity){.lock_fd = -1};
	if (!privileged)
		return 0;

	directory_fd = openat(state_fd, "uids", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (directory_fd < 0 && errno == ENOENT) {
		if (mkdirat(state_fd, "uids", 0700) < 0 && errno != EEXIST)
			return berth_fail(err, BERTH_SYSTEM, errno, "create uids");
		directory_fd =
			openat(state_fd, "uids", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	}
	if (directory_fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "open uids in the state directory");

	/* start anywhere: neighbours in time seldom meet in one slot */
	first = (uint32_t)((clock_boottime_ns() >> 12) ^ (uint64_t)getpid()) % IDENTITY_SLOTS;
	for (uint32_t i = 0; i < IDENTITY_SLOTS; i++) {
		slot = (first + i) % IDENTITY_SLOTS;
		taken = try_slot(directory_fd, slot, &identity->lock_fd, err);
		if (taken < 0)
			return -1;
		if (taken == 0) {
			identity->ranged = true;
			identity->base = IDENTITY_BASE_FIRST + slot * IDENTITY_RANGE;
			return 0;
		}
	}
	return berth_fail(err, BERTH_LIMIT, 0, "all %u uid ranges are in use", IDENTITY_SLOTS);
}

int identity_write_maps(const struct identity *identity, int proc_fd, struct berth_error *err)
{
	char map[MAP_SIZE];

	if (identity->ranged) {
		(void)snprintf(map, sizeof(map), "0 %u %u\n", identity->base, IDENTITY_RANGE);
		if (descriptor_write_control(proc_fd, "uid_map", map, err) < 0)
			return -1;
		return descriptor_write_control(proc_fd, "gid_map", map, err);
	}
	(void)snprintf(map, sizeof(map), "%d %u 1\n", SANDBOX_TASK_UID, geteuid());
	if (descriptor_write_control(proc_fd, "uid_map", map, err) < 0)
		return -1;
	/* without it an unprivileged gid_map is refused (CVE-2014-8989) */
	if (descriptor_write_control(proc_fd, "setgroups", "deny", err) < 0)
		return -1;
	(void)snprintf(map, sizeof(map), "%d %u 1\n", SANDBOX_TASK_GID, getegid());
	return descriptor_write_control(proc_fd, "gid_map", map, err);
}

/* One id of a file system (inside) that is one id of the host (outside) on a mount. */
struct single_map {
	uid_t inside_uid, outside_uid;
	gid_t inside_gid, outside_gid;
};

static int write_single_maps(const struct single_map *ids, int proc_fd, struct berth_error *err)
{
	char map[MAP_SIZE];

	(void)snprintf(map, sizeof(map), "%u %u 1\n", ids->inside_uid, ids->outside_uid);
	if (descriptor_write_control(proc_fd, "uid_map", map, err) < 0)
		return -1;
	(void)snprintf(map, sizeof(map), "%u %u 1\n", ids->inside_gid, ids->outside_gid);
	return descriptor_write_control(proc_fd, "gid_map", map, err);
}

/* The namespace's first process: is killed by its maker, or with it. */
_Noreturn static void hold_namespace(pid_t maker)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != maker)
		_exit(1);
	for (;;)
		(void)pause();
}

static int open_single_mapping(const struct single_map *ids, int *ret_fd, struct berth_error *err)
{
	struct clone_args arguments = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
	AUTO_CLOSE int proc_fd = -1, namespace_fd = -1;
	const pid_t supervisor = getpid();
	int result = -1;
	char path[32];
	pid_t child;

	/* the namespace lives only as long as something holds it: a child, then the fd */
	child = (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments));
	if (child < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "create a user namespace");
	if (child == 0)
		hold_namespace(supervisor);
	(void)snprintf(path, sizeof(path), "/proc/%d", child);
	proc_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (proc_fd < 0) {
		(void)berth_fail(err, BERTH_SYSTEM, errno, "open %s", path);
		goto end_child;
	}
	if (write_single_maps(ids, proc_fd, err) < 0)
		goto end_child;
	namespace_fd = openat(proc_fd, "ns/user", O_RDONLY | O_CLOEXEC);
	if (namespace_fd < 0) {
		(void)berth_fail(err, BERTH_SYSTEM, errno, "open %s/ns/user", path);
		goto end_child;
	}
	*ret_fd = steal_fd(&namespace_fd);
	result = 0;

end_child:
	(void)kill(child, SIGKILL);
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		continue;
	return result;
}

int identity_open_mapping(const struct identity *identity, uid_t uid, gid_t gid, int *ret_fd,
			  struct berth_error *err)
{
	const struct single_map ids = {
		.inside_uid = uid,
		.outside_uid = identity->base + SANDBOX_TASK_UID,
		.inside_gid = gid,
		.outside_gid = identity->base + SANDBOX_TASK_GID,
	};

	return open_single_mapping(&ids, ret_fd, err);
}

int identity_open_view_mapping(uid_t uid, gid_t gid, int *ret_fd, struct berth_error *err)
{
	const struct single_map ids = {
		.inside_uid = SANDBOX_TASK_UID,
		.outside_uid = uid,
		.inside_gid = SANDBOX_TASK_GID,
		.outside_gid = gid,
	};

	return open_single_mapping(&ids, ret_fd, err);
}

void identity_release(struct identity *identity)
{
	close_fd(&identity->lock_fd);
}
