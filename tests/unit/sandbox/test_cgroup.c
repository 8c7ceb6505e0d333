/* SPDX-License-Identifier: Apache-2.0 */
/* The drivers: v2 over a directory that looks like a group, none, and choosing between them. */
#include <errno.h>
#include <fcntl.h>
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
#include "base/descriptor.h"
#include "sandbox/cgroup.h"
#include "sandbox/sandbox.h"

#define GROUP_NAME "run.1.7.8"

static const char *const v2_files[] = {
	"cpu.max",   "memory.max",   "memory.swap.max", "memory.oom.group", "pids.max",
	"io.weight", "cgroup.procs", "cpu.stat",        "memory.peak",      "memory.current",
	"io.stat",   "pids.events",  "pids.current",    "memory.events",
};

struct fixture {
	char path[64];
	struct cgroup_host host;
	int group_fd;
};

static void put_file(int directory_fd, const char *name, const char *content)
{
	AUTO_CLOSE int fd =
		openat(directory_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, strlen(content)), (ssize_t)strlen(content));
}

static void expect_file(int directory_fd, const char *name, const char *content)
{
	char text[128];

	assert_int_equal(descriptor_read_control(directory_fd, name, text, sizeof(text), NULL), 0);
	if (strcmp(text, content) != 0)
		fail_msg("%s holds \"%s\" instead of \"%s\"", name, text, content);
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	if (!fixture)
		return -1;
	(void)snprintf(fixture->path, sizeof(fixture->path), "/tmp/berth-test-cgroup-XXXXXX");
	if (!mkdtemp(fixture->path))
		return -1;
	fixture->host = (struct cgroup_host){.driver = &cgroup_driver_v2, .features = ~0U};
	memset(fixture->host.parent_fds, -1, sizeof(fixture->host.parent_fds));
	strcpy(fixture->host.owner, "7.8");
	fixture->host.parent_fds[0] = open(fixture->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (mkdirat(fixture->host.parent_fds[0], GROUP_NAME, 0700) < 0)
		return -1;
	fixture->group_fd =
		openat(fixture->host.parent_fds[0], GROUP_NAME, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; i < sizeof(v2_files) / sizeof(v2_files[0]); i++)
		put_file(fixture->group_fd, v2_files[i], "");
	*state = fixture;
	return 0;
}

static void empty_group(int directory_fd)
{
	for (size_t i = 0; i < sizeof(v2_files) / sizeof(v2_files[0]); i++)
		(void)unlinkat(directory_fd, v2_files[i], 0);
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	int result;

	empty_group(fixture->group_fd);
	(void)close(fixture->group_fd);
	(void)unlinkat(fixture->host.parent_fds[0], GROUP_NAME, AT_REMOVEDIR);
	cgroup_host_close(&fixture->host);
	result = rmdir(fixture->path);
	free(fixture);
	return result;
}

static const struct resource_limits limits = {
	.cpu_millis = 250,
	.memory_bytes = 12345678,
	.pids = 17,
	.io_weight = 50,
};

static void test_v2_writes_every_limit(void **state)
{
	struct fixture *fixture = *state;
	struct cgroup group;

	assert_int_equal(cgroup_create(&group, &fixture->host, "run", &limits, NULL), 0);
	assert_string_equal(group.name, GROUP_NAME);
	assert_int_equal(group.enforced, CGROUP_CPU | CGROUP_MEMORY | CGROUP_SWAP | CGROUP_PIDS |
						 CGROUP_IO_WEIGHT | CGROUP_OOM_GROUP);
	expect_file(fixture->group_fd, "cpu.max", "25000 100000");
	expect_file(fixture->group_fd, "memory.max", "12345678");
	expect_file(fixture->group_fd, "memory.swap.max", "0");
	expect_file(fixture->group_fd, "memory.oom.group", "1");
	expect_file(fixture->group_fd, "pids.max", "17");
	expect_file(fixture->group_fd, "io.weight", "default 50");
	assert_true(cgroup_driver_v2.clone_fd(&group) >= 0);
	assert_null(cgroup_driver_v2.join); /* born in it */
	empty_group(fixture->group_fd);
	cgroup_destroy(&group);
	assert_int_equal(faccessat(fixture->host.parent_fds[0], GROUP_NAME, F_OK, 0), -1);
	cgroup_destroy(&group);
}

static void test_v2_without_limits(void **state)
{
	static const struct resource_limits none = {0};
	struct fixture *fixture = *state;
	struct cgroup group;

	assert_int_equal(cgroup_create(&group, &fixture->host, "run", &none, NULL), 0);
	assert_int_equal(group.enforced, 0);
	expect_file(fixture->group_fd, "cpu.max", "");
	expect_file(fixture->group_fd, "memory.max", "");
	empty_group(fixture->group_fd);
	cgroup_destroy(&group);
}

/* swap compiled out, an I/O scheduler without weights: the others still hold, and it is known */
static void test_v2_missing_files(void **state)
{
	struct fixture *fixture = *state;
	struct cgroup group;

	assert_int_equal(unlinkat(fixture->group_fd, "memory.swap.max", 0), 0);
	assert_int_equal(unlinkat(fixture->group_fd, "io.weight", 0), 0);
	assert_int_equal(cgroup_create(&group, &fixture->host, "run", &limits, NULL), 0);
	assert_int_equal(group.enforced,
			 CGROUP_CPU | CGROUP_MEMORY | CGROUP_PIDS | CGROUP_OOM_GROUP);
	empty_group(fixture->group_fd);
	cgroup_destroy(&group);
}

static void test_v2_counters(void **state)
{
	struct fixture *fixture = *state;
	struct sandbox_usage usage = {.oom_kills = SANDBOX_USAGE_UNKNOWN};
	struct cgroup group;

	assert_int_equal(cgroup_create(&group, &fixture->host, "run", &limits, NULL), 0);
	put_file(fixture->group_fd, "cpu.stat",
		 "usage_usec 300\nuser_usec 100\nsystem_usec 200\nnr_periods 9\nnr_throttled 2\n"
		 "throttled_usec 77\n");
	put_file(fixture->group_fd, "memory.peak", "5000\n");
	put_file(fixture->group_fd, "memory.current", "4000\n");
	put_file(fixture->group_fd, "memory.events",
		 "low 0\nhigh 0\nmax 3\noom 2\noom_kill 1\noom_group_kill 1\n");
	put_file(fixture->group_fd, "pids.current", "5\n");
	put_file(fixture->group_fd, "pids.events", "max 6\n");
	put_file(fixture->group_fd, "io.stat",
		 "8:0 rbytes=100 wbytes=10 rios=1 wios=1 dbytes=0 dios=0\n"
		 "7:0 rbytes=1 wbytes=2 rios=1 wios=1 dbytes=99 dios=0\n");
	cgroup_driver_v2.read_usage(&group, true, &usage);
	assert_int_equal(usage.cpu_ns, 300000);
	assert_int_equal(usage.cpu_user_ns, 100000);
	assert_int_equal(usage.cpu_system_ns, 200000);
	assert_int_equal(usage.throttled_ns, 77000);
	assert_int_equal(usage.memory_peak_bytes, 5000);
	assert_int_equal(usage.memory_bytes, 4000);
	assert_int_equal(usage.oom_kills, 1);
	assert_int_equal(usage.pids, 5);
	assert_int_equal(usage.pids_refused, 6);
	assert_int_equal(usage.io_read_bytes, 101);
	assert_int_equal(usage.io_write_bytes, 12);
	empty_group(fixture->group_fd);
	cgroup_destroy(&group);
}

/* An older kernel, a controller that is off: unknown is not zero. */
static void test_v2_counters_that_are_not_there(void **state)
{
	struct fixture *fixture = *state;
	struct sandbox_usage usage;
	struct cgroup group;

	memset(&usage, 0xff, sizeof(usage));
	assert_int_equal(cgroup_create(&group, &fixture->host, "run", &limits, NULL), 0);
	empty_group(fixture->group_fd);
	put_file(fixture->group_fd, "cpu.stat", "usage_usec 1\n");
	put_file(fixture->group_fd, "memory.events", "oom 2\n");
	cgroup_driver_v2.read_usage(&group, true, &usage);
	assert_int_equal(usage.cpu_ns, 1000);
	assert_true(usage.cpu_user_ns == SANDBOX_USAGE_UNKNOWN);
	assert_true(usage.throttled_ns == SANDBOX_USAGE_UNKNOWN);
	assert_true(usage.memory_peak_bytes == SANDBOX_USAGE_UNKNOWN);
	assert_true(usage.oom_kills == SANDBOX_USAGE_UNKNOWN);
	assert_true(usage.pids_refused == SANDBOX_USAGE_UNKNOWN);
	assert_true(usage.io_read_bytes == SANDBOX_USAGE_UNKNOWN);
	empty_group(fixture->group_fd);
	cgroup_destroy(&group);
}

static void test_values(void **state)
{
	static const char text[] = "oom_kill_disable 0\nunder_oom 1\noom_kill 7\nlast 9";

	(void)state;
	assert_int_equal(cgroup_find_value(text, "oom_kill"), 7);
	assert_int_equal(cgroup_find_value(text, "oom_kill_disable"), 0);
	assert_int_equal(cgroup_find_value(text, "last"), 9);
	assert_true(cgroup_find_value(text, "oom") == SANDBOX_USAGE_UNKNOWN);
	assert_true(cgroup_find_value("", "oom") == SANDBOX_USAGE_UNKNOWN);
	assert_true(cgroup_find_value("\n\n", "oom") == SANDBOX_USAGE_UNKNOWN);
}

static void test_limit_rows(void **state)
{
	static const struct {
		uint64_t cpu_millis;
		const char *v1, *v2;
	} quotas[] = {
		{1000,  "100000",  "100000 100000" },
		{250,   "25000",   "25000 100000"  },
		{1,     "1000",    "1000 100000"   }, /* the kernel's least */
		{16000, "1600000", "1600000 100000"},
	};
	char text[32];

	(void)state;
	for (size_t i = 0; i < sizeof(quotas) / sizeof(quotas[0]); i++) {
		const struct resource_limits cpu = {.cpu_millis = quotas[i].cpu_millis};

		assert_true(cgroup_limit_rows[0].format_v1(&cpu, text, sizeof(text)));
		assert_string_equal(text, quotas[i].v1);
		assert_true(cgroup_limit_rows[0].format_v2(&cpu, text, sizeof(text)));
		assert_string_equal(text, quotas[i].v2);
	}
	for (size_t i = 0; i < cgroup_limit_row_count; i++) {
		static const struct resource_limits none = {0};
		const struct cgroup_limit_row *row = &cgroup_limit_rows[i];

		assert_false(row->format_v2(&none, text, sizeof(text)));
		assert_false(row->format_v1 && row->format_v1(&none, text, sizeof(text)));
		assert_int_equal(row->v1_file != NULL, row->format_v1 != NULL);
	}
}

static void test_none_and_unknown(void **state)
{
	struct sandbox_usage usage = {.cpu_ns = SANDBOX_USAGE_UNKNOWN};
	struct berth_error err = {0};
	struct cgroup_host host;
	struct cgroup group;

	(void)state;
	assert_int_equal(cgroup_host_open(&host, "none", &err), 0);
	assert_int_equal(host.features, 0);
	assert_true(host.why[0]);
	assert_int_equal(cgroup_create(&group, &host, "run", &limits, &err), 0);
	assert_int_equal(group.enforced, 0);
	assert_int_equal(host.driver->clone_fd(&group), -1);
	assert_null(host.driver->join);
	host.driver->read_usage(&group, true, &usage);
	assert_true(usage.cpu_ns == SANDBOX_USAGE_UNKNOWN);
	cgroup_destroy(&group);
	cgroup_host_close(&host);
	assert_int_equal(cgroup_host_open(&host, "v3", &err), -1);
	assert_int_equal(err.code, BERTH_INVALID);
	assert_non_null(strstr(err.message, "v3"));
}

/* A named driver that is not there is an error; "auto" always ends with one. */
static void test_choice(void **state)
{
	static const char *const names[] = {"v1", "v2"};
	struct berth_error err = {0};
	struct cgroup_host host;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		if (cgroup_host_open(&host, names[i], &err) == 0) {
			assert_string_equal(host.driver->name, names[i]);
			cgroup_host_close(&host);
			continue;
		}
		assert_int_equal(err.code, BERTH_UNSUPPORTED);
		assert_non_null(strstr(err.message, names[i]));
		assert_true(strlen(err.message) > strlen("this host has no cgroup v1: "));
	}
	assert_int_equal(cgroup_host_open(&host, NULL, &err), 0);
	cgroup_host_close(&host);
	assert_int_equal(cgroup_host_open(&host, "auto", &err), 0);
	cgroup_host_close(&host);
}

#define FIXTURE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(test_v2_writes_every_limit),
		FIXTURE_TEST(test_v2_without_limits),
		FIXTURE_TEST(test_v2_missing_files),
		FIXTURE_TEST(test_v2_counters),
		FIXTURE_TEST(test_v2_counters_that_are_not_there),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_limit_rows),
		cmocka_unit_test(test_none_and_unknown),
		cmocka_unit_test(test_choice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
