/* SPDX-License-Identifier: Apache-2.0 */
/* The C SDK against a scripted supervisor: what it sends, and what it makes of every answer. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "extensions/task/task.h"
#include "scripted_server.h"

#define END                                                                                        \
	{                                                                                          \
		NULL, NULL, 0                                                                      \
	}

static struct berth_task *open_task(struct scripted_server *server,
				    const struct script_step *script, int closes)
{
	struct berth_task_error err = {0};
	struct berth_task *task = NULL;

	scripted_server_start(server, script, closes);
	if (berth_task_open(&task, &err) < 0)
		fail_msg("open: %s", err.message);
	return task;
}

static void close_task(struct scripted_server *server, struct berth_task *task)
{
	berth_task_close(task);
	scripted_server_finish(server);
}

static void test_hello_tells_what_the_run_is(void **state)
{
	static const struct script_step script[] = {SCRIPT_HELLO, END};
	const struct berth_task_info *info;
	struct scripted_server server;
	struct berth_task *task = open_task(&server, script, 0);

	(void)state;
	info = berth_task_info(task);
	assert_string_equal(info->run, "run_7");
	assert_int_equal(info->attempt, 2);
	assert_string_equal(info->task, "x.y");
	assert_string_equal(info->payload, "{\"k\":1}");
	assert_string_equal(info->inputs[0], "/input/a");
	assert_string_equal(info->inputs[1], "/input/b");
	assert_null(info->inputs[2]);
	assert_string_equal(info->output_path, "/output");
	assert_null(info->checkpoint_path);
	assert_true(info->cpus > 0.49 && info->cpus < 0.51);
	assert_int_equal(info->memory_bytes, 1024);
	assert_false(berth_task_cancelled(task));
	close_task(&server, task);
}

struct refused_row {
	const char *answers;
	const char *message;
};

static const struct refused_row refused_hellos[] = {
	{"{\"id\":1,\"ok\":false,\"error\":{\"code\":\"protocol\",\"message\":\"no such\"}}\n",
	 "hello: no such"												},
	{"{\"id\":null,\"ok\":false,\"error\":{\"code\":\"limit\",\"message\":\"full\"}}\n",
	 "hello: full"												   },
	{"{\"id\":1,\"ok\":false}\n",							   "without a reason"       },
	{"[]\n",										"no object"              },
	{"nonsense\n",									  "the supervisor's answer"},
	{"{\"id\":1,\"ok\":true}\n",							    "does not name the run"  },
	{"{\"id\":1,\"ok\":true,\"run\":\"r\",\"inputs\":[5]}\n",                               "input 1 is not a path"  },
	{NULL,										  "Connection refused"     },
};

static void test_bad_answers_to_hello(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused_hellos) / sizeof(refused_hellos[0]); i++) {
		const struct script_step script[] = {
			{"\"op\":\"hello\"", refused_hellos[i].answers, 0},
                        END
                };
		struct berth_task *task = NULL;
		struct berth_task_error err = {0};
		struct scripted_server server;

		scripted_server_start(&server, script, 1);
		assert_int_equal(berth_task_open(&task, &err), -1);
		if (!strstr(err.message, refused_hellos[i].message))
			fail_msg("answer %zu made: %s", i, err.message);
		scripted_server_finish(&server);
	}
}

static void test_lines_without_answer(void **state)
{
	static const struct script_step script[] = {
		SCRIPT_HELLO,
		{"{\"op\":\"log\",\"level\":\"warn\",\"message\":\"m\",\"fields\":{\"a\":1}}\n",
		  NULL,										 0},
		{"{\"op\":\"log\",\"level\":\"log\",\"message\":\"5 of 7\"}\n",                  NULL, 0},
		{"{\"op\":\"log\",\"level\":\"error\",\"message\":\"\\\\xff\\t\"}\n",            NULL, 0},
		{"\"op\":\"usage\"",
		  "{\"event\":\"dawn\"}\n{\"id\":2,\"ok\":true,\"cpu_ns\":5,\"memory_bytes\":6,"
		 "\"memory_peak_bytes\":7,\"pids\":8}\n",					       0},
		END,
	};
	struct berth_task_usage usage;
	struct scripted_server server;
	struct berth_task *task = open_task(&server, script, 0);

	(void)state;
	assert_int_equal(berth_task_log(task, BERTH_TASK_WARN, "m", "{\"a\": 1}", NULL), 0);
	assert_int_equal(berth_task_logf(task, BERTH_TASK_LOG, "%d of %d", 5, 7), 0);
	/* invalid UTF-8 is made printable */
	assert_int_equal(berth_task_log(task, BERTH_TASK_ERROR, "\xff\t", NULL, NULL), 0);
	assert_int_equal(berth_task_usage(task, &usage, NULL), 0);
	assert_int_equal(usage.cpu_ns, 5);
	assert_int_equal(usage.pids, 8);
	close_task(&server, task);
}

