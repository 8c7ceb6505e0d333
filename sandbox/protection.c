/* SPDX-License-Identifier: Apache-2.0 */
/* Which protections a run has on this host: derived from the probes and the spec, row by row. */
#include "sandbox/protection.h"

#include <stdarg.h>
#include <stdio.h>

#include "sandbox/host.h"
#include "sandbox/io_weight.h"
#include "sandbox/landlock.h"
#include "sandbox/volume.h"

static void set(struct sandbox_protection_state *states, enum sandbox_protection protection,
		enum sandbox_protection_status status, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static void set(struct sandbox_protection_state *states, enum sandbox_protection protection,
		enum sandbox_protection_status status, const char *format, ...)
{
	va_list args;

	states[protection].status = status;
	va_start(args, format);
	(void)vsnprintf(states[protection].detail, sizeof(states[protection].detail), format, args);
	va_end(args);
}

/* Which limits rest on which part of the cgroup. */
static const struct {
	enum sandbox_protection protection;
	unsigned feature;
	const char *what;
} cgroup_rows[] = {
	{SANDBOX_CPU_LIMIT,    CGROUP_CPU,       "cpu controller"   },
	{SANDBOX_MEMORY_LIMIT, CGROUP_MEMORY,    "memory controller"},
	{SANDBOX_SWAP_LIMIT,   CGROUP_SWAP,      "swap accounting"  },
	{SANDBOX_OOM_GROUP,    CGROUP_OOM_GROUP, "memory controller"},
	{SANDBOX_PIDS_LIMIT,   CGROUP_PIDS,      "pids controller"  },
	{SANDBOX_IO_WEIGHT,    CGROUP_IO_WEIGHT, "io weights"       },
};

static bool wants(const struct resource_limits *limits, enum sandbox_protection protection)
{
	if (protection == SANDBOX_CPU_LIMIT)
		return limits->cpu_millis != 0;
	if (protection == SANDBOX_PIDS_LIMIT)
		return limits->pids != 0;
	if (protection == SANDBOX_IO_WEIGHT)
		return limits->io_weight != 0 && limits->io_weight != CGROUP_IO_WEIGHT_DEFAULT;
	return limits->memory_bytes != 0;
}

/* The kernel takes a weight that no disk heeds. */
static void set_io_weight(struct sandbox_host *host, struct sandbox_protection_state *states)
{
	bool is_v1 = host->cgroup.driver == &cgroup_driver_v1;
	const char *disk;

	if (states[SANDBOX_IO_WEIGHT].status != SANDBOX_ENFORCED)
		return;
	disk = io_weight_look(&host->weighed_disks,
			      is_v1 ? io_weight_find_bfq : io_weight_find_cost,
			      is_v1 ? IO_WEIGHT_BLOCKS : IO_WEIGHT_ROOT);
	if (disk[0])
		set(states, SANDBOX_IO_WEIGHT, SANDBOX_ENFORCED,
		    is_v1 ? "cgroup v1, disks with bfq: %s" : "cgroup v2, disks with io.cost: %s",
		    disk);
	else
		set(states, SANDBOX_IO_WEIGHT, SANDBOX_UNAVAILABLE,
		    is_v1 ? "no disk has the bfq scheduler (cgroup v1)"
			  : "no disk has io.cost enabled (cgroup v2)");
}

static void set_cgroup_limits(struct sandbox_host *host, const struct sandbox_spec *spec,
			      struct sandbox_protection_state *states)
{
	for (size_t i = 0; i < sizeof(cgroup_rows) / sizeof(cgroup_rows[0]); i++) {
		enum sandbox_protection protection = cgroup_rows[i].protection;

		if (spec && !wants(&spec->limits, protection))
			set(states, protection, SANDBOX_NOT_REQUESTED, "no limit asked for");
		else if (host->cgroup.features & cgroup_rows[i].feature)
			set(states, protection, SANDBOX_ENFORCED, "cgroup %s",
			    host->cgroup.driver->name);
		else
			set(states, protection, SANDBOX_UNAVAILABLE, "no %s (cgroup %s%s%s)",
			    cgroup_rows[i].what, host->cgroup.driver->name,
			    host->cgroup.why[0] ? ": " : "", host->cgroup.why);
	}
	set_io_weight(host, states);
	/* counted by user namespace, and every run has its own (since 5.14) */
	if (!(host->cgroup.features & CGROUP_PIDS) && (!spec || spec->limits.pids))
		set(states, SANDBOX_PIDS_LIMIT, SANDBOX_ENFORCED,
		    "RLIMIT_NPROC of the run's user namespace");
}

/* A controller may be there without every file of it: swap accounting can be off (swapaccount=0),
 * io.weight comes with CONFIG_BLK_CGROUP_IOCOST. What no disk heeds keeps that reason. */
void sandbox_host_correct_protections(const struct sandbox_host *host, const struct cgroup *group,
				      const struct resource_limits *limits,
				      struct sandbox_protection_state states[SANDBOX_PROTECTIONS])
{
	for (size_t i = 0; i < sizeof(cgroup_rows) / sizeof(cgroup_rows[0]); i++) {
		enum sandbox_protection protection = cgroup_rows[i].protection;

		if (wants(limits, protection) && (host->cgroup.features & cgroup_rows[i].feature) &&
		    !(group->enforced & cgroup_rows[i].feature) &&
		    states[protection].status == SANDBOX_ENFORCED)
			set(states, protection, SANDBOX_UNAVAILABLE,
			    "cgroup %s has no file for it here", host->cgroup.driver->name);
	}
}

static void set_disk_limit(const struct sandbox_host *host, const struct sandbox_spec *spec,
			   struct sandbox_protection_state *states)
{
	if (!host->privileged)
		set(states, SANDBOX_DISK_LIMIT, SANDBOX_ENFORCED,
		    "rootless: volumes in memory only, checkpoint directories are not limited");
	for (size_t i = 0; spec && i < spec->volume_count; i++)
		if (sandbox_volume_kind(spec->volumes[i].volume) == SANDBOX_VOLUME_DIRECTORY)
			set(states, SANDBOX_DISK_LIMIT, SANDBOX_UNAVAILABLE,
			    "%s is a plain directory", spec->volumes[i].target);
	for (size_t i = 0; spec && i < spec->mount_count; i++)
		if (spec->mounts[i].kind == SANDBOX_MOUNT_BIND &&
		    (spec->mounts[i].flags & SANDBOX_MOUNT_WRITABLE))
			set(states, SANDBOX_DISK_LIMIT, SANDBOX_UNAVAILABLE,
			    "%.48s is a place of the host, as large as its disk",
			    spec->mounts[i].target);
}

void sandbox_host_protections(struct sandbox_host *host, const struct sandbox_spec *spec,
			      struct sandbox_protection_state ret_states[SANDBOX_PROTECTIONS])
{
	for (size_t i = 0; i < SANDBOX_PROTECTIONS; i++)
		ret_states[i] = (struct sandbox_protection_state){.status = SANDBOX_ENFORCED};

	if (!host->privileged)
		set(ret_states, SANDBOX_UID_RANGE, SANDBOX_UNAVAILABLE,
		    "rootless: every run has the caller's uid on the host");
	if (spec && spec->network == SANDBOX_NETWORK_HOST)
		set(ret_states, SANDBOX_NETWORK_NAMESPACE, SANDBOX_NOT_REQUESTED,
		    "the host's network was asked for");
	if (!host->time_namespaces)
		set(ret_states, SANDBOX_TIME_NAMESPACE, SANDBOX_UNAVAILABLE,
		    "no time namespaces in this kernel");
	if (host->landlock_abi >= LANDLOCK_ABI_MIN)
		set(ret_states, SANDBOX_LANDLOCK, SANDBOX_ENFORCED, "ABI %d", host->landlock_abi);
	else if (host->landlock_abi > 0)
		set(ret_states, SANDBOX_LANDLOCK, SANDBOX_UNAVAILABLE,
		    "ABI %d would refuse renames between directories", host->landlock_abi);
	else
		set(ret_states, SANDBOX_LANDLOCK, SANDBOX_UNAVAILABLE, "not in this kernel");
	set_cgroup_limits(host, spec, ret_states);
	set_disk_limit(host, spec, ret_states);
}
