/* SPDX-License-Identifier: Apache-2.0 */
/* A launch with everything in it, over and over, with one more system call or allocation going well
 * each time: every failure is told, and nothing of the run is left. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "tests/helpers/fault.h"
#include "tests/unit/sandbox/fixture.h"
#include "tests/unit/sandbox/leaks.h"

#define SIZE        (UINT64_C(8) << 20)
#define INODES      64
#define DEADLINE_NS UINT64_C(20000000000)
#define NTH_MAX     4000

/* Exit statuses of a scenario. */
enum { WELL, FAILED_CLEANLY, NO_REASON_GIVEN, LEAKED, ENDLESS };

static struct fixture fixture;
static char place[FIXTURE_PATH], writable[FIXTURE_PATH];

struct scenario {
	const char *driver;
	unsigned pool;
	unsigned launches;
	bool disk, ahead;
};

/* Everything a run can have. */
static void prepare(struct fixture_run *run)
{
	static const char *const variables[] = {"PATH=/usr/bin", NULL};

	fixture_prepare(run, &fixture);
	fixture_add_mount(run, (struct sandbox_mount){.kind = SANDBOX_MOUNT_BIND,
						      .flags = SANDBOX_MOUNT_WRITABLE,
						      .source = writable,
						      .target = "/writable"});
	fixture_add_mount(run, (struct sandbox_mount){.kind = SANDBOX_MOUNT_BIND,
						      .flags = SANDBOX_MOUNT_OPTIONAL,
						      .source = "/no/such/source",
						      .target = "/optional"});
	fixture_add_mount(run, (struct sandbox_mount){.kind = SANDBOX_MOUNT_FILE,
						      .content = "text",
						      .target = "/etc/file"});
	fixture_add_mount(run, (struct sandbox_mount){.kind = SANDBOX_MOUNT_TMPFS,
						      .bytes = 65536,
						      .inodes = 8,
						      .target = "/tmpfs"});
	run->spec.environment = variables;
	run->spec.channel = true;
	run->spec.limits.cpu_millis = 1000;
}

/* 0 when the run ended by itself; an error is in the run otherwise. */
static int follow(struct sandbox *sandbox, struct berth_error *err)
{
	struct pollfd watched = {.fd = sandbox_descriptor(sandbox), .events = POLLIN};
	const uint64_t deadline_ns = clock_boottime_ns() + DEADLINE_NS;
	AUTO_CLOSE int channel_fd = -1;

	while (clock_boottime_ns() < deadline_ns) {
		int told = sandbox_dispatch(sandbox, err);

		if (told < 0)
			return FAILED_CLEANLY;
		if (told == SANDBOX_STARTED)
			channel_fd = sandbox_take_channel(sandbox);
		if (told == SANDBOX_ENDED) {
			const struct sandbox_outcome *outcome = sandbox_outcome(sandbox);

			if (outcome->end == SANDBOX_EXITED && outcome->code == 0)
				return WELL;
			*err = outcome->error;
			if (outcome->end == SANDBOX_EXITED || outcome->end == SANDBOX_SIGNALED)
				err->code = BERTH_SYSTEM; /* the program itself was hit */
			return FAILED_CLEANLY;
		}
		(void)poll(&watched, 1, 100);
	}
	return ENDLESS;
}

static int launch_once(struct sandbox_host *host, struct sandbox_volume **volumes, size_t count,
		       struct berth_error *err)
{
	struct sandbox *sandbox = NULL;
	struct fixture_run run;
	int result;

	prepare(&run);
	for (size_t i = 0; i < count; i++)
		fixture_add_volume(&run, volumes[i], i == 0 ? "/work" : "/checkpoint");
	if (sandbox_launch(host, &run.spec, &sandbox, err) < 0)
		return FAILED_CLEANLY;
	result = follow(sandbox, err);
	sandbox_destroy(sandbox);
	return result;
}

