/* SPDX-License-Identifier: Apache-2.0 */
/* What berth doctor says of a daemon, with both answers of every check. */
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

#include "base/json.h"
#include "client_fixture.h"
#include "runner/cli/doctor_daemon.h"
#include "tests/helpers/scratch.h"

#define STATUS(more) "{\"version\":\"" BERTH_VERSION "\",\"privileged\":true," more "}"

static char scratch[SCRATCH_SIZE];

/* The path of a file below the scratch directory; the next call overwrites it. */
static const char *below(const char *name)
{
	static char path[256];

	assert_true(snprintf(path, sizeof(path), "%.60s%.190s", scratch, name) < (int)sizeof(path));
	return path;
}

static struct doctor_daemon make_daemon(const char *status)
{
	struct doctor_daemon daemon = {
		.is_wanted = true,
		.answers = status != NULL,
		.user = "root",
		.root = scratch,
	};

	(void)snprintf(daemon.socket, sizeof(daemon.socket), "%s", CONTROL_SOCKET_SYSTEM);
	(void)berth_fail(&daemon.why, BERTH_NOT_FOUND, 0, "nobody is there");
	daemon.status = status ? json_loads(status, 0, NULL) : NULL;
	assert_true(!status || daemon.status);
	return daemon;
}

static void expect_look(const char *name, struct doctor_daemon *daemon, enum doctor_state state,
			const char *says)
{
	char detail[DOCTOR_DETAIL_SIZE] = "";
	size_t i = 0;

	while (i < doctor_daemon_check_count && strcmp(doctor_daemon_checks[i].name, name) != 0)
		i++;
	assert_true(i < doctor_daemon_check_count);
	if (doctor_daemon_checks[i].look(daemon, detail) != state)
		fail_msg("%s is not %d: %s", name, (int)state, detail);
	expect_in(detail, says);
}

static void expect(const char *name, const char *status, enum doctor_state state, const char *says)
{
	struct doctor_daemon daemon = make_daemon(status);

	expect_look(name, &daemon, state, says);
	doctor_daemon_finish(&daemon);
}

static void test_socket(void **state)
{
	struct doctor_daemon daemon = make_daemon(STATUS("\"live\":0"));

	(void)state;
	(void)snprintf(daemon.socket, sizeof(daemon.socket), "%s", below("/sock"));
	assert_true(close(open(daemon.socket, O_CREAT | O_CLOEXEC | O_WRONLY, 0600)) == 0);
	expect_look("daemon_socket", &daemon, DOCTOR_OK, "its owner may connect");
	assert_int_equal(chmod(daemon.socket, 0666), 0);
	expect_look("daemon_socket", &daemon, DOCTOR_OK, "everybody may connect");
	doctor_daemon_finish(&daemon); /* of whom it has no status, it tells nothing */
	expect_look("daemon_socket", &daemon, DOCTOR_OK, "you are told nothing");
	expect("daemon_socket", NULL, DOCTOR_MISSING, "nobody is there");
}

static void test_version(void **state)
{
	(void)state;
	expect("daemon_version", STATUS("\"live\":0"), DOCTOR_OK, BERTH_VERSION);
	expect("daemon_version", "{\"version\":\"0.0.1\"}", DOCTOR_MISSING, "the daemon 0.0.1");
	expect("daemon_version", NULL, DOCTOR_UNUSED, "does not answer");
}

static void test_user(void **state)
{
	struct doctor_daemon daemon = make_daemon(STATUS("\"live\":0"));

	(void)state;
	expect_look("daemon_user", &daemon, DOCTOR_OK, "root, uid 0");
	daemon.user = "no-such-user";
	expect_look("daemon_user", &daemon, DOCTOR_MISSING, "there is no user no-such-user");
	doctor_daemon_finish(&daemon);
	expect("daemon_user", "{\"privileged\":false}", DOCTOR_UNUSED, "not root");
}

