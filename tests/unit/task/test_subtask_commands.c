/* SPDX-License-Identifier: Apache-2.0 */
/* berth-task's waits, triggers, batches and tokens against a scripted supervisor: what it asks,
 * prints and ends with. The first argument is berth-task. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "scripted_server.h"

#define WORDS_MAX   40
#define OUTPUT_SIZE 4096

#define END                                                                                        \
	{                                                                                          \
		NULL, NULL, 0                                                                      \
	}
#define OK(members)      "{\"id\":2,\"ok\":true," members "}\n"
#define RESULTS(members) OK("\"results\":[{" members "}]")
#define REFUSED                                                                                    \
	"{\"id\":2,\"ok\":false,\"error\":{\"code\":\"not_found\",\"message\":\"no such thing\"}}\n"

static const char *program;

struct ending {
	int status;
	char output[OUTPUT_SIZE], complaint[OUTPUT_SIZE];
};

struct command_case {
	const char *words[WORDS_MAX]; /* NULL-terminated */
	const char *input;            /* on stdin; NULL: nothing */
	const char *expects;          /* of the request; NULL: none is made */
	const char *answers;
	int status;
	const char *output;    /* all of it */
	const char *complaint; /* part of what is on stderr; NULL: nothing is */
};

/* A file that only this descriptor names. */
static int open_nameless(void)
{
	int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	return fd;
}

static void read_back(int fd, char target[OUTPUT_SIZE])
{
	ssize_t got = pread(fd, target, OUTPUT_SIZE - 1, 0);

	assert_true(got >= 0);
	target[got] = '\0';
}

static void run_program(const char *const *words, const char *input, struct ending *ret_ending)
{
	AUTO_CLOSE int in = open_nameless();
	AUTO_CLOSE int out = open_nameless();
	AUTO_CLOSE int complaints = open_nameless();
	char *arguments[WORDS_MAX + 2] = {(char *)(uintptr_t)program};
	int status = 0;
	pid_t pid;

	for (size_t i = 0; words[i]; i++)
		arguments[i + 1] = (char *)(uintptr_t)words[i];
	if (input)
		assert_int_equal(pwrite(in, input, strlen(input), 0), strlen(input));
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0 &&
		    dup2(complaints, STDERR_FILENO) >= 0)
			(void)execv(program, arguments);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	ret_ending->status = WEXITSTATUS(status);
	read_back(out, ret_ending->output);
	read_back(complaints, ret_ending->complaint);
}

static void check_ending(const struct command_case *row, const struct ending *ending)
{
	if (ending->status != row->status || strcmp(ending->output, row->output) != 0 ||
	    (row->complaint ? !strstr(ending->complaint, row->complaint)
			    : ending->complaint[0] != '\0'))
		fail_msg("%s %s: status %d, printed %s, complained %s", row->words[0],
			 row->words[1] ? row->words[1] : "", ending->status, ending->output,
			 ending->complaint);
}

static void check_cases(const struct command_case *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct script_step script[] = {
			SCRIPT_HELLO,
			{rows[i].expects, rows[i].answers, 0},
			END,
		};
		struct scripted_server server;
		struct ending ending;

		scripted_server_start(&server, script, 0);
		run_program(rows[i].words, rows[i].input, &ending);
		if (scripted_server_wait(&server) != 0)
			fail_msg("%s %s: the script was not followed: %s", rows[i].words[0],
				 rows[i].words[1], ending.complaint);
		check_ending(&rows[i], &ending);
	}
}

#define CHECK(rows) check_cases(rows, sizeof(rows) / sizeof((rows)[0]))

