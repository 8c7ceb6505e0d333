/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup v1 for real: limits are written, counters read, nothing is left, and a sweep takes the
 * groups of dead supervisors only. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/descriptor.h"
#include "sandbox/cgroup.h"
#include "sandbox/sandbox.h"
#include "tests/unit/sandbox/leaks.h"

#define SKIPPED     77
#define MEMORY      (64 << 20)
#define TOUCHED     (16 << 20)
#define BURNED_NS   60000000
#define LAST_ROOT   "/sys/fs/cgroup/blkio/berth/" /* where a sweep looks */
#define MEMORY_ROOT "/sys/fs/cgroup/memory/berth/"

static const struct resource_limits limits = {
	.cpu_millis = 500,
	.memory_bytes = MEMORY,
	.pids = 3,
	.io_weight = 50,
};

static void expect_file(int directory_fd, const char *name, const char *content)
{
	char text[128];

	assert_true(directory_fd >= 0);
	assert_int_equal(descriptor_read_control(directory_fd, name, text, sizeof(text), NULL), 0);
	if (strcmp(text, content) != 0)
		fail_msg("%s holds \"%s\" instead of \"%s\"", name, text, content);
}

static void expect_limits(const struct cgroup *group)
{
	/* as in the driver's order: freezer, cpu, cpuacct, memory, pids,
	 * blkio */
	if (group->enforced & CGROUP_CPU)
		expect_file(group->fds[1], "cpu.cfs_quota_us", "50000");
	expect_file(group->fds[3], "memory.limit_in_bytes", "67108864");
	if (group->enforced & CGROUP_SWAP)
		expect_file(group->fds[3], "memory.memsw.limit_in_bytes", "67108864");
	if (group->enforced & CGROUP_PIDS)
		expect_file(group->fds[4], "pids.max", "3");
}

static uint64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Goes in, then uses memory, time and processes. */
static void consume(const struct cgroup *group)
{
	uint64_t end;
	char *memory;

	if (group->host->driver->join(group, NULL) < 0)
		_exit(1);
	memory = mmap(NULL, TOUCHED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		_exit(2);
	memset(memory, 1, TOUCHED);
	for (end = now_ns() + BURNED_NS; now_ns() < end;)
		continue;
	for (int i = 0; i < 4; i++)
		if (fork() == 0)
			_exit(pause());
	(void)kill(0, SIGTERM); /* the whole process group */
	_exit(3);
}

static pid_t start_consumer(const struct cgroup *group)
{
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		(void)setpgid(0, 0);
		consume(group);
	}
	return child;
}

static void test_life_of_a_group(void **state)
{
	struct sandbox_usage usage;
	struct cgroup_host host;
	struct cgroup group;
	struct leaks before;
	char path[256];
	int status;
	pid_t child;

	(void)state;
	memset(&usage, 0xff, sizeof(usage));
	leaks_note(&before);
	assert_int_equal(cgroup_host_open(&host, "v1", NULL), 0);
	assert_int_equal(cgroup_create(&group, &host, "unit-life", &limits, NULL), 0);
	assert_true(group.enforced & CGROUP_MEMORY);
	expect_limits(&group);
	assert_int_equal(host.driver->clone_fd(&group), -1);
	child = start_consumer(&group);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	host.driver->read_usage(&group, true, &usage);
	assert_in_range(usage.memory_peak_bytes, TOUCHED, MEMORY);
	assert_in_range(usage.cpu_ns, BURNED_NS / 8, UINT64_C(4000000000));
	if (host.features & CGROUP_PIDS)
		assert_in_range(usage.pids_refused, 1, 2);
	assert_int_equal(usage.oom_kills, 0);
	(void)snprintf(path, sizeof(path), MEMORY_ROOT "%s", group.name);
	assert_int_equal(access(path, F_OK), 0);
	cgroup_destroy(&group);
	assert_int_equal(access(path, F_OK), -1);
	cgroup_host_close(&host);
	leaks_expect_none(&before);
}

static void test_joining_what_was_opened_ahead(void **state)
{
	struct sandbox_usage usage;
	struct cgroup_host host;
	struct cgroup group, nameless;
	struct leaks before;
	pid_t child;

	(void)state;
	memset(&usage, 0xff, sizeof(usage));
	leaks_note(&before);
	assert_int_equal(cgroup_host_open(&host, "v1", NULL), 0);
	assert_int_equal(cgroup_create(&group, &host, "unit-ahead", &limits, NULL), 0);
	host.driver->open_joins(&group);
	for (size_t i = 0; i < CGROUP_HIERARCHIES_MAX; i++)
		assert_true(group.fds[i] < 0 || group.join_fds[i] >= 0);
	nameless = group;
	nameless.name[0] = '\0'; /* a join by name would find nothing */
	child = start_consumer(&nameless);
	assert_int_equal(waitpid(child, NULL, 0), child);
	host.driver->read_usage(&group, false, &usage);
	assert_in_range(usage.memory_peak_bytes, TOUCHED, MEMORY);
	assert_true(usage.memory_bytes == SANDBOX_USAGE_UNKNOWN); /* not asked for */
	cgroup_destroy(&group);
	cgroup_host_close(&host);
	leaks_expect_none(&before);
}

