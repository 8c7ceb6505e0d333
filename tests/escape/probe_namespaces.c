/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts to make, to join or to see other namespaces than the run's own. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tests/escape/probe.h"

/* Compares /proc/self/ns/<path> with the host's, given as --host ns_<path>=<link text>. */
static int inspect_namespace(const struct probe_row *row)
{
	char key[32], link[64], text[64];
	const char *host;
	ssize_t length;

	(void)snprintf(key, sizeof(key), "ns_%s", row->path);
	(void)snprintf(link, sizeof(link), "/proc/self/ns/%s", row->path);
	host = probe_host(key);
	length = readlink(link, text, sizeof(text) - 1);
	if (!host)
		return PROBE_SKIPPED;
	if (length < 0)
		return errno;
	text[length] = '\0';
	probe_note("%s", text);
	return strcmp(text, host) ? PROBE_HELD : PROBE_LEAK;
}

static int clone_with(unsigned long flags)
{
	long child = syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);

	if (child == 0)
		_exit(0);
	if (child < 0)
		return errno;
	(void)waitpid((pid_t)child, NULL, 0);
	return PROBE_LEAK;
}

static int clone_user(const struct probe_row *row)
{
	(void)row;
	return clone_with(CLONE_NEWUSER);
}

static int clone_network(const struct probe_row *row)
{
	(void)row;
	return clone_with(CLONE_NEWNET);
}

static int clone_user_high_bits(const struct probe_row *row)
{
	(void)row; /* the kernel drops the high half; a filter that compares 64 bits is passed */
	return clone_with(0xdeadbeef00000000UL | CLONE_NEWUSER);
}

static int clone_all(const struct probe_row *row)
{
	(void)row;
	return clone_with(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS);
}

static int clone3_with(uint64_t flags)
{
	struct clone_args arguments = {.flags = flags, .exit_signal = SIGCHLD};
	long child = syscall(SYS_clone3, &arguments, sizeof(arguments));

	if (child == 0)
		_exit(0);
	if (child < 0)
		return errno;
	(void)waitpid((pid_t)child, NULL, 0);
	return PROBE_LEAK;
}

static int clone3_user(const struct probe_row *row)
{
	(void)row;
	return clone3_with(CLONE_NEWUSER);
}

static int clone3_plain(const struct probe_row *row)
{
	(void)row;
	return clone3_with(0);
}

