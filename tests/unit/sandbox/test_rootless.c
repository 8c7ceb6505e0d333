/* SPDX-License-Identifier: Apache-2.0 */
/* An unprivileged user launches: started by root, this test becomes one first. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/descriptor.h"
#include "tests/unit/sandbox/fixture.h"
#include "tests/unit/sandbox/leaks.h"

#define ORDINARY_ID 54321
#define MEBIBYTE    (UINT64_C(1) << 20)
#define INODES      100
#define SECOND      UINT64_C(1000000000)

extern char **environ;

static struct fixture fixture;
static struct sandbox_host *host;
static struct leaks before;

static int set_up(void **state)
{
	(void)state;
	leaks_note(&before);
	host = fixture_open_host(&fixture, NULL, 2);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	sandbox_host_refill(host);
	sandbox_host_close(host);
	leaks_expect_none(&before);
	return 0;
}

static void expect_output(const char *script, const char *output)
{
	struct fixture_run run;

	fixture_prepare(&run, &fixture);
	fixture_set_shell(&run, script);
	fixture_expect_exit(host, &run, 0);
	if (strcmp(run.output, output) != 0)
		fail_msg("`%s` printed \"%s\" instead of \"%s\"", script, run.output, output);
}

static void test_state(void **state)
{
	struct sandbox_protection_state states[SANDBOX_PROTECTIONS];

	(void)state;
	sandbox_host_protections(host, NULL, states);
	assert_int_equal(states[SANDBOX_UID_RANGE].status, SANDBOX_UNAVAILABLE);
	assert_int_equal(states[SANDBOX_USER_NAMESPACE].status, SANDBOX_ENFORCED);
	assert_int_equal(states[SANDBOX_SECCOMP].status, SANDBOX_ENFORCED);
	assert_int_equal(states[SANDBOX_PIDS_LIMIT].status, SANDBOX_ENFORCED);
	/* no state directory is made for a user who has no ranges to lock */
	assert_int_equal(access(fixture.state, F_OK), -1);
}

static void test_identity(void **state)
{
	char map[64];

	(void)state;
	(void)snprintf(map, sizeof(map), "1000 %u 1\n1000 %u 1\ndeny\n", geteuid(), getegid());
	expect_output("for f in uid_map gid_map; do set -- $(cat /proc/self/$f); echo $*; done; "
		      "cat /proc/self/setgroups",
		      map);
	expect_output("id -u; id -g", "1000\n1000\n");
	expect_output(
		"grep -E '^(CapEff|CapPrm|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status | tr -d '\\t'",
		"CapPrm:0000000000000000\nCapEff:0000000000000000\n"
		"CapBnd:0000000000000000\nNoNewPrivs:1\nSeccomp:2\n");
}

static void test_walls(void **state)
{
	struct fixture_run run;

	(void)state;
	expect_output("unshare -U true 2>/dev/null || echo refused", "refused\n");
	expect_output("touch /x /usr/x 2>&1 | grep -c 'Read-only'", "2\n");
	expect_output(
		"ls /proc | grep -c '^1$'; cat /proc/1/environ 2>&1 | grep -c 'denied\\|No such'",
		"0\n1\n");
	expect_output("kill -9 1; sleep 0.1; echo alive", "alive\n"); /* pid 1 has the same uid */
	expect_output("tail -n +3 /proc/net/dev 2>/dev/null | wc -l", "0\n");
	fixture_prepare(&run, &fixture);
	run.spec.channel = true;
	fixture_set_verb(&run, "descriptors", NULL);
	fixture_expect_exit(host, &run, 0);
	assert_string_equal(run.output, "0\n");
}

static void test_ends(void **state)
{
	struct fixture_run run;

	(void)state;
	fixture_prepare(&run, &fixture);
	fixture_set_shell(&run, "exit 42");
	fixture_expect_exit(host, &run, 42);
	fixture_prepare(&run, &fixture);
	fixture_set_verb(&run, "die", "15");
	assert_int_equal(fixture_run(host, &run), 0);
	assert_int_equal(run.outcome.end, SANDBOX_SIGNALED);
	assert_int_equal(run.outcome.code, SIGTERM);
	fixture_prepare(&run, &fixture);
	run.arguments[0] = "no-such-command";
	run.arguments[1] = NULL;
	assert_int_equal(fixture_run(host, &run), 0);
	assert_int_equal(run.outcome.end, SANDBOX_EXEC_FAILED);
	assert_int_equal(run.outcome.error.errnum, ENOENT);
	fixture_prepare(&run, &fixture);
	run.spec.working_directory = "/missing";
	fixture_expect_not_started(host, &run, "/missing");
	fixture_prepare(&run, &fixture);
	fixture_add_mount(&run, (struct sandbox_mount){.kind = SANDBOX_MOUNT_BIND,
						       .source = "/no/such/source",
						       .target = "/a"});
	fixture_expect_not_started(host, &run, "/no/such/source");
}

