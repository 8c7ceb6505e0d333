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
#include "base/clock.h"
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

static int on_log(void *owner, const struct task_request *request, const struct protocol_log *log,
		  struct berth_error *err)
{
	struct told *told = owner;
	AUTO_FREE char *text = log->fields ? json_format_compact(log->fields) : NULL;

	(void)request;
	(void)err;
	(void)snprintf(told->said, sizeof(told->said), "log %s %.40s %zu %s",
		       protocol_levels[log->level], log->message, strlen(log->message),
		       text ? text : "-");
	return told->status;
}

static int on_progress(void *owner, const struct task_request *request,
		       const struct protocol_progress *progress, struct berth_error *err)
{
	struct told *told = owner;

	(void)request;
	(void)err;
	(void)snprintf(told->said, sizeof(told->said), "progress %g %g %g %s %s", progress->percent,
		       progress->eta_s, progress->rate,
		       progress->rate_unit ? progress->rate_unit : "-",
		       progress->message ? progress->message : "-");
	return 0;
}

static int on_metadata(void *owner, const struct task_request *request, const json_t *set,
		       struct berth_error *err)
{
	struct told *told = owner;
	AUTO_FREE char *text = json_format_compact(set);

	(void)request;
	(void)err;
	(void)snprintf(told->said, sizeof(told->said), "metadata %.400s", text);
	return 0;
}

static int on_checkpoint(void *owner, const struct task_request *request, const char *name,
			 const char *data, struct berth_error *err)
{
	struct told *told = owner;

	(void)request;
	if (told->refuses)
		return berth_fail(err, BERTH_SYSTEM, 28 /* ENOSPC */, "write %s", name);
	(void)snprintf(told->said, sizeof(told->said), "checkpoint %s %.100s %zu", name, data,
		       strlen(data));
	return 0;
}

static int on_restore(void *owner, const struct task_request *request, const char *name,
		      char **ret_data, struct berth_error *err)
{
	struct told *told = owner;

	(void)request;
	(void)err;
	(void)name;
	*ret_data = told->restored ? strdup(told->restored) : NULL;
	return 0;
}

static int on_output(void *owner, const struct task_request *request, json_t *data,
		     struct berth_error *err)
{
	struct told *told = owner;
	AUTO_FREE char *text = json_format_compact(data);

	(void)request;
	(void)err;
	(void)snprintf(told->said, sizeof(told->said), "output %.400s", text);
	return 0;
}

static int on_fail(void *owner, const struct task_request *request,
		   const struct protocol_fail *fail, uint64_t retry_at_ns, struct berth_error *err)
{
	struct told *told = owner;

	(void)retry_at_ns;
	(void)request;
	(void)err;
	(void)snprintf(told->said, sizeof(told->said), "fail %s %s %.200s",
		       protocol_failures[fail->kind], fail->name, fail->message);
	return 0;
}

static int on_wait(void *owner, const struct task_request *request, const struct task_wait *wait,
		   json_t **ret_reply, struct berth_error *err)
{
	struct told *told = owner;

	(void)err;
	(void)snprintf(told->said, sizeof(told->said), "wait %s until %d tokens %zu %s runs %zu %s",
		       request->name, wait->until_ns != 0, wait->token_count,
		       wait->token_count > 0 ? wait->tokens[0] : wait->batch, wait->run_count,
		       wait->run_count > 0 ? wait->runs[wait->run_count - 1] : "-");
	*ret_reply = json_pack("{s:[]}", "results");
	return 0;
}

static int on_trigger(void *owner, const struct task_request *request,
		      const struct protocol_trigger *trigger, bool waits, json_t **ret_reply,
		      struct berth_error *err)
{
	struct told *told = owner;
	AUTO_FREE char *payload = trigger->payload ? json_format_compact(trigger->payload) : NULL;

