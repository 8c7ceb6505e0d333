/* SPDX-License-Identifier: Apache-2.0 */
/* The directory of the packet files. */
#include "extensions/ffmpeg/segment_directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define DIRECTORY_NAME "segments"

int segment_directory_open(const struct berth_task *task, int *ret_directory,
			   struct berth_error *err)
{
	const char *parent_path = berth_task_info(task)->checkpoint_path ?: ".";
	AUTO_CLOSE int parent = open(parent_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int fd;

	if (parent < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "open %s", parent_path);
	if (mkdirat(parent, DIRECTORY_NAME, 0700) < 0 && errno != EEXIST)
		return berth_fail(err, BERTH_SYSTEM, errno, "create %s/" DIRECTORY_NAME,
				  parent_path);
	fd = openat(parent, DIRECTORY_NAME, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "open %s/" DIRECTORY_NAME, parent_path);
	*ret_directory = fd;
	return 0;
}

int segment_directory_clear(int directory, struct berth_error *err)
{
	AUTO_DIRECTORY DIR *stream = NULL;
	const struct dirent *entry;
	/* an open of its own: the stream moves and closes the descriptor it is given */
	int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "open the segments");
	stream = fdopendir(fd);
	if (!stream) {
		(void)close(fd);
		return berth_fail(err, BERTH_SYSTEM, errno, "list the segments");
	}
	while ((entry = readdir(stream))) {
		if (entry->d_name[0] == '.')
			continue;
		if (unlinkat(directory, entry->d_name, 0) < 0)
			return berth_fail(err, BERTH_SYSTEM, errno, "remove %s", entry->d_name);
	}
	return 0;
}