static void test_nothing_survives(void **state)
{
	const uint64_t started_ns = clock_boottime_ns();
	struct fixture_run run;
	char byte;
	int pipes[2];

	(void)state;
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	fixture_prepare(&run, &fixture);
	run.spec.stderr_fd = pipes[1];
	fixture_set_verb(&run, "daemon", NULL);
	fixture_expect_exit(host, &run, 0);
	(void)close(pipes[1]);
	assert_int_equal(read(pipes[0], &byte, 1), 0);
	(void)close(pipes[0]);
	assert_true(clock_boottime_ns() - started_ns < 10 * SECOND);
	for (useconds_t wait_us = 0; wait_us < 4000; wait_us += 500) {
		struct sandbox *sandbox = NULL;

		fixture_prepare(&run, &fixture);
		fixture_set_verb(&run, "sleep", "30000");
		assert_int_equal(sandbox_launch(host, &run.spec, &sandbox, &run.error), 0);
		(void)usleep(wait_us);
		sandbox_destroy(sandbox);
	}
}

static void test_pids_limit(void **state)
{
	struct fixture_run run;
	int forked = -1, errnum = -1;

	(void)state;
	fixture_prepare(&run, &fixture);
	run.spec.limits.pids = 20;
	fixture_set_verb(&run, "forks", NULL);
	fixture_expect_exit(host, &run, 0);
	assert_int_equal(sscanf(run.output, "%d %d", &forked, &errnum), 2);
	assert_in_range(forked, 10, 20);
	assert_int_equal(errnum, EAGAIN);
}

static void expect_file(const struct sandbox_volume *volume, const char *name, const char *content)
{
	char text[64];

	assert_int_equal(descriptor_read_control(sandbox_volume_descriptor(volume), name, text,
						 sizeof(text), NULL),
			 0);
	assert_string_equal(text, content);
}

static void run_script(struct sandbox_volume *volume, const char *script, unsigned hits)
{
	struct fixture_run run;

	fixture_prepare(&run, &fixture);
	fixture_add_volume(&run, volume, "/work");
	run.spec.working_directory = "/work";
	fixture_set_shell(&run, script);
	fixture_expect_exit(host, &run, 0);
	assert_int_equal(run.outcome.hits, hits);
}

/* Made inside, handed out, and still there when the run is gone. */
static void test_memory_volume(void **state)
{
	struct sandbox_volume *volume = NULL;

	(void)state;
	assert_int_equal(sandbox_volume_create_memory(host, MEBIBYTE, INODES, &volume, NULL), 0);
	run_script(volume, "stat -c %u . && mkdir sub && echo kept > sub/file", 0);
	expect_file(volume, "sub/file", "kept");
	assert_int_equal(sandbox_volume_sync(volume, NULL), 0);
	sandbox_volume_close(volume);

	/* without rights and a directory, a disk is memory, too: its limit holds */
	assert_int_equal(sandbox_volume_open_disk(host, NULL, 4 * MEBIBYTE, INODES, &volume, NULL),
			 0);
	assert_int_equal(sandbox_volume_kind(volume), SANDBOX_VOLUME_MEMORY);
	run_script(volume, INSIDE " fill /work/file | grep -x 28", SANDBOX_HIT_DISK);
	sandbox_volume_close(volume);
	assert_int_equal(sandbox_volume_create_memory(host, MEBIBYTE, INODES, &volume, NULL), 0);
	run_script(volume, INSIDE " fill-inodes /work | grep -x 28", SANDBOX_HIT_DISK);
	assert_true(sandbox_volume_is_full(volume));
	sandbox_volume_close(volume);
}

