/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that are answered later: in order, except for those that wait, and within limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "channel_fixture.h"

static void say(struct channel_fixture *fixture, int client, const char *lines)
{
	assert_true(channel_fixture_send(fixture, client, lines, strlen(lines)));
}

/* A request with an id: what begins it has everything but that. */
static void say_number(struct channel_fixture *fixture, int client, const char *start, int id)
{
	char line[256];

	(void)snprintf(line, sizeof(line), "%s,\"id\":%d}\n", start, id);
	say(fixture, client, line);
}

static void assert_answers(struct channel_fixture *fixture, int client, const char *expected)
{
	AUTO_TEXT struct text answer = {0};
	size_t lines = 0;

	for (const char *at = expected; *at; at++)
		lines += *at == '\n';
	assert_int_equal(channel_fixture_read(fixture, client, lines, &answer), lines);
	assert_string_equal(answer.data, expected);
}

static void assert_silence(struct channel_fixture *fixture, int client)
{
	char byte;

	channel_fixture_run(fixture, 20);
	assert_int_equal(recv(client, &byte, 1, MSG_DONTWAIT), -1);
}

#define SAVE  "{\"op\":\"checkpoint\",\"name\":\"n\",\"data\":1"
#define WAIT  "{\"op\":\"wait\",\"token\":\"token_1\""
#define USAGE "{\"op\":\"usage\""
#define USED  "\"ok\":true,\"cpu_ns\":0,\"memory_bytes\":0,\"memory_peak_bytes\":0,\"pids\":3}\n"

static void test_answers_come_in_order(void **state)
{
	struct channel_fixture *fixture = *state;
	AUTO_CLOSE int client = channel_fixture_greet(fixture);

	say_number(fixture, client, SAVE, 1);
	say_number(fixture, client, USAGE, 2);
	say_number(fixture, client, SAVE, 3);
	assert_silence(fixture, client);
	assert_int_equal(fixture->request_count, 2);
	assert_int_equal(task_channel_pending(fixture->channel), 2);
	assert_int_equal(channel_fixture_answer(fixture, 1), 0);
	assert_silence(fixture, client);
	assert_int_equal(channel_fixture_answer(fixture, 0), 0);
	assert_answers(fixture, client,
		       "{\"id\":1,\"ok\":true,\"n\":0}\n{\"id\":2," USED
		       "{\"id\":3,\"ok\":true,\"n\":1}\n");
	assert_int_equal(task_channel_pending(fixture->channel), 0);
	/* once is enough */
	assert_int_equal(channel_fixture_answer(fixture, 0), TASK_CHANNEL_GONE);
	say_number(fixture, client, USAGE, 4);
	assert_answers(fixture, client, "{\"id\":4," USED);
}

static void test_waits_are_answered_when_they_are_over(void **state)
{
	struct channel_fixture *fixture = *state;
	AUTO_CLOSE int client = channel_fixture_greet(fixture);

	say_number(fixture, client, WAIT, 1);
	say_number(fixture, client, SAVE, 2);
	say(fixture, client,
	    "{\"op\":\"trigger_and_wait\",\"wait\":\"child\",\"task\":\"t\",\"id\":3}\n");
	say_number(fixture, client, USAGE, 4);
	assert_int_equal(fixture->request_count, 3);
	assert_int_equal(task_channel_pending(fixture->channel), 1);
	assert_string_equal(fixture->requests[0].name, ".1.1");
	assert_string_equal(fixture->requests[2].name, "child");
	assert_int_equal(channel_fixture_answer(fixture, 2), 0);
	assert_answers(fixture, client, "{\"id\":3,\"ok\":true,\"n\":2}\n");
	assert_int_equal(channel_fixture_answer(fixture, 1), 0);
	assert_answers(fixture, client, "{\"id\":2,\"ok\":true,\"n\":1}\n{\"id\":4," USED);
	assert_int_equal(channel_fixture_answer(fixture, 0), 0);
	assert_answers(fixture, client, "{\"id\":1,\"ok\":true,\"n\":0}\n");
}

