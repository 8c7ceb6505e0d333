/* SPDX-License-Identifier: Apache-2.0 */
/* What all cgroup drivers share: choosing one, naming groups, sweeping stale ones. */
#include "sandbox/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/descriptor.h"
#include "sandbox/sandbox.h"

#define STAT_SIZE           1024
#define REMOVE_ATTEMPTS     24
#define REMOVE_PAUSE_US     100
#define REMOVE_PAUSE_MAX_US 20000
#define START_TIME_FIELD    22 /* proc_pid_stat(5) */

static const struct cgroup_driver *const drivers[] = {
	&cgroup_driver_v2,
	&cgroup_driver_v1,
	&cgroup_driver_none,
};

static void forget_fds(int fds[CGROUP_HIERARCHIES_MAX])
{
	for (size_t i = 0; i < CGROUP_HIERARCHIES_MAX; i++)
		fds[i] = -1;
}

static void close_fds(int fds[CGROUP_HIERARCHIES_MAX])
{
	for (size_t i = 0; i < CGROUP_HIERARCHIES_MAX; i++)
		close_fd(&fds[i]);
}

/* The process's start time in clock ticks, as text; tells a reused pid from the old one. */
static int read_start_time(const char *process, char *ret_text, size_t size)
{
	char path[64], line[STAT_SIZE], *position, *saved = NULL, *word;

	(void)snprintf(path, sizeof(path), "/proc/%s/stat", process);
	if (descriptor_read_control(AT_FDCWD, path, line, sizeof(line), NULL) < 0)
		return -1;
	/* the command name may hold blanks and brackets: count from its last bracket, field 2 */
	position = strrchr(line, ')');
	if (!position)
		return -1;
	word = strtok_r(position + 1, " ", &saved);
	for (int field = 3; word && field < START_TIME_FIELD; field++)
		word = strtok_r(NULL, " ", &saved);
	if (!word)
		return -1;
	(void)snprintf(ret_text, size, "%s", word);
	return 0;
}

/* Pids mean something in their own pid namespace only: hosts may share cgroups with containers. */
static int describe_owner(char *ret_text, size_t size, struct berth_error *err)
{
	char start_time[24];
	struct stat status;

	if (stat("/proc/self/ns/pid", &status) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "look at /proc/self/ns/pid");
	if (read_start_time("self", start_time, sizeof(start_time)) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "read /proc/self/stat");
	(void)snprintf(ret_text, size, "%ju.%d.%s", (uintmax_t)status.st_ino, getpid(), start_time);
	return 0;
}

int cgroup_host_open(struct cgroup_host *host, const char *name, struct berth_error *err)
{
	bool automatic = !name || strcmp(name, "auto") == 0;
	char why[sizeof(host->why)] = "", owner[sizeof(host->owner)];
	int outcome;

	if (describe_owner(owner, sizeof(owner), err) < 0)
		return -1;

	for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
		if (!automatic && strcmp(name, drivers[i]->name) != 0)
			continue;
		*host = (struct cgroup_host){.driver = drivers[i]};
		memcpy(host->owner, owner, sizeof(owner));
		forget_fds(host->parent_fds);
		outcome = drivers[i]->probe(host, err);
		if (outcome == 0) {
			if (why[0] && !host->why[0])
				memcpy(host->why, why, sizeof(why));
			cgroup_sweep(host);
			return 0;
		}
		if (outcome > 0 && host->why[0] && !why[0])
			memcpy(why, host->why, sizeof(why));
		cgroup_host_close(host);
		if (outcome < 0)
			return -1;
		if (!automatic)
			return berth_fail(err, BERTH_UNSUPPORTED, 0,
					  "this host has no cgroup %s: %s", name, why);
	}
	return berth_fail(err, BERTH_INVALID, 0,
			  "cgroup driver \"%.32s\" is not one of auto, v2, v1, none", name);
}

void cgroup_host_close(struct cgroup_host *host)
{
	close_fds(host->parent_fds);
}

void cgroup_init(struct cgroup *group, struct cgroup_host *host)
{
	*group = (struct cgroup){.host = host, .oom_event_fd = -1};
	forget_fds(group->fds);
	forget_fds(group->join_fds);
}

void cgroup_begin(struct cgroup *group, struct cgroup_host *host, const char *run_name)
{
	cgroup_init(group, host);
	(void)snprintf(group->name, sizeof(group->name), "%.64s.%u.%s", run_name, ++host->sequence,
		       host->owner);
}

int cgroup_make(struct cgroup *group, const struct resource_limits *limits, struct berth_error *err)
{
	return group->host->driver->create(group, limits, err);
}