static void test_wrong_arguments_send_nothing(void **state)
{
	static const struct script_step script[] = {SCRIPT_HELLO, END};
	struct berth_task_error err = {0};
	struct scripted_server server;
	struct berth_task *task = open_task(&server, script, 0);
	AUTO_FREE char *large = calloc(1, BERTH_TASK_CHECKPOINT_MAX + 2);
	char *data = NULL;

	(void)state;
	assert_non_null(large);
	memset(large, '1', BERTH_TASK_CHECKPOINT_MAX + 1);
	assert_int_equal(berth_task_log(task, BERTH_TASK_LOG, "m", "[]", &err), -1);
	assert_non_null(strstr(err.message, "fields is not a JSON object"));
	assert_int_equal(berth_task_log(task, (enum berth_task_level)9, "m", NULL, &err), -1);
	assert_int_equal(berth_task_metadata(task, "{\"a\":1,\"a\":2}", &err), -1);
	assert_int_equal(berth_task_checkpoint(task, "../a", "1", &err), -1);
	assert_int_equal(berth_task_checkpoint(task, "a", "{", &err), -1);
	assert_int_equal(berth_task_checkpoint(task, "a", large, &err), -1);
	assert_non_null(strstr(err.message, "262145 bytes are more than 262144"));
	assert_int_equal(berth_task_restore(task, ".", &data, &err), -1);
	assert_int_equal(berth_task_output(task, "1 2", &err), -1);
	assert_int_equal(berth_task_fail(task, (enum berth_task_failure)2, "n", "m", &err), -1);
	close_task(&server, task);
}

static void test_calls_wait_for_their_answer(void **state)
{
	static const struct script_step script[] = {
		SCRIPT_HELLO,
		{"{\"op\":\"metadata\",\"set\":{\"a\":null},\"id\":2}\n",
		  "{\"id\":2,\"ok\":true}\n",									       20},
		{"{\"op\":\"checkpoint\",\"name\":\"n\",\"data\":[1],\"id\":3}\n",
		  "{\"id\":99,\"ok\":true}\n{\"id\":3,\"ok\":true}\n",                                                      0 },
		{"{\"op\":\"restore\",\"name\":\"n\",\"id\":4}\n",
		  "{\"id\":4,\"ok\":true,\"found\":true,\"data\":{\"x\": [1.5]}}\n",                                        0 },
		{"{\"op\":\"restore\",\"name\":\"m\",\"id\":5}\n",
		  "{\"id\":5,\"ok\":true,\"found\":false}\n",							       0 },
		{"{\"op\":\"output\",\"data\":{},\"id\":6}\n",                                           "{\"id\":6,",     0 },
		{NULL,										   "\"ok\":true}\n", 30},
		{"{\"op\":\"fail\",\"kind\":\"permanent\",\"name\":\"N\",\"message\":\"m\",\"id\":7}\n",
		  "{\"id\":7,\"ok\":false,\"error\":{\"code\":\"limit\",\"message\":\"no\"}}\n",                            0 },
		END,
	};
	struct berth_task_error err = {0};
	struct scripted_server server;
	struct berth_task *task = open_task(&server, script, 0);
	char *data = NULL;

	(void)state;
	assert_int_equal(berth_task_metadata(task, "{\"a\":null}", &err), 0);
	assert_int_equal(berth_task_checkpoint(task, "n", "[1]", &err), 0);
	assert_int_equal(berth_task_restore(task, "n", &data, &err), 0);
	assert_string_equal(data, "{\"x\":[1.5]}");
	free(data);
	assert_int_equal(berth_task_restore(task, "m", &data, &err), 0);
	assert_null(data);
	assert_int_equal(berth_task_output(task, "{}", &err), 0);
	assert_int_equal(berth_task_fail(task, BERTH_TASK_PERMANENT, "N", "m", &err), -1);
	assert_string_equal(err.message, "no");
	close_task(&server, task);
}

