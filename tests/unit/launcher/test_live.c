/* SPDX-License-Identifier: Apache-2.0 */
/* The launcher as it is used: launching, pausing, handing over, ending. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
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
#include "tests/unit/launcher/fixture.h"
#include "tests/unit/sandbox/leaks.h"

#define MANY    50
#define RELOADS 20
#define GONE_NS UINT64_C(8000000000)
#define NOBODY  65534
#define SIZE    (UINT64_C(8) << 20)

/* Ten lines within a second, and a word at the end. */
#define TALKATIVE                                                                                  \
	"i=0; while [ $i -lt 10 ]; do echo line $i; i=$((i+1)); sleep 0.1; done; echo complete"

static struct fixture fixture;

static void ask(int64_t number, enum launcher_kind kind)
{
	assert_int_equal(launcher_client_ask(fixture.client, fixture_name(number), kind, NULL), 0);
}

static void launch_script(int64_t number, const char *script)
{
	struct fixture_spec spec;

	fixture_prepare(&fixture, &spec, script);
	fixture_launch(&fixture, number, &spec.spec);
}

static void expect_exit(int64_t number, int code)
{
	const struct sandbox_outcome *outcome = &fixture_at(&fixture, number)->outcome;

	if (outcome->end != SANDBOX_EXITED || outcome->code != code)
		fail_msg("run %jd: end %d code %d: %s; it said: %s", (intmax_t)number, outcome->end,
			 outcome->code, outcome->error.message, fixture_output(&fixture, number));
}

static void test_launch(void **state)
{
	(void)state;
	fixture_start(&fixture, "");
	launch_script(1, "echo hello; exit 7");
	fixture_wait(&fixture, fixture_all_ended, 1, "the end");
	expect_exit(1, 7);
	assert_string_equal(fixture_output(&fixture, 1), "hello\n");
	assert_true(fixture_at(&fixture, 1)->started);
	assert_true(fixture_at(&fixture, 1)->outcome.usage.wall_ns > 0);
	assert_true(fixture.hello.abilities & LAUNCHER_IS_PRIVILEGED);
	assert_true(fixture.hello.abilities & LAUNCHER_OTHER_USER);
	ask(1, LAUNCHER_RELEASE);
	ask(1, LAUNCHER_RELEASE); /* which is too much */
	fixture.refusals = 0;
	fixture_wait(&fixture, fixture_has_refusals, 1, "a refusal");
	assert_int_equal(fixture.last_refusal.code, BERTH_NOT_FOUND);
	fixture_stop(&fixture);
}

/* What the launcher makes of its child. */
static void test_supervisor_has_nothing(void **state)
{
	(void)state;
	fixture_start(&fixture, "");
	assert_int_equal(fixture.report.uid, NOBODY);
	assert_int_equal(fixture.report.gid, NOBODY);
	assert_int_equal(fixture.report.groups, 0);
	assert_int_equal(fixture.report.descriptors, 0);
	assert_int_equal(fixture.report.capabilities, 0);
	assert_int_equal(fixture.report.no_new_privs, 1);
	/* in a container without CAP_SYS_RESOURCE it stays 0 */
	assert_true(fixture.report.oom_score == -500 || fixture.report.oom_score == 0);
	assert_true(fixture.report.open_files >= 1024);
	assert_true(fixture.report.variables <= 5);
	fixture_stop(&fixture);
}

static void test_signal_and_kill(void **state)
{
	(void)state;
	fixture_start(&fixture, "");
	launch_script(1, "trap 'exit 5' USR1; echo ready; while :; do sleep 0.01; done");
	launch_script(2, "sleep 60");
	fixture_wait(&fixture, fixture_all_started, 2, "the start");
	(void)usleep(100000);
	assert_int_equal(launcher_client_signal(fixture.client, fixture_name(1), SIGUSR1, NULL), 0);
	ask(2, LAUNCHER_KILL);
	fixture_wait(&fixture, fixture_all_ended, 2, "the end");
	expect_exit(1, 5);
	assert_int_equal(fixture_at(&fixture, 2)->outcome.end, SANDBOX_SIGNALED);
	fixture_stop(&fixture);
}