	(void)err;
	(void)snprintf(told->said, sizeof(told->said),
		       "trigger %s \"%s\" %s %s %s %" PRId64 " %" PRId64 " %" PRId64 " %s",
		       trigger->task, request->name, payload ? payload : "-",
		       trigger->queue ? trigger->queue : "-", trigger->delay ? trigger->delay : "-",
		       trigger->ttl_ms, trigger->priority, trigger->max_attempts,
		       protocol_debounces[trigger->debounce_mode]);
	if (waits)
		return TASK_CHANNEL_DEFERRED;
	*ret_reply = json_pack("{s:s}", "run", "run_2");
	return 0;
}

static int on_batch(void *owner, const struct task_request *request, const struct task_batch *batch,
		    json_t **ret_reply, struct berth_error *err)
{
	struct told *told = owner;

	(void)err;
	(void)snprintf(told->said, sizeof(told->said), "batch \"%s\" %zu %s %s %d", request->name,
		       batch->count, batch->items[0].task,
		       batch->items[batch->count - 1].queue ? batch->items[batch->count - 1].queue
							    : "-",
		       batch->waits);
	*ret_reply = json_pack("{s:s, s:[]}", "batch", "batch_1", "runs");
	return 0;
}

static int on_token_create(void *owner, const struct task_request *request,
			   const struct protocol_token_create *token, json_t **ret_reply,
			   struct berth_error *err)
{
	struct told *told = owner;

	(void)err;
	(void)snprintf(told->said, sizeof(told->said), "token \"%s\" %" PRId64 " %s", request->name,
		       token->timeout_ms, token->idempotency_key ? token->idempotency_key : "-");
	*ret_reply = json_pack("{s:s}", "token", "token_1");
	return 0;
}

static int on_token_complete(void *owner, const struct task_request *request,
			     const struct protocol_token_complete *token, struct berth_error *err)
{
	struct told *told = owner;
	AUTO_FREE char *output = token->output ? json_format_compact(token->output) : NULL;

	(void)request;
	(void)err;
	(void)snprintf(told->said, sizeof(told->said), "complete %s %s", token->token,
		       output ? output : "-");
	return 0;
}

