/* SPDX-License-Identifier: Apache-2.0 */
/* Standing still: by the group's freezer, or by stopping each process. */
#include "sandbox/pause.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/descriptor.h"
#include "sandbox/host.h"
#include "sandbox/sandbox_state.h"

#define LIST_SIZE  65536 /* some nine thousand processes; the next round finds the rest */
#define ROUNDS_MAX 8
#define PID_DIGITS 16
#define STATE_SIZE 1024
#define GROUP_SIZE 4096

enum sandbox_pause_method sandbox_host_pause_method(const struct sandbox_host *host)
{
	const struct cgroup_host *cgroup = &host->cgroup;

	if (cgroup->features & CGROUP_FREEZE)
		return SANDBOX_PAUSE_GROUP;
	return cgroup->driver->processes_fd ? SANDBOX_PAUSE_SIGNALS : SANDBOX_PAUSE_NONE;
}

/* Still in the group: the number may be another process's by now. */
static bool is_member(const struct cgroup *group, const char *pid)
{
	char path[64], text[GROUP_SIZE];

	(void)snprintf(path, sizeof(path), "/proc/%s/cgroup", pid);
	return descriptor_read_control(AT_FDCWD, path, text, sizeof(text), NULL) == 0 &&
	       strstr(text, group->name);
}

static bool is_stopped(const char *pid)
{
	char path[64], text[STATE_SIZE];
	const char *bracket;

	(void)snprintf(path, sizeof(path), "/proc/%s/stat", pid);
	if (descriptor_read_control(AT_FDCWD, path, text, sizeof(text), NULL) < 0)
		return true; /* gone */
	bracket = strrchr(text, ')');
	return bracket && (strncmp(bracket, ") T", 3) == 0 || strncmp(bracket, ") Z", 3) == 0 ||
			   strncmp(bracket, ") X", 3) == 0);
}

/* false when it is not, or no longer, one of the group's. */
static bool signal_member(const struct cgroup *group, const char *pid, int signal)
{
	AUTO_CLOSE int pidfd = (int)syscall(SYS_pidfd_open, (pid_t)strtol(pid, NULL, 10), 0);

	return pidfd >= 0 && is_member(group, pid) &&
	       syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) == 0;
}

/* One look at the group; *ret_moving counts those that were not where they shall be. */
static int signal_group(const struct cgroup *group, int signal, size_t *ret_moving,
			struct berth_error *err)
{
	int fd = group->host->driver->processes_fd(group);
	AUTO_FREE char *pids = malloc(LIST_SIZE);
	char *saved = NULL;
	size_t moving = 0;

	if (!pids)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "list the run's processes");
	if (descriptor_read_control(fd, "cgroup.procs", pids, LIST_SIZE, err) < 0)
		return -1;
	for (char *pid = strtok_r(pids, "\n", &saved); pid; pid = strtok_r(NULL, "\n", &saved)) {
		if (strlen(pid) >= PID_DIGITS || is_stopped(pid) == (signal == SIGSTOP))
			continue;
		if (signal_member(group, pid, signal))
			moving++;
	}
	*ret_moving = moving;
	return 0;
}

static int stop_each(struct sandbox *sandbox, struct berth_error *err)
{
	size_t moving = 1;

	for (int round = 0; moving > 0 && round < ROUNDS_MAX; round++)
		if (signal_group(&sandbox->cgroup, SIGSTOP, &moving, err) < 0)
			return -1;
	return moving > 0 ? SANDBOX_FREEZING : 0;
}

static int set_frozen(struct sandbox *sandbox, bool frozen, struct berth_error *err)
{
	const struct cgroup *group = &sandbox->cgroup;
	size_t moving;

	switch (sandbox_host_pause_method(sandbox->host)) {
	case SANDBOX_PAUSE_GROUP:
		return group->host->driver->freeze(group, frozen, err);
	case SANDBOX_PAUSE_SIGNALS:
		return frozen ? stop_each(sandbox, err)
			      : signal_group(group, SIGCONT, &moving, err);
	case SANDBOX_PAUSE_NONE:
		break;
	}
	return berth_fail(err, BERTH_UNSUPPORTED, 0,
			  "this host has no control group to freeze (cgroup %s)",
			  group->host->driver->name);
}

int sandbox_freeze(struct sandbox *sandbox, struct berth_error *err)
{
	int result;

	if (sandbox->ended)
		return 0;
	result = set_frozen(sandbox, true, err);
	if (result < 0)
		return berth_fail_context(err, "freeze");
	sandbox->frozen = true;
	/* it was killed while it froze: nothing else thaws it */
	if (sandbox->kill_requested)
		sandbox_let_die(sandbox);
	return result;
}

int sandbox_thaw(struct sandbox *sandbox, struct berth_error *err)
{
	if (sandbox->ended || !sandbox->frozen)
		return 0;
	if (set_frozen(sandbox, false, err) < 0)
		return berth_fail_context(err, "thaw");
	sandbox->frozen = false;
	return 0;
}

void sandbox_let_die(struct sandbox *sandbox)
{
	const struct cgroup *group = &sandbox->cgroup;

	/* a process that is only stopped dies of SIGKILL by itself (signal(7)) */
	if (group->host && sandbox_host_pause_method(sandbox->host) == SANDBOX_PAUSE_GROUP)
		group->host->driver->let_die(group);
}

bool sandbox_host_can_reclaim(const struct sandbox_host *host)
{
	return host->cgroup.features & CGROUP_RECLAIM;
}

int sandbox_reclaim(struct sandbox *sandbox, uint64_t bytes, struct berth_error *err)
{
	const struct cgroup_driver *driver = sandbox->host->cgroup.driver;
	int reclaimed;

	if (sandbox->ended)
		return 0;
	if (!sandbox_host_can_reclaim(sandbox->host))
		return berth_fail(err, BERTH_UNSUPPORTED, 0,
				  "this host cannot reclaim a group's memory (cgroup %s)",
				  driver->name);
	reclaimed = driver->reclaim(&sandbox->cgroup, bytes, err);
	if (reclaimed < 0)
		return berth_fail_context(err, "reclaim");
	return reclaimed == CGROUP_CHANGING ? SANDBOX_RECLAIMING : 0;
}

uint64_t sandbox_count_processes(const struct sandbox *sandbox)
{
	const struct cgroup_driver *driver = sandbox->host->cgroup.driver;
	char text[32];

	if (sandbox->ended)
		return 0;
	if (!driver->processes_fd ||
	    descriptor_read_control(driver->processes_fd(&sandbox->cgroup), "pids.current", text,
				    sizeof(text), NULL) < 0)
		return SANDBOX_USAGE_UNKNOWN;
	return strtoull(text, NULL, 10);
}
