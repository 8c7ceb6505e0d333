/* SPDX-License-Identifier: Apache-2.0 */
/* Launches for real: what the task gets, how its end is told, and that nothing of it
 * is left. */
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
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "sandbox/host.h"
#include "tests/unit/sandbox/fixture.h"
#include "tests/unit/sandbox/leaks.h"

#define SECOND      UINT64_C(1000000000)
#define POOLED_RUNS 12
#define MEBIBYTE    (UINT64_C(1) << 20)
#define CLOSED_FD   9999
#define NOTHING_HIT 0U

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

static void test_exit_codes(void **state)
{
	static const int codes[] = {0, 1, 42, 125, 255};
	struct fixture_run run;
	char script[32];

	(void)state;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		fixture_prepare(&run, &fixture);
		(void)snprintf(script, sizeof(script), "exit %d", codes[i]);
		fixture_set_shell(&run, script);
		fixture_expect_exit(host, &run, codes[i]);
		assert_true(run.started);
		assert_int_equal(run.outcome.hits, NOTHING_HIT);
	}
}

static void test_signals(void **state)
{
	static const char *const signals[] = {"9", "11", "15", "6", "31"};
	struct fixture_run run;

	(void)state;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		fixture_prepare(&run, &fixture);
		fixture_set_verb(&run, "die", signals[i]);
		assert_int_equal(fixture_run(host, &run), 0);
		assert_int_equal(run.outcome.end, SANDBOX_SIGNALED);
		assert_int_equal(run.outcome.code, strtol(signals[i], NULL, 10));
		assert_int_equal(run.outcome.hits, NOTHING_HIT);
	}
}

static void expect_exec_failure(const char *command, int errnum)
{
	struct fixture_run run;

	fixture_prepare(&run, &fixture);
	fixture_add_mount(&run, (struct sandbox_mount){.kind = SANDBOX_MOUNT_FILE,
						       .target = "/etc/text",
						       .content = "no program\n"});
	fixture_add_mount(&run, (struct sandbox_mount){.kind = SANDBOX_MOUNT_BIND,
						       .flags = SANDBOX_MOUNT_NOEXEC,
						       .source = fixture.inside,
						       .target = "/noexec"});
	run.arguments[0] = command;
	run.arguments[1] = NULL;
	assert_int_equal(fixture_run(host, &run), 0);
	if (run.outcome.end != SANDBOX_EXEC_FAILED || run.outcome.error.errnum != errnum)
		fail_msg("%s: end %d errno %d", command, run.outcome.end, run.outcome.error.errnum);
	assert_non_null(strstr(run.outcome.error.message, command));
	assert_int_equal(run.outcome.error.code, errnum == ENOENT ? BERTH_NOT_FOUND : BERTH_SYSTEM);
}

static void test_exec_failures(void **state)
{
	(void)state;
	expect_exec_failure("no-such-command", ENOENT);
	expect_exec_failure("/no/such/path", ENOENT);
	expect_exec_failure("/etc/text", EACCES);
	expect_exec_failure("/usr", EACCES);
	expect_exec_failure("/noexec", EACCES);
	expect_exec_failure("/etc/text/below", ENOTDIR);
}

static void test_search_path(void **state)
{
	static const char *const variables[] = {"PATH=/nowhere:/usr/bin", NULL};
	static const char *const useless[] = {"PATH=/nowhere", NULL};
	struct fixture_run run;

	(void)state;
	fixture_prepare(&run, &fixture);
	run.arguments[0] = "true";
	run.arguments[1] = NULL;
	fixture_expect_exit(host, &run, 0);
	run.spec.environment = variables;
	run.spec.stdout_fd = run.spec.stderr_fd = -1;
	fixture_expect_exit(host, &run, 0);
	run.spec.environment = useless;
	run.spec.stdout_fd = run.spec.stderr_fd = -1;
	assert_int_equal(fixture_run(host, &run), 0);
	assert_int_equal(run.outcome.end, SANDBOX_EXEC_FAILED);
}

static void test_not_started(void **state)
{
	struct fixture_run run;

	(void)state;
	fixture_prepare(&run, &fixture);
	run.spec.working_directory = "/missing";
	fixture_expect_not_started(host, &run, "working directory /missing");
	assert_false(run.outcome.hits);

	fixture_prepare(&run, &fixture);
	run.spec.stdin_fd = CLOSED_FD;
	fixture_expect_not_started(host, &run, "stream 0");

	fixture_prepare(&run, &fixture);
	run.spec.name = "Not Allowed";
	fixture_expect_not_started(host, &run, "name");
}