static int work(const struct scenario *scenario, struct berth_error *err)
{
	const struct sandbox_host_options options = {
		.cgroup_driver = scenario->driver,
		.state_path = fixture.state,
		.pool_size = scenario->pool,
		.ahead = scenario->ahead ? sandbox_ahead_start() : NULL,
	};
	struct sandbox_volume *volumes[2] = {NULL};
	struct sandbox_host *host = NULL;
	size_t count = 0;
	int result = FAILED_CLEANLY;

	if (sandbox_host_open(&options, &host, err) < 0)
		goto close_host;
	for (unsigned i = 0; i < scenario->launches; i++) {
		if (sandbox_volume_create_memory(host, SIZE, INODES, &volumes[0], err) < 0)
			goto close_host;
		count = 1;
		if (scenario->disk &&
		    sandbox_volume_open_disk(host, place, SIZE, INODES, &volumes[1], err) < 0)
			goto close_host;
		count += scenario->disk;
		result = launch_once(host, volumes, count, err);
		sandbox_volume_close(volumes[0]);
		sandbox_volume_close(volumes[1]);
		volumes[0] = volumes[1] = NULL;
		if (result != WELL)
			break;
		if (scenario->pool)
			sandbox_host_refill(host);
	}

close_host:
	sandbox_volume_close(volumes[0]);
	sandbox_volume_close(volumes[1]);
	sandbox_host_close(host);
	sandbox_ahead_destroy(options.ahead);
	return result;
}

static ino_t network_namespace(void)
{
	struct stat facts = {0};

	(void)stat("/proc/self/ns/net", &facts);
	return facts.st_ino;
}

static int run_and_check(void *argument)
{
	const ino_t network = network_namespace();
	struct berth_error err = {0};
	char text[LEAKS_TEXT_SIZE];
	struct leaks before;
	int result;

	leaks_note(&before);
	fault_start();
	result = work(argument, &err);
	fault_stop();
	if (network_namespace() != network) {
		(void)fprintf(stderr, "left in another network namespace\n");
		return LEAKED;
	}
	if (leaks_count(&before, text) > 0) {
		(void)fprintf(stderr, "left: %s\n", text);
		return LEAKED;
	}
	if (leaks_count_loops(place) > 0) {
		(void)fprintf(stderr, "left: a loop device\n");
		return LEAKED;
	}
	if (result == FAILED_CLEANLY && err.code == BERTH_NONE)
		return NO_REASON_GIVEN;
	return result;
}

static void expect_clean(const struct fault_plan *plan, const struct fault_result *result)
{
	static const char *const names[] = {"went well", "failed cleanly", "gave no reason",
					    "leaked", "did not end"};
	int code = WIFEXITED(result->status) ? WEXITSTATUS(result->status) : -1;
	bool clean = code == WELL || (code == FAILED_CLEANLY && plan->kind == FAULT_FAIL);

	if (clean && !result->hung && !result->survivors)
		return;
	fail_msg("call %u (number %d, in the %s, errno %d): %s%s%s, wait status %#x", plan->nth,
		 result->number, result->in_scenario ? "supervisor" : "sandbox", plan->errnum,
		 code >= 0 && code <= ENDLESS ? names[code] : "died",
		 result->survivors ? ", processes survived" : "", result->hung ? ", hung" : "",
		 result->status);
}

/* Every n until there is nothing left to fail. */
static void loop(struct scenario scenario, struct fault_plan plan, unsigned step)
{
	struct fault_result result = {.injected = true};
	unsigned failures = 0;

	for (plan.nth = 1; result.injected; plan.nth += step) {
		assert_true(plan.nth < NTH_MAX);
		assert_int_equal(fault_run(&plan, run_and_check, &scenario, &result), 0);
		expect_clean(&plan, &result);
		failures += WEXITSTATUS(result.status) == FAILED_CLEANLY;
	}
	assert_int_equal(WEXITSTATUS(result.status), WELL);
	if (plan.kind == FAULT_FAIL)
		assert_true(failures > 20); /* the faults arrive */
}

static void test_every_call_fails(void **state)
{
	(void)state;
	loop((struct scenario){.launches = 1, .disk = true},
	     (struct fault_plan){.kind = FAULT_FAIL, .errnum = ENOMEM}, 1);
}

static void test_every_call_is_refused(void **state)
{
	(void)state;
	loop((struct scenario){.driver = "none", .launches = 1},
	     (struct fault_plan){.kind = FAULT_FAIL, .errnum = EPERM}, 2);
}

static void test_descriptors_run_out_in_pools(void **state)
{
	(void)state;
	loop((struct scenario){.launches = 2, .pool = 2},
	     (struct fault_plan){.kind = FAULT_FAIL, .errnum = EMFILE}, 3);
}

