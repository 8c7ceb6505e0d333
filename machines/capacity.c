/* SPDX-License-Identifier: Apache-2.0 */
/* What this host has for its runs, and whether a machine fits it. */
#include "machines/capacity.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "base/amount.h"
#include "base/cleanup.h"
#include "base/descriptor.h"

#define PATH_SIZE      4096
#define CONTROL_SIZE   64
#define MEMBERSHIP_MAX (64 * 1024)
#define CPUS_COUNTED   8192 /* the kernel's NR_CPUS on the largest distributions' builds */
#define PERIOD_US      UINT64_C(100000)

/* A directory of a cgroup hierarchy may lower what we have. */
struct hierarchy_row {
	const char *controller; /* as in /proc/self/cgroup; "" is version 2 */
	const char *mount;
	void (*lower)(const char *directory, struct machine_capacity *capacity);
};

/* Reads directory/name; false when there is none or it is no number ("max", "-1"). */
static bool read_number(const char *directory, const char *name, uint64_t *ret_number)
{
	char path[PATH_SIZE + 32], text[CONTROL_SIZE], *end;
	unsigned long long number;

	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	if (descriptor_read_control(AT_FDCWD, path, text, sizeof(text), NULL) < 0)
		return false;
	errno = 0;
	number = strtoull(text, &end, 10);
	if (errno || end == text || *end != '\0' || text[0] == '-')
		return false;
	*ret_number = number;
	return true;
}

static void lower_to(uint64_t *value, uint64_t limit)
{
	if (limit < *value)
		*value = limit;
}

static void lower_by_quota(uint64_t quota_us, uint64_t period_us, struct machine_capacity *capacity)
{
	if (period_us > 0 && quota_us <= UINT64_MAX / 1000)
		lower_to(&capacity->cpu_millis, quota_us * 1000 / period_us);
}

static void lower_v2(const char *directory, struct machine_capacity *capacity)
{
	char path[PATH_SIZE + 32], text[CONTROL_SIZE];
	uint64_t limit, quota, period;

	if (read_number(directory, "memory.max", &limit))
		lower_to(&capacity->memory_bytes, limit);
	(void)snprintf(path, sizeof(path), "%s/cpu.max", directory);
	if (descriptor_read_control(AT_FDCWD, path, text, sizeof(text), NULL) == 0 &&
	    sscanf(text, "%" SCNu64 " %" SCNu64, &quota, &period) == 2)
		lower_by_quota(quota, period, capacity);
}

static void lower_v1_memory(const char *directory, struct machine_capacity *capacity)
{
	uint64_t limit;

	if (read_number(directory, "memory.limit_in_bytes", &limit))
		lower_to(&capacity->memory_bytes, limit);
}

static void lower_v1_cpu(const char *directory, struct machine_capacity *capacity)
{
	uint64_t quota, period = PERIOD_US;

	if (!read_number(directory, "cpu.cfs_quota_us", &quota))
		return; /* none, as almost everywhere */
	(void)read_number(directory, "cpu.cfs_period_us", &period);
	lower_by_quota(quota, period, capacity);
}

static const struct hierarchy_row hierarchy_rows[] = {
	{"",       "/sys/fs/cgroup",        lower_v2       },
	{"memory", "/sys/fs/cgroup/memory", lower_v1_memory},
	{"cpu",    "/sys/fs/cgroup/cpu",    lower_v1_cpu   },
};

/* true when the comma-separated list of /proc/self/cgroup has the controller. */
static bool has_controller(const char *list, size_t length, const char *controller)
{
	size_t wanted = strlen(controller);
	const char *comma;

	for (const char *at = list; at <= list + length; at = comma + 1) {
		comma = memchr(at, ',', (size_t)(list + length - at));
		if (!comma)
			comma = list + length;
		if ((size_t)(comma - at) == wanted && memcmp(at, controller, wanted) == 0)
			return true;
	}
	return false;
}

/* Our cgroup and every parent may limit us; in a container the path that /proc tells is often not
 * the one that is mounted, then the mount itself is what counts. */
static void lower_along(const char *root, const struct hierarchy_row *row, const char *group,
			struct machine_capacity *capacity)
{
	char directory[PATH_SIZE], *slash;
	size_t mount_length;
	int length;

