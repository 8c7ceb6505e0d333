/* SPDX-License-Identifier: Apache-2.0 */
/* The control server from its clients' side: order, late answers, limits, roles, slowness, garbage,
 * and the blocking client against it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/descriptor.h"
#include "base/json.h"
#include "control_fixture.h"
#include "runner/control/control_client.h"

#define HELLO "{\"op\":\"hello\",\"id\":1,\"protocol\":1}\n"

static int greet(const struct control_fixture *fixture)
{
	int fd = fixture_connect(fixture);

	fixture_say(fd, HELLO);
	assert_non_null(strstr(fixture_hear(fd), "\"ok\":true"));
	return fd;
}

static void wait_for(const atomic_int *counter, int wanted)
{
	struct timespec pause = {.tv_nsec = 1000000};

	for (int i = 0; *counter < wanted && i < 10000; i++)
		(void)nanosleep(&pause, NULL);
	assert_int_equal(*counter, wanted);
}

static void expect_line(int fd, const char *part)
{
	const char *line = fixture_hear(fd);

	assert_non_null(line);
	if (!strstr(line, part))
		fail_msg("\"%s\" is not in: %s", part, line);
}

static void expect_closed(int fd)
{
	assert_null(fixture_hear(fd));
	(void)close(fd);
}

/* Requests behind hello need not wait for its answer; answers have the ids. */
static void test_pipelining(void **state)
{
	struct control_fixture *fixture = *state;
	int fd = fixture_connect(fixture);

	fixture_say(fd, HELLO "{\"op\":\"status\",\"id\":7}\n{\"op\":\"ping\",\"id\":8}\n"
			      "{\"op\":\"trigger\",\"id\":9,\"task\":\"t\",\"ttl\":\"1h\"}\n"
			      "{\"op\":\"drain\",\"id\":10}\n");
	expect_line(fd, "\"role\":\"operator\"");
	expect_line(fd, "{\"id\":8,\"ok\":true,\"result\":null}");
	expect_line(fd, "{\"id\":9,\"ok\":true,\"result\":{\"task\":\"t\"}}");
	expect_line(fd, "{\"id\":7,\"ok\":true,\"result\":\"released\"}");
	expect_line(fd, "{\"id\":10,");
	(void)close(fd);
}

static void test_refusals(void **state)
{
	static const char *const rows[][2] = {
		{"{\"op\":\"nothing\",\"id\":2}\n",                                    "\"code\":\"not_found\""   },
		{"{\"op\":\"prune\",\"id\":2}\n",                                      "prune: not offered"       },
		{"{\"op\":\"trigger\",\"id\":2}\n",                                    "trigger: task: missing"   },
		{"{\"op\":\"trigger\",\"id\":2,\"task\":\"t\",\"tsk\":1}\n",           "tsk: unknown field"       },
		{"{\"op\":\"trigger\",\"id\":2,\"task\":\"\"}\n",                      "\"status\":400"           },
		{"{\"op\":\"trigger\",\"id\":2,\"task\":\"t\",\"maxAttempts\":251}\n",
		 "between 0 and 250"									      },
		{"{\"op\":\"run_get\",\"id\":2,\"run\":\"run_x\"}\n",
		 "there is no run run_x\",\"status\":404"							 },
		{"{\"op\":\"deploy\",\"id\":2,\"manifest\":{},\"files\":[]}\n",
		 "1 descriptor must come with it"								 },
		{"{\"op\":\"bulk\",\"id\":2,\"action\":\"burn\"}\n",                   "not one of cancel, replay"},
	};
	struct control_fixture *fixture = *state;
	int fd = greet(fixture);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fixture_say(fd, rows[i][0]);
		expect_line(fd, rows[i][1]);
	}
	fixture_say(fd, "{\"op\":\"ping\",\"id\":3}\n");
	expect_line(fd, "{\"id\":3,\"ok\":true");
	(void)close(fd);
}