/* one line a case, whatever its length */
/* clang-format off */
static void test_wait(void **state)
{
	static const struct command_case rows[] = {
		{{"wait", "--for", "1m30s"}, NULL, "{\"op\":\"wait\",\"for_ms\":90000,\"wait\":\"r-", RESULTS("\"kind\":\"date\",\"ok\":true"), 0, "[{\"kind\":\"date\",\"ok\":true}]\n", NULL},
		{{"wait", "--for=0"}, NULL, "\"for_ms\":0,", RESULTS("\"ok\":true"), 0, "[{\"ok\":true}]\n", NULL},
		{{"wait", "--until", "2026-11-22T22:08:47+01:00", "--name", "night"}, NULL, "{\"op\":\"wait\",\"wait\":\"night\",\"until\":\"2026-11-22T22:08:47+01:00\",\"id\":2}", RESULTS("\"ok\":true"), 0, "[{\"ok\":true}]\n", NULL},
		{{"wait", "--token", "a", "--run", "r", "--token=b", "--batch", "c", "--name", "all"}, NULL, "{\"op\":\"wait\",\"wait\":\"all\",\"token\":[\"a\",\"b\"],\"run\":[\"r\"],\"batch\":\"c\",\"id\":2}", OK("\"results\":[{\"ok\":true},{\"ok\":true}]"), 0, "[{\"ok\":true},{\"ok\":true}]\n", NULL},
		{{"wait", "--run", "r", "--run", "s"}, NULL, "\"run\":[\"r\",\"s\"]", OK("\"results\":[{\"ok\":true},{\"id\":\"s\",\"ok\":false,\"error\":1}]"), 1, "[{\"ok\":true},{\"id\":\"s\",\"ok\":false,\"error\":1}]\n", NULL},
		{{"wait", "--token", "a"}, NULL, "\"token\":[\"a\"]", RESULTS("\"state\":\"timed_out\",\"ok\":false"), 1, "[{\"state\":\"timed_out\",\"ok\":false}]\n", NULL},
		{{"wait", "--token", "a"}, NULL, "\"op\":\"wait\"", REFUSED, 3, "", "berth-task: no such thing"},
		{{"wait", "--token", "a"}, NULL, "\"op\":\"wait\"", OK("\"news\":1"), 3, "", "has no result"},
		{{"wait", "--for", "1h"}, NULL, "\"op\":\"wait\"", "{\"event\":\"cancel\",\"reason\":\"signal\",\"grace_ms\":300}\n", 3, "", "berth-task: "},
	};

	(void)state;
	CHECK(rows);
}

static void test_trigger(void **state)
{
	static const struct command_case rows[] = {
		{{"trigger", "t"}, NULL, "{\"op\":\"trigger\",\"task\":\"t\",\"once\":\"r-", OK("\"run\":\"run_9\""), 0, "run_9\n", NULL},
		{{"trigger", "t", "--payload", "{\"a\": 1}", "--queue", "q", "--concurrency-key", "k", "--machine", "m", "--delay", "2026-11-22T22:08:47Z", "--ttl", "90", "--priority", "7", "--max-attempts", "3", "--max-duration", "1h", "--idempotency-key", "i", "--tag", "x", "--tag", "y", "--once", "first"}, NULL,
		 "{\"op\":\"trigger\",\"once\":\"first\",\"task\":\"t\",\"queue\":\"q\",\"concurrency_key\":\"k\",\"machine\":\"m\",\"delay\":\"2026-11-22T22:08:47Z\",\"idempotency_key\":\"i\",\"payload\":{\"a\":1},\"tags\":[\"x\",\"y\"],\"ttl_ms\":90000,\"priority\":7,\"max_attempts\":3,\"max_duration_ms\":3600000,\"id\":2}", OK("\"run\":\"run_9\""), 0, "run_9\n", NULL},
		{{"trigger", "t", "--payload", "-"}, "[1, 2]\n", "\"payload\":[1,2]", OK("\"run\":\"run_9\""), 0, "run_9\n", NULL},
		{{"trigger", "t", "--delay", "1h30m"}, NULL, "\"delay\":\"5400s\"", OK("\"run\":\"run_9\""), 0, "run_9\n", NULL},
		{{"trigger", "t", "--delay", "1.2s"}, NULL, "\"delay\":\"2s\"", OK("\"run\":\"run_9\""), 0, "run_9\n", NULL},
		{{"trigger", "--", "--t"}, NULL, "\"task\":\"--t\"", REFUSED, 3, "", "berth-task: no such thing"},
		{{"trigger", "t"}, NULL, "\"op\":\"trigger\"", OK("\"news\":1"), 3, "", "has no run"},
		{{"trigger-and-wait", "t", "--name", "child", "--tag=x"}, NULL, "{\"op\":\"trigger_and_wait\",\"wait\":\"child\",\"task\":\"t\",\"tags\":[\"x\"],\"id\":2}", RESULTS("\"id\":\"run_9\",\"ok\":true,\"output\":{\"n\": [1]}"), 0, "{\"n\":[1]}\n", NULL},
		{{"trigger-and-wait", "t"}, NULL, "\"wait\":\"r-", RESULTS("\"id\":\"run_9\",\"ok\":true"), 0, "null\n", NULL},
		{{"trigger-and-wait", "t"}, NULL, "\"op\":\"trigger_and_wait\"", RESULTS("\"id\":\"run_9\",\"ok\":false,\"error\":{\"name\":\"Bad\"}"), 1, "", "{\"name\":\"Bad\"}\n"},
		{{"trigger-and-wait", "t"}, NULL, "\"op\":\"trigger_and_wait\"", RESULTS("\"id\":\"run_9\",\"ok\":false"), 1, "", "run_9 failed"},
		{{"trigger-and-wait", "t"}, NULL, "\"op\":\"trigger_and_wait\"", REFUSED, 3, "", "no such thing"},
	};

	(void)state;
	CHECK(rows);
}