/* Not those of the launch, which holds one for each mount. */
static void test_open_files_are_the_task_s_own(void **state)
{
	struct fixture_run run;

	(void)state;
	fixture_prepare(&run, &fixture);
	run.spec.limits.open_files = 3;
	fixture_set_verb(&run, "sleep", "0");
	fixture_expect_exit(host, &run, 0);
}

static void test_environment_is_exactly_as_given(void **state)
{
	static const char *const variables[] = {"A=1", "EMPTY=", "B=x=y z", NULL};
	struct fixture_run run;

	(void)state;
	assert_int_equal(setenv("BERTH_TEST_SECRET", "leaked", 1), 0);
	fixture_prepare(&run, &fixture);
	run.arguments[0] = "/usr/bin/env";
	run.arguments[1] = NULL;
	run.spec.environment = variables;
	fixture_expect_exit(host, &run, 0);
	assert_string_equal(run.output, "A=1\nEMPTY=\nB=x=y z\n");
	run.spec.environment = NULL;
	run.spec.stdout_fd = run.spec.stderr_fd = -1;
	run.output_length = 0;
	fixture_expect_exit(host, &run, 0);
	assert_string_equal(run.output, "");
	assert_int_equal(unsetenv("BERTH_TEST_SECRET"), 0);
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

static void test_surroundings(void **state)
{
	struct fixture_run run;

	(void)state;
	expect_output("pwd", "/\n");
	expect_output("id -u; id -g; id -G", "1000\n1000\n1000\n");
	expect_output("uname -n; hostname", "berth\nberth\n");
	expect_output("umask", "0022\n");
	expect_output("echo $$", "2\n");
	expect_output("ls /sys /home 2>&1 | head -c 5", "ls: c");
	expect_output("ls /dev | tr '\\n' ' '",
		      "fd full null random shm stderr stdin stdout urandom zero ");
	expect_output(
		"grep -E '^(CapEff|CapPrm|CapBnd|CapAmb|NoNewPrivs|Seccomp):' /proc/self/status | tr -d '\\t'",
		"CapPrm:0000000000000000\nCapEff:0000000000000000\nCapBnd:0000000000000000\n"
		"CapAmb:0000000000000000\nNoNewPrivs:1\nSeccomp:2\n");
	expect_output("grep -E '^Sig(Blk|Ign):' /proc/self/status | tr -d '\\t'",
		      "SigBlk:0000000000000000\nSigIgn:0000000000000000\n");
	expect_output("cat /proc/self/cgroup | sed 's/.*://' | sort -u", "/\n");
	expect_output("ulimit -n; ulimit -c", "256\n0\n");
	expect_output("touch /file /usr/file 2>/dev/null; ls /file /usr/file 2>/dev/null | wc -l",
		      "0\n");
	expect_output("for d in /tmp /run /dev/shm; do echo $d > $d/x && cat $d/x; done",
		      "/tmp\n/run\n/dev/shm\n");

	fixture_prepare(&run, &fixture);
	run.spec.hostname = "other";
	run.spec.working_directory = "/usr/bin";
	fixture_set_shell(&run, "uname -n; pwd");
	fixture_expect_exit(host, &run, 0);
	assert_string_equal(run.output, "other\n/usr/bin\n");
}

/* Ignored and blocked signals of the caller are not the task's affair. */
static void test_signal_state_of_the_caller(void **state)
{
	sigset_t blocked, old;

	(void)state;
	(void)signal(SIGHUP, SIG_IGN);
	(void)sigemptyset(&blocked);
	(void)sigaddset(&blocked, SIGTERM);
	assert_int_equal(sigprocmask(SIG_BLOCK, &blocked, &old), 0);
	expect_output("grep -E '^Sig(Blk|Ign):' /proc/self/status | tr -d '\\t'",
		      "SigBlk:0000000000000000\nSigIgn:0000000000000000\n");
	assert_int_equal(sigprocmask(SIG_SETMASK, &old, NULL), 0);
	(void)signal(SIGHUP, SIG_DFL);
}

static void test_streams(void **state)
{
	struct fixture_run run;
	int input[2], error[2];
	char text[16];

	(void)state;
	assert_int_equal(pipe2(input, O_CLOEXEC), 0);
	assert_int_equal(pipe2(error, O_CLOEXEC), 0);
	assert_int_equal(write(input[1], "from outside\n", 13), 13);
	(void)close(input[1]);
	fixture_prepare(&run, &fixture);
	run.spec.stdin_fd = input[0];
	run.spec.stderr_fd = error[1];
	fixture_set_shell(&run, "cat; echo oops >&2");
	fixture_expect_exit(host, &run, 0);
	assert_string_equal(run.output, "from outside\n");
	assert_int_equal(read(error[0], text, sizeof(text)), 5);
	assert_memory_equal(text, "oops\n", 5);
	(void)close(input[0]);
	(void)close(error[0]);
	(void)close(error[1]);

	fixture_prepare(&run, &fixture);
	fixture_set_shell(&run, "readlink /proc/self/fd/0; cat");
	fixture_expect_exit(host, &run, 0);
	assert_string_equal(run.output, "/dev/null\n");
}

/* With the caller's own 0, 1 and 2 closed, the library's descriptors get these numbers. */
static void test_caller_without_streams(void **state)
{
	int saved[3];
	struct fixture_run run;
	int result;

	(void)state;
	(void)fflush(stdout);
	for (int i = 0; i < 3; i++) {
		saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 10);
		(void)close(i);
	}
	fixture_prepare(&run, &fixture);
	run.spec.channel = true;
	fixture_set_shell(&run, INSIDE " descriptors; echo error >&2; exit 3");
	result = fixture_run(host, &run);
	for (int i = 0; i < 3; i++) {
		(void)dup2(saved[i], i);
		(void)close(saved[i]);
	}
	assert_int_equal(result, 0);
	assert_int_equal(run.outcome.end, SANDBOX_EXITED);
	assert_int_equal(run.outcome.code, 3);
	assert_string_equal(run.output, "0\nerror\n");
}

