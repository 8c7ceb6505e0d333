/* SPDX-License-Identifier: Apache-2.0 */
/* A disk volume: ext4 in a sparse file on a loop device (loop(4)), mounted detached, so that the
 * host's mount table never shows it. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/loop.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sandbox/mount_call.h"
#include "sandbox/sandbox.h"
#include "sandbox/volume_state.h"

#define IMAGE_NAME      "files.img"
#define IMAGE_NEW_NAME  ".files.img.new"
#define BLOCK_BYTES     4096
#define LOOP_ATTEMPTS   64
#define INHERITED_FD    3          /* the image in mke2fs */
#define SPOOL_DIRECTORY "/var/tmp" /* survives in size what /tmp may not; hier(7) */

static const char *const mke2fs_paths[] = {"/usr/sbin/mke2fs", "/sbin/mke2fs"};

static int spawn_mke2fs(char *const arguments[], int image_fd, struct berth_error *err)
{
	char *const environment[] = {(char[]){"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, NULL};
	posix_spawn_file_actions_t actions;
	int failed = ENOENT, status = 0;
	pid_t child;

	if (posix_spawn_file_actions_init(&actions) != 0)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "mke2fs");
	(void)posix_spawn_file_actions_adddup2(&actions, image_fd, INHERITED_FD);
	(void)posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	(void)posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	for (size_t i = 0; failed == ENOENT && i < sizeof(mke2fs_paths) / sizeof(*mke2fs_paths);
	     i++)
		failed = posix_spawn(&child, mke2fs_paths[i], &actions, NULL, arguments,
				     environment);
	(void)posix_spawn_file_actions_destroy(&actions);
	if (failed)
		return berth_fail(err, BERTH_UNSUPPORTED, failed,
				  "run mke2fs (apt-get install e2fsprogs)");
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return berth_fail(err, BERTH_SYSTEM, errno, "wait for mke2fs");
	if (WIFSIGNALED(status))
		return berth_fail(err, BERTH_SYSTEM, 0, "mke2fs died of signal %d",
				  WTERMSIG(status));
	if (status != 0)
		return berth_fail(err, BERTH_SYSTEM, 0, "mke2fs failed with status %d",
				  WEXITSTATUS(status));
	return 0;
}

/* For a caller that ignores SIGCHLD (a habit of daemons, and inherited) no status is kept. */
static int run_mke2fs(char *const arguments[], int image_fd, struct berth_error *err)
{
	static const struct sigaction usual = {.sa_handler = SIG_DFL};
	struct sigaction before;
	bool ignored;
	int result;

	if (sigaction(SIGCHLD, NULL, &before) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "sigaction");
	ignored = before.sa_handler == SIG_IGN || before.sa_flags & SA_NOCLDWAIT;
	if (ignored)
		(void)sigaction(SIGCHLD, &usual, NULL);
	result = spawn_mke2fs(arguments, image_fd, err);
	if (ignored)
		(void)sigaction(SIGCHLD, &before, NULL);
	return result;
}

static int format_image(int fd, uint64_t bytes, int64_t inodes, bool journal,
			struct berth_error *err)
{
	const int64_t fitting = (int64_t)(bytes / BLOCK_BYTES); /* mke2fs refuses more */
	char count[24], options[96];
	char *const arguments[] = {(char[]){"mke2fs"},
				   (char[]){"-q"},
				   (char[]){"-F"},
				   (char[]){"-t"},
				   (char[]){"ext4"},
				   (char[]){"-b"},
				   (char[]){"4096"},
				   (char[]){"-m"},
				   (char[]){"0"},
				   (char[]){"-N"},
				   count,
				   (char[]){"-O"},
				   journal ? (char[]){"^resize_inode"}
					   : (char[]){"^has_journal,^resize_inode"},
				   (char[]){"-E"},
				   options,
				   (char[]){"/proc/self/fd/3"},
				   NULL};

	(void)snprintf(count, sizeof(count), "%" PRId64, inodes < fitting ? inodes : fitting);
	(void)snprintf(options, sizeof(options),
		       "lazy_itable_init=1,lazy_journal_init=1,nodiscard,root_owner=%d:%d",
		       SANDBOX_TASK_UID, SANDBOX_TASK_GID);
	if (ftruncate(fd, (off_t)(bytes / BLOCK_BYTES * BLOCK_BYTES)) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "size a volume to %" PRIu64 " bytes",
				  bytes);
	return run_mke2fs(arguments, fd, err);
}

/* The kernel trusts what it mounts: an image that somebody else could have written is an attack on
 * its file system code. */
static int check_own(int fd, struct berth_error *err)
{
	struct stat facts;

	if (fstat(fd, &facts) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "stat " IMAGE_NAME);
	if (!S_ISREG(facts.st_mode) || facts.st_uid != geteuid() || facts.st_nlink != 1 ||
	    (facts.st_mode & (S_IWGRP | S_IWOTH)))
		return berth_fail(
			err, BERTH_DENIED, 0,
			"not a file of berth's own: uid %u, mode %o, %ju links; remove it",
			facts.st_uid, facts.st_mode & ~(mode_t)S_IFMT, (uintmax_t)facts.st_nlink);
	return 0;
}

/* A named image appears complete or not at all. */
static int open_named_image(const struct sandbox_volume *volume, int directory_fd, int *ret_fd,
			    struct berth_error *err)
{
	AUTO_CLOSE int fd = -1;

	fd = openat(directory_fd, IMAGE_NAME, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT) {
		fd = openat(directory_fd, IMAGE_NEW_NAME,
			    O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd < 0)
			return berth_fail(err, BERTH_SYSTEM, errno, "create %s", IMAGE_NEW_NAME);
		if (format_image(fd, volume->bytes, volume->inodes, true, err) < 0)
			return -1;
		if (fsync(fd) < 0 ||
		    renameat(directory_fd, IMAGE_NEW_NAME, directory_fd, IMAGE_NAME) < 0 ||
		    fsync(directory_fd) < 0)
			return berth_fail(err, BERTH_SYSTEM, errno, "keep %s", IMAGE_NAME);
	}
	if (fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "open %s", IMAGE_NAME);
	if (check_own(fd, err) < 0)
		return -1;
	*ret_fd = steal_fd(&fd);
	return 0;
}

static int open_unnamed_image(const struct sandbox_volume *volume, int *ret_fd,
			      struct berth_error *err)
{
	char name[] = SPOOL_DIRECTORY "/berth-XXXXXX";
	AUTO_CLOSE int fd = -1;

	fd = open(SPOOL_DIRECTORY, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	if (fd < 0 && errno == EOPNOTSUPP) { /* overlayfs before 6.3 */
		fd = mkostemp(name, O_CLOEXEC);
		if (fd >= 0)
			(void)unlink(name);
	}
	if (fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "create a volume in " SPOOL_DIRECTORY);
	if (format_image(fd, volume->bytes, volume->inodes, false, err) < 0)
		return -1;
	*ret_fd = steal_fd(&fd);
	return 0;
}

/* Another process may take the free device between the two calls: try the next one. */
static int attach_loop(struct sandbox_volume *volume, int image_fd, struct berth_error *err)
{
	struct loop_config config = {.fd = (unsigned)image_fd,
				     .info = {.lo_flags = LO_FLAGS_AUTOCLEAR}};
	AUTO_CLOSE int control_fd = -1;

	control_fd = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	if (control_fd < 0)
		return berth_fail(err, BERTH_UNSUPPORTED, errno, "open /dev/loop-control");
	for (int attempt = 0; attempt < LOOP_ATTEMPTS; attempt++) {
		AUTO_CLOSE int fd = -1;
		int number = ioctl(control_fd, LOOP_CTL_GET_FREE);

		if (number < 0)
			return berth_fail(err, BERTH_SYSTEM, errno, "find a free loop device");
		(void)snprintf(volume->loop_path, sizeof(volume->loop_path), "/dev/loop%d", number);
		fd = open(volume->loop_path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			return berth_fail(err, BERTH_SYSTEM, errno, "open %s", volume->loop_path);
		if (ioctl(fd, LOOP_CONFIGURE, &config) == 0) {
			/* no second copy in the page cache, where the file system can */
			(void)ioctl(fd, LOOP_SET_DIRECT_IO, 1UL);
			volume->loop_fd = steal_fd(&fd);
			return 0;
		}
		if (errno != EBUSY)
			return berth_fail(err, BERTH_SYSTEM, errno, "attach %s", volume->loop_path);
	}
	return berth_fail(err, BERTH_LIMIT, EBUSY, "no loop device stayed free");
}

int volume_disk_mount(const struct sandbox_volume *volume, int *ret_fd, struct berth_error *err)
{
	const char *const options[] = {"source", volume->loop_path, NULL};

	return mount_create("ext4", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, ret_fd, err);
}

int volume_disk_open(struct sandbox_volume *volume, int named_fd, struct berth_error *err)
{
	AUTO_CLOSE int image_fd = -1;
	int opened;

	opened = named_fd >= 0 ? open_named_image(volume, named_fd, &image_fd, err)
			       : open_unnamed_image(volume, &image_fd, err);
	if (opened < 0)
		return -1;
	/* The lock belongs to the open file, which the loop device keeps: it lasts as long as
	 * anything has the image mounted. Two mounts of one image destroy it. */
	if (volume_lock(image_fd, err) < 0 || attach_loop(volume, image_fd, err) < 0)
		return -1;
	if (volume_disk_mount(volume, &volume->root_fd, err) < 0)
		return -1;
	/* mke2fs always makes it; the task has no use for a directory it may not read */
	(void)unlinkat(volume->root_fd, "lost+found", AT_REMOVEDIR);
	return 0;
}