	if (strcmp(group, "/") == 0)
		group = ""; /* the mount itself, which is looked at once */
	mount_length = strlen(root) + strlen(row->mount);
	length = snprintf(directory, sizeof(directory), "%s%s%s", root, row->mount, group);
	if (length < 0 || (size_t)length >= sizeof(directory))
		return;
	for (;;) {
		row->lower(directory, capacity);
		slash = strrchr(directory, '/');
		if (!slash || (size_t)(slash - directory) < mount_length)
			return;
		*slash = '\0';
	}
}

/* One line of /proc/self/cgroup: "4:memory:/path" (cgroups(7)). */
static void lower_by_line(const char *root, const char *line, struct machine_capacity *capacity)
{
	const char *list = strchr(line, ':'), *group = list ? strchr(list + 1, ':') : NULL;

	if (!group)
		return;
	list++;
	for (size_t i = 0; i < sizeof(hierarchy_rows) / sizeof(hierarchy_rows[0]); i++)
		if (has_controller(list, (size_t)(group - list), hierarchy_rows[i].controller))
			lower_along(root, &hierarchy_rows[i], group + 1, capacity);
}

static void lower_by_cgroups(const char *root, struct machine_capacity *capacity)
{
	AUTO_FREE char *text = NULL;
	char path[PATH_SIZE], *line, *rest;
	size_t length;

	(void)snprintf(path, sizeof(path), "%s/proc/self/cgroup", root);
	if (descriptor_read_file(AT_FDCWD, path, MEMBERSHIP_MAX, &text, &length, NULL) < 0)
		return; /* a kernel without cgroups limits nothing */
	for (rest = text; (line = strsep(&rest, "\n"));)
		lower_by_line(root, line, capacity);
}

int machine_capacity_under(const char *root, struct machine_capacity *ret_capacity,
			   struct berth_error *err)
{
	unsigned long mask[CPUS_COUNTED / (8 * sizeof(unsigned long))] = {0};
	struct machine_capacity capacity;
	struct sysinfo info;

	if (sched_getaffinity(0, sizeof(mask), (cpu_set_t *)(void *)mask) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "sched_getaffinity");
	if (sysinfo(&info) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "sysinfo");
	capacity.cpu_millis = (uint64_t)CPU_COUNT_S(sizeof(mask), (cpu_set_t *)(void *)mask) * 1000;
	capacity.memory_bytes = (uint64_t)info.totalram * info.mem_unit;
	lower_by_cgroups(root, &capacity);
	*ret_capacity = capacity;
	return 0;
}

int machine_host_capacity(struct machine_capacity *ret_capacity, struct berth_error *err)
{
	return machine_capacity_under("", ret_capacity, err);
}

static bool fits(const struct resource_limits *limits, const struct machine_capacity *capacity)
{
	return limits->cpu_millis <= capacity->cpu_millis &&
	       limits->memory_bytes <= capacity->memory_bytes;
}

static bool is_larger(const struct resource_limits *a, const struct resource_limits *b)
{
	if (a->cpu_millis != b->cpu_millis)
		return a->cpu_millis > b->cpu_millis;
	return a->memory_bytes > b->memory_bytes;
}

static const struct machine *largest_that_fits(const struct machine_list *list,
					       const struct machine_capacity *capacity)
{
	const struct machine *largest = NULL;

	for (size_t i = 0; i < list->count; i++)
		if (fits(&list->machines[i].limits, capacity) &&
		    (!largest || is_larger(&list->machines[i].limits, &largest->limits)))
			largest = &list->machines[i];
	return largest;
}

int machine_check_fit(const struct machine_list *list, const char *name,
		      const struct resource_limits *limits, const struct machine_capacity *capacity,
		      struct berth_error *err)
{
	char asked_cpu[AMOUNT_TEXT_SIZE], asked_memory[AMOUNT_TEXT_SIZE], has_cpu[AMOUNT_TEXT_SIZE],
		has_memory[AMOUNT_TEXT_SIZE];
	const struct machine *largest;

	if (fits(limits, capacity))
		return 0;
	largest = largest_that_fits(list, capacity);
	return berth_fail(
		err, BERTH_LIMIT, 0,
		"%s%s asks for %s CPUs and %s of memory, this host has %s CPUs and %s; %s%s",
		name ? "machine " : "this run", name ? name : "",
		amount_format_cpu_millis(limits->cpu_millis, asked_cpu),
		amount_format_bytes(limits->memory_bytes, asked_memory),
		amount_format_cpu_millis(capacity->cpu_millis, has_cpu),
		amount_format_bytes(capacity->memory_bytes, has_memory),
		largest ? "the largest machine that fits is " : "no machine fits",
		largest ? largest->name : "");
}
