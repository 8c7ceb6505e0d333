/* SPDX-License-Identifier: Apache-2.0 */
/* Documentation/block/bfq-iosched.rst §4; Documentation/admin-guide/cgroup-v2.rst, io.cost.qos. */
#include "sandbox/io_weight.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/descriptor.h"

#define QOS_SIZE 8192 /* a line of 100 bytes for each disk */

bool io_weight_find_bfq(const char *blocks, char ret_disk[IO_WEIGHT_DISK_SIZE])
{
	DIR *directory = opendir(blocks);
	bool found = false;
	struct dirent *entry;

	if (!directory)
		return false;
	while (!found && (entry = readdir(directory))) {
		char path[sizeof(entry->d_name) + sizeof("/queue/scheduler")], schedulers[256];

		(void)snprintf(path, sizeof(path), "%s/queue/scheduler", entry->d_name);
		/* the one in use stands in brackets */
		found = entry->d_name[0] != '.' &&
			descriptor_read_control(dirfd(directory), path, schedulers,
						sizeof(schedulers), NULL) == 0 &&
			strstr(schedulers, "[bfq]");
		if (found)
			(void)snprintf(ret_disk, IO_WEIGHT_DISK_SIZE, "%.*s",
				       IO_WEIGHT_DISK_SIZE - 1, entry->d_name);
	}
	(void)closedir(directory); /* was only read */
	return found;
}

/* "8:0 enable=1 ctrl=auto …" lines */
bool io_weight_find_cost(const char *root_group, char ret_disk[IO_WEIGHT_DISK_SIZE])
{
	AUTO_CLOSE int fd = open(root_group, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char text[QOS_SIZE], *saved, *line;

	if (fd < 0 || descriptor_read_control(fd, "io.cost.qos", text, sizeof(text), NULL) < 0)
		return false;
	for (line = strtok_r(text, "\n", &saved); line; line = strtok_r(NULL, "\n", &saved)) {
		if (!strstr(line, " enable=1"))
			continue;
		(void)snprintf(ret_disk, IO_WEIGHT_DISK_SIZE, "%.*s", (int)strcspn(line, " "),
			       line);
		return true;
	}
	return false;
}

const char *io_weight_look(struct io_weight_disks *disks,
			   bool (*find)(const char *place, char ret_disk[IO_WEIGHT_DISK_SIZE]),
			   const char *place)
{
	uint64_t now_ns = clock_boottime_ns();

	if (disks->looked_ns == 0 || now_ns - disks->looked_ns >= IO_WEIGHT_LOOK_NS) {
		disks->looked_ns = now_ns;
		if (!find(place, disks->disk))
			disks->disk[0] = '\0';
	}
	return disks->disk;
}
