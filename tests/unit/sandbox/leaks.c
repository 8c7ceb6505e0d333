/* SPDX-License-Identifier: Apache-2.0 */
/* What a test must leave as it found it. */
#include "tests/unit/sandbox/leaks.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/descriptor.h"

#define LOOP_TRIES       100
#define LOOP_WAIT_US     50000
#define START_TIME_WORDS 20 /* from the state, field 3, to the start time, field 22 */

static const char *const group_parents[] = {
	"/sys/fs/cgroup/berth",         "/sys/fs/cgroup/cpu/berth",  "/sys/fs/cgroup/cpuacct/berth",
	"/sys/fs/cgroup/memory/berth",  "/sys/fs/cgroup/pids/berth", "/sys/fs/cgroup/blkio/berth",
	"/sys/fs/cgroup/freezer/berth",
};

void leaks_note(struct leaks *leaks)
{
	AUTO_DIRECTORY DIR *directory = opendir("/proc/self/fd");
	struct dirent *entry;

	leaks->descriptor_count = 0;
	while (directory && (entry = readdir(directory))) {
		int fd = (int)strtol(entry->d_name, NULL, 10);

		if (entry->d_name[0] != '.' && fd != dirfd(directory) &&
		    leaks->descriptor_count < LEAKS_DESCRIPTORS_MAX)
			leaks->descriptors[leaks->descriptor_count++] = fd;
	}
}

static bool holds(const struct leaks *leaks, int fd)
{
	for (size_t i = 0; i < leaks->descriptor_count; i++)
		if (leaks->descriptors[i] == fd)
			return true;
	return false;
}

void leaks_describe_owner(int pid, char *ret_owner, size_t size)
{
	char path[64], line[1024], *position, *saved = NULL, *word;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	(void)snprintf(ret_owner, size, "%d.gone", pid);
	if (descriptor_read_control(AT_FDCWD, path, line, sizeof(line), NULL) < 0)
		return;
	position = strrchr(line, ')');
	word = position ? strtok_r(position + 1, " ", &saved) : NULL;
	for (int i = 1; word && i < START_TIME_WORDS; i++)
		word = strtok_r(NULL, " ", &saved);
	(void)snprintf(ret_owner, size, "%d.%s", pid, word ?: "");
}

size_t leaks_count_groups(const char *owner)
{
	size_t count = 0;

	for (size_t i = 0; i < sizeof(group_parents) / sizeof(group_parents[0]); i++) {
		AUTO_DIRECTORY DIR *directory = opendir(group_parents[i]);
		struct dirent *entry;

		while (directory && (entry = readdir(directory))) {
			size_t length = strlen(entry->d_name), end = strlen(owner);

			if (length > end && entry->d_name[length - end - 1] == '.' &&
			    strcmp(entry->d_name + length - end, owner) == 0)
				count++;
		}
	}
	return count;
}

static size_t count_loops(const char *wanted)
{
	AUTO_DIRECTORY DIR *directory = opendir("/sys/block");
	struct dirent *entry;
	size_t count = 0;

	while (directory && (entry = readdir(directory))) {
		char path[512], file[512];

		(void)snprintf(path, sizeof(path), "/sys/block/%s/loop/backing_file",
			       entry->d_name);
		if (strncmp(entry->d_name, "loop", 4) == 0 &&
		    descriptor_read_control(AT_FDCWD, path, file, sizeof(file), NULL) == 0 &&
		    strncmp(file, wanted, strlen(wanted)) == 0)
			count++;
	}
	return count;
}

size_t leaks_count_loops(const char *wanted)
{
	size_t count = count_loops(wanted);

	for (int tries = 0; count && tries < LOOP_TRIES; tries++) {
		(void)usleep(LOOP_WAIT_US);
		count = count_loops(wanted);
	}
	return count;
}

size_t leaks_count(const struct leaks *before, char text[LEAKS_TEXT_SIZE])
{
	char owner[64], link[64], target[128];
	struct leaks now;
	size_t count = 0, groups;
	ssize_t length;

	text[0] = '\0';
	leaks_note(&now);
	for (size_t i = 0; i < now.descriptor_count; i++) {
		if (holds(before, now.descriptors[i]))
			continue;
		(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", now.descriptors[i]);
		length = readlink(link, target, sizeof(target) - 1);
		target[length < 0 ? 0 : length] = '\0';
		(void)snprintf(text, LEAKS_TEXT_SIZE, "descriptor %d: %s", now.descriptors[i],
			       target);
		count++;
	}
	if (waitpid(-1, NULL, WNOHANG | __WALL) >= 0 || errno != ECHILD) {
		(void)snprintf(text, LEAKS_TEXT_SIZE, "a child process");
		count++;
	}
	leaks_describe_owner(getpid(), owner, sizeof(owner));
	groups = leaks_count_groups(owner);
	if (groups > 0)
		(void)snprintf(text, LEAKS_TEXT_SIZE, "%zu control groups of %s", groups, owner);
	return count + groups;
}

void leaks_expect_none(const struct leaks *before)
{
	char text[LEAKS_TEXT_SIZE];
	size_t count = leaks_count(before, text);

	if (count > 0)
		fail_msg("%zu things are left, among them %s", count, text);
}
