/* SPDX-License-Identifier: Apache-2.0 */
/* Clients of every kind against the supervisor's end of the task channel. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "channel_fixture.h"
#include "runner/run/task_channel.h"

#define MIB ((size_t)1024 * 1024)

/* A sanitizer keeps freed memory for a while: what it holds says nothing about the channel. */
#if defined(__SANITIZE_ADDRESS__)
#	define MEMORY_IS_TELLING 0
#elif defined(__has_feature)
#	if __has_feature(address_sanitizer)
#		define MEMORY_IS_TELLING 0
#	endif
#endif
#ifndef MEMORY_IS_TELLING
#	define MEMORY_IS_TELLING 1
#endif

static const char usage_line[] = "{\"op\":\"usage\",\"id\":1}\n";
static const char log_line[] = "{\"op\":\"log\",\"message\":\"0123456789\"}\n";

static bool answers(struct channel_fixture *fixture, int client)
{
	AUTO_TEXT struct text answer = {0};

	return channel_fixture_send(fixture, client, usage_line, sizeof(usage_line) - 1) &&
	       channel_fixture_read(fixture, client, 1, &answer) == 1 &&
	       strstr(answer.data, "{\"id\":1,\"ok\":true,\"cpu_ns\":0");
}

/* Bytes of memory this process has in use. */
static size_t resident_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long pages = 0;

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%*u %lu", &pages), 1);
	(void)fclose(file);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void assert_grown_less(size_t before, size_t most)
{
	size_t now = resident_bytes();

	if (MEMORY_IS_TELLING && now > before)
		assert_in_range(now - before, 0, most);
}

/* `text` over and over: length bytes, the caller's. */
static char *repeat(const char *text, size_t count, size_t *ret_length)
{
	size_t length = strlen(text);
	char *all = malloc(length * count + 1);

	assert_non_null(all);
	for (size_t i = 0; i < count; i++)
		memcpy(all + i * length, text, length);
	all[length * count] = '\0';
	*ret_length = length * count;
	return all;
}

static void test_requests_in_pieces_and_pipelined(void **state)
{
	struct channel_fixture *fixture = *state;
	AUTO_CLOSE int client = channel_fixture_greet(fixture);
	AUTO_TEXT struct text answer = {0};
	AUTO_FREE char *many = NULL;
	size_t length;

	for (const char *byte = usage_line; *byte; byte++) {
		assert_int_equal(send(client, byte, 1, 0), 1);
		channel_fixture_run(fixture, 1);
	}
	assert_int_equal(channel_fixture_read(fixture, client, 1, &answer), 1);
	many = repeat(usage_line, 5000, &length);
	assert_true(channel_fixture_send(fixture, client, many, length));
	assert_int_equal(channel_fixture_read(fixture, client, 5001, &answer), 5001);
	assert_int_equal(fixture->usages, 5001);
}

static void test_payload_reaches_everyone(void **state)
{
	struct channel_fixture *fixture;
	const char *hello =
		"{\"op\":\"hello\",\"id\":1,\"protocol\":1}\n{\"op\":\"usage\",\"id\":2}\n";
	AUTO_FREE char *payload = malloc(3 * MIB);
	int clients[8];

	assert_non_null(payload);
	memset(payload, 'p', 3 * MIB);
	payload[0] = payload[3 * MIB - 2] = '"';
	payload[3 * MIB - 1] = '\0';
	/* the fixture's channel has none: one with a payload takes its place */
	(void)channel_fixture_tear_down(state);
	(void)channel_fixture_set_up_with(state, payload);
	fixture = *state;
	for (size_t i = 0; i < 8; i++) {
		clients[i] = channel_fixture_connect(fixture);
		assert_true(channel_fixture_send(fixture, clients[i], hello, strlen(hello)));
	}
	for (size_t i = 0; i < 8; i++) {
		AUTO_TEXT struct text answer = {0};

		assert_int_equal(channel_fixture_read(fixture, clients[i], 2, &answer), 2);
		assert_true(answer.length > 3 * MIB);
		assert_non_null(strstr(answer.data, "\n{\"id\":2,\"ok\":true"));
		(void)close(clients[i]);
	}
}

