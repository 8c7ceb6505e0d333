/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs about queues, tokens, checkpoints and the daemon itself; and what holds of all verbs.
 */
#include <fcntl.h>
#include <poll.h>
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
#include "runner/cli/client_exit_table.h"
#include "runner/cli/command_table.h"

#define QUEUE                                                                                      \
	"{\"name\":\"q\",\"running\":1,\"queued\":2,\"paused\":true,\"concurrencyLimit\":5,"       \
	"\"concurrency\":{\"base\":10,\"override\":5}}"
#define STATUS(cpu, at)                                                                            \
	"{\"version\":\"0.1.0\",\"ledger\":{\"running\":1,\"concurrency\":8,\"cpuMillis\":500,"    \
	"\"cpuMillisTotal\":4000,\"memoryBytes\":1048576,\"memoryBytesTotal\":2097152,"            \
	"\"blocked\":null},\"queues\":[" QUEUE "],\"runs\":[{\"id\":\"run_1\",\"status\":"         \
	"\"EXECUTING\",\"taskIdentifier\":\"hello\",\"live\":{\"cpuNs\":" cpu ",\"sampledNs\":" at \
	",\"memoryBytes\":1048576,\"pids\":3}},{\"id\":\"run_2\",\"status\":\"WAITING\"}]}"

static void test_queues(void **state)
{
	static const struct fixture_answer rows[] = {
		{.op = CONTROL_QUEUE_LIST,     .result = "{\"data\":[" QUEUE "],\"next\":null}"},
		{.op = CONTROL_QUEUE_GET,      .result = QUEUE                                 },
		{.op = CONTROL_QUEUE_PAUSE,    .result = QUEUE                                 },
		{.op = CONTROL_QUEUE_RESUME,   .result = QUEUE                                 },
		{.op = CONTROL_QUEUE_OVERRIDE, .result = QUEUE                                 },
		{.op = CONTROL_QUEUE_RESET,    .result = QUEUE                                 },
	};
	struct client_fixture *fixture = *state;

	assert_int_equal(RUN(fixture, rows, "queues", "list"), 0);
	expect_in(fixture->out, "QUEUE  RUNNING");
	expect_in(fixture->out, "q      1        2");
	assert_int_equal(RUN(fixture, rows, "queues", "show", "q"), 0);
	expect_in(fixture->out, "deployed         10\n");
	assert_int_equal(RUN(fixture, rows, "queues", "pause", "q"), 0);
	assert_string_equal(fixture->out, "paused q\n");
	assert_int_equal(RUN(fixture, rows, "queues", "resume", "q"), 0);
	assert_string_equal(fixture->asked, "queue_resume {\"queue\":\"q\"}\n");
	assert_int_equal(RUN(fixture, rows, "queues", "override", "q", "5"), 0);
	assert_string_equal(fixture->asked, "queue_override {\"limit\":5,\"queue\":\"q\"}\n");
	assert_int_equal(RUN(fixture, rows, "queues", "reset", "task/x", "--json"), 0);
	assert_string_equal(fixture->asked, "queue_reset {\"queue\":\"task/x\"}\n");
	expect_in(fixture->out, "\"base\": 10");
}

static void test_tokens(void **state)
{
	static const struct fixture_answer rows[] = {
		{.op = CONTROL_TOKEN_CREATE,
		 .result = "{\"id\":\"waitpoint_1\",\"isCached\":true}"                           },
		{.op = CONTROL_TOKEN_LIST,
		 .result = "{\"data\":[{\"id\":\"waitpoint_1\",\"status\":\"WAITING\"}]}"         },
		{.op = CONTROL_TOKEN_GET,      .result = "{\"id\":\"waitpoint_1\",\"output\":[1]}"},
		{.op = CONTROL_TOKEN_COMPLETE, .result = "{\"id\":\"waitpoint_1\"}"               },
	};
	struct client_fixture *fixture = *state;

	assert_int_equal(RUN(fixture, rows, "tokens", "create", "--timeout=1h", "-t", "a"), 0);
	assert_string_equal(fixture->asked, "token_create {\"tags\":[\"a\"],\"timeout\":3600}\n");
	assert_string_equal(fixture->out, "waitpoint_1\n");
	expect_in(fixture->err, "was there already");
	assert_int_equal(RUN(fixture, rows, "tokens", "list", "--status=WAITING"), 0);
	expect_in(fixture->out, "waitpoint_1  WAITING");
	assert_int_equal(RUN(fixture, rows, "tokens", "show", "waitpoint_1"), 0);
	expect_in(fixture->out, "output           [1]\n");
	assert_int_equal(RUN(fixture, rows, "tokens", "complete", "waitpoint_1", "{\"a\":1}"), 0);
	assert_string_equal(fixture->asked,
			    "token_complete {\"output\":{\"a\":1},\"token\":\"waitpoint_1\"}\n");
	assert_string_equal(fixture->out, "completed waitpoint_1\n");
	assert_int_equal(RUN(fixture, rows, "tokens", "complete", "waitpoint_1", "-o", "null"), 0);
	assert_string_equal(fixture->asked,
			    "token_complete {\"output\":null,\"token\":\"waitpoint_1\"}\n");
	assert_int_equal(RUN(fixture, rows, "tokens", "complete", "waitpoint_1"), 0);
	assert_string_equal(fixture->asked, "token_complete {\"token\":\"waitpoint_1\"}\n");
}

