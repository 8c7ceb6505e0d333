/* SPDX-License-Identifier: Apache-2.0 */
/* berth trigger, its following, and berth batch. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "client_fixture.h"

#define ACCEPTED                                                                                   \
	{                                                                                          \
		.op = CONTROL_TRIGGER, .result = "{\"id\":\"run_1\",\"isCached\":false}"           \
	}
#define LOG(source, text)                                                                          \
	"{\"log\":{\"time\":\"2026-11-25T15:00:00.000Z\",\"source\":\"" source                     \
	"\",\"level\":\"info\",\"message\":\"" text "\",\"position\":7},\"attempt\":1}"

static const struct fixture_answer accepted[] = {ACCEPTED};

static void write_file(struct client_fixture *fixture, const char *text, char path[128])
{
	FILE *file;

	(void)snprintf(path, 128, "%s/file", fixture->control.directory);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void test_plain(void **state)
{
	struct client_fixture *fixture = *state;

	assert_int_equal(RUN(fixture, accepted, "trigger", "hello"), 0);
	assert_string_equal(fixture->out, "run_1\n");
	assert_string_equal(fixture->asked, "trigger {\"task\":\"hello\"}\n");
	assert_int_equal(RUN(fixture, accepted, "trigger", "hello", "--json"), 0);
	expect_in(fixture->out, "\"id\": \"run_1\"");
}

static void test_every_option(void **state)
{
	static const char *const wanted[] = {
		"\"concurrencyKey\":\"ck\"",
		"\"debounceDelay\":5",
		"\"debounceKey\":\"dk\"",
		"\"debounceMode\":\"trailing\"",
		"\"delay\":\"1h\"",
		"\"idempotencyKey\":\"ik\"",
		"\"idempotencyKeyTTL\":60",
		"\"machine\":\"micro\"",
		"\"maxAttempts\":3",
		"\"maxDuration\":90",
		"\"metadata\":{\"a\":1}",
		"\"payload\":\"{\\\"n\\\": 1}\"",
		"\"priority\":-5",
		"\"queue\":\"q\"",
		"\"tags\":[\"a\",\"b\"]",
		"\"test\":true",
		"\"ttl\":0",
		"\"version\":\"20261125.1\"",
	};
	struct client_fixture *fixture = *state;

	assert_int_equal(client_fixture_run(fixture, accepted, 1,
					    WORDS("trigger", "hello", "-p", "{\"n\": 1}", "-t", "a",
						  "--tag=b", "--metadata", "{\"a\":1}", "--delay",
						  "1h", "--ttl", "0", "--priority=-5", "--queue",
						  "q", "--concurrency-key=ck", "--machine=micro",
						  "--idempotency-key=ik",
						  "--idempotency-key-ttl=1m", "--max-attempts=3",
						  "--max-duration=90s", "--version=20261125.1",
						  "--debounce-key=dk", "--debounce-delay=5s",
						  "--debounce-mode=trailing", "--test")),
			 0);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		expect_in(fixture->asked, wanted[i]);
}

static void test_payload_of_a_file(void **state)
{
	struct client_fixture *fixture = *state;
	char path[128], given[130];

	write_file(fixture, "[1, 2]\n", path);
	(void)snprintf(given, sizeof(given), "@%s", path);
	assert_int_equal(RUN(fixture, accepted, "trigger", "hello", "--payload", given), 0);
	expect_in(fixture->asked, "\"payload\":\"[1, 2]\\n\"");
	write_file(fixture, "not JSON", path);
	assert_int_equal(RUN(fixture, accepted, "trigger", "hello", "--payload", given), 2);
	expect_in(fixture->err, "--payload: line 1");
	assert_int_equal(RUN(fixture, accepted, "trigger", "hello", "--payload", given,
			     "--payload-type", "text/plain"),
			 0);
	expect_in(fixture->asked, "\"payload\":\"not JSON\"");
}

/* Named as absolute paths, and looked at with the caller's own rights. */
static void test_files(void **state)
{
	struct client_fixture *fixture = *state;
	char file[128], output[160], given[180], *real;

	write_file(fixture, "x", file);
	(void)snprintf(given, sizeof(given), "%s/./file", fixture->control.directory);
	(void)snprintf(output, sizeof(output), "%s/made", fixture->control.directory);
	assert_int_equal(RUN(fixture, accepted, "trigger", "hello", "-i", given, "--input", file,
			     "--output", output),
			 0);
	real = realpath(file, NULL);
	assert_non_null(real);
	(void)snprintf(given, sizeof(given), "\"inputs\":[\"%s\",\"%s\"]", real, real);
	expect_in(fixture->asked, given);
	expect_in(fixture->asked, "/made\"");
	assert_int_equal(access(output, W_OK), 0); /* as berth run makes it */
	assert_int_equal(RUN(fixture, accepted, "trigger", "hello", "--output-directory", output),
			 0);
	expect_in(fixture->asked, "\"outputDirectory\":\"");
	assert_int_equal(RUN(fixture, accepted, "trigger", "hello", "--output", file), 2);
	expect_in(fixture->err, "--output: ");
	expect_in(fixture->err, "not a directory");
	free(real);
}