static void test_progress_is_limited_and_the_last_is_sent(void **state)
{
	static const struct script_step script[] = {
		SCRIPT_HELLO,
		{"{\"op\":\"progress\",\"percent\":0.0,\"eta_s\":3.0,\"rate\":4.0,"
		 "\"rate_unit\":\"frames\",\"message\":\"m\"}\n", NULL,		       0},
		{"{\"op\":\"progress\",\"percent\":99.0}\n",                       NULL,                       0},
		{"\"op\":\"output\"",					      "{\"id\":2,\"ok\":true}\n", 0},
		{"{\"op\":\"progress\",\"percent\":100.0}\n",                      NULL,                       0},
		END,
	};
	struct berth_task_progress progress = {
		.eta_s = 3, .rate = 4, .rate_unit = "frames", .message = "m"};
	struct scripted_server server;
	struct berth_task *task = open_task(&server, script, 0);

	(void)state;
	assert_int_equal(berth_task_progress(task, &progress, NULL), 0);
	progress = (struct berth_task_progress){.eta_s = -1, .rate = -1};
	for (int percent = 1; percent < 100; percent++) {
		progress.percent = percent;
		assert_int_equal(berth_task_progress(task, &progress, NULL), 0);
	}
	assert_int_equal(berth_task_output(task, "1", NULL), 0);
	progress.percent = 1000; /* cut to what the table allows */
	assert_int_equal(berth_task_progress(task, &progress, NULL), 0);
	close_task(&server, task);
}

static bool is_cancelled_within(struct berth_task *task, unsigned ms)
{
	static const struct timespec pause = {.tv_nsec = 1000000};

	for (unsigned waited = 0; waited < ms; waited++) {
		if (berth_task_cancelled(task))
			return true;
		(void)nanosleep(&pause, NULL);
	}
	return false;
}

static void test_cancel_event(void **state)
{
	static const struct script_step script[] = {
		SCRIPT_HELLO,
		{NULL,                "{\"event\":\"cancel\",\"reason\":\"signal\"", 10},
		{NULL,                ",\"grace_ms\":1}\n",                          20},
		{"\"op\":\"output\"", "{\"id\":2,\"ok\":true}\n",                    0 },
		END,
	};
	struct scripted_server server;
	struct berth_task *task = open_task(&server, script, 0);

	(void)state;
	assert_true(is_cancelled_within(task, 5000));
	assert_int_equal(berth_task_output(task, "1", NULL), 0);
	close_task(&server, task);
}