static void test_checkpoints(void **state)
{
	static const struct fixture_answer rows[] = {
		{.op = CONTROL_CHECKPOINT_LIST,
		 .result = "[{\"name\":\"position\",\"attempt\":2,\"bytes\":2048}]"},
	};
	struct client_fixture *fixture = *state;

	assert_int_equal(RUN(fixture, rows, "checkpoints", "list", "run_1"), 0);
	expect_in(fixture->out, "position    2        2 KiB");
	assert_int_equal(RUN(fixture, rows, "checkpoints", "show", "run_1", "position"), 0);
	expect_in(fixture->out, "size             2 KiB\n");
	assert_int_equal(RUN(fixture, rows, "checkpoints", "show", "run_1", "position", "--json"),
			 0);
	expect_in(fixture->out, "\"attempt\": 2");
	assert_int_equal(RUN(fixture, rows, "checkpoints", "show", "run_1", "other"), 1);
	expect_in(fixture->err, "no checkpoint \"other\"");
}

static void test_status_and_top(void **state)
{
	static const struct fixture_answer rows[] = {
		{.op = CONTROL_STATUS, .result = STATUS("1000000000", "5000000000")},
		{.op = CONTROL_STATUS, .result = STATUS("1500000000", "6000000000")},
	};
	struct client_fixture *fixture = *state;

	assert_int_equal(RUN(fixture, rows, "status"), 0);
	expect_in(fixture->out, "version          0.1.0\n");
	expect_in(fixture->out, "running          1 of 8\n");
	expect_in(fixture->out, "CPUs             0.5 of 4\n");
	expect_in(fixture->out, "memory           1 MiB of 2 MiB\n");
	expect_in(fixture->out, "queued           2\n");
	expect_in(fixture->out, "paused           q\n");
	assert_int_equal(RUN(fixture, rows, "top", "--runs=7"), 0);
	assert_string_equal(fixture->asked, "status {\"runs\":7}\nstatus {\"runs\":7}\n");
	expect_in(fixture->out, "run_1  EXECUTING  hello");
	expect_in(fixture->out, "50 %  1.5 s     1 MiB   3");
	expect_in(fixture->out, "run_2  WAITING");
	assert_null(strchr(fixture->out, '\033'));
	assert_int_equal(RUN(fixture, rows, "top", "--json"), 0);
	expect_in(fixture->out, "\"cpuNs\": 1000000000");
	assert_string_equal(fixture->asked, "status {}\n");
}

/* What was written to a terminal comes in parts: reads on until the wanted text was there. */
static void hear(int terminal, const char *wanted, char text[FIXTURE_TEXT])
{
	struct pollfd polled = {.fd = terminal, .events = POLLIN};
	size_t length = 0;

	text[0] = '\0';
	while (!strstr(text, wanted) && length + 1 < FIXTURE_TEXT) {
		ssize_t got = poll(&polled, 1, 10000) == 1
				      ? read(terminal, text + length, FIXTURE_TEXT - 1 - length)
				      : -1;

		if (got <= 0)
			fail_msg("\"%s\" is not in: %s", wanted, text);
		length += (size_t)got;
		text[length] = '\0';
	}
}

/* A terminal whose user has typed q already. */
static void test_live_top(void **state)
{
	static const struct fixture_answer rows[] = {
		{.op = CONTROL_STATUS, .result = STATUS("1000000000", "5000000000")},
	};
	struct client_fixture *fixture = *state;
	int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	assert_true(terminal >= 0);
	assert_int_equal(grantpt(terminal) | unlockpt(terminal), 0);
	assert_int_equal(write(terminal, "q", 1), 1);
	fixture->terminal = ptsname(terminal);
	assert_int_equal(RUN(fixture, rows, "top"), 0);
	fixture->terminal = NULL;
	hear(terminal, "\033[?1049l", fixture->out);
	expect_in(fixture->out, "\033[?1049h");
	expect_in(fixture->out, "run_1  EXECUTING");
	(void)close(terminal);
}