static void test_files_of_a_batch(void **state)
{
	static const struct fixture_answer row = {
		.op = CONTROL_BATCH, .result = "{\"id\":\"batch_1\",\"accepted\":1,\"refused\":0}"};
	struct client_fixture *fixture = *state;
	char path[128], text[512];

	write_file(fixture, "x", path);
	(void)snprintf(
		text, sizeof(text),
		"{\"task\":\"a\",\"inputs\":[\"%s/./file\"],\"outputDirectory\":\"%s/./out\"}",
		fixture->control.directory, fixture->control.directory);
	write_file(fixture, text, path);
	assert_int_equal(client_fixture_run(fixture, &row, 1, WORDS("batch", path)), 0);
	assert_null(strstr(fixture->asked, "/./"));
	expect_in(fixture->asked, "/file\"]");
	expect_in(fixture->asked, "/out\"");
	write_file(fixture, "{\"task\":\"a\",\"inputs\":[\"/no/file\"]}", path);
	assert_int_equal(client_fixture_run(fixture, NULL, 0, WORDS("batch", path)), 2);
	expect_in(fixture->err, "item 0: inputs: read /no/file");
	/* what is malformed is the daemon's to refuse */
	write_file(fixture, "{\"task\":\"a\",\"inputs\":[7]}", path);
	assert_int_equal(client_fixture_run(fixture, &row, 1, WORDS("batch", path)), 0);
	expect_in(fixture->asked, "\"inputs\":[7]");
}

static void test_wrong_use(void **state)
{
	static const struct {
		const char *words[5];
		const char *part;
	} rows[] = {
		{{"trigger"},				"the task is missing"   },
		{{"trigger", "a", "b"},                      "unexpected \"b\""      },
		{{"trigger", "a", "--payload", "{"},         "--payload: line 1"     },
		{{"trigger", "a", "--payload", "@/no/file"}, "--payload: "           },
		{{"trigger", "a", "--input", "/no/file"},    "--input: read /no/file"},
		{{"trigger", "a", "--output", "/no/one/x"},  "--output: make /no/one"},
		{{"trigger", "a", "--metadata", "x"},        "--metadata: "          },
		{{"trigger", "a", "--ttl", "soon"},          "option --ttl: "        },
		{{"trigger", "a", "--max-attempts=251"},     "between 0 and 250"     },
		{{"trigger", "a", "--debounce-mode=x"},      "leading"               },
		{{"trigger", "a", "--fllow"},                "did you mean --follow?"},
		{{"batch"},				  "name one file"         },
		{{"batch", "/no/file"},                      "/no/file"              },
	};
	struct client_fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(client_fixture_run(fixture, NULL, 0, rows[i].words), 2);
		expect_in(fixture->err, rows[i].part);
		assert_string_equal(fixture->asked, "");
	}
}

static void test_refusals(void **state)
{
	static const struct {
		struct fixture_answer answer;
		int status;
		const char *hint;
	} rows[] = {
		{{CONTROL_TRIGGER, .code = BERTH_NOT_FOUND, .message = "no such task"},
		 1,										 "berth tasks"    },
		{{CONTROL_TRIGGER, .code = BERTH_DENIED, .message = "no"},                      1,  "the group berth"},
		{{CONTROL_TRIGGER, .code = BERTH_DENIED, .errnum = ESHUTDOWN, .message = "no"},
		 75,										"started anew"   },
		{{CONTROL_TRIGGER, .code = BERTH_LIMIT, .errnum = ENOSPC, .message = "full"},
		 75,										"berth prune"    },
		{{CONTROL_TRIGGER, .code = BERTH_SYSTEM, .message = "broken"},                  75, "try again"      },
	};
	struct client_fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(
			client_fixture_run(fixture, &rows[i].answer, 1, WORDS("trigger", "hello")),
			rows[i].status);
		expect_in(fixture->err, rows[i].answer.message);
		expect_in(fixture->err, rows[i].hint);
		assert_string_equal(fixture->out, "");
	}
}