static void test_broken_lines(void **state)
{
	static const char *const rows[][2] = {
		{"{\"op\":\"ping\",\"id\":1}\n",                 "has to be hello"      },
		{"x\n",					  "\"code\":\"protocol\""},
		{"[]\n",					 "not a JSON object"    },
		{"\n",					   "\"code\":\"protocol\""},
		{"{\"op\":\"hello\",\"protocol\":1}\n",          "id: not an integer"   },
		{"{\"op\":\"hello\",\"id\":-1}\n",               "id: not an integer"   },
		{"{\"id\":1}\n",				 "op: missing"          },
		{"{\"op\":\"hello\",\"id\":1,\"protocol\":2}\n", "between 1 and 1"      },
		{HELLO HELLO,				    "\"id\":1,\"ok\":true" },
	};
	struct control_fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int fd = fixture_connect(fixture);

		fixture_say(fd, rows[i][0]);
		expect_line(fd, rows[i][1]);
		if (i + 1 == sizeof(rows) / sizeof(rows[0]))
			expect_line(fd, "said before");
		expect_closed(fd);
	}
}

static void test_garbage_is_told_and_others_go_on(void **state)
{
	struct control_fixture *fixture = *state;
	int other = greet(fixture), fd = fixture_connect(fixture);
	AUTO_FREE char *flood = malloc(CONTROL_LINE_MAX + 4096);

	memset(flood, 'y', CONTROL_LINE_MAX + 4095);
	flood[CONTROL_LINE_MAX + 4095] = '\0';
	/* the server closes while this is being sent */
	(void)!send(fd, flood, CONTROL_LINE_MAX + 4095, MSG_NOSIGNAL);
	wait_for(&fixture->problems, 1);
	(void)close(fd);
	fixture_say(other, "{\"op\":\"ping\",\"id\":3}\n");
	expect_line(other, "{\"id\":3,\"ok\":true");
	(void)close(other);
}

/* A client that shuts its side down still gets its answers; one that goes loses only them. */
static void test_half_closed_and_gone(void **state)
{
	struct control_fixture *fixture = *state;
	int fd = greet(fixture), other;

	fixture_say(fd, "{\"op\":\"status\",\"id\":2}\n");
	wait_for(&fixture->held, 1);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	other = greet(fixture);
	fixture_say(other, "{\"op\":\"status\",\"id\":2}\n");
	wait_for(&fixture->held, 2);
	(void)close(other);
	wait_for(&fixture->gone, 1);
	other = greet(fixture);
	fixture_say(other, "{\"op\":\"drain\",\"id\":2}\n");
	expect_line(other, "{\"id\":2,\"ok\":true");
	expect_line(fd, "released");
	expect_closed(fd);
	(void)close(other);
}

/* What it asked before it left is done. */
static void test_asks_and_leaves(void **state)
{
	struct control_fixture *fixture = *state;
	int fd = fixture_connect(fixture);

	fixture_say(fd, HELLO "{\"op\":\"status\",\"id\":2}\n");
	(void)close(fd);
	wait_for(&fixture->held, 1);
	wait_for(&fixture->gone, 1);
}

static void test_pending_limit(void **state)
{
	struct control_fixture *fixture = *state;
	int fd = greet(fixture), other = greet(fixture);
	char line[64];

	for (int i = 0; i < CONTROL_PENDING_MAX + 10; i++) {
		(void)snprintf(line, sizeof(line), "{\"op\":\"status\",\"id\":%d}\n", i);
		fixture_say(fd, line);
	}
	wait_for(&fixture->held, CONTROL_PENDING_MAX);
	fixture_say(other, "{\"op\":\"drain\",\"id\":2}\n");
	expect_line(other, "{\"id\":2");
	wait_for(&fixture->held, 10);
	for (int i = 0; i < CONTROL_PENDING_MAX; i++)
		expect_line(fd, "released");
	(void)close(fd);
	(void)close(other);
}

/* A stream waits for its client, and nobody else does. */
static void test_stream_is_as_fast_as_its_client(void **state)
{
	struct control_fixture *fixture = *state;
	int fd = greet(fixture), other = greet(fixture);

	fixture_say(fd, "{\"op\":\"run_follow\",\"id\":2,\"run\":\"r\",\"position\":3000}\n");
	fixture_say(other, "{\"op\":\"ping\",\"id\":3}\n");
	expect_line(other, "{\"id\":3,\"ok\":true");
	for (int i = 0; i < 3000; i++)
		expect_line(fd, "{\"id\":2,\"event\":{\"log\":\"x");
	expect_line(fd, "{\"id\":2,\"ok\":true,\"result\":\"streamed\"}");
	(void)close(fd);
	(void)close(other);
}