static void test_no_descriptor_leaks_in(void **state)
{
	struct fixture_run run;
	int open_ones[20];

	(void)state;
	for (size_t i = 0; i < 20; i++)
		open_ones[i] = open("/etc", O_RDONLY | O_DIRECTORY); /* inheritable on purpose */
	fixture_prepare(&run, &fixture);
	run.spec.channel = true;
	fixture_set_verb(&run, "descriptors", NULL);
	fixture_expect_exit(host, &run, 0);
	assert_string_equal(run.output, "0\n");
	for (size_t i = 0; i < 20; i++)
		(void)close(open_ones[i]);
}

/* CVE-2024-21626: a working directory or a mount's target that leads to a descriptor of the host.
 */
static void test_links_to_descriptors(void **state)
{
	AUTO_CLOSE int etc_fd = open("/etc", O_RDONLY | O_DIRECTORY);
	char link[64], nested[FIXTURE_PATH], image[FIXTURE_PATH];
	struct fixture_run run;

	(void)state;
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", etc_fd);
	fixture_prepare(&run, &fixture);
	fixture_add_mount(&run, (struct sandbox_mount){.kind = SANDBOX_MOUNT_SYMLINK,
						       .source = link,
						       .target = "/escape"});
	run.spec.working_directory = "/escape";
	fixture_expect_not_started(host, &run, "working directory /escape");

	(void)fixture_path(&fixture, "image", image);
	(void)fixture_path(&fixture, "image/hole", nested);
	assert_int_equal(mkdir(image, 0755), 0);
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", etc_fd);
	assert_int_equal(symlink(link, nested), 0);
	fixture_prepare(&run, &fixture);
	fixture_add_mount(&run, (struct sandbox_mount){.kind = SANDBOX_MOUNT_BIND,
						       .source = image,
						       .target = "/image"});
	fixture_add_mount(&run, (struct sandbox_mount){.kind = SANDBOX_MOUNT_TMPFS,
						       .target = "/image/hole/berth-test",
						       .bytes = 4096,
						       .inodes = 4});
	fixture_expect_not_started(host, &run, "/image/hole");
	assert_int_equal(access("/etc/berth-test", F_OK), -1);
	assert_int_equal(unlink(nested), 0);
	assert_int_equal(rmdir(image), 0);
}

