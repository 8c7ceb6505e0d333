/* SPDX-License-Identifier: Apache-2.0 */
/* Launches that run into their limits, each told by name, and what they used. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/sandbox/fixture.h"
#include "tests/unit/sandbox/leaks.h"

#define MS       UINT64_C(1000000)
#define SECOND   UINT64_C(1000000000)
#define MEBIBYTE (UINT64_C(1) << 20)

static struct fixture fixture;
static struct sandbox_host *host;
static struct leaks before;

static int set_up(void **state)
{
	(void)state;
	leaks_note(&before);
	host = fixture_open_host(&fixture, NULL, 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	sandbox_host_close(host);
	host = NULL;
	leaks_expect_none(&before);
	return 0;
}

static void test_memory_limit(void **state)
{
	static const char *const verbs[] = {"memory", "memory-child"};
	struct fixture_run run;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		fixture_prepare(&run, &fixture);
		run.spec.limits.memory_bytes = 32 * MEBIBYTE;
		fixture_set_verb(&run, verbs[i], "100");
		assert_int_equal(fixture_run(host, &run), 0);
		if (run.protections[SANDBOX_MEMORY_LIMIT].status != SANDBOX_ENFORCED)
			return;
		assert_int_equal(run.outcome.end, SANDBOX_SIGNALED);
		assert_int_equal(run.outcome.code, SIGKILL);
		assert_int_equal(run.outcome.hits, SANDBOX_HIT_MEMORY);
		assert_in_range(run.outcome.usage.memory_peak_bytes, 24 * MEBIBYTE, 32 * MEBIBYTE);
	}
}

/* Too little even for init: an end that names the reason, or a run that was lucky. */
static void test_tiny_memory(void **state)
{
	static const uint64_t sizes[] = {4096, 65536, 262144, MEBIBYTE};
	struct fixture_run run;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		fixture_prepare(&run, &fixture);
		run.spec.limits.memory_bytes = sizes[i];
		run.spec.channel = true;
		if (fixture_run(host, &run) < 0) {
			assert_true(run.error.message[0]);
			continue;
		}
		if (run.outcome.end == SANDBOX_SIGNALED && !(run.outcome.hits & SANDBOX_HIT_MEMORY))
			fail_msg("%ju bytes: signal %d, %jd OOM kills, peak %ju",
				 (uintmax_t)sizes[i], run.outcome.code,
				 (intmax_t)run.outcome.usage.oom_kills,
				 (uintmax_t)run.outcome.usage.memory_peak_bytes);
		else if (run.outcome.end != SANDBOX_SIGNALED)
			assert_true(run.outcome.end == SANDBOX_EXITED ||
				    run.outcome.error.message[0]);
	}
}

static void expect_pids_limit(struct sandbox_host *of, bool counted)
{
	struct fixture_run run;
	int forked = -1, errnum = -1;

	fixture_prepare(&run, &fixture);
	run.spec.limits.pids = 20;
	fixture_set_verb(&run, "forks", NULL);
	fixture_expect_exit(of, &run, 0);
	assert_int_equal(run.protections[SANDBOX_PIDS_LIMIT].status, SANDBOX_ENFORCED);
	assert_int_equal(sscanf(run.output, "%d %d", &forked, &errnum), 2);
	assert_in_range(forked, 15, 20);
	assert_int_equal(errnum, EAGAIN);
	if (counted) {
		assert_int_equal(run.outcome.hits, SANDBOX_HIT_PIDS);
		assert_in_range(run.outcome.usage.pids_refused, 1, 10);
	}
}

static void test_pids_limit(void **state)
{
	struct sandbox_host *without = fixture_open_host(&fixture, "none", 0);
	struct fixture_run run;

	(void)state;
	expect_pids_limit(host, true);
	expect_pids_limit(without, false); /* RLIMIT_NPROC stands in */
	sandbox_host_close(without);
	/* init alone uses up a limit of one */
	fixture_prepare(&run, &fixture);
	run.spec.limits.pids = 1;
	fixture_expect_not_started(host, &run, "fork the task");
	assert_int_equal(run.outcome.hits, SANDBOX_HIT_PIDS);
}