static void test_batch_token_run(void **state)
{
	static const struct command_case rows[] = {
		{{"batch", "[{\"task\": \"t\"}]"}, NULL, "{\"op\":\"batch\",\"items\":[{\"task\":\"t\"}],\"once\":\"r-", OK("\"batch\":\"batch_1\",\"runs\":[{\"run\":\"run_9\"}]"), 0, "{\"batch\":\"batch_1\",\"runs\":[{\"run\":\"run_9\"}]}\n", NULL},
		{{"batch", "-"}, "[{\"task\":\"t\"},{}]", "\"items\":[{\"task\":\"t\"},{}]", OK("\"batch\":\"batch_1\",\"runs\":[{\"run\":\"run_9\"},{\"error\":{}}]"), 1, "{\"batch\":\"batch_1\",\"runs\":[{\"run\":\"run_9\"},{\"error\":{}}]}\n", NULL},
		{{"batch", "[]"}, NULL, "\"op\":\"batch\"", REFUSED, 3, "", "no such thing"},
		{{"batch", "--and-wait", "[{\"task\":\"t\"}]"}, NULL, "{\"op\":\"batch_and_wait\",\"items\":[{\"task\":\"t\"}],\"wait\":\"r-", RESULTS("\"ok\":true"), 0, "[{\"ok\":true}]\n", NULL},
		{{"batch", "[{\"task\":\"t\"}]", "--and-wait"}, NULL, "\"op\":\"batch_and_wait\"", RESULTS("\"ok\":false"), 1, "[{\"ok\":false}]\n", NULL},
		{{"token", "create"}, NULL, "{\"op\":\"token_create\",\"once\":\"r-", OK("\"token\":\"token_1\""), 0, "token_1\n", NULL},
		{{"token", "create", "--timeout", "2d", "--idempotency-key", "i", "--tag", "x"}, NULL, "{\"op\":\"token_create\",\"idempotency_key\":\"i\",\"tags\":[\"x\"],\"timeout_ms\":172800000,\"once\":\"r-", OK("\"token\":\"token_1\""), 0, "token_1\n", NULL},
		{{"token", "complete", "token_1"}, NULL, "{\"op\":\"token_complete\",\"token\":\"token_1\",\"id\":2}", OK("\"news\":1"), 0, "", NULL},
		{{"token", "complete", "token_1", "-"}, "\"yes\"", "\"output\":\"yes\"", OK("\"news\":1"), 0, "", NULL},
		{{"token", "complete", "token_1", "1"}, NULL, "\"output\":1", REFUSED, 3, "", "no such thing"},
		{{"run", "get", "run_9"}, NULL, "{\"op\":\"run_get\",\"run\":\"run_9\",\"id\":2}", OK("\"run\":\"run_9\",\"status\":\"QUEUED\""), 0, "{\"run\":\"run_9\",\"status\":\"QUEUED\"}\n", NULL},
		{{"run", "get", "run_8"}, NULL, "\"op\":\"run_get\"", REFUSED, 3, "", "no such thing"},
	};

	(void)state;
	CHECK(rows);
}