static void test_closed_connection_is_an_error(void **state)
{
	static const struct script_step script[] = {
		SCRIPT_HELLO,
		{NULL, "{\"id\":null,\"ok\":false,\"error\":{\"message\":\"too loud\"}}\n", 0},
		END,
	};
	struct berth_task_error err = {0};
	struct scripted_server server;
	struct berth_task *task = open_task(&server, script, 1);
	int status = 0;

	(void)state;
	for (int i = 0; i < 10000 && status == 0; i++)
		status = berth_task_log(task, BERTH_TASK_LOG, "hello?", NULL, &err);
	assert_int_equal(status, -1); /* and no SIGPIPE */
	assert_string_equal(err.message, "too loud");
	assert_int_equal(berth_task_output(task, "1", &err), -1);
	assert_string_equal(err.message, "too loud");
	assert_false(berth_task_cancelled(task));
	close_task(&server, task);
}

static void test_endless_answer_is_an_error(void **state)
{
	static char long_line[5 * 1024 * 1024];
	const struct script_step script[] = {
		{"\"op\":\"hello\"", long_line, 0},
                END
        };
	struct berth_task_error err = {0};
	struct berth_task *task = NULL;
	struct scripted_server server;

	(void)state;
	memset(long_line, 'x', sizeof(long_line) - 1);
	scripted_server_start(&server, script, 1);
	assert_int_equal(berth_task_open(&task, &err), -1);
	assert_non_null(strstr(err.message, "longer than"));
	/* its answer was not taken: status 3 */
	assert_int_equal(scripted_server_wait(&server), 3);
}

static void test_missing_supervisor(void **state)
{
	struct berth_task_error err = {0};
	struct berth_task *task = NULL;

	(void)state;
	assert_int_equal(setenv("BERTH_TASK_SOCKET", "/nonexistent/socket", 1), 0);
	assert_int_equal(berth_task_open(&task, &err), -1);
	assert_int_equal(err.errnum, ENOENT);
	assert_non_null(strstr(err.message, "/nonexistent/socket"));
	(void)unsetenv("BERTH_TASK_SOCKET");
	berth_task_close(NULL);
}

static bool is_cancelled_by(int number)
{
	static const struct script_step script[] = {SCRIPT_HELLO, END};
	struct scripted_server server;
	struct berth_task *task = open_task(&server, script, 0);
	bool before = berth_task_cancelled(task), after;

	(void)raise(number);
	after = berth_task_cancelled(task);
	berth_task_close(task);
	return scripted_server_wait(&server) == 0 && !before && after;
}

/* Each in a program of its own: the flag stays set. */
static void test_signals_cancel(void **state)
{
	static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
	int status;

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		pid_t child = fork();

		assert_true(child >= 0);
		if (child == 0)
			_exit(is_cancelled_by(numbers[i]) ? 0 : 1);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_int_equal(status, 0);
	}
}

static void test_ignored_signal_stays_ignored(void **state)
{
	static const struct script_step script[] = {SCRIPT_HELLO, END};
	struct scripted_server server;
	struct berth_task *task;

	(void)state;
	assert_true(signal(SIGHUP, SIG_IGN) != SIG_ERR);
	task = open_task(&server, script, 0);
	assert_int_equal(raise(SIGHUP), 0);
	assert_false(berth_task_cancelled(task));
	close_task(&server, task);
	assert_true(signal(SIGHUP, SIG_DFL) != SIG_ERR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hello_tells_what_the_run_is),
		cmocka_unit_test(test_bad_answers_to_hello),
		cmocka_unit_test(test_lines_without_answer),
		cmocka_unit_test(test_wrong_arguments_send_nothing),
		cmocka_unit_test(test_calls_wait_for_their_answer),
		cmocka_unit_test(test_progress_is_limited_and_the_last_is_sent),
		cmocka_unit_test(test_cancel_event),
		cmocka_unit_test(test_closed_connection_is_an_error),
		cmocka_unit_test(test_endless_answer_is_an_error),
		cmocka_unit_test(test_missing_supervisor),
		cmocka_unit_test(test_ignored_signal_stays_ignored),
		cmocka_unit_test(test_signals_cancel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
