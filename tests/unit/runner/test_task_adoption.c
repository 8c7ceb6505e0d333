/* SPDX-License-Identifier: Apache-2.0 */
/* A durable channel: what stays in the socket, and what the next channel makes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "channel_fixture.h"

#define SAVE  "{\"op\":\"checkpoint\",\"name\":\"n\",\"data\":1,\"id\":1}\n"
#define WAIT  "{\"op\":\"wait\",\"wait\":\"mine\",\"token\":\"token_1\",\"id\":2}\n"
#define LOG   "{\"op\":\"log\",\"message\":\"0123456789\"}\n"
#define USAGE "{\"op\":\"usage\",\"id\":3}\n"

static void say(struct channel_fixture *fixture, int client, const char *lines)
{
	assert_true(channel_fixture_send(fixture, client, lines, strlen(lines)));
	channel_fixture_run(fixture, 5);
}

static void assert_answer(struct channel_fixture *fixture, int client, const char *part)
{
	AUTO_TEXT struct text answer = {0};

	assert_true(channel_fixture_read(fixture, client, 1, &answer) >= 1);
	if (!strstr(answer.data, part))
		fail_msg("%s is not in %s", part, answer.data);
}

static void test_a_line_stays_until_it_is_answered(void **state)
{
	struct channel_fixture *fixture = *state;
	AUTO_CLOSE int client = channel_fixture_greet(fixture);

	assert_int_equal(channel_fixture_unread(fixture), 0);
	say(fixture, client, LOG);
	assert_int_equal(channel_fixture_unread(fixture), 0);
	say(fixture, client, SAVE LOG USAGE);
	assert_int_equal(fixture->logs, 2);
	assert_int_equal(channel_fixture_unread(fixture), strlen(SAVE LOG USAGE));
	assert_int_equal(channel_fixture_answer(fixture, 0), 0);
	channel_fixture_run(fixture, 5);
	assert_int_equal(channel_fixture_unread(fixture), 0);
	assert_answer(fixture, client, "{\"id\":1,\"ok\":true,\"n\":0}\n{\"id\":3,\"ok\":true");
}

static void test_the_next_channel_is_handed_it_again(void **state)
{
	struct channel_fixture *fixture = *state;
	AUTO_CLOSE int client = channel_fixture_greet(fixture);

	say(fixture, client, LOG SAVE LOG WAIT);
	assert_int_equal(fixture->request_count, 2);
	channel_fixture_hand_over(fixture, true);
	channel_fixture_run(fixture, 5);
	/* the first log line was done with, the second comes again */
	assert_int_equal(fixture->logs, 3);
	assert_int_equal(fixture->request_count, 4);
	assert_int_equal(fixture->waiting_count, 0);
	assert_memory_equal(&fixture->requests[2], &fixture->requests[0],
			    sizeof(fixture->requests[0]));
	assert_memory_equal(&fixture->requests[3], &fixture->requests[1],
			    sizeof(fixture->requests[0]));
	assert_int_equal(fixture->requests[2].connection, 1);
	assert_int_equal(fixture->requests[2].sequence, 2);
	assert_int_equal(channel_fixture_answer(fixture, 0), 0); /* by an older handle */
	assert_answer(fixture, client, "{\"id\":1,\"ok\":true,\"n\":0}\n");
	assert_int_equal(channel_fixture_answer(fixture, 3), 0);
	assert_answer(fixture, client, "{\"id\":2,\"ok\":true,\"n\":3}\n");
	channel_fixture_run(fixture, 5);
	assert_int_equal(channel_fixture_unread(fixture), 0);
}

/* An owner that cannot keep a copy would lose the connection with itself. */
static void test_a_connection_waits_until_it_can_be_kept(void **state)
{
	struct channel_fixture *fixture = *state;
	AUTO_CLOSE int client = -1;

	fixture->is_busy = true;
	client = channel_fixture_connect(fixture);
	assert_true(client >= 0);
	channel_fixture_run(fixture, 25);
	assert_int_equal(fixture->kept_count, 0);
	fixture->is_busy = false;
	channel_fixture_run(fixture, 25);
	assert_int_equal(fixture->kept_count, 1);
}