static void test_refusals_and_silence(void **state)
{
	struct channel_fixture *fixture = *state;
	AUTO_CLOSE int client = channel_fixture_greet(fixture);
	struct berth_error why = {.code = BERTH_DENIED, .message = "the attempt is over"};

	say_number(fixture, client, SAVE, 1);
	say(fixture, client, "{\"op\":\"checkpoint\",\"name\":\"n\",\"data\":1}\n");
	assert_int_equal(fixture->requests[1].id, -1);
	assert_int_equal(
		task_channel_answer(fixture->channel, &fixture->requests[1], NULL, &why, NULL), 0);
	assert_int_equal(fixture->problems, 1);
	assert_int_equal(
		task_channel_answer(fixture->channel, &fixture->requests[0], NULL, &why, NULL), 0);
	assert_answers(fixture, client,
		       "{\"id\":1,\"ok\":false,\"error\":{\"code\":\"stale\",\"message\":"
		       "\"the attempt is over\"}}\n");
	assert_silence(fixture, client);
}

/* No more is handed out than the limit; what is behind goes on when answers come. */
static void test_deferred_requests_are_limited(void **state)
{
	struct channel_fixture *fixture = *state;
	AUTO_CLOSE int client = channel_fixture_greet(fixture);
	AUTO_CLOSE int other = channel_fixture_greet(fixture);
	AUTO_TEXT struct text answer = {0};

	for (int i = 0; i < 100; i++)
		say_number(fixture, client, SAVE, i);
	channel_fixture_run(fixture, 20);
	assert_int_equal(fixture->request_count, TASK_DEFERRED_MAX);
	say_number(fixture, other, USAGE, 1);
	assert_answers(fixture, other, "{\"id\":1," USED);
	for (size_t i = 0; i < 100; i++) {
		assert_true(i < fixture->request_count);
		assert_int_equal(channel_fixture_answer(fixture, i), 0);
		channel_fixture_run(fixture, 1);
	}
	assert_int_equal(channel_fixture_read(fixture, client, 100, &answer), 100);
	assert_int_equal(fixture->request_count, 100);
}

static void test_a_run_has_a_limit_of_its_own(void **state)
{
	struct channel_fixture *fixture = *state;
	int clients[16];

	for (size_t i = 0; i < 16; i++)
		clients[i] = channel_fixture_greet(fixture);
	for (size_t i = 0; i < 16; i++) {
		for (int n = 0; n < TASK_DEFERRED_MAX; n++)
			say_number(fixture, clients[i], SAVE, n);
	}
	channel_fixture_run(fixture, 20);
	assert_int_equal(fixture->request_count, TASK_DEFERRED_RUN_MAX);
	for (size_t i = 0; i < 16 * TASK_DEFERRED_MAX; i++) {
		assert_true(i < fixture->request_count);
		assert_int_equal(channel_fixture_answer(fixture, i), 0);
		channel_fixture_run(fixture, 1);
	}
	for (size_t i = 0; i < 16; i++)
		(void)close(clients[i]);
}

static void test_too_many_waits_are_refused(void **state)
{
	struct channel_fixture *fixture = *state;
	AUTO_CLOSE int client = channel_fixture_greet(fixture);
	AUTO_TEXT struct text answer = {0};

	for (int i = 0; i < PROTOCOL_WAITS_MAX; i++)
		say_number(fixture, client, i % 2 ? WAIT : "{\"op\":\"wait\",\"for_ms\":3000", i);
	say_number(fixture, client, WAIT, 1000);
	assert_int_equal(channel_fixture_read(fixture, client, 1, &answer), 1);
	assert_non_null(
		strstr(answer.data, "{\"id\":1000,\"ok\":false,\"error\":{\"code\":\"limit\""));
	assert_int_equal(fixture->request_count, PROTOCOL_WAITS_MAX / 2);
	assert_int_equal(channel_fixture_answer(fixture, 0), 0);
	channel_fixture_run(fixture, 5);
	say_number(fixture, client, WAIT, 1001);
	channel_fixture_run(fixture, 5);
	assert_int_equal(fixture->request_count, PROTOCOL_WAITS_MAX / 2 + 1);
}

