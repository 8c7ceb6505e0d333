/* SPDX-License-Identifier: Apache-2.0 */
/* What each line of a task is answered, and what the run is told. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "runner/run/task_dispatch.h"

/* What the handlers were told last, as text. */
struct told {
	char said[512];
	char problem[1200];
	unsigned problems;
	int status;           /* what log answers */
	bool refuses;         /* checkpoint fails */
	const char *restored; /* what restore finds */
};

static int on_log(void *owner, enum protocol_level level, const char *message, size_t length,
		  const json_t *fields, struct berth_error *err)
{
	struct told *told = owner;
	AUTO_FREE char *text = fields ? json_format_compact(fields) : NULL;

	(void)err;
	(void)snprintf(told->said, sizeof(told->said), "log %s %.40s %zu %s",
		       protocol_levels[level], message, length, text ? text : "-");
	return told->status;
}

static int on_progress(void *owner, const struct protocol_progress *progress,
		       struct berth_error *err)
{
	struct told *told = owner;

	(void)err;
	(void)snprintf(told->said, sizeof(told->said), "progress %g %g %g %s %s", progress->percent,
		       progress->eta_s, progress->rate,
		       progress->rate_unit ? progress->rate_unit : "-",
		       progress->message ? progress->message : "-");
	return 0;
}

static int on_metadata(void *owner, const json_t *set, struct berth_error *err)
{
	struct told *told = owner;
	AUTO_FREE char *text = json_format_compact(set);

	(void)err;
	(void)snprintf(told->said, sizeof(told->said), "metadata %.400s", text);
	return 0;
}

static int on_checkpoint(void *owner, const char *name, const char *data, size_t length,
			 struct berth_error *err)
{
	struct told *told = owner;

	if (told->refuses)
		return berth_fail(err, BERTH_SYSTEM, 28 /* ENOSPC */, "write %s", name);
	(void)snprintf(told->said, sizeof(told->said), "checkpoint %s %.100s %zu", name, data,
		       length);
	return 0;
}

static int on_restore(void *owner, const char *name, char **ret_data, struct berth_error *err)
{
	struct told *told = owner;

	(void)err;
	(void)name;
	*ret_data = told->restored ? strdup(told->restored) : NULL;
	return 0;
}

static int on_output(void *owner, json_t *data, struct berth_error *err)
{
	struct told *told = owner;
	AUTO_FREE char *text = json_format_compact(data);

	(void)err;
	(void)snprintf(told->said, sizeof(told->said), "output %.400s", text);
	return 0;
}

static int on_fail(void *owner, enum protocol_failure kind, const char *name, const char *message,
		   struct berth_error *err)
{
	struct told *told = owner;

	(void)err;
	(void)snprintf(told->said, sizeof(told->said), "fail %s %s %.200s", protocol_failures[kind],
		       name, message);
	return 0;
}

static void on_problem(void *owner, const char *message)
{
	struct told *told = owner;

	told->problems++;
	(void)snprintf(told->problem, sizeof(told->problem), "%s", message);
}

static const struct task_channel_handlers handlers = {
	.log = on_log,
	.progress = on_progress,
	.metadata = on_metadata,
	.checkpoint = on_checkpoint,
	.restore = on_restore,
	.output = on_output,
	.fail = on_fail,
	.problem = on_problem, /* and no usage */
};

static const char *const inputs[] = {"/input/a.mp4", NULL};
static const struct task_channel_info info = {
	.run = "run_1",
	.attempt = 2,
	.attempt_id = "attempt_1",
	.task = "video.probe",
	.payload = "{\"a\": \n 1}",
	.inputs = inputs,
	.checkpoint_path = "/checkpoint",
	.cpu_millis = 500,
	.memory_bytes = 1 << 20,
};

