/* SPDX-License-Identifier: Apache-2.0 */
/* berth runs and its sub-verbs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client_fixture.h"

#define RECORD(text)                                                                               \
	"{\"time\":\"2026-11-25T15:00:00.000Z\",\"source\":\"stdout\",\"level\":\"log\","          \
	"\"message\":\"" text "\",\"position\":9}"

static void test_list(void **state)
{
	static const struct fixture_answer rows[] = {
		{.op = CONTROL_RUN_LIST,
		 .result = "{\"data\":[{\"id\":\"run_1\",\"status\":\"FAILED\",\"taskIdentifier\":"
			   "\"hello\",\"tags\":[\"a\",\"b\"],\"durationMs\":1500,\"version\":null,"
			   "\"attemptCount\":2}],\"next\":\"run_1\"}"},
	};
	struct client_fixture *fixture = *state;

	assert_int_equal(RUN(fixture, rows, "runs", "list", "--status", "FAILED", "--limit=1"), 0);
	assert_string_equal(fixture->asked, "run_list {\"limit\":1,\"status\":\"FAILED\"}\n");
	expect_in(fixture->out, "RUN    STATUS  TASK");
	expect_in(fixture->out, "run_1  FAILED  hello");
	expect_in(fixture->out, "1.5 s");
	expect_in(fixture->out, "a,b");
	expect_in(fixture->err, "--after run_1");
	assert_int_equal(RUN(fixture, rows, "runs", "list", "--json"), 0);
	expect_in(fixture->out, "\"next\": \"run_1\"");
	assert_string_equal(fixture->err, "");
}

static void test_filters(void **state)
{
	static const struct fixture_answer rows[] = {
		{.op = CONTROL_RUN_LIST, .result = "{\"data\":[],\"next\":null}"},
	};
	static const char *const wanted[] = {
		"\"batch\":\"batch_1\"", "\"from\":1764082800000", "\"machine\":\"micro\"",
		"\"onlyTest\":true",     "\"parent\":\"run_2\"",   "\"period\":3600",
		"\"queue\":\"q\"",       "\"tag\":\"a,b\"",        "\"task\":\"t\"",
		"\"to\":1764086400000",  "\"version\":\"v\"",
	};
	struct client_fixture *fixture = *state;

	assert_int_equal(RUN(fixture, rows, "runs", "list", "--since", "2025-11-25T15:00:00Z",
			     "--to=2025-11-25T16:00:00Z", "--task=t", "--queue=q", "--tag=a,b",
			     "--version=v", "--machine=micro", "--batch=batch_1", "--parent=run_2",
			     "--period=1h", "--only-test"),
			 0);
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		expect_in(fixture->asked, wanted[i]);
	assert_string_equal(fixture->out, "");
	expect_in(fixture->err, "no runs");
	assert_int_equal(RUN(fixture, rows, "runs", "list", "--since", "2h"), 0);
	expect_in(fixture->asked, "{\"from\":");
}

static void test_show(void **state)
{
	static const struct fixture_answer rows[] = {
		{.op = CONTROL_RUN_GET,
		 .result = "{\"id\":\"run_1\",\"status\":\"FAILED\",\"payload\":{\"n\":1},"
			   "\"output\":null,\"error\":{\"message\":\"\\u001b[2J\"},"
			   "\"usage\":{\"cpuMs\":90000,\"memoryPeakBytes\":1048576},"
			   "\"attempts\":[{\"number\":1,\"status\":\"FAILED\",\"exitCode\":3}]}"},
	};
	struct client_fixture *fixture = *state;

	assert_int_equal(RUN(fixture, rows, "runs", "show", "run_1", "--brief"), 0);
	assert_string_equal(fixture->asked, "run_get {\"brief\":true,\"run\":\"run_1\"}\n");
	expect_in(fixture->out, "status           FAILED\n");
	expect_in(fixture->out, "payload          {\"n\":1}\n");
	expect_in(fixture->out, "CPU time         1 m 30 s\n");
	expect_in(fixture->out, "memory peak      1 MiB\n");
	expect_in(fixture->out, "ATTEMPT  STATUS");
	assert_null(strchr(fixture->out, '\033'));
	assert_null(strstr(fixture->out, "output"));
	assert_int_equal(RUN(fixture, rows, "runs", "show", "run_1", "--json"), 0);
	expect_in(fixture->out, "\"exitCode\": 3");
}

/* test_client_engine reads a real one. */
static void test_logs(void **state)
{
	static const struct fixture_answer rows[] = {
		{.op = CONTROL_RUN_LOG_OPEN,
		 .result = "{\"run\":\"run_1\",\"attempt\":2,\"files\":[],\"indexBytes\":0}"},
	};
	struct client_fixture *fixture = *state;

	assert_int_equal(RUN(fixture, rows, "runs", "logs", "run_1"), 0);
	assert_string_equal(fixture->asked, "run_log_open {\"attempt\":0,\"run\":\"run_1\"}\n");
	assert_string_equal(fixture->out, "");
}