/* What is found wrong before anything is asked: without a supervisor, who would refuse all of it. */
static void test_wrong_use(void **state)
{
	static const struct command_case rows[] = {
		{{"wait", NULL}, NULL, NULL, NULL, 2, "", "nothing to wait for"},
		{{"wait", "--for", "1s", "--until", "2026-11-22T22:08:47Z"}, NULL, NULL, NULL, 2, "", "not both"},
		{{"wait", "--for", "soon"}, NULL, NULL, NULL, 2, "", "for: \"soon\" is not a duration"},
		{{"wait", "--for", "11000d"}, NULL, NULL, NULL, 2, "", "ten years"},
		{{"wait", "--for", ""}, NULL, NULL, NULL, 2, "", "for: "},
		{{"wait", "--until", "tomorrow"}, NULL, NULL, NULL, 2, "", "until: \"tomorrow\" is not a date"},
		{{"wait", "--token", ""}, NULL, NULL, NULL, 2, "", "token: empty"},
		{{"wait", "--run", "\xff"}, NULL, NULL, NULL, 2, "", "run: empty, or not UTF-8"},
		{{"wait", "--run"}, NULL, NULL, NULL, 2, "", "--run needs a value"},
		{{"wait", "--for", "1s", "--name", "a b"}, NULL, NULL, NULL, 2, "", "name: only A-Z"},
		{{"wait", "run_9"}, NULL, NULL, NULL, 2, "", "berth-task wait [--for"},
		{{"wait", "--queue", "q"}, NULL, NULL, NULL, 2, "", "no such option"},
		{{"trigger", NULL}, NULL, NULL, NULL, 2, "", "berth-task trigger TASK"},
		{{"trigger", "t", "--ttl", "0"}, NULL, NULL, NULL, 2, "", "ttl: 0 is not between"},
		{{"trigger", "t", "--max-attempts", "251"}, NULL, NULL, NULL, 2, "", "max-attempts: 251 is not between"},
		{{"trigger", "t", "--priority", "high"}, NULL, NULL, NULL, 2, "", "priority: high is not a whole number"},
		{{"trigger", "t", "--queue", ""}, NULL, NULL, NULL, 2, "", "queue: "},
		{{"trigger", "t", "--once", ".hidden"}, NULL, NULL, NULL, 2, "", "once: only A-Z"},
		{{"trigger", "t", "--name", "n"}, NULL, NULL, NULL, 2, "", "no such option --name"},
		{{"trigger", "t", "--tag", "1", "--tag", "2", "--tag", "3", "--tag", "4", "--tag", "5", "--tag", "6", "--tag", "7", "--tag", "8", "--tag", "9", "--tag", "10", "--tag", "11"}, NULL, NULL, NULL, 2, "", "tag: more than 10"},
		{{"trigger", "t", "--payload", "{"}, NULL, NULL, NULL, 3, "", "payload: line 1"},
		{{"trigger", "t", "--payload", "@/nonexistent/file"}, NULL, NULL, NULL, 3, "", "/nonexistent/file"},
		{{"trigger", "\xff"}, NULL, NULL, NULL, 3, "", "task: not UTF-8"},
		{{"trigger-and-wait", "t", "--once", "n"}, NULL, NULL, NULL, 2, "", "no such option --once"},
		{{"batch", "[", NULL}, NULL, NULL, NULL, 3, "", "items: line 1"},
		{{"batch", NULL}, NULL, NULL, NULL, 2, "", "berth-task batch"},
		{{"token", "create", "--timeout", "never"}, NULL, NULL, NULL, 2, "", "timeout: "},
		{{"token", "complete"}, NULL, NULL, NULL, 2, "", "berth-task token complete TOKEN"},
		{{"token", "complete", "t", "nonsense"}, NULL, NULL, NULL, 3, "", "output: line 1"},
		{{"token", NULL}, NULL, NULL, NULL, 2, "", "no such command"},
		{{"run", "get"}, NULL, NULL, NULL, 2, "", "berth-task run get RUN"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ending ending;

		run_program(rows[i].words, rows[i].input, &ending);
		check_ending(&rows[i], &ending);
	}
}
/* clang-format on */

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wait),
		cmocka_unit_test(test_trigger),
		cmocka_unit_test(test_batch_token_run),
		cmocka_unit_test(test_wrong_use),
	};

	if (argc < 2)
		return EXIT_FAILURE;
	program = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