static void test_state(void **state)
{
	char status[256];
	struct doctor_daemon daemon;

	(void)state;
	(void)snprintf(status, sizeof(status), STATUS("\"state\":\"%s\""), below("/state"));
	expect("daemon_state", status, DOCTOR_MISSING, "there is no ");
	assert_int_equal(mkdir(below("/state"), 0755), 0);
	expect("daemon_state", status, DOCTOR_MISSING, "mode 0755");
	assert_int_equal(chmod(below("/state"), 0700), 0);
	daemon = make_daemon(status);
	daemon.user = "daemon"; /* of every Debian */
	expect_look("daemon_state", &daemon, DOCTOR_MISSING, "closed to daemon");
	if (geteuid() == 0) {
		assert_int_equal(chown(below("/state"), 0, 1), 0);
		assert_int_equal(chmod(below("/state"), 01770), 0);
		expect_look("daemon_state", &daemon, DOCTOR_OK, "free");
		assert_int_equal(chmod(below("/state"), 0700), 0);
	}
	daemon.user = "no-such-user"; /* then it is the launcher's own */
	expect_look("daemon_state", &daemon, DOCTOR_OK, "free");
	daemon.room_bytes = UINT64_MAX;
	expect_look("daemon_state", &daemon, DOCTOR_MISSING, "free");
	doctor_daemon_finish(&daemon);
}

static void make_file(const char *name)
{
	assert_true(close(open(below(name), O_CREAT | O_CLOEXEC | O_WRONLY, 0644)) == 0);
}

static void test_unit(void **state)
{
	static const char *const directories[] = {
		"/run",
		"/run/systemd",
		"/run/systemd/system",
		"/lib",
		"/lib/systemd",
		"/lib/systemd/system",
		"/etc",
		"/etc/systemd",
		"/etc/systemd/system",
		"/etc/systemd/system/multi-user.target.wants",
	};
	struct doctor_daemon daemon = make_daemon(NULL);

	(void)state;
	expect_look("daemon_unit", &daemon, DOCTOR_UNUSED, "systemd does not run here");
	for (size_t i = 0; i < sizeof(directories) / sizeof(directories[0]); i++)
		assert_int_equal(mkdir(below(directories[i]), 0755), 0);
	expect_look("daemon_unit", &daemon, DOCTOR_MISSING, "there is no berth.service");
	make_file("/lib/systemd/system/berth.service");
	expect_look("daemon_unit", &daemon, DOCTOR_MISSING, "not enabled");
	assert_int_equal(
		symlink("/nowhere",
			below("/etc/systemd/system/multi-user.target.wants/berth.service")),
		0);
	expect_look("daemon_unit", &daemon, DOCTOR_OK, ", enabled");
	(void)snprintf(daemon.socket, sizeof(daemon.socket), "/tmp/another");
	expect_look("daemon_unit", &daemon, DOCTOR_UNUSED, "another");
}

static void test_cgroup(void **state)
{
	(void)state;
	expect("daemon_cgroup", STATUS("\"cgroup\":\"v2\",\"missing\":{\"io_weight\":\"no\"}"),
	       DOCTOR_OK, "v2: CPU, memory and pids");
	expect("daemon_cgroup",
	       STATUS("\"cgroup\":\"v2\",\"missing\":{\"memory_limit\":\"not delegated\"}"),
	       DOCTOR_MISSING, "no memory_limit: not delegated");
	expect("daemon_cgroup", NULL, DOCTOR_UNUSED, "does not answer");
}

/* The verb asks the daemon that is named, and what it lacks is said with what to do. */
static void test_verb(void **state)
{
	static const struct fixture_answer rows[] = {
		{.op = CONTROL_STATUS,
		 .result = "{\"version\":\"0.0.1\",\"privileged\":false,\"cgroup\":\"none\","
			   "\"state\":\"/nowhere\",\"missing\":{\"cpu_limit\":\"none\"}}"},
	};
	struct client_fixture *fixture = *state;

	assert_int_equal(RUN(fixture, rows, "doctor"), 1);
	expect_in(fixture->out, "ok   daemon_socket");
	expect_in(fixture->out, "NO   daemon_version");
	expect_in(fixture->out, "remedy:     berth reload");
	expect_in(fixture->out, "--   daemon_user");
	expect_in(fixture->out, "NO   daemon_cgroup");
	assert_int_equal(RUN(fixture, rows, "doctor", "--json"), 1);
	expect_in(fixture->out, "\"name\": \"daemon_version\"");
	expect_in(fixture->out, "\"state\": \"missing\"");
}

static int set_up(void **state)
{
	return scratch_make("doctor", scratch) < 0 ? -1 : client_fixture_set_up(state);
}

static int tear_down(void **state)
{
	return client_fixture_tear_down(state) < 0 ? -1 : scratch_remove(scratch);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_socket), TEST(test_version), TEST(test_user), TEST(test_state),
		TEST(test_unit),   TEST(test_cgroup),  TEST(test_verb),
	};

	return cmocka_run_group_tests_name("doctor_daemon", tests, NULL, NULL);
}