static void test_slow_reader_is_dropped(void **state)
{
	struct control_fixture *fixture = *state;
	int fd = greet(fixture);

	fixture_say(fd, "{\"op\":\"run_follow\",\"id\":2,\"run\":\"r\",\"position\":9000}\n");
	wait_for(&fixture->problems, 1);
	wait_for(&fixture->stopped_streams, 1);
	(void)close(fd);
}

static void test_silent_client_is_dropped(void **state)
{
	struct control_fixture *fixture = *state;
	int fd = fixture_connect(fixture);

	expect_line(fd, "no hello in time");
	expect_closed(fd);
}

static void test_viewer(void **state)
{
	struct control_fixture *fixture = *state;
	AUTO_FREE char *long_line = malloc(CONTROL_VIEWER_LINE_MAX + 2);
	int fd = fixture_connect(fixture);

	fixture_say(fd, HELLO "{\"op\":\"trigger\",\"id\":2,\"task\":\"t\"}\n"
			      "{\"op\":\"ping\",\"id\":3}\n");
	expect_line(fd, "\"role\":\"viewer\"");
	expect_line(fd, "needs the role operator");
	expect_line(fd, "{\"id\":3,\"ok\":true");
	memset(long_line, ' ', CONTROL_VIEWER_LINE_MAX + 1);
	long_line[CONTROL_VIEWER_LINE_MAX + 1] = '\0';
	(void)!send(fd, long_line, CONTROL_VIEWER_LINE_MAX + 1, MSG_NOSIGNAL);
	expect_line(fd, "a request longer than");
	(void)close(fd);
}

static void test_nobody(void **state)
{
	struct control_fixture *fixture = *state;
	int fd = fixture_connect(fixture);

	fixture_say(fd, HELLO);
	expect_line(fd, "\"code\":\"denied\"");
	expect_closed(fd);
}

static void test_draining(void **state)
{
	struct control_fixture *fixture = *state;
	int fd = greet(fixture);

	fixture->is_draining = true;
	fixture_say(fd, "{\"op\":\"trigger\",\"id\":2,\"task\":\"t\"}\n");
	expect_line(fd, "\"code\":\"draining\"");
	(void)close(fd);
}

static int make_file(size_t length)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)length), 0);
	return fd;
}

static void test_descriptors(void **state)
{
	static const char line[] = "{\"op\":\"deploy\",\"id\":2,\"manifest\":{},\"files\":[]}\n";
	struct control_fixture *fixture = *state;
	int fds[] = {make_file(10), make_file(20), make_file(30), make_file(40), make_file(50)};
	int fd = greet(fixture);

	assert_int_equal(descriptor_send(fd, line, strlen(line), fds, 2, NULL), 0);
	expect_line(fd, "\"bytes\":10");
	fixture_say(fd, line);
	expect_line(fd, "\"bytes\":20");
	fixture_say(fd, line);
	expect_line(fd, "1 descriptor must come with it");
	assert_int_equal(descriptor_send(fd, "  ", 2, fds, 5, NULL), 0);
	expect_line(fd, "more than 4 descriptors");
	expect_closed(fd);
	for (size_t i = 0; i < 5; i++)
		(void)close(fds[i]);
}