static void test_tmpfs_limits(void **state)
{
	static const char *const places[] = {"/tmp", "/run", "/dev/shm"};
	struct fixture_run run;
	char file[32];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		fixture_prepare(&run, &fixture);
		(void)snprintf(file, sizeof(file), "%s/file", places[i]);
		fixture_set_verb(&run, "fill", file);
		fixture_expect_exit(host, &run, 0);
		assert_string_equal(run.output, "28\n"); /* ENOSPC */
		assert_int_equal(run.outcome.hits, SANDBOX_HIT_TMPFS);

		fixture_prepare(&run, &fixture);
		fixture_set_verb(&run, "fill-inodes", places[i]);
		fixture_expect_exit(host, &run, 0);
		assert_string_equal(run.output, "28\n");
		assert_int_equal(run.outcome.hits, SANDBOX_HIT_TMPFS);
	}
}

static void test_cpu_limit_and_usage(void **state)
{
	struct fixture_run run;
	const struct sandbox_usage *usage = &run.outcome.usage;

	(void)state;
	fixture_prepare(&run, &fixture);
	run.spec.limits.cpu_millis = 250;
	fixture_set_verb(&run, "cpu", "300");
	fixture_expect_exit(host, &run, 0);
	if (run.protections[SANDBOX_CPU_LIMIT].status != SANDBOX_ENFORCED)
		return;
	assert_in_range(usage->cpu_ns, 250 * MS, 900 * MS);
	assert_in_range(usage->wall_ns, 800 * MS, 20 * SECOND);
	/* how much depends on who else wants the CPU: a busy host throttles nobody */
	assert_in_range(usage->throttled_ns, 0, usage->wall_ns);
	assert_in_range(usage->memory_peak_bytes, 4096, 256 * MEBIBYTE);
	assert_int_equal(usage->oom_kills, 0);
	assert_int_equal(usage->pids_refused, 0);
	assert_int_equal(usage->memory_bytes, 0);
	assert_int_equal(usage->pids, 0);
}

static void watch_usage(struct sandbox *sandbox, struct fixture_run *run)
{
	struct sandbox_usage usage;

	assert_int_equal(sandbox_read_usage(sandbox, &usage, NULL), 0);
	assert_true(usage.wall_ns > 0);
	if (run->started && usage.memory_bytes != SANDBOX_USAGE_UNKNOWN && usage.memory_bytes > 0 &&
	    usage.pids == 2) /* init and the task */
		run->extra = run;
}

static void test_usage_while_running(void **state)
{
	struct fixture_run run;

	(void)state;
	fixture_prepare(&run, &fixture);
	run.on_turn = watch_usage;
	fixture_set_verb(&run, "sleep", "200");
	fixture_expect_exit(host, &run, 0);
	if (run.protections[SANDBOX_MEMORY_LIMIT].status == SANDBOX_ENFORCED)
		assert_non_null(run.extra); /* a host with that controller has pids, too */
}

static void test_driver_none(void **state)
{
	struct sandbox_host *without = fixture_open_host(&fixture, "none", 0);
	struct fixture_run run;

	(void)state;
	fixture_prepare(&run, &fixture);
	fixture_set_verb(&run, "cpu", "50");
	fixture_expect_exit(without, &run, 0);
	assert_int_equal(run.protections[SANDBOX_MEMORY_LIMIT].status, SANDBOX_UNAVAILABLE);
	/* init's own count of what it reaped */
	assert_in_range(run.outcome.usage.cpu_ns, 30 * MS, SECOND);
	assert_in_range(run.outcome.usage.memory_peak_bytes, 4096, 256 * MEBIBYTE);
	assert_true(run.outcome.usage.oom_kills == SANDBOX_USAGE_UNKNOWN);
	assert_true(run.outcome.usage.throttled_ns == SANDBOX_USAGE_UNKNOWN);
	assert_true(run.outcome.usage.io_read_bytes == SANDBOX_USAGE_UNKNOWN);
	sandbox_host_close(without);
}

#define LAUNCH_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int count, char **arguments)
{
	const struct CMUnitTest tests[] = {
		LAUNCH_TEST(test_memory_limit),        LAUNCH_TEST(test_tiny_memory),
		LAUNCH_TEST(test_pids_limit),          LAUNCH_TEST(test_tmpfs_limits),
		LAUNCH_TEST(test_cpu_limit_and_usage), LAUNCH_TEST(test_usage_while_running),
		LAUNCH_TEST(test_driver_none),
	};
	int failed;

	if (count != 2 || geteuid() != 0) {
		(void)puts("skipped: needs root and the helper's path");
		return FIXTURE_SKIPPED;
	}
	if (fixture_set_up(&fixture, arguments[1]) < 0)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	return fixture_tear_down(&fixture) < 0 ? 1 : failed;
}