static void launch_many(void)
{
	for (int64_t number = 1; number <= MANY; number++)
		launch_script(number, TALKATIVE);
}

static void expect_many_complete(void)
{
	fixture_wait(&fixture, fixture_all_ended, MANY, "the end of all runs");
	for (int64_t number = 1; number <= MANY; number++) {
		expect_exit(number, 0);
		if (!strstr(fixture_output(&fixture, number), "line 9\ncomplete\n"))
			fail_msg("run %jd is incomplete: %s", (intmax_t)number,
				 fixture_at(&fixture, number)->output);
	}
}

static void test_supervisor_killed(void **state)
{
	(void)state;
	fixture_start(&fixture, "");
	launch_many();
	fixture_wait(&fixture, fixture_all_started, MANY / 2, "half of them");
	/* its pipes go with it; the rest of the launches is in the socket */
	fixture_let_go(&fixture, SIGKILL);
	fixture_forget_runs(&fixture);
	fixture_take_over(&fixture);
	assert_int_equal(fixture.table_count, MANY);
	assert_int_equal(fixture.hello.generation, 2);
	expect_many_complete();
	/* and once more: the ended ones are told as such */
	fixture_let_go(&fixture, SIGKILL);
	fixture_forget_runs(&fixture);
	fixture_take_over(&fixture);
	assert_int_equal(fixture.table_count, MANY);
	for (int64_t number = 1; number <= MANY; number++) {
		assert_int_equal(fixture_at(&fixture, number)->table_state, LAUNCHER_RUN_ENDED);
		expect_exit(number, 0);
		ask(number, LAUNCHER_RELEASE);
	}
	fixture_stop(&fixture);
}

/* The pid of a process is one of the things that must not change. */
static void test_reload(void **state)
{
	pid_t launcher;

	(void)state;
	fixture_start(&fixture, "");
	launcher = fixture.launcher;
	for (int64_t number = 1; number <= MANY; number++)
		launch_script(number, "i=0; while [ ! -e /tmp/never ] && [ $i -lt 80 ]; do "
				      "echo line $i; i=$((i+1)); sleep 0.05; done; echo complete");
	fixture_wait(&fixture, fixture_all_started, MANY, "the start");
	for (unsigned i = 0; i < RELOADS; i++) {
		if (i % 2)
			assert_int_equal(kill(launcher, SIGHUP), 0);
		else
			assert_int_equal(launcher_client_reload(fixture.client, NULL), 0);
		fixture_wait(&fixture, fixture_is_reloading, 0, "reloading");
		fixture_let_go(&fixture, 0);
		if (i + 1 < RELOADS)
			fixture_forget_runs(&fixture);
		fixture_take_over(&fixture);
		assert_int_equal(fixture.table_count, MANY);
		assert_int_equal(kill(launcher, 0), 0);
	}
	fixture_wait(&fixture, fixture_all_ended, MANY, "the end of all runs");
	for (int64_t number = 1; number <= MANY; number++) {
		expect_exit(number, 0);
		if (!strstr(fixture_output(&fixture, number), "line 79\ncomplete\n"))
			fail_msg("run %jd is incomplete", (intmax_t)number);
		assert_non_null(strstr(fixture_at(&fixture, number)->output, "line 0\nline 1\n"));
	}
	fixture_stop(&fixture);
}

static void read_input(char *text, size_t size)
{
	char path[64];
	ssize_t length;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd/0", fixture.launcher);
	length = readlink(path, text, size - 1);
	text[length > 0 ? length : 0] = '\0';
}