static void test_client(void **state)
{
	struct control_fixture *fixture = *state;
	AUTO_JSON json_t *fields = json_pack("{s:s}", "task", "hello");
	AUTO_JSON json_t *follow = json_pack("{s:s, s:i}", "run", "r", "position", 2);
	AUTO_JSON json_t *wrong = json_pack("{s:s}", "run", "run_none");
	struct control_client *client = NULL;
	struct berth_error err;
	json_t *value = NULL;

	assert_int_equal(control_client_open(fixture->path, &client, &err), 0);
	assert_int_equal(control_client_call(client, CONTROL_TRIGGER, fields, &value, &err), 0);
	assert_string_equal(json_string_value(json_object_get(value, "task")), "hello");
	json_decref(value);
	assert_int_equal(control_client_call(client, CONTROL_RUN_GET, wrong, &value, &err), -1);
	assert_int_equal(err.code, BERTH_NOT_FOUND);
	assert_int_equal(control_client_status(client), 404);
	assert_int_equal(control_client_send(client, CONTROL_RUN_FOLLOW, follow, NULL, 0, &err), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(control_client_receive(client, &value, &err),
				 CONTROL_CLIENT_EVENT);
		json_decref(value);
	}
	assert_int_equal(control_client_receive(client, &value, &err), 0);
	assert_string_equal(json_string_value(value), "streamed");
	json_decref(value);
	control_client_close(client);
}

static void test_client_finds_nothing(void **state)
{
	struct control_fixture *fixture = *state;
	struct control_client *client = NULL;
	struct berth_error err;
	char path[200];

	(void)snprintf(path, sizeof(path), "%s/none", fixture->directory);
	assert_int_equal(control_client_open(path, &client, &err), -1);
	assert_non_null(strstr(err.message, "berth serve is not running: nothing listens on"));
	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(control_client_open(path, &client, &err), -1);
	assert_int_equal(err.code, BERTH_INVALID);
}

static int setup(void **state)
{
	struct control_fixture *fixture = malloc(sizeof(*fixture));

	fixture_init(fixture);
	fixture_start(fixture);
	*state = fixture;
	return 0;
}

static int setup_impatient(void **state)
{
	struct control_fixture *fixture = malloc(sizeof(*fixture));

	fixture_init(fixture);
	fixture->options.slow_ms = 300;
	fixture->options.silent_ms = 300;
	fixture_start(fixture);
	*state = fixture;
	return 0;
}

/* root is an operator whatever the policy says */
static int setup_policy(void **state, bool others_view)
{
	struct control_fixture *fixture = malloc(sizeof(*fixture));

	fixture_init(fixture);
	fixture->options.policy.daemon_uid = geteuid() + 1;
	fixture->options.policy.others_view = others_view;
	fixture_start(fixture);
	*state = fixture;
	return 0;
}

static int setup_viewer(void **state)
{
	return setup_policy(state, true);
}

static int setup_nobody(void **state)
{
	return setup_policy(state, false);
}

static int teardown(void **state)
{
	fixture_finish(*state);
	free(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest everybody[] = {
		cmocka_unit_test_setup_teardown(test_pipelining, setup, teardown),
		cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
		cmocka_unit_test_setup_teardown(test_broken_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(test_garbage_is_told_and_others_go_on, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_half_closed_and_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_asks_and_leaves, setup, teardown),
		cmocka_unit_test_setup_teardown(test_pending_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_stream_is_as_fast_as_its_client, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_slow_reader_is_dropped, setup_impatient,
						teardown),
		cmocka_unit_test_setup_teardown(test_silent_client_is_dropped, setup_impatient,
						teardown),
		cmocka_unit_test_setup_teardown(test_draining, setup, teardown),
		cmocka_unit_test_setup_teardown(test_descriptors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_client, setup, teardown),
		cmocka_unit_test_setup_teardown(test_client_finds_nothing, setup, teardown),
	};
	const struct CMUnitTest unprivileged[] = {
		cmocka_unit_test_setup_teardown(test_viewer, setup_viewer, teardown),
		cmocka_unit_test_setup_teardown(test_nobody, setup_nobody, teardown),
	};
	uid_t uid = geteuid();
	int failed = cmocka_run_group_tests(everybody, NULL, NULL);

	/* as another user: the kernel tells the server who this is when it connects */
	if (uid == 0 && seteuid(12345) < 0)
		return 1;
	failed += cmocka_run_group_tests(unprivileged, NULL, NULL);
	/* prctl(2): one that has been somebody else cannot be looked into, not even for leaks */
	if (seteuid(uid) < 0 || prctl(PR_SET_DUMPABLE, 1) < 0)
		return 1;
	return failed;
}