static void test_a_committed_wait_leaves_and_is_remembered(void **state)
{
	struct channel_fixture *fixture = *state;
	AUTO_CLOSE int client = channel_fixture_greet(fixture);

	say(fixture, client, WAIT LOG);
	assert_int_equal(channel_fixture_unread(fixture), strlen(WAIT LOG));
	assert_int_equal(task_channel_commit(fixture->channel, &fixture->requests[0]), 0);
	channel_fixture_run(fixture, 5);
	assert_int_equal(channel_fixture_unread(fixture), 0);
	for (int i = 0; i < 3; i++) {
		channel_fixture_hand_over(fixture, true);
		say(fixture, client, LOG);
		assert_int_equal(fixture->waiting_count, i + 1);
		assert_memory_equal(&fixture->requests[i + 1], &fixture->requests[0],
				    sizeof(fixture->requests[0]));
	}
	assert_int_equal(fixture->logs, 4);
	assert_int_equal(channel_fixture_answer(fixture, 0), 0);
	assert_answer(fixture, client, "{\"id\":2,\"ok\":true,\"n\":0}\n");
	channel_fixture_run(fixture, 5);
	channel_fixture_hand_over(fixture, true);
	channel_fixture_run(fixture, 5);
	assert_int_equal(fixture->waiting_count, 3);
	/* and it makes room for another */
	say(fixture, client, WAIT);
	assert_int_equal(task_channel_commit(fixture->channel, &fixture->requests[4]), 0);
}

static void test_numbers_go_on(void **state)
{
	struct channel_fixture *fixture = *state;
	AUTO_CLOSE int first = channel_fixture_greet(fixture);
	int second = channel_fixture_greet(fixture);

	(void)close(second);
	channel_fixture_run(fixture, 5);
	assert_int_equal(fixture->kept_count, 1);
	channel_fixture_hand_over(fixture, true);
	AUTO_CLOSE int third = channel_fixture_greet(fixture);

	say(fixture, first, SAVE);
	say(fixture, third, SAVE);
	assert_int_equal(fixture->requests[0].connection, 1);
	assert_int_equal(fixture->requests[1].connection, 100); /* what the owner knew */
}

/* In the middle of a line that no socket holds, again and again. */
static void test_the_longest_line_is_handed_over(void **state)
{
	static const char start[] = "{\"op\":\"output\",\"id\":2,\"data\":\"";
	struct channel_fixture *fixture = *state;
	AUTO_CLOSE int client = channel_fixture_greet(fixture);
	AUTO_FREE char *line = malloc(PROTOCOL_LINE_MAX);
	size_t piece = PROTOCOL_LINE_MAX / 8;
	struct stat ledger;

	assert_non_null(line);
	memset(line, ' ', PROTOCOL_LINE_MAX);
	memset(line, 'x', 3 * 1024 * 1024);
	memcpy(line, start, sizeof(start) - 1);
	line[3 * 1024 * 1024] = '"';
	memcpy(line + PROTOCOL_LINE_MAX - 2, "}\n", 2);
	for (size_t i = 0; i < 8; i++) {
		assert_true(channel_fixture_send(fixture, client, line + i * piece, piece));
		channel_fixture_run(fixture, 5);
		channel_fixture_hand_over(fixture, true);
	}
	assert_answer(fixture, client, "{\"id\":2,\"ok\":true}\n");
	assert_int_equal(fixture->outputs, 1);
	say(fixture, client, USAGE);
	assert_answer(fixture, client, "{\"id\":3,\"ok\":true");
	/* and its memory was given back */
	assert_int_equal(fstat(task_channel_ledger(fixture->channel), &ledger), 0);
	assert_in_range(ledger.st_blocks * 512, 0, 64 * 1024);
}

static void test_without_the_ledger_all_have_said_hello(void **state)
{
	struct channel_fixture *fixture = *state;
	AUTO_CLOSE int client = channel_fixture_greet(fixture);

	channel_fixture_hand_over(fixture, false);
	say(fixture, client, USAGE);
	assert_answer(fixture, client, "{\"id\":3,\"ok\":true");
}

static void test_half_a_reply_ends_the_connection(void **state)
{
	struct channel_fixture *fixture = *state;
	AUTO_CLOSE int client = channel_fixture_greet(fixture);
	AUTO_CLOSE int other = channel_fixture_greet(fixture);

	/* longer than what the client's socket takes */
	fixture->restored = malloc(400000);
	assert_non_null(fixture->restored);
	memset(fixture->restored, 'd', 400000);
	fixture->restored[0] = fixture->restored[399998] = '"';
	fixture->restored[399999] = '\0';
	say(fixture, client, "{\"op\":\"restore\",\"name\":\"n\",\"id\":1}\n");
	channel_fixture_hand_over(fixture, true);
	channel_fixture_run(fixture, 5);
	assert_int_equal(fixture->closed_count, 1);
	assert_int_equal(fixture->kept_count, 1);
	say(fixture, other, USAGE);
	assert_answer(fixture, other, "{\"id\":3,\"ok\":true");
}