static void test_directory_volume(void **state)
{
	struct sandbox_protection_state states[SANDBOX_PROTECTIONS];
	struct sandbox_volume *volume = NULL, *second = NULL;
	char place[FIXTURE_PATH], file[FIXTURE_PATH];
	struct berth_error err = {0};
	struct fixture_run run;
	struct stat facts;

	(void)state;
	assert_int_equal(mkdir(fixture_path(&fixture, "place", place), 0700), 0);
	for (int i = 1; i <= 3; i++) {
		if (sandbox_volume_open_disk(host, place, 4 * MEBIBYTE, INODES, &volume, &err) < 0)
			fail_msg("%s", err.message);
		assert_int_equal(sandbox_volume_kind(volume), SANDBOX_VOLUME_DIRECTORY);
		assert_int_equal(
			sandbox_volume_open_disk(host, place, 4 * MEBIBYTE, INODES, &second, &err),
			-1);
		assert_int_equal(err.code, BERTH_DENIED);
		run_script(volume, "echo x >> lines", 0);
		run_script(volume, "cat lines > copy", 0); /* a second launch */
		assert_int_equal(fstatat(sandbox_volume_descriptor(volume), "copy", &facts, 0), 0);
		assert_int_equal(facts.st_size, 2 * i);
		assert_int_equal(sandbox_volume_sync(volume, NULL), 0);
		/* it is not limited, and that is said */
		fixture_prepare(&run, &fixture);
		fixture_add_volume(&run, volume, "/work");
		sandbox_host_protections(host, &run.spec, states);
		assert_int_equal(states[SANDBOX_DISK_LIMIT].status, SANDBOX_UNAVAILABLE);
		sandbox_volume_close(volume);
	}
	assert_int_equal(stat(fixture_path(&fixture, "place/files/lines", file), &facts), 0);
	assert_int_equal(facts.st_uid, geteuid());
}

static void test_binds(void **state)
{
	char writable[FIXTURE_PATH], made[FIXTURE_PATH];
	struct fixture_run run;
	struct stat facts;

	(void)state;
	assert_int_equal(mkdir(fixture_path(&fixture, "writable", writable), 0700), 0);
	fixture_prepare(&run, &fixture);
	fixture_add_mount(&run, (struct sandbox_mount){.kind = SANDBOX_MOUNT_BIND,
						       .flags = SANDBOX_MOUNT_WRITABLE,
						       .source = writable,
						       .target = "/w"});
	fixture_add_mount(&run, (struct sandbox_mount){.kind = SANDBOX_MOUNT_BIND,
						       .flags = SANDBOX_MOUNT_MAPPED,
						       .source = writable,
						       .target = "/r"});
	fixture_set_shell(&run,
			  "echo x > /w/made; chmod 600 /w/made; cat /r/made; stat -c %u /w/made; "
			  "touch /r/y 2>&1 | grep -c 'Read-only'");
	fixture_expect_exit(host, &run, 0);
	assert_string_equal(run.output, "x\n1000\n1\n");
	assert_int_equal(stat(fixture_path(&fixture, "writable/made", made), &facts), 0);
	assert_int_equal(facts.st_uid, geteuid());
}