static void answer_channel(struct sandbox *sandbox, struct fixture_run *run)
{
	AUTO_CLOSE int fd = -1;
	char text[16];

	(void)sandbox;
	if (!run->started || run->extra)
		return;
	assert_true(run->channel_fd >= 0);
	fd = accept4(run->channel_fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return; /* not yet */
	assert_int_equal(read(fd, text, sizeof(text)), 5);
	assert_memory_equal(text, "hello", 5);
	assert_int_equal(write(fd, "welcome", 7), 7);
	run->extra = run;
}

static void test_channel(void **state)
{
	struct fixture_run run;

	(void)state;
	fixture_prepare(&run, &fixture);
	run.spec.channel = true;
	run.on_turn = answer_channel;
	fixture_set_verb(&run, "talk", NULL);
	fixture_expect_exit(host, &run, 0);
	assert_string_equal(run.output, "welcome\n");
	/* the socket is the task's to use, its directory is not the task's to change */
	fixture_prepare(&run, &fixture);
	run.spec.channel = true;
	fixture_set_shell(
		&run,
		"stat -c '%a %u %F' /run/berth/task.sock; rm /run/berth/task.sock 2>&1 | grep -c denied");
	fixture_expect_exit(host, &run, 0);
	assert_non_null(strstr(run.output, " 1000 socket\n1\n"));
	/* without a channel there is none */
	fixture_prepare(&run, &fixture);
	fixture_set_verb(&run, "talk", NULL);
	fixture_expect_exit(host, &run, 1);
}

static void send_usr1(struct sandbox *sandbox, struct fixture_run *run)
{
	if (run->extra || !strstr(run->output, "ready"))
		return;
	run->extra = run;
	assert_int_equal(sandbox_signal(sandbox, SIGUSR1, NULL), 0);
	assert_int_equal(sandbox_signal(sandbox, 0, NULL), -1);
	assert_int_equal(sandbox_signal(sandbox, NSIG, NULL), -1);
}

static void test_signal_reaches_the_task_only(void **state)
{
	struct fixture_run run;

	(void)state;
	fixture_prepare(&run, &fixture);
	run.on_turn = send_usr1;
	fixture_set_verb(&run, "await-signal", NULL);
	fixture_expect_exit(host, &run, 0);
	assert_string_equal(run.output, "ready\ntask 1 child 0\n");
}

static void send_usr1_to_group(struct sandbox *sandbox, struct fixture_run *run)
{
	if (run->extra || !strstr(run->output, "ready"))
		return;
	run->extra = run;
	assert_int_equal(sandbox_signal_group(sandbox, SIGUSR1, NULL), 0);
	assert_int_equal(sandbox_signal_group(sandbox, NSIG, NULL), -1);
}

static void test_signal_reaches_the_group(void **state)
{
	struct fixture_run run;

	(void)state;
	fixture_prepare(&run, &fixture);
	run.on_turn = send_usr1_to_group;
	fixture_set_verb(&run, "await-signal", NULL);
	fixture_expect_exit(host, &run, 0);
	assert_string_equal(run.output, "ready\ntask 1 child 1\n");
}

static void terminate(struct sandbox *sandbox, struct fixture_run *run)
{
	if (run->started)
		assert_int_equal(sandbox_signal(sandbox, SIGTERM, NULL), 0);
}

static void test_term_ends_it(void **state)
{
	struct fixture_run run;

	(void)state;
	fixture_prepare(&run, &fixture);
	run.on_turn = terminate; /* also after its end: harmless */
	fixture_set_verb(&run, "sleep", "30000");
	assert_int_equal(fixture_run(host, &run), 0);
	assert_int_equal(run.outcome.end, SANDBOX_SIGNALED);
	assert_int_equal(run.outcome.code, SIGTERM);
}

static void kill_it(struct sandbox *sandbox, struct fixture_run *run)
{
	if (run->started && run->turns > 5)
		sandbox_kill(sandbox);
}

static void test_kill_takes_all(void **state)
{
	const uint64_t started_ns = clock_boottime_ns();
	struct fixture_run run;

	(void)state;
	fixture_prepare(&run, &fixture);
	run.on_turn = kill_it;
	fixture_set_shell(
		&run,
		"trap '' TERM INT HUP; (trap '' TERM; sleep 30) & setsid sleep 30 & sleep 30");
	assert_int_equal(fixture_run(host, &run), 0);
	assert_int_equal(run.outcome.end, SANDBOX_SIGNALED);
	assert_int_equal(run.outcome.code, SIGKILL);
	assert_int_equal(run.outcome.hits, NOTHING_HIT);
	assert_true(clock_boottime_ns() - started_ns < 10 * SECOND);
}

/* A pipe's write end held by a survivor would keep this from ending: the daemon has it. */
static void test_daemons_die(void **state)
{
	const uint64_t started_ns = clock_boottime_ns();
	int pipes[2];
	struct fixture_run run;
	char byte;

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
}

static void test_orphans_are_reaped(void **state)
{
	struct fixture_run run;

	(void)state;
	fixture_prepare(&run, &fixture);
	run.spec.limits.pids = 8; /* zombies would use them up */
	fixture_set_verb(&run, "orphans", NULL);
	fixture_expect_exit(host, &run, 0);
}

/* A caller that gives up at any moment leaves nothing. */
static void test_destroy_at_any_time(void **state)
{
	struct fixture_run run;

	(void)state;
	for (useconds_t wait_us = 0; wait_us < 6000; wait_us += 250) {
		struct sandbox *sandbox = NULL;

		fixture_prepare(&run, &fixture);
		fixture_set_verb(&run, "sleep", "30000");
		assert_int_equal(sandbox_launch(host, &run.spec, &sandbox, &run.error), 0);
		(void)usleep(wait_us);
		sandbox_destroy(sandbox);
	}
	sandbox_destroy(NULL);
}

static void test_uptime_is_hidden(void **state)
{
	struct fixture_run run;
	long long boot = -1, monotonic = -1;

	(void)state;
	fixture_prepare(&run, &fixture);
	fixture_set_verb(&run, "uptime", NULL);
	fixture_expect_exit(host, &run, 0);
	assert_int_equal(sscanf(run.output, "%lld %lld", &boot, &monotonic), 2);
	if (run.protections[SANDBOX_TIME_NAMESPACE].status == SANDBOX_ENFORCED) {
		assert_in_range(boot, 0, 5);
		assert_in_range(monotonic, 0, 5);
	}
}

static void test_own_processes_only(void **state)
{
	struct fixture_run run;

	(void)state;
	fixture_prepare(&run, &fixture);
	fixture_set_verb(&run, "processes", NULL);
	fixture_expect_exit(host, &run, 0);
	assert_string_equal(run.output, "1\n"); /* hidepid: not even init */
}

static void test_networks(void **state)
{
	struct fixture_run run;

	(void)state;
	expect_output("tail -n +3 /proc/net/dev 2>/dev/null | wc -l", "0\n");
	fixture_prepare(&run, &fixture);
	run.spec.network = SANDBOX_NETWORK_HOST;
	fixture_expect_exit(host, &run, 0);
	assert_int_equal(run.protections[SANDBOX_NETWORK_NAMESPACE].status, SANDBOX_NOT_REQUESTED);
}

static void test_pooled_launches(void **state)
{
	struct sandbox_host *pooled = fixture_open_host(&fixture, NULL, 4);
	struct fixture_run run;

	(void)state;
	for (int i = 0; i < POOLED_RUNS; i++) {
		fixture_prepare(&run, &fixture);
		run.spec.limits.memory_bytes = (i < 8 ? 64 : 48) * MEBIBYTE;
		run.spec.channel = true;
		fixture_set_shell(
			&run,
			"id -u; ls /tmp /dev/shm; touch /tmp/mine; cat /proc/self/cgroup | sed 's/.*://' | sort -u");
		fixture_expect_exit(pooled, &run, 0);
		assert_string_equal(run.output, "1000\n/dev/shm:\n\n/tmp:\n/\n");
		if (i % 3 == 0)
			sandbox_host_refill(pooled);
	}
	sandbox_host_refill(pooled);
	sandbox_host_close(pooled);
}

/* Inherited from a parent with that habit: the kernel then keeps no zombies. */
static void test_caller_ignores_children(void **state)
{
	struct fixture_run run;

	(void)state;
	(void)signal(SIGCHLD, SIG_IGN);
	fixture_prepare(&run, &fixture);
	fixture_set_shell(&run, "sleep 0.05; exit 3");
	fixture_expect_exit(host, &run, 3);
	fixture_prepare(&run, &fixture);
	run.on_turn = kill_it;
	fixture_set_verb(&run, "sleep", "30000");
	assert_int_equal(fixture_run(host, &run), 0);
	assert_int_equal(run.outcome.end, SANDBOX_SIGNALED);
	(void)signal(SIGCHLD, SIG_DFL);
}

static void flood(struct sandbox *sandbox, struct fixture_run *run)
{
	struct berth_error err = {0};
	int refused = 0;

	if (run->extra || !strstr(run->output, "ready"))
		return;
	run->extra = run;
	for (int i = 0; i < 5000; i++)
		if (sandbox_signal(sandbox, SIGUSR1, &err) < 0)
			refused++;
	/* a full socket is an error, never a wait */
	assert_true(refused == 0 || err.errnum == EAGAIN);
}

static void test_flood_of_signals(void **state)
{
	struct fixture_run run;

	(void)state;
	fixture_prepare(&run, &fixture);
	run.on_turn = flood;
	fixture_set_shell(&run, "trap '' USR1; echo ready; sleep 0.5; exit 4");
	fixture_expect_exit(host, &run, 4);
}

/* Before Linux 6.3 the task is a fork of init, not a borrower of its memory. */
static void test_forked_task(void **state)
{
	struct fixture_run run;

	(void)state;
	host->vfork_task = false;
	test_exit_codes(state);
	test_surroundings(state);
	expect_exec_failure("no-such-command", ENOENT);
	test_no_descriptor_leaks_in(state);
	test_uptime_is_hidden(state);
	fixture_prepare(&run, &fixture);
	run.spec.working_directory = "/missing";
	fixture_expect_not_started(host, &run, "working directory /missing");
}

/* Two at once neither meet nor share ids. */
static void test_two_at_once(void **state)
{
	struct fixture_run runs[2];
	struct sandbox *sandboxes[2] = {NULL};
	struct pollfd watched;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		fixture_prepare(&runs[i], &fixture);
		fixture_set_verb(&runs[i], "sleep", "100");
		assert_int_equal(sandbox_launch(host, &runs[i].spec, &sandboxes[i], NULL), 0);
	}
	for (size_t i = 0; i < 2; i++) {
		watched = (struct pollfd){.fd = sandbox_descriptor(sandboxes[i]), .events = POLLIN};
		while (sandbox_dispatch(sandboxes[i], NULL) != SANDBOX_ENDED)
			(void)poll(&watched, 1, 1000);
		assert_int_equal(sandbox_dispatch(sandboxes[i], NULL), SANDBOX_ENDED);
		assert_int_equal(sandbox_outcome(sandboxes[i])->end, SANDBOX_EXITED);
	}
	sandbox_destroy(sandboxes[1]);
	sandbox_destroy(sandboxes[0]);
}