static int on_run_get(void *owner, const struct task_request *request, const char *run,
		      json_t **ret_reply, struct berth_error *err)
{
	struct told *told = owner;

	(void)request;
	(void)err;
	(void)snprintf(told->said, sizeof(told->said), "get %s", run);
	*ret_reply = json_pack("{s:s}", "status", "QUEUED");
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

/* Those of a daemon. */
static const struct task_channel_handlers serving = {
	.wait = on_wait,
	.trigger = on_trigger,
	.batch = on_batch,
	.token_create = on_token_create,
	.token_complete = on_token_complete,
	.run_get = on_run_get,
	.problem = on_problem,
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
	uint64_t sequence;
	bool greeted;
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	*state = fixture;
	return task_dispatch_init(&fixture->dispatch, &info, &handlers, &fixture->told, NULL);
}

static int set_up_serving(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	*state = fixture;
	fixture->greeted = true;
	return task_dispatch_init(&fixture->dispatch, &info, &serving, &fixture->told, NULL);
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
	struct task_line request = {
		.data = line,
		.length = length,
		.request = {.connection = 1, .sequence = fixture->sequence++},
		.is_greeted = fixture->greeted,
		.reply = &fixture->reply,
	};

	fixture->told.said[0] = fixture->told.problem[0] = '\0';
	text_finish(&fixture->reply);
	assert_int_equal(task_dispatch_line(&fixture->dispatch, &request, NULL), expected);
	fixture->greeted = request.is_greeted;
	if (request.body)
		assert_int_equal(text_append(&fixture->reply, request.body->data,
					     request.body->length, NULL),
				 0);
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
/* clang-format off */
static const struct line_row refused_lines[] = {
	{"{\"op\":\"dance\",\"id\":1}", "\"code\":\"invalid\"", ""},
	{"{\"op\":\"da\\u001bnce\",\"id\":1}", "no \\\"da\\\\x1bnce\\\"", ""},
	{"{\"op\":\"log\",\"id\":1}", "message: missing", ""},
	{"{\"op\":\"log\",\"id\":1,\"message\":5}", "message: 5 is not a text", ""},
	{"{\"op\":\"log\",\"id\":1,\"message\":\"\",\"level\":\"loud\"}", "level: \\\"loud\\\"", ""},
	{"{\"op\":\"log\",\"id\":1,\"message\":\"\",\"fields\":[]}", "fields: not an object", ""},
	{"{\"op\":\"log\",\"id\":1,\"message\":\"\",\"more\":1}", "more: unknown field", ""},
	{"{\"op\":\"progress\",\"id\":1,\"percent\":101}", "not between 0 and 100", ""},
	{"{\"op\":\"progress\",\"id\":1,\"percent\":-1}", "not between 0 and 100", ""},
	{"{\"op\":\"metadata\",\"id\":1,\"set\":5}", "set: not an object", ""},
	{"{\"op\":\"checkpoint\",\"id\":1,\"name\":\"../x\",\"data\":1}", "name: only", ""},
	{"{\"op\":\"checkpoint\",\"id\":1,\"name\":\".x\",\"data\":1}", "name: only", ""},
	{"{\"op\":\"restore\",\"id\":1,\"name\":\"a/b\"}", "name: only", ""},
	{"{\"op\":\"restore\",\"id\":1,\"name\":\"\"}", "name: text of 0 bytes", ""},
	{"{\"op\":\"fail\",\"id\":1,\"name\":\"x\"}", "message: missing", ""},
	{"{\"op\":\"fail\",\"id\":1,\"name\":\"x\",\"message\":\"m\",\"retry_at\":\"soon\"}", "retry_at: \\\"soon\\\"", ""},
	{"{\"op\":\"fail\",\"id\":1,\"name\":\"x\",\"message\":\"m\",\"retry_in_ms\":1,\"retry_at\":\"2026-11-22T22:08:47Z\"}", "one of them", ""},
	{"{\"op\":\"fail\",\"id\":1,\"name\":\"x\",\"message\":\"m\",\"retry_in_ms\":1,\"kind\":\"permanent\"}", "not retried", ""},
	{"{\"op\":\"wait\",\"id\":1,\"token\":\"token_1\"}", "needs berth serve", ""},
	{"{\"op\":\"wait\",\"id\":1,\"for_ms\":1,\"run\":\"run_1\"}", "\"code\":\"not_found\"", ""},
	{"{\"op\":\"trigger\",\"id\":1,\"task\":\"t\"}", "trigger: needs berth serve", ""},
	{"{\"op\":\"batch_and_wait\",\"id\":1,\"items\":[]}", "needs berth serve", ""},
	{"{\"op\":\"token_create\",\"id\":1}", "needs berth serve", ""},
	{"{\"op\":\"run_get\",\"id\":1,\"run\":\"run_1\"}", "\"code\":\"not_found\"", ""},
	{"{\"op\":\"usage\",\"id\":1}", "\"code\":\"not_found\"", ""},
	{"{\"op\":\"cancel\",\"id\":1}", "there is no \\\"cancel\\\"", ""},
};
/* clang-format on */

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

/* clang-format off */
static const struct line_row served_lines[] = {
	{"{\"op\":\"wait\",\"id\":7,\"token\":\"token_1\"}", "{\"id\":7,\"ok\":true,\"results\":[]}\n", "wait .1.7 until 0 tokens 1 token_1 runs 0 -"},
	{"{\"op\":\"wait\",\"id\":7,\"wait\":\"w\",\"token\":[\"a\",\"b\"],\"run\":[\"c\",\"d\"],\"for_ms\":1}", "{\"id\":7,\"ok\":true,\"results\":[]}\n", "wait w until 1 tokens 2 a runs 2 d"},
	{"{\"op\":\"wait\",\"id\":7,\"until\":\"2500-01-01T00:00:00Z\",\"batch\":\"batch_1\"}", "{\"id\":7,\"ok\":true,\"results\":[]}\n", "wait .1.7 until 1 tokens 0 batch_1 runs 0 -"},
	{"{\"op\":\"trigger\",\"task\":\"t\"}", "", "trigger t \"\" - - - -1 -1 -1 leading"},
	{"{\"op\":\"trigger\",\"id\":1,\"once\":\"o\",\"task\":\"t\",\"payload\":null,\"queue\":\"q\",\"delay\":\"1h\",\"ttl_ms\":0,\"priority\":5,\"max_attempts\":3,\"debounce_mode\":\"trailing\"}", "{\"id\":1,\"ok\":true,\"run\":\"run_2\"}\n", "trigger t \"o\" null q 1h 0 5 3 trailing"},
	{"{\"op\":\"batch\",\"id\":1,\"items\":[{\"task\":\"a\"},{\"task\":\"b\",\"queue\":\"q\"}]}", "{\"id\":1,\"ok\":true,\"batch\":\"batch_1\",\"runs\":[]}\n", "batch \"\" 2 a q 0"},
	{"{\"op\":\"batch_and_wait\",\"id\":1,\"items\":[{\"task\":\"a\"}]}", "{\"id\":1,\"ok\":true,", "batch \".1.1\" 1 a - 1"},
	{"{\"op\":\"token_create\",\"id\":1,\"timeout_ms\":5,\"idempotency_key\":\"k\"}", "{\"id\":1,\"ok\":true,\"token\":\"token_1\"}\n", "token \"\" 5 k"},
	{"{\"op\":\"token_complete\",\"id\":1,\"token\":\"token_1\",\"output\":[1]}", "{\"id\":1,\"ok\":true}\n", "complete token_1 [1]"},
	{"{\"op\":\"run_get\",\"id\":1,\"run\":\"run_2\"}", "{\"id\":1,\"ok\":true,\"status\":\"QUEUED\"}\n", "get run_2"},
};
/* clang-format on */

static void test_served_lines(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(served_lines) / sizeof(served_lines[0]); i++) {
		const struct line_row *row = &served_lines[i];
		const char *reply = answer(fixture, row->line, strlen(row->line), 0);

		if (strncmp(reply, row->reply, strlen(row->reply)) != 0)
			fail_msg("%s was answered %s", row->line, reply);
		assert_string_equal(fixture->told.said, row->said);
	}
}

/* clang-format off */
static const struct line_row refused_when_serving[] = {
	{"{\"op\":\"wait\",\"id\":1}", "nothing to wait for", ""},
	{"{\"op\":\"wait\",\"id\":1,\"token\":[]}", "nothing to wait for", ""},
	{"{\"op\":\"wait\",\"id\":1,\"token\":[1]}", "token: neither a text", ""},
	{"{\"op\":\"wait\",\"id\":1,\"run\":{}}", "run: neither a text", ""},
	{"{\"op\":\"wait\",\"id\":1,\"for_ms\":1,\"until\":\"2500-01-01T00:00:00Z\"}", "one of them", ""},
	{"{\"op\":\"wait\",\"id\":1,\"until\":\"tomorrow\"}", "until: \\\"tomorrow\\\" is not a date", ""},
	{"{\"op\":\"wait\",\"id\":1,\"wait\":\"a/b\",\"for_ms\":1}", "wait: only", ""},
	{"{\"op\":\"wait\",\"id\":1,\"wait\":\".1\",\"for_ms\":1}", "wait: only", ""},
	{"{\"op\":\"trigger\",\"id\":1}", "task: missing", ""},
	{"{\"op\":\"trigger\",\"id\":1,\"task\":\"t\",\"once\":\"\"}", "once", ""},
	{"{\"op\":\"trigger\",\"id\":1,\"task\":\"t\",\"metadata\":1}", "metadata: not an object", ""},
	{"{\"op\":\"trigger\",\"id\":1,\"task\":\"t\",\"payload\":1,\"payload_type\":\"text/plain\"}", "it is a text", ""},
	{"{\"op\":\"trigger\",\"id\":1,\"task\":\"t\",\"max_attempts\":251}", "max_attempts", ""},
	{"{\"op\":\"batch\",\"id\":1,\"items\":[]}", "1 to 1000", ""},
	{"{\"op\":\"batch\",\"id\":1,\"items\":5}", "1 to 1000", ""},
	{"{\"op\":\"batch\",\"id\":1,\"items\":[{\"task\":\"a\"},5]}", "items[1]: not an object", ""},
	{"{\"op\":\"batch\",\"id\":1,\"items\":[{\"task\":\"a\",\"once\":\"o\"}]}", "items[0]: once: unknown", ""},
	{"{\"op\":\"token_create\",\"id\":1,\"timeout_ms\":-1}", "timeout_ms", ""},
	{"{\"op\":\"token_complete\",\"id\":1}", "token: missing", ""},
};
/* clang-format on */

static void test_refused_when_serving(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(refused_when_serving) / sizeof(refused_when_serving[0]);
	     i++) {
		const struct line_row *row = &refused_when_serving[i];
		const char *reply = answer(fixture, row->line, strlen(row->line), 0);

		if (!strstr(reply, "{\"id\":1,\"ok\":false") || !strstr(reply, row->reply))
			fail_msg("%s was answered %s", row->line, reply);
		assert_string_equal(fixture->told.said, "");
	}
}