int cgroup_create(struct cgroup *group, struct cgroup_host *host, const char *run_name,
		  const struct resource_limits *limits, struct berth_error *err)
{
	cgroup_begin(group, host, run_name);
	return cgroup_make(group, limits, err);
}

void cgroup_destroy(struct cgroup *group)
{
	if (!group->host)
		return;
	if (group->host->driver->remove)
		group->host->driver->remove(group);
	close_fds(group->fds);
	close_fds(group->join_fds);
	close_fd(&group->oom_event_fd);
	group->host = NULL;
}

int cgroup_open_directory(int parent_fd, const char *name, bool create, int *ret_fd,
			  struct berth_error *err)
{
	bool made = false;
	int fd;

	if (create) {
		made = mkdirat(parent_fd, name, 0755) == 0;
		if (!made && errno != EEXIST)
			return berth_fail(err, BERTH_SYSTEM, errno, "create cgroup %s", name);
	}
	fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) {
		(void)berth_fail(err, BERTH_SYSTEM, errno, "open cgroup %s", name);
		if (made)
			(void)unlinkat(parent_fd, name, AT_REMOVEDIR); /* nobody else knows of it */
		return -1;
	}
	*ret_fd = fd;
	return 0;
}

/* Cuts the last word that follows a dot off the text; NULL when there is none. */
static char *cut_last_word(char *text)
{
	char *dot = strrchr(text, '.');

	if (!dot)
		return NULL;
	*dot = '\0';
	return dot + 1;
}

/* "<run>.<sequence>.<pid namespace>.<pid>.<start time>" of a process of our pid namespace that is
 * no more. */
static bool is_stale(const struct cgroup_host *host, const char *name)
{
	char copy[CGROUP_NAME_SIZE], now[24], *start_time, *pid, *namespace;
	size_t own = strcspn(host->owner, ".");

	if (snprintf(copy, sizeof(copy), "%s", name) >= (int)sizeof(copy))
		return false;
	start_time = cut_last_word(copy);
	pid = cut_last_word(copy);
	namespace = cut_last_word(copy);
	if (!namespace || !*pid || strspn(pid, "0123456789") != strlen(pid))
		return false;
	if (strlen(namespace) != own || memcmp(namespace, host->owner, own) != 0)
		return false;
	/* only what is known counts: a failing look at a live one must not cost it its group */
	if (kill((pid_t)strtol(pid, NULL, 10), 0) < 0)
		return errno == ESRCH;
	return read_start_time(pid, now, sizeof(now)) == 0 && strcmp(now, start_time) != 0;
}

/* What a dead supervisor ran is dying, too. One that goes on living stays, in the last hierarchy as
 * well, for the next sweep. */
static void remove_everywhere(const struct cgroup_host *host, const char *name)
{
	for (size_t i = 0; i < CGROUP_HIERARCHIES_MAX; i++)
		if (host->parent_fds[i] >= 0 && !cgroup_remove_directory(host->parent_fds[i], name))
			return;
}

void cgroup_sweep(struct cgroup_host *host)
{
	AUTO_DIRECTORY DIR *directory = NULL;
	AUTO_CLOSE int fd = -1;
	struct dirent *entry;
	int last = CGROUP_HIERARCHIES_MAX - 1;

	while (last >= 0 && host->parent_fds[last] < 0)
		last--;
	if (last < 0)
		return;
	fd = openat(host->parent_fds[last], ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	directory = fdopendir(fd);
	if (!directory)
		return;
	(void)steal_fd(&fd);
	while ((entry = readdir(directory))) {
		if (entry->d_type != DT_DIR || entry->d_name[0] == '.' ||
		    !is_stale(host, entry->d_name))
			continue;
		if (host->driver->rescue)
			host->driver->rescue(host, entry->d_name);
		remove_everywhere(host, entry->d_name);
	}
}

bool cgroup_remove_directory(int parent_fd, const char *name)
{
	useconds_t pause_us = REMOVE_PAUSE_US;

	/* a reaped process leaves its group a moment later, on a busy host many moments */
	for (int attempt = 0; attempt < REMOVE_ATTEMPTS; attempt++) {
		if (unlinkat(parent_fd, name, AT_REMOVEDIR) == 0 || errno != EBUSY)
			return true;
		(void)usleep(pause_us);
		if (pause_us < REMOVE_PAUSE_MAX_US)
			pause_us *= 2;
	}
	return false;
}

uint64_t cgroup_find_value(const char *text, const char *key)
{
	size_t length = strlen(key);

	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		if (*line == '\n')
			line++;
		if (strncmp(line, key, length) == 0 && line[length] == ' ')
			return strtoull(line + length + 1, NULL, 10);
	}
	return SANDBOX_USAGE_UNKNOWN;
}