static void test_no_daemon(void **state)
{
	struct client_fixture *fixture = *state;

	assert_int_equal(RUN_ALONE(fixture, "trigger", "hello", "--socket", "/no/socket"), 3);
	expect_in(fixture->err, "nothing listens on /no/socket");
	expect_in(fixture->err, "berth serve");
	expect_in(fixture->err, "BERTH_SOCKET");
}

static void test_follow(void **state)
{
	static const struct fixture_answer rows[] = {
		ACCEPTED,
		{.op = CONTROL_RUN_FOLLOW,
		  .events = {"{\"run\":{\"status\":\"EXECUTING\"}}", LOG("stdout", "made"),
			    LOG("log", "told"),
			    "{\"progress\":{\"percent\":42,\"rate\":3,"
			    "\"rate_unit\":\"frames\"}}",
			    "{\"run\":{\"status\":\"COMPLETED\"}}"},
		  .result = "{\"status\":\"COMPLETED\"}"},
	};
	struct client_fixture *fixture = *state;

	assert_int_equal(RUN(fixture, rows, "trigger", "hello", "--follow"), 0);
	assert_string_equal(fixture->out, "made\n");
	expect_in(fixture->err, "run_1\n");
	expect_in(fixture->err, "run_1: EXECUTING\n");
	expect_in(fixture->err, "INFO  told\n");
	expect_in(fixture->err, "42.0 %, 3.0 frames/s\n");
	expect_in(fixture->err, "run_1: COMPLETED\n");
	expect_in(fixture->asked, "run_follow {\"attempt\":0,\"position\":0,\"run\":\"run_1\"}");
	assert_int_equal(RUN(fixture, rows, "trigger", "hello", "--follow", "--json"), 0);
	expect_in(fixture->out, "{\"progress\":{\"percent\":42,");
	expect_in(fixture->out, "{\"run\":{\"status\":\"COMPLETED\"}}\n");
	assert_string_equal(fixture->err, "");
}

static void test_outcomes(void **state)
{
	static const struct {
		const char *result;
		int status;
	} rows[] = {
		{"{\"status\":\"COMPLETED\"}",      0  },
                {"{\"status\":\"FAILED\"}",         65 },
		{"{\"status\":\"EXPIRED\"}",        75 },
                {"{\"status\":\"TIMED_OUT\"}",      124},
		{"{\"status\":\"CANCELED\"}",       130},
                {"{\"status\":\"CRASHED\"}",        137},
		{"{\"status\":\"SYSTEM_FAILURE\"}", 125},
                {"{}",                              125},
	};
	struct client_fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct fixture_answer answers[] = {
			ACCEPTED, {.op = CONTROL_RUN_FOLLOW, .result = rows[i].result}
                };

		assert_int_equal(RUN(fixture, answers, "trigger", "hello", "-f"), rows[i].status);
	}
}

/* Bytes of a task never reach the terminal as they are. */
static void test_follow_is_safe(void **state)
{
	static const struct fixture_answer rows[] = {
		ACCEPTED,
		{.op = CONTROL_RUN_FOLLOW,
		  .events = {LOG("log", "\\u001b[2J"), "{\"progress\":{\"message\":\"\\u001b[2J\"}}",
			    "{\"run\":{\"status\":\"\\u001b[2J\"}}", "{\"news\":1}",
			    "{\"log\":3,\"progress\":[]}"},
		  .result = "{\"status\":\"FAILED\"}"},
	};
	struct client_fixture *fixture = *state;

	assert_int_equal(RUN(fixture, rows, "trigger", "hello", "-f"), 65);
	assert_null(strchr(fixture->err, '\033'));
	assert_null(strchr(fixture->out, '\033'));
}