struct fixture {
	struct told told;
	struct task_dispatch dispatch;
	struct text reply;
	bool greeted;
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	*state = fixture;
	return task_dispatch_init(&fixture->dispatch, &info, &handlers, &fixture->told, NULL);
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	text_finish(&fixture->reply);
	task_dispatch_finish(&fixture->dispatch);
	free(fixture);
	return 0;
}

/* The whole answer to one line, shared part included. */
static const char *answer(struct fixture *fixture, const char *line, size_t length, int expected)
{
	const struct text *body;

	fixture->told.said[0] = fixture->told.problem[0] = '\0';
	text_finish(&fixture->reply);
	assert_int_equal(task_dispatch_line(&fixture->dispatch, line, length, &fixture->greeted,
					    &fixture->reply, &body, NULL),
			 expected);
	if (body)
		assert_int_equal(text_append(&fixture->reply, body->data, body->length, NULL), 0);
	return fixture->reply.data ? fixture->reply.data : "";
}

#define HELLO_FACTS(payload)                                                                       \
	"\"protocol\":1,\"run\":\"run_1\",\"attempt\":2,\"attempt_id\":\"attempt_1\","             \
	"\"task\":\"video.probe\"," payload                                                        \
	"\"inputs\":[\"/input/a.mp4\"],\"output\":null,\"checkpoint\":\"/checkpoint\","            \
	"\"cpus\":0.5,\"memory_bytes\":1048576}\n"

static void test_hello_tells_the_facts(void **state)
{
	struct fixture *fixture = *state;
	const char *line = "{\"op\":\"hello\",\"id\":7,\"protocol\":1,\"sdk\":\"x/1\"}";

	assert_string_equal(
		answer(fixture, line, strlen(line), 0),
		"{\"id\":7,\"ok\":true,\"cancelled\":false," HELLO_FACTS("\"payload\":{\"a\":1},"));
	assert_true(fixture->greeted);
	assert_string_equal(answer(fixture, line, strlen(line), 0),
			    "{\"id\":7,\"ok\":false,\"error\":{\"code\":\"invalid\",\"message\":"
			    "\"hello: said before\"}}\n");
}

static void test_hello_without_payload_after_cancel(void **state)
{
	struct fixture *fixture = *state;
	const char *line = "{\"id\":0,\"op\":\"hello\",\"protocol\":1,\"payload\":false}";

	fixture->dispatch.is_cancelled = true;
	assert_string_equal(answer(fixture, line, strlen(line), 0),
			    "{\"id\":0,\"ok\":true,\"cancelled\":true," HELLO_FACTS(""));
}

static void test_hello_without_id_is_not_answered(void **state)
{
	struct fixture *fixture = *state;
	const char *line = "{\"op\":\"hello\",\"protocol\":1}";

	assert_string_equal(answer(fixture, line, strlen(line), 0), "");
	assert_true(fixture->greeted);
}

struct line_row {
	const char *line;
	const char *reply; /* part of it; "" means nothing is answered */
	const char *said;  /* what the run was told; "" for nothing */
};

static const struct line_row good_lines[] = {
	{"{\"op\":\"log\",\"level\":\"warn\",\"message\":\"hi\",\"fields\":{\"n\":4}}",               "",
	 "log warn hi 2 {\"n\":4}"															    },
	{"{\"op\":\"log\",\"message\":\"\",\"id\":1}",                                                "{\"id\":1,\"ok\":true}\n", "log info  0 -"             },
	{"{\"op\":\"progress\",\"percent\":40}",						      "",                         "progress 40 -1 -1 - -"     },
	{"{\"op\":\"progress\",\"eta_s\":3,\"rate\":2.5,\"rate_unit\":\"frames\",\"message\":\"m\"}",
	 "",														      "progress -1 3 2.5 frames m"},
	{"{\"op\":\"metadata\",\"set\":{\"a\":null}}",                                                "",                         "metadata {\"a\":null}"     },
	{"{\"op\":\"checkpoint\",\"id\":9007199254740992,\"name\":\"a.b-C_1\",\"data\":[1]}",
	 "{\"id\":9007199254740992,\"ok\":true}\n",									       "checkpoint a.b-C_1 [1] 3"  },
	{"{\"op\":\"restore\",\"id\":3,\"name\":\"a\"}",
	 "{\"id\":3,\"ok\":true,\"found\":true,\"data\":{\"k\":1}}\n",                                                            ""                          },
	{"{\"op\":\"output\",\"id\":4,\"data\":null}",                                                "{\"id\":4,\"ok\":true}\n", "output null"               },
	{"{\"op\":\"fail\",\"id\":5,\"kind\":\"permanent\",\"name\":\"Bad\",\"message\":\"m\"}",
	 "{\"id\":5,\"ok\":true}\n",											      "fail permanent Bad m"      },
};

