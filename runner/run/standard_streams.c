/* SPDX-License-Identifier: Apache-2.0 */
/* fstat(2), F_GETFL and kcmp(2) of the three standard descriptors. */
#include "runner/run/standard_streams.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#define NULL_DEVICE makedev(1, 3) /* Documentation/admin-guide/devices.txt */

void standard_streams_ensure(void)
{
	for (int fd = 0; fd <= 2; fd++) {
		int filler;

		if (fcntl(fd, F_GETFD) == 0 || errno != EBADF)
			continue;
		/* the lowest free number is fd itself: those below are open by now */
		filler = open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY);
		assert(filler == fd || filler < 0);
		(void)filler;
	}
}

bool standard_stream_is_closed_output(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 || (flags & O_ACCMODE) == O_RDONLY;
}

bool standard_streams_are_one(int fd, int other_fd)
{
	pid_t self = getpid();
	long order = syscall(SYS_kcmp, self, self, KCMP_FILE, fd, other_fd);
	struct stat status, other;

	if (order >= 0)
		return order == 0;
	/* kcmp(2) may be left out of a kernel or forbidden to a container */
	return fstat(fd, &status) == 0 && fstat(other_fd, &other) == 0 &&
	       status.st_dev == other.st_dev && status.st_ino == other.st_ino &&
	       fcntl(fd, F_GETFL) == fcntl(other_fd, F_GETFL);
}

/* An unnamed pipe is reached through descriptors only. The task opens /dev/stdin with ids of its
 * own and needs the mode to let it. */
static void open_pipe_to_task(int fd, const struct stat *status)
{
	struct statfs system;

	if (fstatfs(fd, &system) == 0 && system.f_type == PIPEFS_MAGIC)
		(void)fchmod(fd, (status->st_mode & 0777) | 0444); /* another's pipe: not vital */
}

bool standard_stream_is_plain_input(int fd)
{
	struct stat status;
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fstat(fd, &status) < 0)
		return false;
	if (S_ISCHR(status.st_mode))
		return status.st_rdev == NULL_DEVICE;
	if ((flags & O_ACCMODE) != O_RDONLY)
		return false;
	if (S_ISFIFO(status.st_mode))
		open_pipe_to_task(fd, &status);
	return S_ISFIFO(status.st_mode) || S_ISREG(status.st_mode);
}