/* A daemon that is reloaded closes its connections: it goes on where it was. */
static void test_follow_across_a_reload(void **state)
{
	static const struct fixture_answer rows[] = {
		ACCEPTED,
		{.op = CONTROL_RUN_FOLLOW, .events = {LOG("stdout", "one")}, .breaks_off = true},
		{.op = CONTROL_RUN_FOLLOW,
		  .events = {LOG("stdout", "two")},
		  .result = "{\"status\":\"COMPLETED\"}"                                        },
	};
	struct client_fixture *fixture = *state;

	assert_int_equal(RUN(fixture, rows, "trigger", "hello", "-f"), 0);
	assert_string_equal(fixture->out, "one\ntwo\n");
	expect_in(fixture->asked, "run_follow {\"attempt\":1,\"position\":7,\"run\":\"run_1\"}");
}

/* What was asked for may have been done: it is not asked for again. */
static void test_broken_off(void **state)
{
	static const struct fixture_answer rows[] = {
		{.op = CONTROL_TRIGGER, .breaks_off = true},
	};
	struct client_fixture *fixture = *state;

	assert_int_equal(RUN(fixture, rows, "trigger", "hello"), 125);
	expect_in(fixture->err, "broke off");
	assert_string_equal(fixture->asked, "trigger {\"task\":\"hello\"}\n");
}

static void test_batch(void **state)
{
	static const struct fixture_answer rows[] = {
		{.op = CONTROL_BATCH,
		 .result =
			 "{\"id\":\"batch_1\",\"isCached\":false,\"accepted\":1,\"refused\":1,"
			 "\"items\":[{\"id\":\"run_1\"},{\"error\":{\"message\":\"no task b\"}}]}"},
	};
	struct client_fixture *fixture = *state;
	char path[128];

	write_file(fixture, "{\"task\":\"a\",\"payload\":{\"n\":1}}\n\n{\"task\":\"b\"}", path);
	assert_int_equal(RUN(fixture, rows, "batch", path, "--idempotency-key", "k"), 1);
	expect_in(fixture->asked, "\"items\":[{\"payload\":\"{\\\"n\\\":1}\",\"task\":\"a\"},"
				  "{\"task\":\"b\"}]");
	expect_in(fixture->asked, "\"idempotencyKey\":\"k\"");
	expect_in(fixture->err, "1 accepted, 1 refused");
	expect_in(fixture->out, "batch_1\n");
	expect_in(fixture->out, "1     no task b");
	write_file(fixture, " [{\"task\":\"a\",\"payload\":\"1\"}]", path);
	assert_int_equal(RUN(fixture, rows, "batch", path, "--json"), 1);
	expect_in(fixture->asked, "{\"items\":[{\"payload\":\"1\",\"task\":\"a\"}]}");
	expect_in(fixture->out, "\"refused\": 1");
}

static void test_bad_batches(void **state)
{
	static const char *const rows[][2] = {
		{"",                    "0 items"               },
		{"[]",                  "0 items"               },
		{"[1]",                 "item 0: not an object" },
		{"{\"task\":\"a\"}\n{", "item in line 2: line 1"},
		{"[{\"task\":",         "line 1"                },
	};
	struct client_fixture *fixture = *state;
	char path[128];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		write_file(fixture, rows[i][0], path);
		assert_int_equal(RUN_ALONE(fixture, "batch", path), 2);
		expect_in(fixture->err, rows[i][1]);
		expect_in(fixture->err, path);
	}
}

static void test_batch_show(void **state)
{
	static const struct fixture_answer rows[] = {
		{.op = CONTROL_BATCH_GET,
		 .result =
			 "{\"id\":\"batch_1\",\"status\":\"COMPLETED\",\"runs\":[\"run_1\",\"run_2\"]}"},
	};
	struct client_fixture *fixture = *state;

	assert_int_equal(RUN(fixture, rows, "batch", "show", "batch_1"), 0);
	assert_string_equal(fixture->asked, "batch_get {\"batch\":\"batch_1\"}\n");
	expect_in(fixture->out, "run_1,run_2");
}

#define TEST(name)                                                                                 \
	cmocka_unit_test_setup_teardown(name, client_fixture_set_up, client_fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_plain),
		TEST(test_every_option),
		TEST(test_payload_of_a_file),
		TEST(test_files),
		TEST(test_files_of_a_batch),
		TEST(test_wrong_use),
		TEST(test_refusals),
		TEST(test_no_daemon),
		TEST(test_follow),
		TEST(test_outcomes),
		TEST(test_follow_is_safe),
		TEST(test_follow_across_a_reload),
		TEST(test_broken_off),
		TEST(test_batch),
		TEST(test_bad_batches),
		TEST(test_batch_show),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