static void test_good_lines(void **state)
{
	struct fixture *fixture = *state;

	fixture->greeted = true;
	fixture->told.restored = "{\"k\":1}";
	for (size_t i = 0; i < sizeof(good_lines) / sizeof(good_lines[0]); i++) {
		const struct line_row *row = &good_lines[i];

		assert_string_equal(answer(fixture, row->line, strlen(row->line), 0), row->reply);
		assert_string_equal(fixture->told.said, row->said);
		assert_int_equal(fixture->told.problems, 0);
	}
}

/* Refused, and the connection goes on. */
static const struct line_row refused_lines[] = {
	{"{\"op\":\"dance\",\"id\":1}",                                   "\"code\":\"invalid\"",       ""},
	{"{\"op\":\"da\\u001bnce\",\"id\":1}",                            "no \\\"da\\\\x1bnce\\\"",    ""},
	{"{\"op\":\"log\",\"id\":1}",                                     "message: missing",           ""},
	{"{\"op\":\"log\",\"id\":1,\"message\":5}",                       "message: 5 is not a text",   ""},
	{"{\"op\":\"log\",\"id\":1,\"message\":\"\",\"level\":\"loud\"}", "level: \\\"loud\\\"",
	 ""											       },
	{"{\"op\":\"log\",\"id\":1,\"message\":\"\",\"fields\":[]}",      "fields: not an object",      ""},
	{"{\"op\":\"log\",\"id\":1,\"message\":\"\",\"more\":1}",         "more: unknown field",        ""},
	{"{\"op\":\"progress\",\"id\":1,\"percent\":101}",                "not between 0 and 100",      ""},
	{"{\"op\":\"progress\",\"id\":1,\"percent\":-1}",                 "not between 0 and 100",      ""},
	{"{\"op\":\"metadata\",\"id\":1,\"set\":5}",                      "set: not an object",         ""},
	{"{\"op\":\"checkpoint\",\"id\":1,\"name\":\"../x\",\"data\":1}", "name: only",                 ""},
	{"{\"op\":\"checkpoint\",\"id\":1,\"name\":\".x\",\"data\":1}",   "name: only",                 ""},
	{"{\"op\":\"restore\",\"id\":1,\"name\":\"a/b\"}",                "name: only",                 ""},
	{"{\"op\":\"restore\",\"id\":1,\"name\":\"\"}",                   "name: text of 0 bytes",      ""},
	{"{\"op\":\"fail\",\"id\":1,\"name\":\"x\"}",                     "message: missing",           ""},
	{"{\"op\":\"usage\",\"id\":1}",                                   "\"code\":\"not_found\"",     ""},
	{"{\"op\":\"cancel\",\"id\":1}",                                  "there is no \\\"cancel\\\"", ""},
};

static void test_refused_lines(void **state)
{
	struct fixture *fixture = *state;

	fixture->greeted = true;
	for (size_t i = 0; i < sizeof(refused_lines) / sizeof(refused_lines[0]); i++) {
		const struct line_row *row = &refused_lines[i];
		const char *reply = answer(fixture, row->line, strlen(row->line), 0);

		assert_non_null(strstr(reply, "{\"id\":1,\"ok\":false,\"error\":{"));
		if (!strstr(reply, row->reply))
			fail_msg("%s was answered %s", row->line, reply);
		assert_string_equal(fixture->told.said, "");
		assert_int_equal(fixture->told.problems, 0);
	}
}