/* A sweep looks at the last hierarchy: what cannot be removed from another one is there, too. */
static void test_busy_in_one(void **state)
{
	struct cgroup_host host;
	struct cgroup group, same;
	char path[256], name[CGROUP_NAME_SIZE], text[16];
	pid_t child;

	(void)state;
	assert_int_equal(cgroup_host_open(&host, "v1", NULL), 0);
	assert_int_equal(cgroup_create(&group, &host, "unit-busy", &limits, NULL), 0);
	memcpy(name, group.name, sizeof(name));
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(pause());
	(void)snprintf(text, sizeof(text), "%d", child);
	assert_int_equal(descriptor_write_control(group.fds[1], "tasks", text, NULL), 0);
	same = group;
	cgroup_destroy(&group);
	(void)snprintf(path, sizeof(path), "/sys/fs/cgroup/blkio/berth/%s", name);
	assert_int_equal(access(path, F_OK), same.fds[5] >= 0 ? 0 : -1);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	for (size_t i = 0; i < CGROUP_HIERARCHIES_MAX; i++)
		assert_true(host.parent_fds[i] < 0 ||
			    cgroup_remove_directory(host.parent_fds[i], name));
	cgroup_host_close(&host);
}

static void test_limits_nobody_asked_for(void **state)
{
	static const struct resource_limits none = {0};
	struct cgroup_host host;
	struct cgroup group;
	struct leaks before;

	(void)state;
	leaks_note(&before);
	assert_int_equal(cgroup_host_open(&host, "v1", NULL), 0);
	assert_int_equal(cgroup_create(&group, &host, "unit-none", &none, NULL), 0);
	assert_int_equal(group.enforced, 0);
	assert_int_equal(group.oom_event_fd, -1);
	if (host.features & CGROUP_PIDS)
		expect_file(group.fds[4], "pids.max", "max");
	cgroup_destroy(&group);
	cgroup_host_close(&host);
	leaks_expect_none(&before);
}

/* A limit that the kernel refuses undoes what was made. */
static void test_half_made(void **state)
{
	static const struct resource_limits absurd = {.memory_bytes = UINT64_MAX,
						      .pids = INT64_MAX};
	struct berth_error err = {0};
	struct cgroup_host host;
	struct cgroup group;
	struct leaks before;

	(void)state;
	leaks_note(&before);
	assert_int_equal(cgroup_host_open(&host, "v1", NULL), 0);
	if (cgroup_create(&group, &host, "unit-half", &absurd, &err) < 0) {
		assert_non_null(strstr(err.message, "cgroup v1"));
		assert_int_not_equal(err.errnum, 0);
	}
	cgroup_destroy(&group);
	cgroup_host_close(&host);
	leaks_expect_none(&before);
}

static const char *const swept_roots[] = {MEMORY_ROOT, LAST_ROOT};

static bool exists(const char *name)
{
	char path[256];

	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(path, sizeof(path), "%s%s", swept_roots[i], name);
		if (access(path, F_OK) == 0)
			return true;
	}
	return false;
}

static void make_group(const char *name)
{
	char path[256];

	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(path, sizeof(path), "%s%s", swept_roots[i], name);
		assert_int_equal(mkdir(path, 0755), 0);
	}
}

static void remove_group(const char *name)
{
	char path[256];

	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(path, sizeof(path), "%s%s", swept_roots[i], name);
		assert_int_equal(rmdir(path), 0);
	}
}

static pid_t dead_process(void)
{
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	return child;
}

static void test_sweep(void **state)
{
	char dead[96], reused[96], own[96], foreign[96], elsewhere[96], owner[64], odd[96];
	struct cgroup_host host;
	struct stat namespace;

	(void)state;
	assert_int_equal(stat("/proc/self/ns/pid", &namespace), 0);
	leaks_describe_owner(getpid(), owner, sizeof(owner));
	(void)snprintf(dead, sizeof(dead), "unit-sweep.1.%ju.%d.123", (uintmax_t) namespace.st_ino,
		       dead_process());
	(void)snprintf(reused, sizeof(reused), "unit-sweep.2.%ju.%d.1",
		       (uintmax_t) namespace.st_ino, getpid());
	/* a pid of another pid namespace says nothing here */
	(void)snprintf(elsewhere, sizeof(elsewhere), "unit-sweep.4.%ju.%d.123",
		       (uintmax_t) namespace.st_ino + 1, dead_process());
	(void)snprintf(own, sizeof(own), "unit-sweep.3.%ju.%s", (uintmax_t) namespace.st_ino,
		       owner);
	(void)snprintf(foreign, sizeof(foreign), "unit-sweep-%d", getpid());
	(void)snprintf(odd, sizeof(odd), "unit.sweep.x%d.y", getpid());
	assert_int_equal(cgroup_host_open(&host, "v1", NULL), 0); /* makes the parent */
	cgroup_host_close(&host);
	make_group(dead);
	make_group(reused);
	make_group(own);
	make_group(foreign);
	make_group(elsewhere);
	make_group(odd);
	assert_int_equal(cgroup_host_open(&host, "v1", NULL), 0);
	cgroup_host_close(&host);
	assert_false(exists(dead));
	assert_false(exists(reused));
	assert_true(exists(own));
	assert_true(exists(foreign));
	assert_true(exists(elsewhere));
	assert_true(exists(odd));
	remove_group(own);
	remove_group(foreign);
	remove_group(elsewhere);
	remove_group(odd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life_of_a_group),
		cmocka_unit_test(test_joining_what_was_opened_ahead),
		cmocka_unit_test(test_limits_nobody_asked_for),
		cmocka_unit_test(test_half_made),
		cmocka_unit_test(test_busy_in_one),
		cmocka_unit_test(test_sweep),
	};
	struct cgroup_host host;

	if (geteuid() != 0 || cgroup_host_open(&host, "v1", NULL) < 0) {
		(void)puts("skipped: no cgroup v1 here, or not root");
		return SKIPPED;
	}
	cgroup_host_close(&host);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
