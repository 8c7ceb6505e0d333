/* SPDX-License-Identifier: Apache-2.0 */
/* The C SDK's waits and triggers against a scripted supervisor, which now and then is replaced. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "extensions/task/task.h"
#include "scripted_server.h"

#define END                                                                                        \
	{                                                                                          \
		NULL, NULL, 0                                                                      \
	}
#define HELLO_AGAIN(id)                                                                            \
	{                                                                                          \
		"\"id\":" id ",\"payload\":false}",                                                \
			"{\"id\":" id ",\"ok\":true,\"cancelled\":false,\"run\":\"run_7\"}\n", 0   \
	}
#define RESULT(id, members) "{\"id\":" id ",\"ok\":true,\"results\":[{" members "}]}\n"

static struct berth_task *open_task(struct scripted_server *server,
				    const struct script_step *script)
{
	struct berth_task_error err = {0};
	struct berth_task *task = NULL;

	scripted_server_start(server, script, 0);
	if (berth_task_open(&task, &err) < 0)
		fail_msg("open: %s", err.message);
	return task;
}

static void close_task(struct scripted_server *server, struct berth_task *task)
{
	berth_task_close(task);
	scripted_server_finish(server);
}

static void test_waits(void **state)
{
	/* clang-format off */
	static const struct script_step script[] = {
		SCRIPT_HELLO,
		{"{\"op\":\"wait\",\"for_ms\":1500,\"wait\":\"r-", RESULT("2", "\"kind\":\"date\",\"state\":\"COMPLETED\",\"ok\":true"), 0},
		{"{\"op\":\"wait\",\"until\":\"2026-11-22T22:08:47.123Z\",\"wait\":\"r-", RESULT("3", "\"kind\":\"date\",\"state\":\"COMPLETED\",\"ok\":true"), 0},
		{"{\"op\":\"wait\",\"token\":\"token_1\",\"wait\":\"r-", RESULT("4", "\"kind\":\"token\",\"id\":\"token_1\",\"state\":\"COMPLETED\"," "\"ok\":true,\"output\":{\"a\": 1}"), 0},
		{"\"token\":\"token_2\"", RESULT("5", "\"kind\":\"token\",\"id\":\"token_2\",\"state\":\"TIMED_OUT\"," "\"ok\":false,\"error\":{\"name\":\"Timeout\"}"), 0},
		{"{\"op\":\"wait\",\"run\":\"run_2\"", "{\"id\":6,\"ok\":false,\"error\":{\"code\":\"not_found\",\"message\":\"no such " "run\"}}\n", 0},
		{"{\"op\":\"wait\",\"batch\":\"batch_1\"", "{\"id\":7,\"ok\":true}\n", 0},
		{"{\"op\":\"wait\",\"wait\":\"both\",\"token\":[\"a\",\"b\"],\"id\":8}", RESULT("8", "\"kind\":\"token\"},{\"kind\":\"token\""), 0},
		END,
	};
	/* clang-format on */
	struct berth_task_result result = {0};
	struct berth_task_error err = {0};
	struct scripted_server server;
	struct berth_task *task = open_task(&server, script);
	AUTO_FREE char *results = NULL;

	(void)state;
	assert_int_equal(berth_task_wait_for_ms(task, 1500, &err), 0);
	assert_int_equal(berth_task_wait_until(task, UINT64_C(1795385327123456789), &err), 0);
	assert_int_equal(berth_task_wait_token(task, "token_1", &result, &err), 0);
	assert_true(result.ok && !result.timed_out);
	assert_string_equal(result.id, "token_1");
	assert_string_equal(result.output, "{\"a\":1}");
	assert_null(result.error);
	berth_task_result_finish(&result);
	assert_int_equal(berth_task_wait_token(task, "token_2", &result, &err), 0);
	assert_true(!result.ok && result.timed_out);
	assert_string_equal(result.error, "{\"name\":\"Timeout\"}");
	berth_task_result_finish(&result);
	berth_task_result_finish(&result);
	assert_int_equal(berth_task_wait_run(task, "run_2", &result, &err), -1);
	assert_string_equal(err.message, "no such run");
	assert_int_equal(berth_task_wait_batch(task, "batch_1", &result, &err), -1);
	assert_non_null(strstr(err.message, "has no result"));
	assert_int_equal(berth_task_wait(task, "[]", &results, &err), -1);
	assert_int_equal(berth_task_wait(task, "{\"wait\":\"both\",\"token\":[\"a\",\"b\"]}",
					 &results, &err),
			 0);
	assert_string_equal(results, "[{\"kind\":\"token\"},{\"kind\":\"token\"}]");
	close_task(&server, task);
}