static void test_waits_are_deferred_or_held(void **state)
{
	struct fixture *fixture = *state;
	const char *child = "{\"op\":\"trigger_and_wait\",\"id\":9,\"task\":\"t\"}";
	const char *held = "{\"op\":\"wait\",\"id\":10,\"for_ms\":4000}";
	const char *noted = "{\"op\":\"wait\",\"id\":11,\"for_ms\":6000}";
	const char *silent = "{\"op\":\"wait\",\"for_ms\":6000}";
	struct task_request request;

	assert_string_equal(answer(fixture, child, strlen(child), TASK_DISPATCH_DEFERRED), "");
	assert_non_null(strstr(fixture->told.said, "trigger t \".1.9\""));
	assert_string_equal(answer(fixture, held, strlen(held), TASK_DISPATCH_DEFERRED), "");
	assert_string_equal(fixture->told.said, "");
	assert_false(task_held_take(&fixture->dispatch.held, clock_boottime_ns(), &request));
	assert_true(task_held_take(&fixture->dispatch.held,
				   task_held_due_ns(&fixture->dispatch.held), &request));
	assert_int_equal(request.id, 10);
	assert_int_equal(task_held_due_ns(&fixture->dispatch.held), 0);
	assert_non_null(strstr(answer(fixture, noted, strlen(noted), 0), "\"ok\":true"));
	assert_non_null(strstr(fixture->told.said, "wait .1.11 until 1"));
	assert_string_equal(answer(fixture, silent, strlen(silent), 0), "");
	assert_non_null(strstr(fixture->told.problem, "without an id"));
}