static const char *const broken_lines[] = {
	"",
	"GET / HTTP/1.1",
	"{\"op\":\"log\"",
	"[]",
	"{}",
	"null",
	"{\"id\":1}",
	"{\"op\":5,\"id\":1}",
	"{\"op\":\"usage\",\"id\":-1}",
	"{\"op\":\"usage\",\"id\":1.5}",
	"{\"op\":\"usage\",\"id\":\"1\"}",
	"{\"op\":\"usage\",\"id\":null}",
	"{\"op\":\"usage\",\"id\":9007199254740993}",
	"{\"op\":\"usage\",\"id\":1,\"id\":2}",
	"{\"op\":\"log\",\"message\":\"\xff\"}",
	"{\"op\":\"log\",\"message\":\"\\u0000\"}",
	"{\"op\":\"log\",\"message\":\"\\ud800\"}",
	"{\"op\":\"usage\"} {\"op\":\"usage\"}",
};

static void test_broken_lines_close(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(broken_lines) / sizeof(broken_lines[0]); i++) {
		const char *reply;

		fixture->greeted = true;
		fixture->dispatch.problem_count = 0;
		reply = answer(fixture, broken_lines[i], strlen(broken_lines[i]),
			       TASK_DISPATCH_CLOSE);
		if (!strstr(reply, "{\"id\":null,\"ok\":false,\"error\":{\"code\":\"protocol\""))
			fail_msg("%s was answered %s", broken_lines[i], reply);
		assert_int_equal(fixture->told.problems, i + 1);
	}
	assert_non_null(strstr(answer(fixture, "{\"op\0\":1}", 10, TASK_DISPATCH_CLOSE), "null"));
}

static void test_deep_line_closes(void **state)
{
	struct fixture *fixture = *state;
	char line[2 * 3000 + 1];

	memset(line, '[', 3000);
	memset(line + 3000, ']', 3000);
	assert_non_null(strstr(answer(fixture, line, 6000, TASK_DISPATCH_CLOSE), "nested"));
}

static void test_hello_has_to_be_first(void **state)
{
	struct fixture *fixture = *state;
	const char *usage = "{\"op\":\"usage\",\"id\":1}";
	const char *newer = "{\"op\":\"hello\",\"protocol\":2,\"id\":1}";

	assert_non_null(strstr(answer(fixture, usage, strlen(usage), TASK_DISPATCH_CLOSE),
			       "{\"id\":1,\"ok\":false,\"error\":{\"code\":\"protocol\""));
	assert_non_null(strstr(answer(fixture, newer, strlen(newer), TASK_DISPATCH_CLOSE),
			       "{\"id\":1,\"ok\":false"));
	assert_false(fixture->greeted);
}

/* {"op":OP,"id":1,…,"MEMBER":"xxxx"} with count bytes of x. */
static char *long_line(const char *start, size_t count)
{
	size_t length = strlen(start);
	char *line = malloc(length + count + 3);

	assert_non_null(line);
	memcpy(line, start, length);
	memset(line + length, 'x', count);
	memcpy(line + length + count, "\"}", 3);
	return line;
}

struct size_row {
	const char *start;
	size_t most; /* bytes of x that are still accepted */
	const char *code;
};

static const struct size_row size_rows[] = {
	{"{\"op\":\"log\",\"id\":1,\"message\":\"",                    PROTOCOL_MESSAGE_MAX,        "invalid"},
	{"{\"op\":\"checkpoint\",\"id\":1,\"name\":\"n\",\"data\":\"", PROTOCOL_CHECKPOINT_MAX - 2,
	 "limit"											     },
	{"{\"op\":\"fail\",\"id\":1,\"name\":\"n\",\"message\":\"",    4096,                        "invalid"},
	{"{\"op\":\"fail\",\"id\":1,\"message\":\"m\",\"name\":\"",    64,                          "invalid"},
	{"{\"op\":\"restore\",\"id\":1,\"name\":\"",                   64,                          "invalid"},
	{"{\"op\":\"output\",\"id\":1,\"data\":\"",                    3 * 1024 * 1024,             NULL     },
};

