/* SPDX-License-Identifier: Apache-2.0 */
/* The /dev of a run, made whole by a supervisor that may make nodes. */
#include "sandbox/devices.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sandbox/mount_call.h"

#define DIRECTORY    "/dev/"
#define MEMORY_MAJOR 1 /* of all of them: Documentation/admin-guide/devices.txt */

static bool is_below(const struct root_default *row)
{
	return strncmp(row->target, DIRECTORY, strlen(DIRECTORY)) == 0;
}

bool devices_have(const struct root_default *row)
{
	return is_below(row) && (row->kind == ROOT_DEVICE || row->kind == ROOT_SYMLINK);
}

static int make_node(int directory_fd, const char *name, unsigned minor, struct berth_error *err)
{
	if (mknodat(directory_fd, name, S_IFCHR | 0666, makedev(MEMORY_MAJOR, minor)) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "make the device %s", name);
	/* whatever the umask is */
	if (fchmodat(directory_fd, name, 0666, 0) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "chmod the device %s", name);
	return 0;
}

static int make_row(int directory_fd, const struct root_default *row, struct berth_error *err)
{
	const char *name = row->target + strlen(DIRECTORY);

	switch (row->kind) {
	case ROOT_DEVICE:
		return make_node(directory_fd, name, row->minor, err);
	case ROOT_SYMLINK:
		if (symlinkat(row->source, directory_fd, name) < 0)
			return berth_fail(err, BERTH_SYSTEM, errno, "link %s", row->target);
		return 0;
	case ROOT_TMPFS:
	case ROOT_DIRECTORY:
	case ROOT_PROC:
		/* something is mounted there later */
		if (mkdirat(directory_fd, name, 0755) < 0)
			return berth_fail(err, BERTH_SYSTEM, errno, "create %s", row->target);
		return 0;
	}
	return berth_fail(err, BERTH_INVALID, 0, "unknown kind of default mount");
}

int devices_create(int *ret_fd, struct berth_error *err)
{
	static const char *const options[] = {"size", "64k", "nr_inodes", "32",
					      "mode", "755", NULL};
	AUTO_CLOSE int fd = -1;

	if (mount_create("tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, &fd, err) < 0)
		return -1;
	for (size_t i = 0; i < root_default_count; i++)
		if (is_below(&root_defaults[i]) && make_row(fd, &root_defaults[i], err) < 0)
			return -1;
	if (mount_restrict_tree(fd, MOUNT_ATTR_RDONLY, err) < 0)
		return -1;
	*ret_fd = steal_fd(&fd);
	return 0;
}