static void test_short_waits_need_nobody(void **state)
{
	struct channel_fixture *fixture = *state;
	AUTO_CLOSE int client = channel_fixture_greet(fixture);
	uint64_t start_ns = clock_boottime_ns();

	say(fixture, client,
	    "{\"op\":\"wait\",\"for_ms\":120,\"id\":1}\n{\"op\":\"wait\",\"for_ms\":60,\"id\":2}\n"
	    "{\"op\":\"wait\",\"until\":\"2001-01-01T00:00:00Z\",\"id\":3}\n");
#define OVER "\"ok\":true,\"results\":[{\"kind\":\"date\",\"state\":\"COMPLETED\",\"ok\":true}]}\n"
	assert_answers(fixture, client, "{\"id\":3," OVER "{\"id\":2," OVER "{\"id\":1," OVER);
	assert_in_range(clock_boottime_ns() - start_ns, 110 * CLOCK_NS_PER_MS,
			2000 * CLOCK_NS_PER_MS);
	assert_int_equal(fixture->request_count, 0);
	say(fixture, client, "{\"op\":\"wait\",\"for_ms\":6000,\"id\":4}\n");
	assert_int_equal(fixture->request_count, 1);
}

static void test_gone_connections_are_told(void **state)
{
	struct channel_fixture *fixture = *state;
	int client = channel_fixture_greet(fixture);

	say_number(fixture, client, SAVE, 1);
	say_number(fixture, client, WAIT, 2);
	say(fixture, client, "{\"op\":\"wait\",\"for_ms\":50,\"id\":3}\n");
	(void)close(client);
	channel_fixture_run(fixture, 100);
	/* what has to be noted is waited for, whoever waits is not */
	assert_int_equal(fixture->closed_count, 0);
	assert_int_equal(channel_fixture_answer(fixture, 0), 0);
	channel_fixture_run(fixture, 5);
	assert_int_equal(fixture->closed_count, 1);
	assert_int_equal(channel_fixture_answer(fixture, 1), TASK_CHANNEL_GONE);
	assert_int_equal(task_channel_commit(fixture->channel, &fixture->requests[1]),
			 TASK_CHANNEL_GONE);
	assert_int_equal(task_channel_pending(fixture->channel), 0);
}

static void test_half_closed_peer_gets_what_it_waits_for(void **state)
{
	struct channel_fixture *fixture = *state;
	AUTO_CLOSE int client = channel_fixture_greet(fixture);

	say_number(fixture, client, WAIT, 1);
	assert_int_equal(shutdown(client, SHUT_WR), 0);
	channel_fixture_run(fixture, 20);
	assert_int_equal(fixture->closed_count, 0);
	assert_int_equal(channel_fixture_answer(fixture, 0), 0);
	assert_answers(fixture, client, "{\"id\":1,\"ok\":true,\"n\":0}\n");
	channel_fixture_run(fixture, 5);
	assert_int_equal(fixture->closed_count, 1);
}

#define TEST(function)                                                                             \
	cmocka_unit_test_setup_teardown(function, channel_fixture_set_up, channel_fixture_tear_down)
#define DURABLE(function)                                                                          \
	cmocka_unit_test_setup_teardown(function, channel_fixture_set_up_durable,                  \
					channel_fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_answers_come_in_order),
		DURABLE(test_answers_come_in_order),
		TEST(test_waits_are_answered_when_they_are_over),
		DURABLE(test_waits_are_answered_when_they_are_over),
		TEST(test_refusals_and_silence),
		DURABLE(test_refusals_and_silence),
		TEST(test_deferred_requests_are_limited),
		DURABLE(test_deferred_requests_are_limited),
		TEST(test_a_run_has_a_limit_of_its_own),
		DURABLE(test_a_run_has_a_limit_of_its_own),
		TEST(test_too_many_waits_are_refused),
		DURABLE(test_too_many_waits_are_refused),
		TEST(test_short_waits_need_nobody),
		DURABLE(test_short_waits_need_nobody),
		TEST(test_gone_connections_are_told),
		DURABLE(test_gone_connections_are_told),
		TEST(test_half_closed_peer_gets_what_it_waits_for),
		DURABLE(test_half_closed_peer_gets_what_it_waits_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
