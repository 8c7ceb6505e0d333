/* SPDX-License-Identifier: Apache-2.0 */
/* Writable places with a hard limit on bytes and inodes: what the kinds share. */
#include "sandbox/volume.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sandbox/host.h"
#include "sandbox/mount_call.h"
#include "sandbox/sandbox.h"
#include "sandbox/volume_mount.h"
#include "sandbox/volume_state.h"

/* Less than this is no room: 1 MiB of ext4's blocks, and of a small volume its 64th part. */
#define SMALL_BLOCKS  256
#define SMALL_SHARE   64

#define LOCK_ATTEMPTS 100 /* one second */
#define LOCK_WAIT_US  10000

static int volume_create(enum sandbox_volume_kind kind, struct sandbox_host *host, uint64_t bytes,
			 int64_t inodes, struct sandbox_volume **ret_volume,
			 struct berth_error *err)
{
	struct sandbox_volume *volume = calloc(1, sizeof(*volume));

	if (!volume)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "volume");
	volume->kind = kind;
	volume->bytes = bytes;
	volume->inodes = inodes;
	volume->privileged = host->privileged;
	volume->root_fd = volume->loop_fd = volume->lock_fd = -1;
	*ret_volume = volume;
	return 0;
}

static int mount_memory(const struct sandbox_volume *volume, int *ret_fd, struct berth_error *err)
{
	char size[24], count[24];
	const char *const options[] = {"size", size, "nr_inodes", count, "mode", "700", NULL};

	(void)snprintf(size, sizeof(size), "%" PRIu64, volume->bytes);
	(void)snprintf(count, sizeof(count), "%" PRId64, volume->inodes);
	return mount_create("tmpfs", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, ret_fd, err);
}

int sandbox_volume_create_memory(struct sandbox_host *host, uint64_t bytes, int64_t inodes,
				 struct sandbox_volume **ret_volume, struct berth_error *err)
{
	struct sandbox_volume *volume = NULL;

	if (bytes == 0 || inodes <= 0)
		return berth_fail(err, BERTH_INVALID, 0, "a memory volume needs a size");
	if (volume_create(SANDBOX_VOLUME_MEMORY, host, bytes, inodes, &volume, err) < 0)
		return -1;
	if (volume->privileged && mount_memory(volume, &volume->root_fd, err) < 0) {
		sandbox_volume_close(volume);
		return -1;
	}
	*ret_volume = volume;
	return 0;
}

int volume_lock(int fd, struct berth_error *err)
{
	for (int attempt = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; attempt++) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return berth_fail(err, BERTH_SYSTEM, errno, "lock");
		if (attempt == LOCK_ATTEMPTS)
			return berth_fail(err, BERTH_DENIED, 0, "is in use by another run");
		(void)usleep(LOCK_WAIT_US);
	}
	return 0;
}

/* One run at a time: two would see each other's checkpoints. */
static int lock_directory(struct sandbox_volume *volume, int directory_fd, const char *directory,
			  struct berth_error *err)
{
	volume->lock_fd =
		openat(directory_fd, ".lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (volume->lock_fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "open %s/.lock", directory);
	return volume_lock(volume->lock_fd, err) < 0 ? berth_fail_context(err, "%s", directory) : 0;
}

static int open_plain_directory(struct sandbox_volume *volume, int directory_fd,
				const char *directory, struct berth_error *err)
{
	char resolved[PATH_MAX];

	if (mkdirat(directory_fd, "files", 0700) < 0 && errno != EEXIST)
		return berth_fail(err, BERTH_SYSTEM, errno, "create %s/files", directory);
	volume->root_fd =
		openat(directory_fd, "files", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (volume->root_fd < 0 || !realpath(directory, resolved))
		return berth_fail(err, BERTH_SYSTEM, errno, "open %s/files", directory);
	if (snprintf(volume->directory, sizeof(volume->directory), "%s/files", resolved) >=
	    (int)sizeof(volume->directory))
		return berth_fail(err, BERTH_LIMIT, 0, "the path %.64s… is too long", directory);
	volume->kind = SANDBOX_VOLUME_DIRECTORY;
	return 0;
}

static int open_named(struct sandbox_volume *volume, const char *directory, struct berth_error *err)
{
	AUTO_CLOSE int directory_fd = -1;

	directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory_fd < 0)
		return berth_fail(err, errno == ENOENT ? BERTH_NOT_FOUND : BERTH_SYSTEM, errno,
				  "open %s", directory);
	if (lock_directory(volume, directory_fd, directory, err) < 0)
		return -1;
	if (!volume->privileged)
		return open_plain_directory(volume, directory_fd, directory, err);
	if (volume_disk_open(volume, directory_fd, err) < 0)
		return berth_fail_context(err, "%s/files.img", directory);
	return 0;
}

int sandbox_volume_open_disk(struct sandbox_host *host, const char *directory, uint64_t bytes,
			     int64_t inodes, struct sandbox_volume **ret_volume,
			     struct berth_error *err)
{
	struct sandbox_volume *volume = NULL;
	int opened;