static void test_maintenance(void **state)
{
	static const struct fixture_answer rows[] = {
		{.op = CONTROL_PRUNE,
		 .result = "{\"runs\":3,\"checkpoints\":2,\"tokens\":1,\"batches\":4}"},
		{.op = CONTROL_STATUS, .result = "{\"generation\":1}"                 },
		{.op = CONTROL_RELOAD, .result = "null"                               },
		{.op = CONTROL_STATUS, .result = "{\"generation\":1}"                 },
		{.op = CONTROL_STATUS, .result = "{\"generation\":2}"                 },
		{.op = CONTROL_DRAIN,  .result = "{\"running\":2}"                    },
	};
	struct client_fixture *fixture = *state;

	assert_int_equal(RUN(fixture, rows, "prune", "--older-than=1d", "--dry-run"), 0);
	assert_string_equal(fixture->asked, "prune {\"dryRun\":true,\"olderThan\":86400}\n");
	expect_in(fixture->out, "batches          4\n");
	assert_int_equal(RUN(fixture, rows, "reload"), 0);
	assert_string_equal(fixture->out, "reloaded\n");
	assert_int_equal(RUN(fixture, rows, "reload", "--json"), 0);
	assert_string_equal(fixture->out, "null\n");
	assert_int_equal(RUN(fixture, rows, "drain"), 0);
	expect_in(fixture->out, "drains");
}

static void test_backup(void **state)
{
	static const struct fixture_answer rows[] = {
		{.op = CONTROL_BACKUP, .result = "{\"bytes\":2048}"},
	};
	static const struct fixture_answer refused[] = {
		{.op = CONTROL_BACKUP, .code = BERTH_UNSUPPORTED, .message = "not here"},
	};
	struct client_fixture *fixture = *state;
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/copy", fixture->control.directory);
	assert_int_equal(RUN(fixture, refused, "backup", path), 1);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(RUN(fixture, rows, "backup", path), 0);
	expect_in(fixture->err, "2 KiB");
	assert_int_equal(access(path, F_OK), 0);
	/* it is never overwritten */
	assert_int_equal(RUN(fixture, rows, "backup", path), 2);
	expect_in(fixture->err, "name a new file");
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(RUN_ALONE(fixture, "backup"), 2);
}

static void test_wrong_use(void **state)
{
	static const struct {
		const char *words[5];
		const char *part;
	} rows[] = {
		{{"queues"},                          "usage: berth queues VERB"},
		{{"queues", "show"},                  "the queue is missing"    },
		{{"queues", "override", "q"},         "the limit is missing"    },
		{{"queues", "override", "q", "many"}, "limit: "                 },
		{{"queues", "override", "q", "-1"},   "unknown"                 },
		{{"queues", "pause", "q", "r"},       "unexpected \"r\""        },
		{{"tokens", "complete"},              "the token is missing"    },
		{{"tokens", "complete", "w", "{"},    "--output: "              },
		{{"tokens", "create", "-t", "\xff"},  "not UTF-8"               },
		{{"checkpoints", "list"},             "the run is missing"      },
		{{"checkpoints", "show", "run_1"},    "checkpoint's name"       },
		{{"top", "--interval=1ms"},           "--interval: "            },
		{{"status", "now"},                   "takes no argument"       },
		{{"prune", "--older-than=soon"},      "--older-than: "          },
	};
	struct client_fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (client_fixture_run(fixture, NULL, 0, rows[i].words) != 2)
			fail_msg("row %zu", i);
		expect_in(fixture->err, rows[i].part);
		assert_string_equal(fixture->asked, "");
	}
}

/* Every row of the tables is whole; every verb that asks has --socket and --json. */
static void test_rows(void **state)
{
	const struct command_row *row;
	struct client_fixture *fixture = *state;

	for (size_t i = 0; (row = command_at(i)); i++) {
		struct option_help help;
		bool has_socket = false, has_json = false;
		char name[64];
		char *space;

		assert_non_null(row->name);
		assert_non_null(row->summary);
		assert_non_null(row->synopsis);
		for (size_t j = 0; options_describe(row->options, j, &help); j++) {
			has_socket |= strcmp(help.name, "socket") == 0;
			has_json |= strcmp(help.name, "json") == 0;
		}
		if (row->options->operation && (!has_socket || !has_json))
			fail_msg("%s has no --socket or no --json", row->name);
		(void)snprintf(name, sizeof(name), "%s", row->name);
		space = strchr(name, ' ');
		if (space)
			*space = '\0';
		assert_int_equal(
			client_fixture_run(fixture, NULL, 0,
					   WORDS(name, space ? space + 1 : "--help", "--help")),
			0);
		expect_in(fixture->out, row->synopsis[0]);
	}
}

static void test_exit_table(void **state)
{
	struct client_fixture *fixture = *state;
	char line[32];

	assert_int_equal(RUN_ALONE(fixture, "--dump-reference"), 0);
	for (const struct client_exit_row *row = client_exit_rows; row->meaning; row++) {
		(void)snprintf(line, sizeof(line), "| %d | ", row->status);
		expect_in(fixture->out, line);
		expect_in(fixture->out, row->meaning);
	}
	assert_int_equal(client_exit_of_run("EXECUTING"), -1);
}

#define TEST(name)                                                                                 \
	cmocka_unit_test_setup_teardown(name, client_fixture_set_up, client_fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_queues),         TEST(test_tokens),    TEST(test_checkpoints),
		TEST(test_status_and_top), TEST(test_live_top),  TEST(test_maintenance),
		TEST(test_backup),         TEST(test_wrong_use), TEST(test_rows),
		TEST(test_exit_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