static void test_unread_lines_cost_no_time(void **state)
{
	struct channel_fixture *fixture = *state;
	AUTO_CLOSE int client = channel_fixture_greet(fixture);
	struct rusage before, after;
	int64_t spent_us;

	say(fixture, client, SAVE LOG "{\"op\":\"lo");
	assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
	channel_fixture_run(fixture, 300);
	assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
	spent_us = (after.ru_utime.tv_sec - before.ru_utime.tv_sec + after.ru_stime.tv_sec -
		    before.ru_stime.tv_sec) *
			   1000000 +
		   after.ru_utime.tv_usec - before.ru_utime.tv_usec + after.ru_stime.tv_usec -
		   before.ru_stime.tv_usec;
	assert_true(spent_us < 50000);
	say(fixture, client, "g\",\"message\":\"\"}\n");
	assert_int_equal(fixture->logs, 2);
}

/* What is behind an open request waits in the socket, however much it is, and goes on. */
static void test_a_flood_behind_an_open_request(void **state)
{
	struct channel_fixture *fixture = *state;
	AUTO_CLOSE int client = channel_fixture_greet(fixture);
	size_t sent = 0;

	say(fixture, client, SAVE);
	while (send(client, LOG, strlen(LOG), MSG_DONTWAIT | MSG_NOSIGNAL) ==
	       (ssize_t)strlen(LOG)) {
		sent++;
		if (sent % 100 == 0)
			channel_fixture_run(fixture, 1);
	}
	channel_fixture_run(fixture, 200);
	assert_int_equal(fixture->logs, sent);
	channel_fixture_hand_over(fixture, true);
	channel_fixture_run(fixture, 200);
	assert_int_equal(fixture->logs, 2 * sent); /* known by their numbers */
	assert_int_equal(fixture->request_count, 2);
	assert_int_equal(channel_fixture_answer(fixture, 1), 0);
	channel_fixture_run(fixture, 5);
	assert_int_equal(channel_fixture_unread(fixture), 0);
	say(fixture, client, LOG SAVE);
	assert_int_equal(fixture->logs, 2 * sent + 1);
	assert_int_equal(fixture->requests[2].sequence, 1 + 1 + sent + 1);
}

static void test_a_ledger_of_something_else_is_refused(void **state)
{
	struct channel_fixture *fixture = *state;
	struct berth_error err = {0};
	int other = memfd_create("other", MFD_CLOEXEC);
	const struct task_channel_adoption adoption = {.ledger_fd = other};
	struct task_channel_handlers none = {0};
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const struct task_channel_setup setup = {
		.loop = fixture->loop,
		.listen_fd = listener,
		.info = &fixture->info,
		.handlers = &none,
		.is_durable = true,
		.adoption = &adoption,
	};
	struct task_channel *channel = NULL;

	assert_int_equal(task_channel_create(&setup, &channel, &err), -1);
	assert_int_equal(err.code, BERTH_INVALID);
	assert_int_equal(ftruncate(other, 65536), 0);
	assert_int_equal(task_channel_create(&setup, &channel, &err), -1);
	assert_non_null(strstr(err.message, "version"));
	/* both are still the caller's */
	assert_int_equal(close(other), 0);
	assert_int_equal(close(listener), 0);
}

#define TEST(function)                                                                             \
	cmocka_unit_test_setup_teardown(function, channel_fixture_set_up_durable,                  \
					channel_fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_line_stays_until_it_is_answered),
		TEST(test_the_next_channel_is_handed_it_again),
		TEST(test_a_connection_waits_until_it_can_be_kept),
		TEST(test_a_committed_wait_leaves_and_is_remembered),
		TEST(test_numbers_go_on),
		TEST(test_the_longest_line_is_handed_over),
		TEST(test_without_the_ledger_all_have_said_hello),
		TEST(test_half_a_reply_ends_the_connection),
		TEST(test_unread_lines_cost_no_time),
		TEST(test_a_flood_behind_an_open_request),
		TEST(test_a_ledger_of_something_else_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