static void test_garbage_closes_that_connection_alone(void **state)
{
	static const char garbage[] = "\x16\x03\x01\0\0\0garbage\n";
	struct channel_fixture *fixture = *state;
	AUTO_CLOSE int other = channel_fixture_greet(fixture);
	AUTO_CLOSE int client = channel_fixture_greet(fixture);
	AUTO_TEXT struct text answer = {0};

	assert_true(channel_fixture_send(fixture, client, garbage, sizeof(garbage) - 1));
	assert_int_equal(channel_fixture_read(fixture, client, 1, &answer), 1);
	assert_non_null(strstr(answer.data, "{\"id\":null,\"ok\":false"));
	assert_true(channel_fixture_is_closed(fixture, client));
	assert_int_equal(fixture->problems, 1);
	assert_true(answers(fixture, other));
}

static void test_long_line_is_refused(void **state)
{
	struct channel_fixture *fixture = *state;
	AUTO_CLOSE int client = channel_fixture_greet(fixture);
	AUTO_CLOSE int other = channel_fixture_greet(fixture);
	AUTO_FREE char *line = malloc(5 * MIB);
	AUTO_TEXT struct text answer = {0};

	assert_non_null(line);
	memset(line, 'x', 5 * MIB);
	assert_false(channel_fixture_send(fixture, client, line, 5 * MIB)); /* EPIPE on the way */
	assert_int_equal(channel_fixture_read(fixture, client, 1, &answer), 1);
	assert_non_null(strstr(answer.data, "\"code\":\"limit\",\"message\":\"a line longer than"));
	assert_true(answers(fixture, other));
}

static void test_longest_line_is_taken(void **state)
{
	static const char start[] = "{\"op\":\"output\",\"id\":2,\"data\":\"";
	struct channel_fixture *fixture = *state;
	AUTO_CLOSE int client = channel_fixture_greet(fixture);
	AUTO_FREE char *line = malloc(4 * MIB);
	AUTO_TEXT struct text answer = {0};

	assert_non_null(line);
	memset(line, ' ', 4 * MIB);
	memset(line, 'x', PROTOCOL_OUTPUT_MAX - 2 + sizeof(start) - 1);
	memcpy(line, start, sizeof(start) - 1);
	line[PROTOCOL_OUTPUT_MAX - 2 + sizeof(start) - 1] = '"';
	memcpy(line + 4 * MIB - 2, "}\n", 2);
	assert_true(channel_fixture_send(fixture, client, line, 4 * MIB));
	assert_int_equal(channel_fixture_read(fixture, client, 1, &answer), 1);
	assert_string_equal(answer.data, "{\"id\":2,\"ok\":true}\n");
	assert_int_equal(fixture->outputs, 1);
}

static void test_unfinished_lines_share_one_budget(void **state)
{
	struct channel_fixture *fixture = *state;
	AUTO_FREE char *half = malloc(3 * MIB);
	int clients[16], refused = 0;

	assert_non_null(half);
	memset(half, ' ', 3 * MIB);
	for (size_t i = 0; i < 16; i++) {
		clients[i] = channel_fixture_greet(fixture);
		refused += !channel_fixture_send(fixture, clients[i], half, 3 * MIB);
	}
	/* 16 MiB hold few of 3 MiB with room to grow; the rest was told so */
	assert_in_range(refused, 8, 14);
	assert_non_null(strstr(fixture->problem, "all connections together"));
	for (size_t i = 0; i < 16; i++)
		(void)close(clients[i]);
	channel_fixture_run(fixture, 10);
	assert_true(answers(fixture, clients[0] = channel_fixture_greet(fixture)));
	(void)close(clients[0]);
}

