/* SPDX-License-Identifier: Apache-2.0 */
/* The attempts that many rows share: a bare system call, an open, a listing. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tests/escape/probe.h"

int probe_attempt_syscall(const struct probe_row *row)
{
	const unsigned long *a = row->arguments;
	long result = syscall(row->number, a[0], a[1], a[2], a[3], a[4]);

	if (result >= 0) {
		probe_note("returned %ld", result);
		return PROBE_LEAK;
	}
	if (row->passed && errno == row->passed) {
		probe_note("permitted: it only failed for its arguments (%s)", strerror(errno));
		return PROBE_LEAK;
	}
	return errno;
}

int probe_attempt_read(const struct probe_row *row)
{
	AUTO_CLOSE int fd = open(row->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char byte;

	if (fd < 0)
		return errno;
	if (read(fd, &byte, 1) < 0 && errno != EAGAIN)
		return errno;
	return PROBE_LEAK;
}

int probe_attempt_write(const struct probe_row *row)
{
	AUTO_CLOSE int fd = open(row->path, O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	return fd < 0 ? errno : PROBE_LEAK;
}

int probe_attempt_create(const struct probe_row *row)
{
	char path[256];
	AUTO_CLOSE int fd = -1;

	(void)snprintf(path, sizeof(path), "%s/berth-escape-probe", row->path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno;
	(void)unlink(path);
	return PROBE_LEAK;
}

int probe_attempt_list(const struct probe_row *row)
{
	AUTO_DIRECTORY DIR *directory = opendir(row->path);
	struct dirent *entry;

	if (!directory)
		return errno;
	while ((entry = readdir(directory)))
		if (entry->d_name[0] != '.') {
			probe_note("has %s", entry->d_name);
			return PROBE_LEAK;
		}
	return ENOENT;
}

const char *probe_status(const char *name)
{
	static char line[512];
	AUTO_FILE FILE *stream = fopen("/proc/self/status", "re");
	size_t length = strlen(name);

	if (!stream)
		return NULL;
	while (fgets(line, sizeof(line), stream))
		if (!strncmp(line, name, length) && line[length] == ':') {
			line[strcspn(line, "\n")] = '\0';
			return line + length + 1 + strspn(line + length + 1, "\t ");
		}
	return NULL;
}