/* The end of a run that was taken over closes what is its own, and nothing else. */
static void test_ends_after_reload(void **state)
{
	AUTO_CLOSE int input = dup(STDIN_FILENO);
	char before[256], after[256];
	int pair[2];

	(void)state;
	/* descriptor 0 is what is closed by mistake, and has a name that nothing else has */
	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	assert_int_equal(dup2(pair[0], STDIN_FILENO), STDIN_FILENO);
	fixture_start(&fixture, "");
	assert_int_equal(dup2(input, STDIN_FILENO), STDIN_FILENO);
	launch_script(1, "sleep 60");
	fixture_wait(&fixture, fixture_all_started, 1, "the start");
	assert_int_equal(kill(fixture.launcher, SIGHUP), 0);
	fixture_wait(&fixture, fixture_is_reloading, 0, "reloading");
	fixture_let_go(&fixture, 0);
	fixture_take_over(&fixture);
	read_input(before, sizeof(before));
	ask(1, LAUNCHER_KILL);
	fixture_wait(&fixture, fixture_all_ended, 1, "the end");
	ask(1, LAUNCHER_RELEASE);
	assert_string_not_equal(before, "");
	/* its group is taken apart when there is time */
	for (unsigned i = 0; i < 30; i++) {
		(void)usleep(10000);
		read_input(after, sizeof(after));
		assert_string_equal(after, before);
	}
	(void)close(pair[0]);
	(void)close(pair[1]);
	fixture_stop(&fixture);
}

static bool is_frozen(const struct fixture *test)
{
	return test->runs[test->wanted_count - 1].frozen;
}

static bool is_thawed(const struct fixture *test)
{
	return test->runs[test->wanted_count - 1].thawed;
}

static bool is_used(const struct fixture *test)
{
	return test->runs[test->wanted_count - 1].used;
}

static bool is_reclaimed(const struct fixture *test)
{
	return test->runs[test->wanted_count - 1].reclaimed;
}

static uint64_t cpu_of(int64_t number)
{
	fixture_at(&fixture, number)->used = false;
	assert_int_equal(launcher_client_usage(fixture.client, fixture_name(number), 42, NULL), 0);
	fixture_wait(&fixture, is_used, (size_t)number, "usage");
	assert_int_equal(fixture_at(&fixture, number)->usage.tag, 42);
	return fixture_at(&fixture, number)->usage.usage.cpu_ns;
}

static void test_freeze(void **state)
{
	uint64_t before, after;

	(void)state;
	fixture_start(&fixture, "");
	launch_script(1, "while :; do :; done");
	fixture_wait(&fixture, fixture_all_started, 1, "the start");
	ask(1, LAUNCHER_RECLAIM); /* of one that runs: refused */
	fixture_wait(&fixture, fixture_has_refusals, fixture.refusals + 1, "a refusal");
	ask(1, LAUNCHER_FREEZE);
	fixture_wait(&fixture, is_frozen, 1, "frozen");
	before = cpu_of(1);
	assert_true(fixture_at(&fixture, 1)->usage.processes >= 2);
	(void)usleep(100000);
	after = cpu_of(1);
	assert_true(after - before < 5000000);
	ask(1, LAUNCHER_RECLAIM);
	fixture_wait(&fixture, is_reclaimed, 1, "reclaimed");
	/* the next supervisor learns of it, and the next program keeps it */
	assert_int_equal(kill(fixture.launcher, SIGHUP), 0);
	fixture_wait(&fixture, fixture_is_reloading, 0, "reloading");
	fixture_let_go(&fixture, 0);
	fixture_take_over(&fixture);
	assert_int_equal(fixture_at(&fixture, 1)->table_state, LAUNCHER_RUN_FROZEN);
	ask(1, LAUNCHER_THAW);
	fixture_wait(&fixture, is_thawed, 1, "thawed");
	/* its share of a busy host may be long in coming */
	for (int i = 0; i < 1000 && cpu_of(1) - after <= 10000000; i++)
		(void)usleep(10000);
	assert_true(cpu_of(1) - after > 10000000);
	/* killed while it stands still */
	fixture_at(&fixture, 1)->frozen = false;
	ask(1, LAUNCHER_FREEZE);
	fixture_wait(&fixture, is_frozen, 1, "frozen");
	ask(1, LAUNCHER_KILL);
	fixture_wait(&fixture, fixture_all_ended, 1, "the end");
	assert_int_equal(fixture_at(&fixture, 1)->outcome.end, SANDBOX_SIGNALED);
	fixture_stop(&fixture);
}