static void test_a_thousand_connections(void **state)
{
	struct channel_fixture *fixture = *state;
	int clients[1000], open = 0, told = 0;
	size_t before = resident_bytes();

	for (size_t i = 0; i < 1000; i++) {
		while ((clients[i] = channel_fixture_connect(fixture)) < 0 && errno == EAGAIN)
			channel_fixture_run(fixture, 1); /* the backlog is full */
		assert_true(clients[i] >= 0);
	}
	channel_fixture_run(fixture, 50);
	for (size_t i = 0; i < 1000; i++) {
		char line[512] = "";
		ssize_t got = recv(clients[i], line, sizeof(line) - 1, 0);

		open += got < 0 && errno == EAGAIN;
		told += got > 0 && strstr(line, "more than 64 connections");
	}
	assert_int_equal(open, 64);
	assert_int_equal(told, 1000 - 64);
	assert_int_equal(fixture->problems, 17);
	assert_grown_less(before, 4 * MIB);
	for (size_t i = 0; i < 1000; i++)
		(void)close(clients[i]);
	channel_fixture_run(fixture, 10);
	assert_true(answers(fixture, clients[0] = channel_fixture_greet(fixture)));
	(void)close(clients[0]);
}

static void test_slow_reader_waits_and_then_gets_everything(void **state)
{
	struct channel_fixture *fixture = *state;
	AUTO_CLOSE int client = channel_fixture_greet(fixture);
	AUTO_CLOSE int other = channel_fixture_greet(fixture);
	AUTO_TEXT struct text answer = {.limit = 64 * MIB};
	AUTO_FREE char *requests = NULL;
	size_t length, before = resident_bytes();

	fixture->restored = repeat("\"", 200000, &length);
	memset(fixture->restored + 1, 'd', length - 2);
	requests = repeat("{\"op\":\"restore\",\"id\":1,\"name\":\"n\"}\n", 200, &length);
	assert_true(channel_fixture_send(fixture, client, requests, length));
	channel_fixture_run(fixture, 50);
	assert_grown_less(before, 8 * MIB); /* of 40 MB */
	assert_true(answers(fixture, other));
	assert_int_equal(channel_fixture_read(fixture, client, 200, &answer), 200);
	assert_true(answer.length > 200 * 200000);
}

static void test_too_many_slow_readers_are_closed(void **state)
{
	struct channel_fixture *fixture = *state;
	size_t length, before = resident_bytes();
	AUTO_FREE char *requests = NULL;
	int clients[60];

	fixture->restored = repeat("\"", 260000, &length);
	memset(fixture->restored + 1, 'd', length - 2);
	requests = repeat("{\"op\":\"restore\",\"id\":1,\"name\":\"n\"}\n", 20, &length);
	for (size_t i = 0; i < 60; i++) {
		clients[i] = channel_fixture_greet(fixture);
		(void)channel_fixture_send(fixture, clients[i], requests, length);
	}
	channel_fixture_run(fixture, 50);
	assert_non_null(strstr(fixture->problem, "replies not read"));
	assert_grown_less(before, 16 * MIB);
	for (size_t i = 0; i < 60; i++)
		(void)close(clients[i]);
	channel_fixture_run(fixture, 10);
	assert_true(answers(fixture, clients[0] = channel_fixture_greet(fixture)));
	(void)close(clients[0]);
}

static void test_flood_of_logs_ends_at_the_limit(void **state)
{
	struct channel_fixture *fixture = *state;
	AUTO_CLOSE int client = channel_fixture_greet(fixture);
	AUTO_TEXT struct text answer = {0};
	AUTO_FREE char *logs = NULL;
	size_t length;

	fixture->log_limit = 100000;
	logs = repeat(log_line, 200000, &length);
	assert_false(channel_fixture_send(fixture, client, logs, length));
	assert_int_equal(channel_fixture_read(fixture, client, 1, &answer), 1);
	assert_non_null(strstr(answer.data, "\"code\":\"limit\""));
	assert_int_equal(fixture->logs, 10001);
}