static void test_hello_names_what_is_known(void **state)
{
	struct fixture *fixture = *state;
	struct task_channel_info known = info;
	const char *line = "{\"op\":\"hello\",\"id\":1,\"protocol\":2,\"payload\":false}";

	known.queue = "q";
	known.parent = "run_0";
	known.max_attempts = 3;
	task_dispatch_finish(&fixture->dispatch);
	assert_int_equal(
		task_dispatch_init(&fixture->dispatch, &known, &serving, &fixture->told, NULL), 0);
	fixture->greeted = false;
	assert_non_null(strstr(answer(fixture, line, strlen(line), 0),
			       "\"queue\":\"q\",\"parent\":\"run_0\""));
	assert_non_null(strstr(fixture->reply.data, "\"max_attempts\":3"));
	assert_non_null(strstr(fixture->reply.data, "\"protocol\":2,"));
	assert_null(strstr(fixture->reply.data, "\"version\""));
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
	const char *newer = "{\"op\":\"hello\",\"protocol\":3,\"id\":1}";

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

#define TEST(function)    cmocka_unit_test_setup_teardown(function, set_up, tear_down)
#define SERVING(function) cmocka_unit_test_setup_teardown(function, set_up_serving, tear_down)

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
		SERVING(test_served_lines),
		SERVING(test_refused_when_serving),
		SERVING(test_waits_are_deferred_or_held),
		SERVING(test_hello_names_what_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