static void test_follow(void **state)
{
	static const struct fixture_answer rows[] = {
		{.op = CONTROL_RUN_LOG_OPEN,                              .result = "{\"attempt\":2,\"files\":[]}"},
		{ .op = CONTROL_RUN_FOLLOW,
		 .events = {"{\"log\":" RECORD("two") ",\"attempt\":2}"},
		 .result = "{\"status\":\"CANCELED\"}"},
	};
	struct client_fixture *fixture = *state;

	assert_int_equal(RUN(fixture, rows, "runs", "logs", "-f", "run_1", "--attempt=1"), 130);
	assert_string_equal(fixture->asked,
			    "run_follow {\"attempt\":1,\"position\":0,\"run\":\"run_1\"}\n");
	expect_in(fixture->out, "out   two\n");
	assert_int_equal(RUN(fixture, rows, "runs", "logs", "-f", "run_1", "--since=2h"), 130);
	expect_in(fixture->asked, "run_log_open {\"attempt\":0,\"run\":\"run_1\"}\nrun_follow "
				  "{\"attempt\":2,\"position\":");
}

static void test_cancel(void **state)
{
	static const struct fixture_answer rows[] = {
		{.op = CONTROL_RUN_CANCEL, .result = "{\"id\":\"run_1\"}"                         },
		{.op = CONTROL_BULK,
		 .result = "{\"matched\":2,\"done\":1,\"failed\":1,\"runs\":[],\"errors\":[{"
			   "\"id\":\"run_2\",\"error\":{\"message\":\"there is no run run_2\"}}]}"},
	};
	struct client_fixture *fixture = *state;

	assert_int_equal(RUN(fixture, rows, "runs", "cancel", "run_1", "--grace=5s"), 0);
	assert_string_equal(fixture->asked, "run_cancel {\"grace\":5,\"run\":\"run_1\"}\n");
	assert_string_equal(fixture->out, "cancelled run_1\n");
	assert_int_equal(RUN(fixture, rows, "runs", "cancel", "run_1", "run_2"), 1);
	assert_string_equal(fixture->asked,
			    "bulk {\"action\":\"cancel\",\"runs\":[\"run_1\",\"run_2\"]}\n");
	expect_in(fixture->err, "1 of 2, 1 failed");
	expect_in(fixture->out, "run_2  there is no run run_2");
	assert_int_equal(RUN(fixture, rows, "runs", "cancel", "--task=t", "--json"), 1);
	assert_string_equal(fixture->asked, "bulk {\"action\":\"cancel\",\"task\":\"t\"}\n");
	expect_in(fixture->out, "\"matched\": 2");
}

static void test_replay(void **state)
{
	static const struct fixture_answer rows[] = {
		{.op = CONTROL_RUN_REPLAY, .result = "{\"id\":\"run_9\",\"isCached\":false}"},
		{.op = CONTROL_BULK,
		 .result = "{\"matched\":1,\"done\":1,\"failed\":0,\"runs\":[\"run_9\"],"
			   "\"errors\":[]}"						 },
	};
	struct client_fixture *fixture = *state;

	assert_int_equal(RUN(fixture, rows, "runs", "replay", "run_1", "-p", "[1]", "--queue=q"),
			 0);
	assert_string_equal(fixture->asked,
			    "run_replay {\"payload\":\"[1]\",\"queue\":\"q\",\"run\":\"run_1\"}\n");
	assert_string_equal(fixture->out, "replayed as run_9\n");
	assert_int_equal(
		RUN(fixture, rows, "runs", "replay", "run_1", "-i", "/etc/passwd", "-o/tmp"), 0);
	assert_string_equal(fixture->asked, "run_replay {\"inputs\":[\"/etc/passwd\"],"
					    "\"outputDirectory\":\"/tmp\",\"run\":\"run_1\"}\n");
	assert_int_equal(RUN(fixture, rows, "runs", "replay", "--queue=q", "--status=FAILED"), 0);
	assert_string_equal(fixture->asked,
			    "bulk {\"action\":\"replay\",\"queue\":\"q\",\"status\":\"FAILED\"}\n");
	assert_string_equal(fixture->out, "run_9\n");
}

