/* SPDX-License-Identifier: Apache-2.0 */
/* kill -9 of a supervisor at random moments of launching: its runs are gone shortly after, and the
 * next supervisor takes away what they left. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/descriptor.h"
#include "sandbox/identity.h"
#include "tests/unit/sandbox/fixture.h"
#include "tests/unit/sandbox/leaks.h"

#define ROUNDS    40
#define LATEST_US 12000
#define GONE_NS   UINT64_C(5000000000)
#define SIZE      (UINT64_C(8) << 20)
#define INODES    64

static struct fixture fixture;
static char place[FIXTURE_PATH], writable[FIXTURE_PATH];

/* The supervisor that is killed: launches runs that sleep, daemons included, until then. */
_Noreturn static void supervise(unsigned pool)
{
	struct sandbox_host *host = fixture_open_host(&fixture, NULL, pool);
	struct sandbox_volume *disk = NULL;

	for (;;) {
		struct sandbox *sandbox = NULL;
		struct fixture_run run;

		if (!disk && sandbox_volume_open_disk(host, place, SIZE, INODES, &disk, NULL) < 0)
			_exit(1);
		fixture_prepare(&run, &fixture);
		fixture_add_mount(&run, (struct sandbox_mount){.kind = SANDBOX_MOUNT_BIND,
							       .flags = SANDBOX_MOUNT_WRITABLE,
							       .source = writable,
							       .target = "/writable"});
		fixture_add_volume(&run, disk, "/work");
		run.spec.channel = true;
		fixture_set_shell(&run,
				  INSIDE " daemon; date > /work/file; exec " INSIDE " sleep 60000");
		if (sandbox_launch(host, &run.spec, &sandbox, NULL) < 0)
			_exit(2);
		if (pool)
			sandbox_host_refill(host);
	}
}

/* Orphans become children of this test (PR_SET_CHILD_SUBREAPER): all must end. */
static bool all_gone(void)
{
	const uint64_t deadline_ns = clock_boottime_ns() + GONE_NS;

	while (clock_boottime_ns() < deadline_ns) {
		pid_t child = waitpid(-1, NULL, WNOHANG);

		if (child < 0 && errno == ECHILD)
			return true;
		if (child == 0)
			(void)usleep(1000);
	}
	return false;
}

static size_t count_locked_ranges(void)
{
	char directory[FIXTURE_PATH + 8];
	AUTO_DIRECTORY DIR *uids = NULL;
	struct dirent *entry;
	size_t count = 0;

	(void)snprintf(directory, sizeof(directory), "%s/uids", fixture.state);
	uids = opendir(directory);
	while (uids && (entry = readdir(uids))) {
		AUTO_CLOSE int fd = openat(dirfd(uids), entry->d_name, O_RDWR | O_CLOEXEC);

		if (entry->d_name[0] != '.' && fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0)
			count++;
	}
	return count;
}

static void crash_once(unsigned pool, useconds_t wait_us)
{
	struct sandbox_volume *disk = NULL;
	struct berth_error err = {0};
	struct sandbox_host *host;
	char owner[64];
	int status;
	pid_t supervisor = fork();

	assert_true(supervisor >= 0);
	if (supervisor == 0)
		supervise(pool);
	(void)usleep(wait_us);
	leaks_describe_owner(supervisor, owner, sizeof(owner));
	assert_int_equal(kill(supervisor, SIGKILL), 0);
	assert_int_equal(waitpid(supervisor, &status, 0), supervisor);
	assert_true(WIFSIGNALED(status));
	if (!all_gone())
		fail_msg("after %u µs: a process outlived its supervisor", wait_us);
	assert_int_equal(leaks_count_loops(place), 0);
	assert_int_equal(count_locked_ranges(), 0);
	host = fixture_open_host(&fixture, NULL, 0);
	if (leaks_count_groups(owner) > 0)
		fail_msg("after %u µs: control groups of %s are left", wait_us, owner);
	/* the disk is whole: its journal is replayed */
	if (sandbox_volume_open_disk(host, place, SIZE, INODES, &disk, &err) < 0)
		fail_msg("after %u µs: %s", wait_us, err.message);
	sandbox_volume_close(disk);
	sandbox_host_close(host);
}

static void test_crashes(void **state)
{
	const unsigned seed = (unsigned)time(NULL) ^ (unsigned)getpid();
	struct leaks before;

	(void)state;
	(void)printf("seed %u\n", seed);
	srandom(seed);
	leaks_note(&before);
	for (int round = 0; round < ROUNDS; round++)
		crash_once(round % 2 ? 3 : 0, (useconds_t)random() % LATEST_US);
	leaks_expect_none(&before);
}

/* The disk can be opened while the killed supervisor's run is still dying. */
static void test_reopen_at_once(void **state)
{
	struct sandbox_host *host = fixture_open_host(&fixture, NULL, 0);

	(void)state;
	for (int round = 0; round < 10; round++) {
		struct sandbox_volume *disk = NULL;
		struct berth_error err = {0};
		pid_t supervisor = fork();

		if (supervisor == 0)
			supervise(0);
		(void)usleep(40000);
		assert_int_equal(kill(supervisor, SIGKILL), 0);
		assert_int_equal(waitpid(supervisor, NULL, 0), supervisor);
		if (sandbox_volume_open_disk(host, place, SIZE, INODES, &disk, &err) < 0)
			fail_msg("%s", err.message);
		sandbox_volume_close(disk);
		assert_true(all_gone());
	}
	sandbox_host_close(host);
}

int main(int count, char **arguments)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crashes),
		cmocka_unit_test(test_reopen_at_once),
	};
	int failed;

	if (count != 2 || geteuid() != 0) {
		(void)puts("skipped: needs root and the helper's path");
		return FIXTURE_SKIPPED;
	}
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 || fixture_set_up(&fixture, arguments[1]) < 0 ||
	    mkdir(fixture_path(&fixture, "place", place), 0700) < 0 ||
	    mkdir(fixture_path(&fixture, "writable", writable), 0755) < 0)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	return fixture_tear_down(&fixture) < 0 ? 1 : failed;
}