static void test_flood_leaves_room_for_others(void **state)
{
	struct channel_fixture *fixture = *state;
	AUTO_CLOSE int flood = channel_fixture_greet(fixture);
	AUTO_CLOSE int other = channel_fixture_greet(fixture);
	AUTO_FREE char *requests = NULL;
	size_t length;
	uint64_t start_ns;

	/* each takes 5 ms: the flood alone is worth minutes */
	fixture->slow_ms = 5;
	requests = repeat("{\"op\":\"usage\"}\n", 10000, &length);
	assert_true(send(flood, requests, length, 0) > 0);
	channel_fixture_run(fixture, 20);
	start_ns = clock_boottime_ns();
	assert_true(answers(fixture, other));
	assert_true(clock_boottime_ns() - start_ns < 1000 * CLOCK_NS_PER_MS);
	/* and the channel takes half of the time at most: 100 x 5 ms a second */
	fixture->usages = 0;
	channel_fixture_run(fixture, 1000);
	assert_in_range(fixture->usages, 20, 130);
}

static void test_cancel_reaches_all_and_those_that_come_later(void **state)
{
	struct channel_fixture *fixture = *state;
	const char *hello = "{\"op\":\"hello\",\"id\":1,\"protocol\":1}\n";
	AUTO_CLOSE int first = channel_fixture_greet(fixture);
	AUTO_CLOSE int second = channel_fixture_greet(fixture);
	AUTO_CLOSE int silent = channel_fixture_connect(fixture);
	AUTO_TEXT struct text first_answer = {0}, second_answer = {0}, later = {0};

	channel_fixture_run(fixture, 5);
	assert_int_equal(task_channel_cancel(fixture->channel, "timeout", 10000, NULL), 0);
	assert_int_equal(task_channel_cancel(fixture->channel, "signal", 1, NULL), 0);
	assert_int_equal(channel_fixture_read(fixture, first, 1, &first_answer), 1);
	assert_int_equal(channel_fixture_read(fixture, second, 1, &second_answer), 1);
	assert_string_equal(first_answer.data,
			    "{\"event\":\"cancel\",\"reason\":\"timeout\",\"grace_ms\":10000}\n");
	assert_string_equal(second_answer.data, first_answer.data);
	assert_true(channel_fixture_send(fixture, silent, hello, strlen(hello)));
	assert_int_equal(channel_fixture_read(fixture, silent, 1, &later), 1);
	assert_non_null(strstr(later.data, "\"cancelled\":true"));
}

static void test_cancel_from_a_handler(void **state)
{
	struct channel_fixture *fixture = *state;
	AUTO_CLOSE int client = channel_fixture_greet(fixture);
	AUTO_TEXT struct text answer = {0};

	fixture->cancels = true;
	assert_true(channel_fixture_send(fixture, client, log_line, sizeof(log_line) - 1));
	assert_int_equal(channel_fixture_read(fixture, client, 1, &answer), 1);
	assert_non_null(strstr(answer.data, "\"event\":\"cancel\""));
	assert_true(answers(fixture, client));
}

static void test_last_words_are_drained(void **state)
{
	struct channel_fixture *fixture = *state;
	const char *words = "{\"op\":\"hello\",\"protocol\":1}\n"
			    "{\"op\":\"log\",\"message\":\"a\"}\n{\"op\":\"output\",\"data\":1}\n"
			    "{\"op\":\"log\",\"mess";
	AUTO_CLOSE int half_open = channel_fixture_connect(fixture);
	int client;

	assert_true(half_open >= 0);
	for (int i = 0; i < 20; i++) {
		client = channel_fixture_connect(fixture);
		assert_int_equal(send(client, words, strlen(words), 0), strlen(words));
		(void)close(client);
	}
	task_channel_drain(fixture->channel, 1000);
	assert_int_equal(fixture->logs, 20);
	assert_int_equal(fixture->outputs, 20);
}