static void test_other_runs(void **state)
{
	/* clang-format off */
	static const struct script_step script[] = {
		SCRIPT_HELLO,
		{"{\"op\":\"trigger\",\"task\":\"t\",\"once\":\"r-", "{\"id\":2,\"ok\":true,\"run\":\"run_9\"}\n", 0},
		{"{\"op\":\"trigger_and_wait\",\"wait\":\"child\",\"task\":\"t\",\"queue\":\"q\"," "\"delay\":\"1h\",\"payload\":{\"a\":1},\"tags\":[\"x\"],\"ttl_ms\":5," "\"priority\":7,\"max_attempts\":3,\"id\":3}", RESULT("3", "\"kind\":\"run\",\"id\":\"run_9\",\"ok\":false,\"error\":\"bad\""), 0},
		{"{\"op\":\"batch\",\"items\":[{\"task\":\"t\"}],\"once\":\"r-", "{\"id\":4,\"ok\":true,\"batch\":\"batch_1\",\"runs\":[{\"run\":\"run_9\"}]}\n", 0},
		{"{\"op\":\"batch_and_wait\",\"items\":[{\"task\":\"t\"}],\"wait\":\"r-", RESULT("5", "\"kind\":\"batch\",\"output\":[{\"kind\":\"run\"}],\"ok\":true"), 0},
		{"{\"op\":\"token_create\",\"idempotency_key\":\"k\",\"timeout_ms\":5,\"once\":\"r-", "{\"id\":6,\"ok\":true,\"token\":\"token_1\"}\n", 0},
		{"{\"op\":\"token_complete\",\"token\":\"token_1\",\"output\":[1],\"id\":7}", "{\"id\":7,\"ok\":true}\n", 0},
		{"{\"op\":\"run_get\",\"run\":\"run_9\",\"id\":8}", "{\"id\":8,\"ok\":true,\"run\":\"run_9\",\"status\":\"QUEUED\"}\n", 0},
		{"{\"op\":\"fail\",\"kind\":\"retryable\",\"name\":\"Busy\",\"message\":\"m\"," "\"retry_in_ms\":500,\"id\":9}", "{\"id\":9,\"ok\":false,\"error\":{\"code\":\"stale\",\"message\":\"over\"}}\n", 0},
		END,
	};
	/* clang-format on */
	const struct berth_task_trigger_options options = {
		.payload = "{\"a\": 1}",
		.tags = "[\"x\"]",
		.queue = "q",
		.delay = "1h",
		.ttl_ms = 5,
		.priority_s = 7,
		.max_attempts = 3,
		.name = "child",
	};
	const struct berth_task_trigger_options wrong = {.metadata = "[]"};
	const struct berth_task_token_options token_options = {.timeout_ms = 5,
							       .idempotency_key = "k"};
	struct berth_task_result result = {0};
	struct berth_task_error err = {0};
	struct scripted_server server;
	struct berth_task *task = open_task(&server, script);
	AUTO_FREE char *run = NULL, *batch = NULL, *runs = NULL, *results = NULL, *token = NULL,
		       *status = NULL;

	(void)state;
	assert_int_equal(berth_task_trigger(task, "t", &wrong, &run, &err), -1);
	assert_non_null(strstr(err.message, "metadata is not a JSON object"));
	assert_int_equal(berth_task_trigger(task, "t", NULL, &run, &err), 0);
	assert_string_equal(run, "run_9");
	assert_int_equal(berth_task_trigger_and_wait(task, "t", &options, &result, &err), 0);
	assert_string_equal(result.error, "\"bad\"");
	berth_task_result_finish(&result);
	assert_int_equal(berth_task_batch(task, "[{\"task\":\"t\"}]", &batch, &runs, &err), 0);
	assert_string_equal(batch, "batch_1");
	assert_string_equal(runs, "[{\"run\":\"run_9\"}]");
	assert_int_equal(berth_task_batch_and_wait(task, "[{\"task\":\"t\"}]", &results, &err), 0);
	assert_string_equal(results, "[{\"kind\":\"run\"}]");
	assert_int_equal(berth_task_token_create(task, &token_options, &token, &err), 0);
	assert_string_equal(token, "token_1");
	assert_int_equal(berth_task_token_complete(task, "token_1", "[1]", &err), 0);
	assert_int_equal(berth_task_run_get(task, "run_9", &status, &err), 0);
	assert_string_equal(status, "{\"run\":\"run_9\",\"status\":\"QUEUED\"}");
	assert_int_equal(berth_task_retry(task, "Busy", "m", 500, &err), -1);
	assert_string_equal(err.message, "over");
	close_task(&server, task);
}

/* What is told to a supervisor that is just going away may be lost; this returns when it is gone.
 */
static void await_hang_up(const struct scripted_server *server)
{
	for (int fd = STDERR_FILENO + 1; fd < 64; fd++) {
		struct pollfd hang_up = {.fd = fd};
		struct sockaddr_un peer = {0};
		socklen_t length = sizeof(peer);

		if (getpeername(fd, (struct sockaddr *)&peer, &length) == 0 &&
		    strcmp(peer.sun_path, server->path) == 0)
			assert_int_equal(poll(&hang_up, 1, 10000), 1);
	}
}