/* As a launcher names what it has checked; renamed meanwhile, it is still that. */
static void test_binds_of_descriptors(void **state)
{
	char place[FIXTURE_PATH], other[FIXTURE_PATH], source[64];
	AUTO_CLOSE int fd = -1;
	struct fixture_run run;

	(void)state;
	assert_int_equal(mkdir(fixture_path(&fixture, "named", place), 0700), 0);
	fd = open(place, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	(void)snprintf(source, sizeof(source), "/proc/self/fd/%d", fd);
	fixture_prepare(&run, &fixture);
	fixture_add_mount(&run, (struct sandbox_mount){.kind = SANDBOX_MOUNT_BIND,
						       .flags = SANDBOX_MOUNT_WRITABLE,
						       .source = source,
						       .target = "/w"});
	fixture_set_shell(&run, "echo x > /w/made; cat /w/made");
	fixture_expect_exit(host, &run, 0);
	assert_string_equal(run.output, "x\n");

	assert_int_equal(rename(place, fixture_path(&fixture, "aside", other)), 0);
	assert_int_equal(mkdir(place, 0700), 0);
	fixture_prepare(&run, &fixture);
	fixture_add_mount(&run, (struct sandbox_mount){.kind = SANDBOX_MOUNT_BIND,
						       .source = source,
						       .target = "/w"});
	fixture_set_shell(&run, "ls /w");
	fixture_expect_exit(host, &run, 0);
	assert_string_equal(run.output, "made\n");
}

static void answer_channel(struct sandbox *sandbox, struct fixture_run *run)
{
	AUTO_CLOSE int fd = -1;
	char text[16];

	(void)sandbox;
	if (!run->started || run->extra)
		return;
	fd = accept4(run->channel_fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return;
	assert_int_equal(read(fd, text, sizeof(text)), 5);
	assert_int_equal(write(fd, "welcome", 7), 7);
	run->extra = run;
}

/* The channel and the volumes' descriptors come in one message. */
static void test_channel_and_volumes(void **state)
{
	struct sandbox_volume *volumes[2] = {NULL};
	struct fixture_run run;

	(void)state;
	fixture_prepare(&run, &fixture);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(
			sandbox_volume_create_memory(host, MEBIBYTE, INODES, &volumes[i], NULL), 0);
		fixture_add_volume(&run, volumes[i], i == 0 ? "/one" : "/two");
	}
	run.spec.channel = true;
	run.on_turn = answer_channel;
	fixture_set_shell(&run, INSIDE " talk; echo 1 > /one/file; echo 2 > /two/file");
	fixture_expect_exit(host, &run, 0);
	assert_string_equal(run.output, "welcome\n");
	expect_file(volumes[0], "file", "1");
	expect_file(volumes[1], "file", "2");
	sandbox_volume_close(volumes[0]);
	sandbox_volume_close(volumes[1]);
}

static void test_usage(void **state)
{
	struct fixture_run run;
	long long boot = -1, monotonic = -1;

	(void)state;
	fixture_prepare(&run, &fixture);
	fixture_set_verb(&run, "cpu", "100");
	fixture_expect_exit(host, &run, 0);
	assert_in_range(run.outcome.usage.cpu_ns, SECOND / 20, SECOND);
	assert_in_range(run.outcome.usage.memory_peak_bytes, 4096, 256 * MEBIBYTE);
	fixture_prepare(&run, &fixture);
	fixture_set_verb(&run, "uptime", NULL);
	fixture_expect_exit(host, &run, 0);
	assert_int_equal(sscanf(run.output, "%lld %lld", &boot, &monotonic), 2);
	assert_in_range(boot, 0, 5);
}

/* As for root: kill -9 of the supervisor ends its runs. */
static void test_crash(void **state)
{
	(void)state;
	for (useconds_t wait_us = 500; wait_us < 20000; wait_us += 1500) {
		const uint64_t deadline_ns = clock_boottime_ns() + 5 * SECOND;
		pid_t supervisor = fork();
		bool gone = false;

		assert_true(supervisor >= 0);
		if (supervisor == 0) {
			struct sandbox_host *own = fixture_open_host(&fixture, NULL, 0);

			for (;;) {
				struct sandbox *sandbox = NULL;
				struct fixture_run run;

				fixture_prepare(&run, &fixture);
				fixture_set_verb(&run, "sleep", "60000");
				if (sandbox_launch(own, &run.spec, &sandbox, NULL) < 0)
					_exit(1);
			}
		}
		(void)usleep(wait_us);
		assert_int_equal(kill(supervisor, SIGKILL), 0);
		while (!gone && clock_boottime_ns() < deadline_ns)
			if (waitpid(-1, NULL, WNOHANG) < 0)
				gone = errno == ECHILD;
		assert_true(gone);
	}
}

/* A process that execs anew can be looked at by its own children again; a path of root's need not
 * be open to it, hence the descriptors. */
static int become_ordinary(const char *helper)
{
	char program[64], *arguments[] = {(char[]){"test_rootless"}, program, NULL};
	int helper_fd = open(helper, O_RDONLY), own_fd = open("/proc/self/exe", O_PATH);

	(void)snprintf(program, sizeof(program), "/proc/self/fd/%d", helper_fd);
	if (helper_fd < 0 || own_fd < 0 || setgroups(0, NULL) < 0 ||
	    setresgid(ORDINARY_ID, ORDINARY_ID, ORDINARY_ID) < 0 ||
	    setresuid(ORDINARY_ID, ORDINARY_ID, ORDINARY_ID) < 0)
		return 1;
	(void)execveat(own_fd, "", arguments, environ, AT_EMPTY_PATH);
	perror("execveat");
	return 1;
}

#define ROOTLESS_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int count, char **arguments)
{
	const struct CMUnitTest tests[] = {
		ROOTLESS_TEST(test_state),
		ROOTLESS_TEST(test_identity),
		ROOTLESS_TEST(test_walls),
		ROOTLESS_TEST(test_ends),
		ROOTLESS_TEST(test_nothing_survives),
		ROOTLESS_TEST(test_pids_limit),
		ROOTLESS_TEST(test_memory_volume),
		ROOTLESS_TEST(test_directory_volume),
		ROOTLESS_TEST(test_binds),
		ROOTLESS_TEST(test_binds_of_descriptors),
		ROOTLESS_TEST(test_channel_and_volumes),
		ROOTLESS_TEST(test_usage),
		ROOTLESS_TEST(test_crash),
	};
	int failed;

	if (count != 2)
		return 1;
	if (geteuid() == 0)
		return become_ordinary(arguments[1]);
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 || fixture_set_up(&fixture, arguments[1]) < 0)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	return fixture_tear_down(&fixture) < 0 ? 1 : failed;
}