/* A connection that a supervisor had accepted is there for the next one. */
static void test_hold(void **state)
{
	AUTO_CLOSE int connection = -1, other = -1;
	int pair[2];
	char text[8] = "";

	(void)state;
	fixture_start(&fixture, "");
	launch_script(1, "sleep 60");
	fixture_wait(&fixture, fixture_all_started, 1, "the start");
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	connection = pair[0];
	other = pair[1];
	assert_int_equal(launcher_client_hold(fixture.client, fixture_name(1), 9, connection, NULL),
			 0);
	assert_int_equal(
		launcher_client_hold(fixture.client, fixture_name(1), 10, connection, NULL), 0);
	assert_int_equal(
		launcher_client_hold(fixture.client, fixture_name(1), 10, connection, NULL), 0);
	assert_int_equal(launcher_client_unhold(fixture.client, fixture_name(1), 10, NULL), 0);
	fixture_wait(&fixture, fixture_has_refusals, fixture.refusals + 1, "a refusal");
	close_fd(&connection);
	fixture_let_go(&fixture, SIGKILL);
	fixture_forget_runs(&fixture);
	fixture_take_over(&fixture);
	assert_int_equal(fixture_at(&fixture, 1)->hold_count, 1);
	assert_int_equal(write(other, "still", 5), 5);
	assert_int_equal(read(fixture_at(&fixture, 1)->hold_fd, text, sizeof(text)), 5);
	ask(1, LAUNCHER_KILL);
	fixture_wait(&fixture, fixture_all_ended, 1, "the end");
	ask(1, LAUNCHER_RELEASE);
	fixture_stop(&fixture);
}