static void test_changes(void **state)
{
	static const struct fixture_answer rows[] = {
		{.op = CONTROL_RUN_RESCHEDULE, .result = "{\"id\":\"run_1\"}"},
		{.op = CONTROL_RUN_TAGS,       .result = "{\"id\":\"run_1\"}"},
	};
	struct client_fixture *fixture = *state;

	assert_int_equal(RUN(fixture, rows, "runs", "reschedule", "run_1", "1h"), 0);
	assert_string_equal(fixture->asked,
			    "run_reschedule {\"delay\":\"1h\",\"run\":\"run_1\"}\n");
	assert_string_equal(fixture->out, "rescheduled run_1\n");
	assert_int_equal(RUN(fixture, rows, "runs", "tags", "run_1", "a", "b", "--json"), 0);
	assert_string_equal(fixture->asked,
			    "run_tags {\"run\":\"run_1\",\"tags\":[\"a\",\"b\"]}\n");
	expect_in(fixture->out, "\"id\": \"run_1\"");
}

static void test_wrong_use(void **state)
{
	static const struct {
		const char *words[6];
		const char *part;
	} rows[] = {
		{{"runs"},					 "usage: berth runs VERB"       },
		{{"runs", "lst"},				  "did you mean: berth runs list"},
		{{"runs", "show"},                                 "the run is missing"           },
		{{"runs", "show", "run_1", "run_2"},               "unexpected \"run_2\""         },
		{{"runs", "list", "run_1"},                        "takes no argument"            },
		{{"runs", "list", "--limit=201"},                  "between 1 and 200"            },
		{{"runs", "list", "--since=yesterday"},            "--since: \"yesterday\""       },
		{{"runs", "list", "--until=2026-13-01T00:00:00Z"}, "option --until: "             },
		{{"runs", "logs"},                                 "the run is missing"           },
		{{"runs", "logs", "run_1", "--since=x"},           "option --since: "             },
		{{"runs", "cancel"},                               "which runs"                   },
		{{"runs", "cancel", "--grace=1s"},                 "which runs"                   },
		{{"runs", "cancel", "run_1", "--task=t"},          "not both"                     },
		{{"runs", "cancel", "\xff"},                       "is no run's identifier"       },
		{{"runs", "cancel", "run_1", "\xff"},              "is no run's identifier"       },
		{{"runs", "replay"},                               "which runs"                   },
		{{"runs", "replay", "run_1", "--status=FAILED"},   "--status: finds runs"         },
		{{"runs", "replay", "run_1", "--only-test"},       "--only-test: finds runs"      },
		{{"runs", "replay", "run_1", "-p{"},               "--payload: "                  },
		{{"runs", "replay", "run_1", "run_2", "-p1"},      "is of a single run"           },
		{{"runs", "replay", "run_1", "run_2", "-i/x"},     "--input: is of a single run"  },
		{{"runs", "replay", "--task=t", "--output=/tmp"},  "--output: is of a single run" },
		{{"runs", "replay", "run_1", "--input=/no/file"},  "--input: read /no/file"       },
		{{"runs", "replay", "run_1", "--grace=1s"},        "is of berth runs cancel"      },
		{{"runs", "replay", "\xff"},                       "is no run's identifier"       },
		{{"runs", "reschedule", "run_1"},                  "the delay is missing"         },
		{{"runs", "tags", "run_1"},                        "at least one tag"             },
		{{"runs", "tags", "run_1", "\xff"},                "not UTF-8"                    },
	};
	struct client_fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (client_fixture_run(fixture, NULL, 0, rows[i].words) != 2)
			fail_msg("row %zu", i);
		expect_in(fixture->err, rows[i].part);
		assert_string_equal(fixture->asked, "");
	}
}

/* An answer that is not what it should be is shown as it can be. */
static void test_odd_answers(void **state)
{
	static const char *const results[] = {"null",
					      "[]",
					      "{}",
					      "3",
					      "\"x\"",
					      "[[1],2]",
					      "{\"data\":{},\"next\":1,\"attempts\":3}"};
	static const char *const verbs[][4] = {
		{"runs",    "show",   "run_1"},
		{"runs",         "logs",            "run_1"},
		{"runs",  "cancel","run_1"},
		{"runs","cancel",   "--task=t"},
		{"runs",    "list"    },
	};
	struct client_fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++)
		for (size_t j = 0; j < sizeof(verbs) / sizeof(verbs[0]); j++) {
			const struct fixture_answer rows[] = {
				{.op = CONTROL_RUN_GET,      .result = results[i]},
				{.op = CONTROL_RUN_LOG_OPEN, .result = results[i]},
				{.op = CONTROL_RUN_CANCEL,   .result = results[i]},
				{.op = CONTROL_BULK,         .result = results[i]},
				{.op = CONTROL_RUN_LIST,     .result = results[i]},
			};

			assert_int_equal(client_fixture_run(fixture, rows, 5, verbs[j]), 0);
		}
}

#define TEST(name)                                                                                 \
	cmocka_unit_test_setup_teardown(name, client_fixture_set_up, client_fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_list),      TEST(test_filters),     TEST(test_show),   TEST(test_logs),
		TEST(test_follow),    TEST(test_cancel),      TEST(test_replay), TEST(test_changes),
		TEST(test_wrong_use), TEST(test_odd_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