static void test_replaced_supervisor(void **state)
{
	/* clang-format off */
	static const struct script_step script[] = {
		SCRIPT_HELLO,
		{"\"token\":\"t\",\"id\":2}", NULL, 0},
		{NULL, script_hang_up, 0},
		HELLO_AGAIN("3"),
		{"\"token\":\"t\",\"id\":2}", "{\"id\":2,\"ok\":", 0},
		{NULL, script_hang_up, 0},
		HELLO_AGAIN("4"),
		{"\"token\":\"t\",\"id\":2}", RESULT("2", "\"kind\":\"token\",\"ok\":true") RESULT("2","\"kind\":\"token\",\"ok\":true"), 0},
		{"\"op\":\"output\"", "{\"id\":5,\"ok\":true}\n", 0},
		{NULL,script_hang_up,0},
		HELLO_AGAIN("6"),
		{"\"message\":\"still here\"", NULL, 0},
		END,
	};
	/* clang-format on */
	struct berth_task_error err = {0};
	struct scripted_server server;
	struct berth_task *task = open_task(&server, script);
	AUTO_FREE char *results = NULL;

	(void)state;
	assert_int_equal(berth_task_wait(task, "{\"wait\":\"w\",\"token\":\"t\"}", &results, &err),
			 0);
	assert_int_equal(berth_task_output(task, "1", &err), 0);
	await_hang_up(&server);
	assert_false(berth_task_cancelled(task));
	assert_int_equal(berth_task_log(task, BERTH_TASK_LOG, "still here", NULL, &err), 0);
	close_task(&server, task);
}

/* A supervisor may be killed between taking a connection in and answering its first line. */
static void test_hung_up_before_the_first_answer(void **state)
{
	static const struct script_step script[] = {
		{NULL,                   script_hang_up, 0},
		{"\"op\":\"hello\"",     script_hang_up, 0},
		SCRIPT_HELLO,
		{"\"message\":\"here\"", NULL,           0},
		END,
	};
	struct berth_task_error err = {0};
	struct scripted_server server;
	struct berth_task *task = open_task(&server, script);

	(void)state;
	assert_int_equal(berth_task_log(task, BERTH_TASK_LOG, "here", NULL, &err), 0);
	close_task(&server, task);
}

static void test_refused_by_the_next_one(void **state)
{
	/* clang-format off */
	static const struct script_step script[] = {
		SCRIPT_HELLO,
		{"\"op\":\"output\"", NULL, 0},
		{NULL, script_hang_up, 0},
		{"\"op\":\"hello\"", "{\"id\":3,\"ok\":false,\"error\":{\"code\":\"stale\",\"message\":\"it is " "over\"}}\n", 0},
		END,
	};
	/* clang-format on */
	struct berth_task_error err = {0};
	struct scripted_server server;
	struct berth_task *task = open_task(&server, script);

	(void)state;
	assert_int_equal(berth_task_output(task, "1", &err), -1);
	assert_string_equal(err.message, "it is over");
	assert_int_equal(berth_task_output(task, "1", &err), -1);
	close_task(&server, task);
}

static void test_cancel_ends_a_wait(void **state)
{
	/* clang-format off */
	static const struct script_step script[] = {
		SCRIPT_HELLO,
		{"\"op\":\"wait\"", "{\"event\":\"cancel\",\"reason\":\"signal\",\"grace_ms\":300}\n", 0},
		{"\"op\":\"checkpoint\"", RESULT("2", "\"kind\":\"date\"") "{\"id\":4,\"ok\":true}\n", 0},
		{"\"op\":\"output\"", NULL, 0},
		END,
	};
	/* clang-format on */
	struct berth_task_error err = {0};
	struct scripted_server server;
	struct berth_task *task;
	uint64_t start_ns;

	(void)state;
	scripted_server_start(&server, script, 1);
	assert_int_equal(berth_task_open(&task, &err), 0);
	assert_int_equal(berth_task_wait_for_ms(task, 60000, &err), -1);
	assert_int_equal(err.errnum, ECANCELED);
	assert_true(berth_task_cancelled(task));
	assert_int_equal(berth_task_wait_for_ms(task, 60000, &err), -1);
	assert_int_equal(berth_task_checkpoint(task, "n", "1", &err), 0);
	/* then the supervisor goes away: nobody is looked for beyond the grace period */
	start_ns = clock_boottime_ns();
	assert_int_equal(berth_task_output(task, "1", &err), -1);
	assert_true(clock_boottime_ns() - start_ns < 5 * CLOCK_NS_PER_S);
	berth_task_close(task);
	scripted_server_finish(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_waits),
		cmocka_unit_test(test_other_runs),
		cmocka_unit_test(test_replaced_supervisor),
		cmocka_unit_test(test_hung_up_before_the_first_answer),
		cmocka_unit_test(test_refused_by_the_next_one),
		cmocka_unit_test(test_cancel_ends_a_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