	if (bytes < SANDBOX_VOLUME_DISK_MIN || inodes <= 0)
		return berth_fail(err, BERTH_INVALID, 0,
				  "a disk volume needs at least %d bytes and one inode",
				  SANDBOX_VOLUME_DISK_MIN);
	/* without a directory and without rights there is only memory to hold a limit */
	if (!directory && !host->privileged)
		return sandbox_volume_create_memory(host, bytes, inodes, ret_volume, err);
	if (volume_create(SANDBOX_VOLUME_DISK, host, bytes, inodes, &volume, err) < 0)
		return -1;
	opened = directory ? open_named(volume, directory, err) : volume_disk_open(volume, -1, err);
	if (opened < 0) {
		sandbox_volume_close(volume);
		return -1;
	}
	*ret_volume = volume;
	return 0;
}

enum sandbox_volume_kind sandbox_volume_kind(const struct sandbox_volume *volume)
{
	return volume->kind;
}

int sandbox_volume_descriptor(const struct sandbox_volume *volume)
{
	return volume->root_fd;
}

bool sandbox_volume_is_full(const struct sandbox_volume *volume)
{
	struct statfs facts;
	fsblkcnt_t rest = 0;

	if (volume->kind == SANDBOX_VOLUME_DIRECTORY || volume->root_fd < 0 ||
	    fstatfs(volume->root_fd, &facts) < 0)
		return false;
	/* ext4 refuses a large write while it still has room for a few small ones */
	if (volume->kind == SANDBOX_VOLUME_DISK)
		rest = facts.f_blocks / SMALL_SHARE < SMALL_BLOCKS ? facts.f_blocks / SMALL_SHARE
								   : SMALL_BLOCKS;
	return facts.f_bavail <= rest || facts.f_ffree == 0;
}

int sandbox_volume_sync(struct sandbox_volume *volume, struct berth_error *err)
{
	AUTO_CLOSE int fd = -1;

	if (volume->kind == SANDBOX_VOLUME_MEMORY)
		return 0;
	/* the mount's own fd is an O_PATH one, which syncfs(2) refuses */
	fd = openat(volume->root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || syncfs(fd) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "sync a volume");
	return 0;
}

void sandbox_volume_close(struct sandbox_volume *volume)
{
	if (!volume)
		return;
	/* the loop device detaches itself when its last mount and fd are gone (LO_FLAGS_AUTOCLEAR)
	 */
	close_fd(&volume->root_fd);
	close_fd(&volume->loop_fd);
	close_fd(&volume->lock_fd);
	free(volume);
}

int sandbox_volume_open_mount(struct sandbox_volume *volume, int *ret_fd, struct berth_error *err)
{
	int fd;

	*ret_fd = -1;
	if (!volume->privileged)
		return 0;
	if (volume->kind == SANDBOX_VOLUME_DISK)
		return volume_disk_mount(volume, ret_fd, err);
	if (volume->launched)
		return berth_fail(err, BERTH_INVALID, 0, "a memory volume serves one launch");
	fd = fcntl(volume->root_fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "dup a volume");
	volume->launched = true;
	*ret_fd = fd;
	return 0;
}

int sandbox_volume_open_mount_inside(const struct sandbox_volume *volume, int *ret_fd,
				     struct berth_error *err)
{
	if (volume->kind == SANDBOX_VOLUME_DIRECTORY)
		return mount_clone_tree(volume->directory, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
					ret_fd, err);
	return mount_memory(volume, ret_fd, err);
}

int sandbox_volume_map(struct sandbox_volume *volume, int mount_fd, int user_namespace_fd,
		       uint32_t base, struct berth_error *err)
{
	if (mount_fd < 0)
		return 0;
	if (volume->kind == SANDBOX_VOLUME_DISK || volume->mapped)
		return mount_map_ids(mount_fd, user_namespace_fd, err);
	/* fresh and empty: tmpfs can be id-mapped only since 6.3 */
	if (fchownat(mount_fd, "", base + SANDBOX_TASK_UID, base + SANDBOX_TASK_GID,
		     AT_EMPTY_PATH) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "chown a volume");
	return 0;
}

void sandbox_volume_adopt(struct sandbox_volume *volume, int root_fd)
{
	close_fd(&volume->root_fd);
	volume->root_fd = root_fd;
}
