/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts to change what is mounted, by the old and the new interface, or to leave the root. */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tests/escape/probe.h"

static int mount_tmpfs(const struct probe_row *row)
{
	(void)row;
	if (mount("none", "/tmp", "tmpfs", 0, "size=4096") < 0)
		return errno;
	(void)umount2("/tmp", MNT_DETACH);
	return PROBE_LEAK;
}

static int mount_proc(const struct probe_row *row)
{
	(void)row;
	if (mount("proc", "/tmp", "proc", 0, NULL) < 0)
		return errno;
	(void)umount2("/tmp", MNT_DETACH);
	return PROBE_LEAK;
}

static int mount_bind(const struct probe_row *row)
{
	(void)row;
	if (mount("/", "/tmp", NULL, MS_BIND, NULL) < 0)
		return errno;
	(void)umount2("/tmp", MNT_DETACH);
	return PROBE_LEAK;
}

static int mount_cgroup(const struct probe_row *row)
{
	(void)row;
	if (mount("cgroup", "/tmp", "cgroup", 0, "none,name=berth-escape-probe") < 0)
		return errno;
	(void)umount2("/tmp", MNT_DETACH);
	return PROBE_LEAK;
}

static int remount_writable(const struct probe_row *row)
{
	(void)row; /* an unchanged remount of a bind is harmless; the permission is the same */
	return mount(NULL, "/usr", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) < 0 ? errno
										     : PROBE_LEAK;
}

/* Dropping read-only from the mount with no attribute to change: permission, then nothing. */
static int mount_setattr_root(const struct probe_row *row)
{
	struct mount_attr attributes = {.attr_set = MOUNT_ATTR_RDONLY};

	(void)row;
	return syscall(SYS_mount_setattr, AT_FDCWD, "/usr", 0, &attributes, sizeof(attributes)) < 0
		       ? errno
		       : PROBE_LEAK;
}

static int change_root(const struct probe_row *row)
{
	(void)row;
	return chroot("/") < 0 ? errno : PROBE_LEAK;
}

/* The way out of a chroot: ".." of a root that is not the root of its mount. */
static int climb(const struct probe_row *row)
{
	struct stat here, above;
	char path[3 * 32 + 1] = "";

	(void)row;
	for (size_t i = 0; i < 32; i++)
		strncat(path, "../", sizeof(path) - strlen(path) - 1);
	if (stat("/", &here) < 0 || stat(path, &above) < 0)
		return errno;
	return here.st_ino == above.st_ino && here.st_dev == above.st_dev ? PROBE_HELD : PROBE_LEAK;
}

static int inspect_nosuid(const struct probe_row *row)
{
	AUTO_FILE FILE *stream = fopen("/proc/self/mountinfo", "re");
	char line[4096], target[1024], options[256];

	(void)row;
	if (!stream)
		return errno;
	while (fgets(line, sizeof(line), stream)) {
		if (sscanf(line, "%*s %*s %*s %*s %1023s %255s", target, options) != 2)
			return EIO;
		/* A device node is made a door by "dev"; /dev itself holds the six harmless ones.
		 */
		if (!strstr(options, "nosuid") ||
		    (!strstr(options, "nodev") && strncmp(target, "/dev", 4) != 0)) {
			probe_note("%s is %s", target, options);
			return PROBE_LEAK;
		}
	}
	return PROBE_HELD;
}

/* Paths of the host in the table of mounts: the names of its users, of other runs, of berth. */
static int inspect_mountinfo(const struct probe_row *row)
{
	AUTO_FILE FILE *stream = fopen("/proc/self/mountinfo", "re");
	char line[4096], root[1024], target[1024], *source;
	const char *secret = probe_host("secret_directory");

	(void)row;
	if (!stream)
		return errno;
	if (!secret)
		return PROBE_SKIPPED;
	while (fgets(line, sizeof(line), stream)) {
		if (sscanf(line, "%*s %*s %*s %1023s %1023s", root, target) != 2)
			return EIO;
		source = strstr(line, " - ");
		if (strstr(line, secret)) {
			probe_note("%s shows %s%s", target, root, source ? source : "");
			return PROBE_LEAK;
		}
	}
	return PROBE_HELD;
}

#define NEW_MOUNT_CALL(text, what, nr, wrong, ...)                                                 \
	{                                                                                          \
		.name = (text), .protection = "seccomp", .history = "CVE-2022-0185",               \
		.tries = (what), .attempt = probe_attempt_syscall, .number = (nr),                 \
		.arguments = {__VA_ARGS__}, .passed = (wrong), .expected = {EPERM},                \
	}

static const struct probe_row rows[] = {
	PROBE_TRY("mount_tmpfs", "seccomp", NULL, "mount a tmpfs without the run's size limit",
		  mount_tmpfs, NULL, EPERM),
	PROBE_TRY("mount_proc", "seccomp", "CVE-2025-52881", "mount a fresh, unmasked /proc",
		  mount_proc, NULL, EPERM),
	PROBE_TRY("mount_bind", "seccomp", NULL, "bind / elsewhere", mount_bind, NULL, EPERM),
	PROBE_TRY("mount_cgroup", "seccomp", "CVE-2022-0492",
		  "mount a cgroup v1 hierarchy (release_agent)", mount_cgroup, NULL, EPERM),
	PROBE_TRY("remount_usr", "seccomp", NULL, "remount /usr", remount_writable, NULL, EPERM),
	PROBE_TRY("mount_setattr", "seccomp", NULL, "change the attributes of /usr's mount",
		  mount_setattr_root, NULL, EPERM, ENOSYS),
	PROBE_CALL("umount", "seccomp", NULL, "unmount (an address that is not a path)",
		   SYS_umount2, EFAULT, EPERM, 0, MNT_DETACH),
	NEW_MOUNT_CALL("fsopen", "open a new file system", SYS_fsopen, EFAULT, 0, 0),
	NEW_MOUNT_CALL("fsconfig", "configure a file system", SYS_fsconfig, EINVAL, 0, 99),
	NEW_MOUNT_CALL("fsmount", "mount a file system", SYS_fsmount, EBADF, (unsigned long)-1),
	NEW_MOUNT_CALL("fspick", "pick a mount to reconfigure", SYS_fspick, EFAULT,
		       (unsigned long)AT_FDCWD, 0, 0),
	NEW_MOUNT_CALL("open_tree", "clone a mount", SYS_open_tree, EFAULT, (unsigned long)AT_FDCWD,
		       0, OPEN_TREE_CLONE),
	NEW_MOUNT_CALL("move_mount", "move a mount", SYS_move_mount, EFAULT,
		       (unsigned long)AT_FDCWD, 0, (unsigned long)AT_FDCWD, 0, 0),
	PROBE_CALL("pivot_root", "seccomp", NULL, "change the root", SYS_pivot_root, EFAULT, EPERM,
		   0, 0),
	PROBE_TRY("chroot", "seccomp", NULL, "chroot (the first half of the classic escape)",
		  change_root, NULL, EPERM),
	PROBE_TRY("climb", "mount_namespace", "chroot instead of pivot_root",
		  "leave the root by ..", climb, NULL, PROBE_HELD),
	PROBE_TRY("mount_flags", "no_new_privileges", NULL, "find a mount without nosuid and nodev",
		  inspect_nosuid, NULL, PROBE_HELD),
	/* A volume that is a file system of its own shows no path; a plain directory does. */
	PROBE_TRY("mountinfo", "disk_limit", NULL, "read the paths of its volumes on the host",
		  inspect_mountinfo, NULL, PROBE_HELD),
};

const struct probe_group probe_mounts = PROBE_GROUP("mounts", rows);