static void test_sizes_hold(void **state)
{
	struct fixture *fixture = *state;
	char code[64];

	fixture->greeted = true;
	for (size_t i = 0; i < sizeof(size_rows) / sizeof(size_rows[0]); i++) {
		const struct size_row *row = &size_rows[i];
		AUTO_FREE char *fits = long_line(row->start, row->most);
		AUTO_FREE char *bursts = long_line(row->start, row->most + 1);

		assert_non_null(strstr(answer(fixture, fits, strlen(fits), 0), "\"ok\":true"));
		if (!row->code)
			continue;
		(void)snprintf(code, sizeof(code), "\"code\":\"%s\"", row->code);
		assert_non_null(strstr(answer(fixture, bursts, strlen(bursts), 0), code));
	}
}

static void test_handler_failures_are_told(void **state)
{
	struct fixture *fixture = *state;
	const char *save = "{\"op\":\"checkpoint\",\"id\":1,\"name\":\"n\",\"data\":1}";
	const char *log = "{\"op\":\"log\",\"message\":\"m\"}";
	const char *restore = "{\"op\":\"restore\",\"id\":1,\"name\":\"n\"}";

	fixture->greeted = true;
	fixture->told.refuses = true;
	fixture->told.status = TASK_CHANNEL_OVER_LIMIT;
	fixture->told.restored = "{\n}";
	assert_non_null(strstr(answer(fixture, save, strlen(save), 0),
			       "\"code\":\"system\",\"message\":\"checkpoint: write n: No space"));
	assert_non_null(strstr(answer(fixture, log, strlen(log), TASK_DISPATCH_CLOSE),
			       "{\"id\":null,\"ok\":false,\"error\":{\"code\":\"limit\""));
	assert_non_null(strstr(answer(fixture, restore, strlen(restore), 0), "\"system\""));
	fixture->told.restored = NULL;
	assert_string_equal(answer(fixture, restore, strlen(restore), 0),
			    "{\"id\":1,\"ok\":true,\"found\":false}\n");
}

static void test_problems_are_told_a_few_times(void **state)
{
	struct fixture *fixture = *state;
	const char *line = "{\"op\":\"log\",\"level\":\"loud\",\"message\":\"\"}";

	fixture->greeted = true;
	for (int i = 0; i < 100; i++)
		assert_string_equal(answer(fixture, line, strlen(line), 0), "");
	assert_int_equal(fixture->told.problems, 17);
}

static void test_bad_payload_is_refused(void **state)
{
	struct task_dispatch dispatch;
	struct task_channel_info bad = info;
	struct berth_error err = {0};

	(void)state;
	bad.payload = "{";
	assert_int_equal(task_dispatch_init(&dispatch, &bad, &handlers, NULL, &err), -1);
	assert_non_null(strstr(err.message, "payload"));
	bad.payload = "1";
	bad.task = "\xff";
	assert_int_equal(task_dispatch_init(&dispatch, &bad, &handlers, NULL, &err), -1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_hello_tells_the_facts),
		TEST(test_hello_without_payload_after_cancel),
		TEST(test_hello_without_id_is_not_answered),
		TEST(test_good_lines),
		TEST(test_refused_lines),
		TEST(test_broken_lines_close),
		TEST(test_deep_line_closes),
		TEST(test_hello_has_to_be_first),
		TEST(test_sizes_hold),
		TEST(test_handler_failures_are_told),
		TEST(test_problems_are_told_a_few_times),
		TEST(test_bad_payload_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