static void test_half_closed_peer_gets_its_replies(void **state)
{
	struct channel_fixture *fixture = *state;
	AUTO_CLOSE int client = channel_fixture_greet(fixture);
	AUTO_TEXT struct text answer = {0};

	assert_int_equal(send(client, usage_line, sizeof(usage_line) - 1, 0),
			 sizeof(usage_line) - 1);
	assert_int_equal(shutdown(client, SHUT_WR), 0);
	assert_int_equal(channel_fixture_read(fixture, client, 1, &answer), 1);
	assert_true(channel_fixture_is_closed(fixture, client));
}

static void test_out_of_descriptors_passes(void **state)
{
	struct channel_fixture *fixture = *state;
	struct rlimit old, low;
	AUTO_CLOSE int client = channel_fixture_connect(fixture);
	struct rusage before, after;
	int64_t spent_us;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = (struct rlimit){.rlim_cur = (rlim_t)client + 1, .rlim_max = old.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	assert_int_equal(getrusage(RUSAGE_SELF, &before), 0);
	channel_fixture_run(fixture, 300);
	assert_int_equal(getrusage(RUSAGE_SELF, &after), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	spent_us = (after.ru_utime.tv_sec - before.ru_utime.tv_sec + after.ru_stime.tv_sec -
		    before.ru_stime.tv_sec) *
			   1000000 +
		   after.ru_utime.tv_usec - before.ru_utime.tv_usec + after.ru_stime.tv_usec -
		   before.ru_stime.tv_usec;
	assert_true(spent_us < 100000); /* it waited, it did not spin */
	channel_fixture_run(fixture, 150);
	assert_true(
		channel_fixture_send(fixture, client, "{\"op\":\"hello\",\"protocol\":1}\n", 28));
	assert_true(answers(fixture, client));
}

#define TEST(function)                                                                             \
	cmocka_unit_test_setup_teardown(function, channel_fixture_set_up, channel_fixture_tear_down)

#define DURABLE(function)                                                                          \
	cmocka_unit_test_setup_teardown(function, channel_fixture_set_up_durable,                  \
					channel_fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_requests_in_pieces_and_pipelined),
		TEST(test_payload_reaches_everyone),
		TEST(test_garbage_closes_that_connection_alone),
		TEST(test_long_line_is_refused),
		TEST(test_longest_line_is_taken),
		TEST(test_unfinished_lines_share_one_budget),
		TEST(test_a_thousand_connections),
		TEST(test_slow_reader_waits_and_then_gets_everything),
		TEST(test_too_many_slow_readers_are_closed),
		TEST(test_flood_of_logs_ends_at_the_limit),
		TEST(test_flood_leaves_room_for_others),
		TEST(test_cancel_reaches_all_and_those_that_come_later),
		TEST(test_cancel_from_a_handler),
		TEST(test_last_words_are_drained),
		TEST(test_half_closed_peer_gets_its_replies),
		TEST(test_out_of_descriptors_passes),
		DURABLE(test_requests_in_pieces_and_pipelined),
		DURABLE(test_garbage_closes_that_connection_alone),
		DURABLE(test_long_line_is_refused),
		DURABLE(test_longest_line_is_taken),
		DURABLE(test_unfinished_lines_share_one_budget),
		DURABLE(test_a_thousand_connections),
		DURABLE(test_slow_reader_waits_and_then_gets_everything),
		DURABLE(test_too_many_slow_readers_are_closed),
		DURABLE(test_flood_of_logs_ends_at_the_limit),
		DURABLE(test_flood_leaves_room_for_others),
		DURABLE(test_cancel_reaches_all_and_those_that_come_later),
		DURABLE(test_cancel_from_a_handler),
		DURABLE(test_last_words_are_drained),
		DURABLE(test_half_closed_peer_gets_its_replies),
		DURABLE(test_out_of_descriptors_passes),
	};
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < 2200) {
		files.rlim_cur = files.rlim_max < 2200 ? files.rlim_max : 2200;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