#define LAUNCH_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int count, char **arguments)
{
	const struct CMUnitTest tests[] = {
		LAUNCH_TEST(test_exit_codes),
		LAUNCH_TEST(test_signals),
		LAUNCH_TEST(test_exec_failures),
		LAUNCH_TEST(test_search_path),
		LAUNCH_TEST(test_not_started),
		LAUNCH_TEST(test_open_files_are_the_task_s_own),
		LAUNCH_TEST(test_environment_is_exactly_as_given),
		LAUNCH_TEST(test_surroundings),
		LAUNCH_TEST(test_signal_state_of_the_caller),
		LAUNCH_TEST(test_streams),
		LAUNCH_TEST(test_caller_without_streams),
		LAUNCH_TEST(test_no_descriptor_leaks_in),
		LAUNCH_TEST(test_links_to_descriptors),
		LAUNCH_TEST(test_channel),
		LAUNCH_TEST(test_signal_reaches_the_task_only),
		LAUNCH_TEST(test_signal_reaches_the_group),
		LAUNCH_TEST(test_term_ends_it),
		LAUNCH_TEST(test_kill_takes_all),
		LAUNCH_TEST(test_daemons_die),
		LAUNCH_TEST(test_orphans_are_reaped),
		LAUNCH_TEST(test_destroy_at_any_time),
		LAUNCH_TEST(test_uptime_is_hidden),
		LAUNCH_TEST(test_own_processes_only),
		LAUNCH_TEST(test_networks),
		LAUNCH_TEST(test_pooled_launches),
		LAUNCH_TEST(test_caller_ignores_children),
		LAUNCH_TEST(test_flood_of_signals),
		LAUNCH_TEST(test_forked_task),
		LAUNCH_TEST(test_two_at_once),
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
