/* SPDX-License-Identifier: Apache-2.0 */
/* The mount API of Linux 5.2 and 5.12 as functions; all are async-signal-safe. */
#include "sandbox/mount_call.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

#define DESCRIPTOR_PATH "/proc/self/fd/"

#ifndef AT_RECURSIVE
#	define AT_RECURSIVE 0x8000
#endif

static int open_tree_clone(const char *path)
{
	return (int)syscall(SYS_open_tree, AT_FDCWD, path,
			    OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
}

/* A descriptor leads into the mount namespace in which it was opened, of which nothing may be
 * cloned in another one: EINVAL. Rootless, ours is a copy of that one: what has the same name here
 * is cloned, if it is the same file. */
static int clone_namesake(const char *path)
{
	AUTO_CLOSE int fd = -1;
	struct stat wanted, found;
	char name[PATH_MAX];
	ssize_t length;

	if (strncmp(path, DESCRIPTOR_PATH, sizeof(DESCRIPTOR_PATH) - 1) != 0) {
		errno = EINVAL;
		return -1;
	}
	length = readlink(path, name, sizeof(name) - 1);
	if (length < 0)
		return -1;
	name[length] = '\0';
	fd = open_tree_clone(name);
	if (fd < 0 || stat(path, &wanted) < 0 || fstat(fd, &found) < 0)
		return -1;
	if (wanted.st_dev != found.st_dev || wanted.st_ino != found.st_ino) {
		errno = ESTALE; /* another one took its name meanwhile */
		return -1;
	}
	return steal_fd(&fd);
}

int mount_clone_tree(const char *path, unsigned long long attributes, int *ret_fd,
		     struct berth_error *err)
{
	struct mount_attr change = {.attr_set = attributes,
				    .propagation = 1 << 18 /* MS_PRIVATE */};
	AUTO_CLOSE int fd = -1;

	fd = open_tree_clone(path);
	if (fd < 0 && errno == EINVAL)
		fd = clone_namesake(path);
	if (fd < 0)
		return berth_fail(err, errno == ENOENT ? BERTH_NOT_FOUND : BERTH_SYSTEM, errno,
				  "open_tree %s", path);
	if (syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &change,
		    sizeof(change)) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "mount_setattr %s", path);
	*ret_fd = steal_fd(&fd);
	return 0;
}

int mount_create(const char *type, const char *const *options, unsigned attributes, int *ret_fd,
		 struct berth_error *err)
{
	AUTO_CLOSE int context_fd = -1;
	int fd;

	context_fd = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);
	if (context_fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "fsopen %s", type);
	for (; options && options[0]; options += 2) {
		long failed = options[1] ? syscall(SYS_fsconfig, context_fd, FSCONFIG_SET_STRING,
						   options[0], options[1], 0)
					 : syscall(SYS_fsconfig, context_fd, FSCONFIG_SET_FLAG,
						   options[0], NULL, 0);

		if (failed < 0)
			return berth_fail(err, BERTH_SYSTEM, errno, "%s option %s=%s", type,
					  options[0], options[1] ?: "");
	}
	if (syscall(SYS_fsconfig, context_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "create a %s file system", type);
	fd = (int)syscall(SYS_fsmount, context_fd, FSMOUNT_CLOEXEC, attributes);
	if (fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "fsmount %s", type);
	*ret_fd = fd;
	return 0;
}

int mount_attach(int mount_fd, const char *target, struct berth_error *err)
{
	if (syscall(SYS_move_mount, mount_fd, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "mount at %s", target);
	return 0;
}

int mount_restrict(const char *path, unsigned long long attributes, struct berth_error *err)
{
	struct mount_attr change = {.attr_set = attributes};

	if (syscall(SYS_mount_setattr, AT_FDCWD, path, 0, &change, sizeof(change)) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "mount_setattr %s", path);
	return 0;
}

int mount_restrict_tree(int mount_fd, unsigned long long attributes, struct berth_error *err)
{
	struct mount_attr change = {.attr_set = attributes};

	if (syscall(SYS_mount_setattr, mount_fd, "", AT_EMPTY_PATH, &change, sizeof(change)) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "mount_setattr");
	return 0;
}

int mount_map_ids(int mount_fd, int user_namespace_fd, struct berth_error *err)
{
	struct mount_attr change = {.attr_set = MOUNT_ATTR_IDMAP,
				    .userns_fd = (unsigned long long)user_namespace_fd};

	if (syscall(SYS_mount_setattr, mount_fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &change,
		    sizeof(change)) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "id-map the mount");
	return 0;
}