static int setns_path(const struct probe_row *row)
{
	AUTO_CLOSE int fd = open(row->path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno;
	return setns(fd, 0) < 0 ? errno : PROBE_LEAK;
}

static int setns_pidfd(const struct probe_row *row)
{
	AUTO_CLOSE int fd = (int)syscall(SYS_pidfd_open, 1, 0);

	(void)row;
	if (fd < 0)
		return errno;
	return setns(fd, CLONE_NEWNET | CLONE_NEWUTS) < 0 ? errno : PROBE_LEAK;
}

/* No id of the sandbox may be the host's root. The second column is seen from the parent's user
 * namespace for a process of the namespace itself, which is the host's in a first-level one. */
static int inspect_id_map(const struct probe_row *row)
{
	AUTO_FILE FILE *stream = fopen(row->path, "re");
	unsigned long inside, outside, count, lines = 0;

	if (!stream)
		return errno;
	while (fscanf(stream, "%lu %lu %lu", &inside, &outside, &count) == 3) {
		probe_note("%lu %lu %lu", inside, outside, count);
		if (outside == 0 || count > 1UL << 20)
			return PROBE_LEAK;
		lines++;
	}
	return lines ? PROBE_HELD : PROBE_LEAK;
}

static int inspect_boot_time(const struct probe_row *row)
{
	long host = probe_host_number("uptime");
	struct timespec now;

	(void)row;
	if (host < 0)
		return PROBE_SKIPPED;
	if (clock_gettime(CLOCK_BOOTTIME, &now) < 0)
		return errno;
	probe_note("up %ld s, host %ld s", (long)now.tv_sec, host);
	/* The host has been up for longer than a minute more than the sandbox. */
	return now.tv_sec + 1 < host ? PROBE_HELD : PROBE_LEAK;
}

#define OWN_NAMESPACE(kind, row, why)                                                              \
	{                                                                                          \
		.name = "own_" kind, .protection = (row), .history = (why),                        \
		.tries = "be in the host's " kind " namespace", .attempt = inspect_namespace,      \
		.path = (kind), .expected = {PROBE_HELD},                                          \
	}

static const struct probe_row rows[] = {
	OWN_NAMESPACE("user", "user_namespace", NULL),
	OWN_NAMESPACE("pid", "pid_namespace", NULL),
	OWN_NAMESPACE("mnt", "mount_namespace", NULL),
	OWN_NAMESPACE("net", "network_namespace", "CVE-2020-15257"),
	OWN_NAMESPACE("ipc", "ipc_namespace", NULL),
	OWN_NAMESPACE("uts", "uts_namespace", "isolate"),
	OWN_NAMESPACE("cgroup", "cgroup_namespace", "crun, runc"),
	OWN_NAMESPACE("time", "time_namespace", NULL),
	PROBE_TRY("boot_time", "time_namespace", NULL, "learn when the host was booted",
		  inspect_boot_time, NULL, PROBE_HELD),
	PROBE_TRY("uid_map", "uid_range", "bwrap run by root", "be mapped to the host's root",
		  inspect_id_map, "/proc/self/uid_map", PROBE_HELD),
	PROBE_TRY("gid_map", "uid_range", "bwrap run by root", "be mapped to the host's root group",
		  inspect_id_map, "/proc/self/gid_map", PROBE_HELD),
	PROBE_CALL("unshare_user", "seccomp", "CVE-2022-34918, CVE-2024-1086",
		   "unshare a user namespace", SYS_unshare, 0, EPERM, CLONE_NEWUSER),
	PROBE_CALL("unshare_mount", "seccomp", NULL, "unshare the mount namespace", SYS_unshare, 0,
		   EPERM, CLONE_NEWNS),
	PROBE_CALL("unshare_network", "seccomp", NULL, "unshare the network namespace", SYS_unshare,
		   0, EPERM, CLONE_NEWNET),
	PROBE_TRY("clone_user", "seccomp", "runc's profile, minijail, nsjail",
		  "clone into a user namespace", clone_user, NULL, EPERM),
	PROBE_TRY("clone_network", "seccomp", NULL, "clone into a network namespace", clone_network,
		  NULL, EPERM),
	PROBE_TRY("clone_user_high_bits", "seccomp", "CVE-2019-7303",
		  "the same with garbage in the upper half of the flags", clone_user_high_bits,
		  NULL, EPERM),
	PROBE_TRY("clone_all", "seccomp", NULL, "clone into five namespaces at once", clone_all,
		  NULL, EPERM),
	PROBE_TRY("clone3_user", "seccomp", "filters cannot see clone3's flags",
		  "clone3 into a user namespace", clone3_user, NULL, ENOSYS),
	PROBE_TRY("clone3_plain", "seccomp", NULL, "clone3 at all (libc falls back to clone)",
		  clone3_plain, NULL, ENOSYS),
	PROBE_TRY("setns_self", "seccomp", NULL, "setns to a namespace of its own", setns_path,
		  "/proc/self/ns/net", EPERM),
	PROBE_TRY("setns_init", "seccomp", "CVE-2022-31214", "join the namespaces of pid 1",
		  setns_path, "/proc/1/ns/mnt", EACCES, EPERM, ENOENT),
	PROBE_TRY("setns_pidfd", "seccomp", "CVE-2022-31214",
		  "join the namespaces of pid 1 by a pidfd", setns_pidfd, NULL, EPERM),
	PROBE_TRY("write_uid_map", "user_namespace", NULL, "open its uid_map for writing",
		  probe_attempt_write, "/proc/1/uid_map", EACCES, EPERM, ENOENT),
};

const struct probe_group probe_namespaces = PROBE_GROUP("namespaces", rows);
