/* SPDX-License-Identifier: Apache-2.0 */
/* What the host has, also inside a limited cgroup of either version, and the refusal of a run that
 * asks for more. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "machines/capacity.h"
#include "tests/helpers/scratch.h"

#define GIB (UINT64_C(1) << 30)

static char root[64];

static int set_up(void **state)
{
	(void)state;
	return scratch_make("capacity", root);
}

static int tear_down(void **state)
{
	(void)state;
	return scratch_remove(root);
}

/* Writes root/path with all its directories. */
static void put(const char *path, const char *content)
{
	char full[512];
	FILE *file;

	(void)snprintf(full, sizeof(full), "%s%s", root, path);
	for (char *slash = strchr(full + strlen(root) + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		assert_true(mkdir(full, 0700) == 0 || errno == EEXIST);
		*slash = '/';
	}
	file = fopen(full, "we");
	assert_non_null(file);
	assert_true(fputs(content, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static struct machine_capacity read_capacity(void)
{
	struct machine_capacity capacity = {0};
	struct berth_error err;

	if (machine_capacity_under(root, &capacity, &err) < 0)
		fail_msg("%s", err.message);
	return capacity;
}

static void this_host_has_something(void **state)
{
	struct machine_capacity capacity;
	cpu_set_t set;

	(void)state;
	assert_int_equal(machine_host_capacity(&capacity, NULL), 0);
	assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
	assert_true(capacity.cpu_millis > 0);
	assert_true(capacity.cpu_millis <= (uint64_t)CPU_COUNT(&set) * 1000);
	assert_true(capacity.memory_bytes >= 64 << 20);
	assert_true(capacity.memory_bytes <=
		    (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE));
}

static void affinity_counts(void **state)
{
	struct machine_capacity capacity;
	cpu_set_t set, one;
	int cpu = 0;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
	while (!CPU_ISSET(cpu, &set))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	capacity = read_capacity();
	assert_int_equal(capacity.cpu_millis, 1000);
	assert_int_equal(sched_setaffinity(0, sizeof(set), &set), 0);
}

static void version_2_limits_count_on_every_level(void **state)
{
	struct machine_capacity capacity;

	(void)state;
	put("/proc/self/cgroup", "0::/a.slice/b.scope\n");
	put("/sys/fs/cgroup/a.slice/b.scope/memory.max", "max\n");
	put("/sys/fs/cgroup/a.slice/b.scope/cpu.max", "max 100000\n");
	put("/sys/fs/cgroup/a.slice/memory.max", "67108864\n");
	put("/sys/fs/cgroup/a.slice/cpu.max", "25000 100000\n");
	capacity = read_capacity();
	assert_int_equal(capacity.memory_bytes, 67108864);
	assert_int_equal(capacity.cpu_millis, 250);
	put("/sys/fs/cgroup/a.slice/b.scope/memory.max", "33554432\n");
	assert_int_equal(read_capacity().memory_bytes, 33554432);
}

static void version_1_limits_count(void **state)
{
	struct machine_capacity capacity;

	(void)state;
	put("/proc/self/cgroup", "5:memory:/m/x\n4:cpu,cpuacct:/c\n3:cpuset:/m\n0::/\n");
	put("/sys/fs/cgroup/memory/m/x/memory.limit_in_bytes", "9223372036854771712\n");
	put("/sys/fs/cgroup/memory/m/memory.limit_in_bytes", "67108864\n");
	put("/sys/fs/cgroup/cpu/c/cpu.cfs_quota_us", "-1\n");
	put("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "5000\n");
	put("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "50000\n");
	/* not ours: cpuset is not memory */
	put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
	capacity = read_capacity();
	assert_int_equal(capacity.memory_bytes, 67108864);
	assert_int_equal(capacity.cpu_millis, 100);
}

/* In a container /proc tells the path on the host, which is not mounted: the mount's root counts.
 */
static void an_unmounted_path_falls_back_to_the_mount(void **state)
{
	(void)state;
	put("/proc/self/cgroup", "5:memory:/docker/0123\n");
	put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "67108864\n");
	assert_int_equal(read_capacity().memory_bytes, 67108864);
}

static void garbage_limits_nothing(void **state)
{
	static const char *const lines[] = {
		"", "\n", ":", "::", "0::", "0:/x", "5:memory", "5:memory:", "x:memory:/../../..\n",
	};
	struct machine_capacity plain = read_capacity(), capacity;

	(void)state;
	put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "12x\n");
	put("/sys/fs/cgroup/memory.max", "-5\n");
	put("/sys/fs/cgroup/cpu.max", "1000 0\n");
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		put("/proc/self/cgroup", lines[i]);
		capacity = read_capacity();
		assert_int_equal(capacity.memory_bytes, plain.memory_bytes);
		assert_int_equal(capacity.cpu_millis, plain.cpu_millis);
	}
}

static const struct machine machines[] = {
	{.name = "small",       .limits = {.cpu_millis = 500, .memory_bytes = GIB / 2} },
	{.name = "medium",      .limits = {.cpu_millis = 2000, .memory_bytes = 4 * GIB}},
	{.name = "medium-less", .limits = {.cpu_millis = 2000, .memory_bytes = 2 * GIB}},
	{.name = "large",       .limits = {.cpu_millis = 4000, .memory_bytes = 8 * GIB}},
};
static struct machine_list list = {.machines = (struct machine *)(uintptr_t)machines, .count = 4};

static void what_fits_is_taken(void **state)
{
	static const struct machine_capacity host = {.cpu_millis = 2000, .memory_bytes = 4 * GIB};
	struct resource_limits unlimited = {0};

	(void)state;
	assert_int_equal(machine_check_fit(&list, "medium", &machines[1].limits, &host, NULL), 0);
	assert_int_equal(machine_check_fit(&list, NULL, &unlimited, &host, NULL), 0);
}

static void what_does_not_fit_is_refused_in_words(void **state)
{
	static const struct machine_capacity host = {.cpu_millis = 2000, .memory_bytes = 24 * GIB},
					     low = {.cpu_millis = 8000, .memory_bytes = 3 * GIB},
					     tiny = {.cpu_millis = 100, .memory_bytes = GIB / 4};
	struct berth_error err;

	(void)state;
	assert_int_equal(machine_check_fit(&list, "large", &machines[3].limits, &host, &err), -1);
	assert_int_equal(err.code, BERTH_LIMIT);
	assert_string_equal(
		err.message,
		"machine large asks for 4 CPUs and 8 GiB of memory, this host has 2 CPUs "
		"and 24 GiB; the largest machine that fits is medium");
	assert_int_equal(machine_check_fit(&list, NULL, &machines[1].limits, &low, &err), -1);
	assert_string_equal(
		err.message,
		"this run asks for 2 CPUs and 4 GiB of memory, this host has 8 CPUs and "
		"3 GiB; the largest machine that fits is medium-less");
	assert_int_equal(machine_check_fit(&list, "small", &machines[0].limits, &tiny, &err), -1);
	assert_string_equal(
		err.message,
		"machine small asks for 0.5 CPUs and 512 MiB of memory, this host has 0.1 "
		"CPUs and 256 MiB; no machine fits");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(this_host_has_something),
		TEST(affinity_counts),
		TEST(version_2_limits_count_on_every_level),
		TEST(version_1_limits_count),
		TEST(an_unmounted_path_falls_back_to_the_mount),
		TEST(garbage_limits_nothing),
		TEST(what_fits_is_taken),
		TEST(what_does_not_fit_is_refused_in_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