/* The network namespace is made beside it, so that the same n is not always the same call. */
static void test_calls_fail_beside_a_thread(void **state)
{
	(void)state;
	loop((struct scenario){.launches = 2, .ahead = true},
	     (struct fault_plan){.kind = FAULT_FAIL, .errnum = EMFILE}, 3);
}

/* mke2fs makes hundreds of calls of its own: some of them. */
static void test_making_an_image_fails(void **state)
{
	char path[FIXTURE_PATH];
	struct fault_plan plan = {.kind = FAULT_FAIL, .errnum = EIO, .nth = 1};
	struct scenario scenario = {.launches = 1, .disk = true, .driver = "none"};
	struct fault_result result = {.injected = true};

	(void)state;
	for (; result.injected && plan.nth < NTH_MAX; plan.nth += 9) {
		(void)unlink(fixture_path(&fixture, "place/files.img", path));
		assert_int_equal(fault_run(&plan, run_and_check, &scenario, &result), 0);
		expect_clean(&plan, &result);
	}
}

static int open_unnamed(void *argument)
{
	const struct sandbox_host_options options = {.cgroup_driver = "none",
						     .state_path = fixture.state};
	struct sandbox_volume *volume = NULL;
	struct sandbox_host *host = NULL;
	int opened;

	(void)argument;
	if (sandbox_host_open(&options, &host, NULL) < 0)
		return ENDLESS;
	fault_start();
	opened = sandbox_volume_open_disk(host, NULL, SIZE, INODES, &volume, NULL);
	fault_stop();
	sandbox_volume_close(volume);
	sandbox_host_close(host);
	return opened < 0 ? FAILED_CLEANLY : WELL;
}

/* A file system that has no O_TMPFILE: the first file that is opened. */
static void test_no_unnamed_files(void **state)
{
	struct fault_plan plan = {.kind = FAULT_FAIL, .errnum = EOPNOTSUPP, .nth = 1};
	struct fault_result result = {.injected = true};

	(void)state;
	for (; result.injected && !(result.in_scenario && result.number == SYS_openat); plan.nth++)
		assert_int_equal(fault_run(&plan, open_unnamed, NULL, &result), 0);
	assert_true(result.injected);
	expect_clean(&plan, &result);
	assert_int_equal(WEXITSTATUS(result.status), WELL);
}

/* A signal at any moment changes nothing. */
static void test_every_wait_is_interrupted(void **state)
{
	(void)state;
	loop((struct scenario){.launches = 1, .disk = true},
	     (struct fault_plan){.kind = FAULT_INTERRUPT}, 1);
}

static void test_every_allocation_fails(void **state)
{
	const struct scenario scenario = {.launches = 1, .disk = true};
	struct berth_error err = {0};
	char text[LEAKS_TEXT_SIZE];
	struct leaks before;
	bool failed = true;
	unsigned nth = 1;

	(void)state;
	leaks_note(&before);
	for (; failed; nth++) {
		int result;

		(void)fault_set_allocation(nth);
		result = work(&scenario, &err);
		failed = fault_set_allocation(0);
		assert_int_equal(result, failed ? FAILED_CLEANLY : WELL);
		if (failed)
			assert_int_equal(err.code, BERTH_MEMORY);
		if (leaks_count(&before, text) > 0)
			fail_msg("allocation %u: left %s", nth, text);
	}
	assert_true(nth > 3);
}

int main(int count, char **arguments)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_allocation_fails),
		cmocka_unit_test(test_every_call_fails),
		cmocka_unit_test(test_every_call_is_refused),
		cmocka_unit_test(test_descriptors_run_out_in_pools),
		cmocka_unit_test(test_calls_fail_beside_a_thread),
		cmocka_unit_test(test_making_an_image_fails),
		cmocka_unit_test(test_no_unnamed_files),
		cmocka_unit_test(test_every_wait_is_interrupted),
	};
	int failed;

	if (count < 2 || geteuid() != 0) {
		(void)puts("skipped: needs root and the helper's path");
		return FIXTURE_SKIPPED;
	}
	if (count == 3)
		cmocka_set_test_filter(arguments[2]);
	if (fixture_set_up(&fixture, arguments[1]) < 0 ||
	    mkdir(fixture_path(&fixture, "place", place), 0700) < 0 ||
	    mkdir(fixture_path(&fixture, "writable", writable), 0755) < 0)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	return fixture_tear_down(&fixture) < 0 ? 1 : failed;
}
