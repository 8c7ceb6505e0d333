/* SPDX-License-Identifier: Apache-2.0 */
/* STATE/checkpoints/<run>/: directories of file system images. */
#include "runner/launcher/checkpoint_directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/identifier.h"

#define OPEN_DIRECTORY (O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
#define PATH_SIZE      64
#define DEPTH_MAX      64

static int make_directory(int parent, const char *name, mode_t mode, int *ret_fd,
			  struct berth_error *err)
{
	if (mkdirat(parent, name, mode) < 0 && errno != EEXIST)
		return berth_fail(err, BERTH_SYSTEM, errno, "create %.128s", name);
	*ret_fd = openat(parent, name, OPEN_DIRECTORY);
	if (*ret_fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "open %.128s", name);
	return 0;
}

static int check_owner(int fd, const char *name, uid_t uid, struct berth_error *err)
{
	struct stat facts;

	if (fstat(fd, &facts) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "stat %.128s", name);
	if (facts.st_uid != uid)
		return berth_fail(err, BERTH_DENIED, 0, "%.128s belongs to uid %u instead of %u",
				  name, facts.st_uid, uid);
	return 0;
}

/* A sticky directory: whoever may make files in it may not rename those of others. */
static int share_state(int fd, gid_t gid, struct berth_error *err)
{
	if (fchown(fd, (uid_t)-1, gid) < 0 || fchmod(fd, 01770) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "give the state directory away");
	return 0;
}

static int make_bundles(int state_fd, uid_t uid, gid_t gid, struct berth_error *err)
{
	AUTO_CLOSE int fd = -1;
	struct stat facts;

	if (make_directory(state_fd, "bundles", 0755, &fd, err) < 0)
		return -1;
	if (fstat(fd, &facts) < 0 ||
	    (facts.st_uid == geteuid() && uid != geteuid() && fchown(fd, uid, gid) < 0))
		return berth_fail(err, BERTH_SYSTEM, errno, "give bundles away");
	return 0;
}

int checkpoint_directory_open(const char *state, uid_t uid, gid_t gid, int *ret_fd,
			      struct berth_error *err)
{
	AUTO_CLOSE int state_fd = -1, fd = -1;

	if (make_directory(AT_FDCWD, state, 0700, &state_fd, err) < 0 ||
	    check_owner(state_fd, state, geteuid(), err) < 0)
		return -1;
	if (uid != geteuid() && share_state(state_fd, gid, err) < 0)
		return berth_fail_context(err, "%.128s", state);
	if (make_bundles(state_fd, uid, gid, err) < 0 ||
	    make_directory(state_fd, "checkpoints", 0700, &fd, err) < 0 ||
	    check_owner(fd, "checkpoints", geteuid(), err) < 0)
		return berth_fail_context(err, "%.128s", state);
	*ret_fd = steal_fd(&fd);
	return 0;
}

int checkpoint_directory_open_volume(int fd, struct sandbox_host *host, int64_t run,
				     const struct launch_volume *asked,
				     struct sandbox_volume **ret_volume, struct berth_error *err)
{
	char name[IDENTIFIER_NUMBER_SIZE], path[PATH_SIZE];
	AUTO_CLOSE int directory_fd = -1;

	if (fd < 0)
		return berth_fail(err, BERTH_UNSUPPORTED, 0,
				  "the launcher has no state directory for checkpoints");
	identifier_format_number("run", run, name);
	if (make_directory(fd, name, 0700, &directory_fd, err) < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", directory_fd);
	return sandbox_volume_open_disk(host, path, asked->bytes, asked->inodes, ret_volume, err);
}

/* Beneath a directory that nobody else can write; rootless, files of the task itself, which has
 * ended: links are removed, not followed. */
static int remove_below(int parent, const char *name, int depth, struct berth_error *err)
{
	AUTO_DIRECTORY DIR *directory = NULL;
	AUTO_CLOSE int fd = -1;
	struct dirent *entry;

	if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return berth_fail(err, BERTH_SYSTEM, errno, "remove %.128s", name);
	if (unlinkat(parent, name, AT_REMOVEDIR) == 0)
		return 0;
	if (depth == DEPTH_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "remove %.128s: it is too deep", name);
	/* the task may have closed it against us */
	if (fchmodat(parent, name, 0700, 0) == 0)
		fd = openat(parent, name, OPEN_DIRECTORY);
	directory = fd < 0 ? NULL : fdopendir(fd);
	if (!directory)
		return berth_fail(err, BERTH_SYSTEM, errno, "open %.128s", name);
	(void)steal_fd(&fd);
	while ((entry = readdir(directory))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (remove_below(dirfd(directory), entry->d_name, depth + 1, err) < 0)
			return -1;
	}
	if (unlinkat(parent, name, AT_REMOVEDIR) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "remove %.128s", name);
	return 0;
}

int checkpoint_directory_discard(int fd, int64_t run, struct berth_error *err)
{
	char name[IDENTIFIER_NUMBER_SIZE];

	if (fd < 0)
		return 0;
	identifier_format_number("run", run, name);
	return remove_below(fd, name, 0, err);
}
