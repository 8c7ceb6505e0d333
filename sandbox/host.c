/* SPDX-License-Identifier: Apache-2.0 */
/* What this host can do, probed once. */
#include "sandbox/host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/descriptor.h"
#include "sandbox/handover.h"
#include "sandbox/landlock.h"
#include "sandbox/other_cpu.h"

#define DEFAULT_STATE_PATH "/run/berth"
#define WHOLE_MAP          "0 0 4294967295"

/* Not what the uid says but what the process may do. */
static int has_capabilities(bool *ret_all, struct berth_error *err)
{
	static const cap_value_t needed[] = {CAP_SYS_ADMIN, CAP_SETUID,       CAP_SETGID,
					     CAP_CHOWN,     CAP_DAC_OVERRIDE, CAP_KILL};
	cap_t have = cap_get_proc();
	bool all = true;

	if (!have)
		return berth_fail(err, errno == ENOMEM ? BERTH_MEMORY : BERTH_SYSTEM, errno,
				  "read the capabilities");
	for (size_t i = 0; all && i < sizeof(needed) / sizeof(needed[0]); i++) {
		cap_flag_value_t set = CAP_CLEAR;

		all = cap_get_flag(have, needed[i], CAP_EFFECTIVE, &set) == 0 && set == CAP_SET;
	}
	(void)cap_free(have);
	*ret_all = all;
	return 0;
}

/* In a user namespace of somebody else's making there are no host ids to hand out. */
static bool maps_every_id(void)
{
	char map[128], *out = map;

	if (descriptor_read_control(AT_FDCWD, "/proc/self/uid_map", map, sizeof(map), NULL) < 0)
		return false;
	/* the kernel pads with blanks */
	for (const char *in = map; *in; in++)
		if (*in != ' ' || (out > map && out[-1] != ' '))
			*out++ = *in;
	*out = '\0';
	return strcmp(map, WHOLE_MAP) == 0;
}

static int open_state(const char *path, int *ret_fd, struct berth_error *err)
{
	AUTO_CLOSE int fd = -1;
	struct stat facts;

	if (!path)
		path = DEFAULT_STATE_PATH;
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return berth_fail(err, BERTH_SYSTEM, errno, "create %s", path);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &facts) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "open %s", path);
	if (facts.st_uid != geteuid())
		return berth_fail(err, BERTH_DENIED, 0, "%s belongs to uid %u, not to berth", path,
				  facts.st_uid);
	*ret_fd = steal_fd(&fd);
	return 0;
}

/* Before 6.3 only a real fork entered the time namespace made for children (Linux commit
 * 2b5f9dad32ed, "fs/exec: switch timens when a task gets a new mm"). */
static bool exec_enters_time_namespace(void)
{
	struct utsname facts;
	int major = 0, minor = 0;

	if (uname(&facts) < 0 || sscanf(facts.release, "%d.%d", &major, &minor) != 2)
		return false;
	return major > 6 || (major == 6 && minor >= 3);
}

int sandbox_host_open(const struct sandbox_host_options *options, struct sandbox_host **ret_host,
		      struct berth_error *err)
{
	static const struct sandbox_host_options defaults = {0};
	struct sandbox_host *host;
	bool capable = false;

	if (!options)
		options = &defaults;
	host = calloc(1, sizeof(*host));
	if (!host)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "sandbox host");
	host->state_fd = host->view_namespace_fd = -1;
	host->network_pool.own_fd = -1;
	host->ahead = options->ahead;
	if (has_capabilities(&capable, err) < 0)
		goto close_host;
	host->privileged = capable && maps_every_id();
	if (!host->privileged && geteuid() == 0 && maps_every_id()) {
		/* its one id is the kernel's root, which nothing inside may ever be */
		(void)berth_fail(err, BERTH_UNSUPPORTED, 0,
				 "root without CAP_SYS_ADMIN, SETUID, SETGID cannot give a run "
				 "another id: start berth as an ordinary user instead");
		goto close_host;
	}
	if (host->privileged && open_state(options->state_path, &host->state_fd, err) < 0)
		goto close_host;
	host->landlock_abi = landlock_abi();
	host->time_namespaces = access("/proc/self/ns/time", F_OK) == 0;
	host->may_move_init = other_cpu_is_free_choice();
	host->vfork_task = !host->time_namespaces || exec_enters_time_namespace();
	if (cgroup_host_open(&host->cgroup, options->cgroup_driver, err) < 0)
		goto close_host;
	if (!options->pauses && host->cgroup.driver->forgo_freeze)
		host->cgroup.driver->forgo_freeze(&host->cgroup);
	host->cgroup.sequence = options->group_sequence;
	if (host->privileged && network_pool_init(&host->network_pool, options->pool_size, err) < 0)
		goto close_host;
	host->cgroup_pool.size =
		options->pool_size > CGROUP_POOL_MAX ? CGROUP_POOL_MAX : options->pool_size;
	if (host->privileged)
		host->root_sets.size = host->network_pool.size;
	*ret_host = host;
	return 0;

close_host:
	sandbox_host_close(host);
	return -1;
}

bool sandbox_host_is_privileged(const struct sandbox_host *host)
{
	return host->privileged;
}

const char *sandbox_host_cgroup_driver(const struct sandbox_host *host)
{
	return host->cgroup.driver->name;
}

void sandbox_host_retire_mounts(struct sandbox_host *host, int *namespace_fd)
{
	if (host->cgroup_pool.size == 0 || host->retired_fd_count == CGROUP_POOL_MAX) {
		close_fd(namespace_fd);
		return;
	}
	host->retired_fds[host->retired_fd_count++] = steal_fd(namespace_fd);
}

static void close_retired_mounts(struct sandbox_host *host)
{
	while (host->retired_fd_count > 0)
		close_fd(&host->retired_fds[--host->retired_fd_count]);
}

void sandbox_host_refill(struct sandbox_host *host)
{
	while (sandbox_host_refill_step(host))
		continue;
}

/* What is over goes first: it gives memory back. */
bool sandbox_host_refill_step(struct sandbox_host *host)
{
	if (host->retired_fd_count > 0) {
		close_fd(&host->retired_fds[--host->retired_fd_count]);
		return true;
	}
	return cgroup_pool_refill_step(&host->cgroup_pool, &host->cgroup) ||
	       network_pool_refill_step(&host->network_pool) ||
	       root_set_pool_refill_step(&host->root_sets);
}

void sandbox_host_drain(struct sandbox_host *host)
{
	close_retired_mounts(host);
	cgroup_pool_finish(&host->cgroup_pool);
	network_pool_drain(&host->network_pool);
	root_set_pool_finish(&host->root_sets);
}

void sandbox_host_close(struct sandbox_host *host)
{
	if (!host)
		return;
	sandbox_host_drain(host);
	network_pool_finish(&host->network_pool);
	if (host->cgroup.driver)
		cgroup_host_close(&host->cgroup);
	protection_set_release(host->protections);
	close_fd(&host->view_namespace_fd);
	close_fd(&host->state_fd);
	free(host);
}