/* What a task wrote is readable for the supervisor's uid, and for nobody else's. */
static void read_as_supervisor(int view_fd, const char *name)
{
	pid_t child = fork();
	int status = 0;

	if (child == 0) {
		char text[16] = "";
		int fd;

		if (setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0)
			_exit(1);
		fd = openat(view_fd, name, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || read(fd, text, sizeof(text)) <= 0)
			_exit(2);
		if (strcmp(text, "result\n") != 0)
			_exit(3);
		if (openat(view_fd, "new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0 ||
		    errno != EROFS)
			_exit(4);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void view_volume(enum launch_volume_kind kind)
{
	struct fixture_spec spec;

	fixture_prepare(&fixture, &spec, "umask 077; echo result >/output/file");
	spec.spec.volumes[0] = (struct launch_volume){.kind = kind,
						      .flags = LAUNCH_VOLUME_VIEWED,
						      .target = "/output",
						      .bytes = SIZE,
						      .inodes = 64};
	spec.spec.volume_count = 1;
	fixture_launch(&fixture, 1, &spec.spec);
	fixture_wait(&fixture, fixture_all_ended, 1, "the end");
	expect_exit(1, 0);
	read_as_supervisor(fixture_at(&fixture, 1)->view_fd, "file");
	ask(1, LAUNCHER_RELEASE);
	fixture_forget_runs(&fixture);
}

static void test_views(void **state)
{
	(void)state;
	fixture_start(&fixture, "");
	view_volume(LAUNCH_VOLUME_DISK);
	if (fixture.hello.abilities & LAUNCHER_CAN_VIEW_MEMORY)
		view_volume(LAUNCH_VOLUME_MEMORY);
	fixture_stop(&fixture);
}

static void checkpoint(int64_t number, const char *script)
{
	struct fixture_spec spec;

	fixture_prepare(&fixture, &spec, script);
	spec.spec.volumes[0] = (struct launch_volume){.kind = LAUNCH_VOLUME_CHECKPOINT,
						      .target = "/checkpoint",
						      .bytes = SIZE,
						      .inodes = 64};
	spec.spec.volume_count = 1;
	fixture_launch(&fixture, number, &spec.spec);
	fixture_wait(&fixture, fixture_all_ended, 1, "the end");
	ask(number, LAUNCHER_RELEASE);
}

static void test_checkpoint(void **state)
{
	char path[FIXTURE_PATH + 32];
	struct stat facts;

	(void)state;
	fixture_start(&fixture, "");
	checkpoint(1, "echo kept >/checkpoint/file");
	expect_exit(1, 0);
	fixture_forget_runs(&fixture);
	checkpoint(1, "grep kept /checkpoint/file");
	expect_exit(1, 0);
	(void)snprintf(path, sizeof(path), "%s/checkpoints", fixture.state);
	assert_int_equal(stat(path, &facts), 0);
	assert_int_equal(facts.st_uid, 0);
	assert_int_equal(facts.st_nlink, 3);
	assert_int_equal(launcher_client_discard(fixture.client, 1, NULL), 0);
	fixture_stop(&fixture);
	assert_int_equal(stat(path, &facts), 0);
	assert_int_equal(facts.st_nlink, 2);
}

/* Runs that still go on at SIGTERM: the supervisor may wait for them, and then they are killed. */
static void test_drain_kills(void **state)
{
	(void)state;
	fixture_start(&fixture, "");
	for (int64_t number = 1; number <= 10; number++)
		launch_script(number, "trap '' TERM; sleep 60");
	fixture_wait(&fixture, fixture_all_started, 10, "the start");
	fixture_stop(&fixture);
}

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

/* Frozen runs die when the next launcher thaws them; all others at once. */
static void test_launcher_killed(void **state)
{
	char owner[64];

	(void)state;
	fixture_start(&fixture, "");
	for (int64_t number = 1; number <= 10; number++)
		launch_script(number, FIXTURE_INSIDE " daemon; sleep 60");
	fixture_wait(&fixture, fixture_all_started, 10, "the start");
	ask(2, LAUNCHER_FREEZE);
	fixture_wait(&fixture, is_frozen, 2, "frozen");
	leaks_describe_owner(fixture.launcher, owner, sizeof(owner));
	assert_int_equal(kill(fixture.launcher, SIGKILL), 0);
	fixture_wait(&fixture, fixture_is_gone, 0, "the launcher's end");
	fixture_let_go(&fixture, 0);
	assert_int_equal(waitpid(fixture.launcher, NULL, 0), fixture.launcher);
	fixture_forget_runs(&fixture);
	fixture_start(&fixture, "");
	assert_int_equal(leaks_count_groups(owner), 0);
	fixture_stop(&fixture);
	assert_true(all_gone());
}

int main(int count, char **arguments)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_launch),
		cmocka_unit_test(test_supervisor_has_nothing),
		cmocka_unit_test(test_signal_and_kill),
		cmocka_unit_test(test_supervisor_killed),
		cmocka_unit_test(test_reload),
		cmocka_unit_test(test_ends_after_reload),
		cmocka_unit_test(test_freeze),
		cmocka_unit_test(test_hold),
		cmocka_unit_test(test_views),
		cmocka_unit_test(test_checkpoint),
		cmocka_unit_test(test_drain_kills),
		cmocka_unit_test(test_launcher_killed),
	};
	int failed;

	if (count < 4 || geteuid() != 0) {
		(void)puts("skipped: needs root, and the paths of three programs");
		return FIXTURE_SKIPPED;
	}
	if (count == 5)
		cmocka_set_test_filter(arguments[4]);
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 ||
	    fixture_set_up(&fixture, arguments[1], arguments[2], arguments[3]) < 0)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	return fixture_tear_down(&fixture) < 0 ? 1 : failed;
}
