/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens: completed once, timed out, found by their key; bad input. */
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
#include "runner/engine/engine_reads.h"
#include "waits_fixture.h"

struct creation {
	struct engine_token_request request;
	int64_t id;
	bool is_cached;
};

static int create(struct engine *engine, void *argument, struct berth_error *err)
{
	struct creation *creation = argument;

	return engine_token_create(engine, &creation->request, &creation->id, &creation->is_cached,
				   err);
}

/* What reading the token says under that key, as text; the caller's. */
static char *read_member(struct waits_fixture *fixture, int64_t token, const char *key)
{
	AUTO_JSON json_t *read = NULL;

	assert_int_equal(read_token(fixture->store, token, &read, NULL), 0);
	return json_dumps(json_object_get(read, key), JSON_ENCODE_ANY | JSON_COMPACT);
}

static void assert_member(struct waits_fixture *fixture, int64_t token, const char *key,
			  const char *expected)
{
	AUTO_FREE char *found = read_member(fixture, token, key);

	assert_non_null(found);
	assert_string_equal(found, expected);
}

static int wait_token(struct waits_fixture *fixture, int64_t run, int64_t token,
		      struct berth_error *err)
{
	const struct engine_wait wait = {
		.run_id = run, .wait_id = "t", .waitpoints = &token, .waitpoint_count = 1};

	return fixture_wait(fixture, wait, err);
}

static void it_completes_once(void **state)
{
	struct waits_fixture *fixture = *state;
	int64_t run = fixture_run(fixture, "work", 0);
	int64_t token = fixture_token_create(fixture, 60000);

	assert_member(fixture, token, "status", "\"WAITING\"");
	assert_int_equal(wait_token(fixture, run, token, NULL), 0);
	assert_int_equal(fixture_state(fixture, run), RUN_WAITING);
	assert_int_equal(fixture_token_complete(fixture, token, "{\"a\":[1,null]}"), 0);
	assert_true(fixture_is_answered(fixture, run, "t"));
	assert_int_equal(fixture_state(fixture, run), RUN_EXECUTING);
	assert_int_equal(fixture_token_complete(fixture, token, "\"later\""), 0);
	assert_int_equal(fixture_count(fixture, ENGINE_ANSWER, 0), 0);
	assert_member(fixture, token, "output", "{\"a\":[1,null]}");
	assert_member(fixture, token, "status", "\"COMPLETED\"");
	/* its timer is gone */
	assert_int_equal(engine_next_due_ns(fixture->engine), 0);
	fixture_pass(fixture, 100 * FIXTURE_S);
	assert_member(fixture, token, "status", "\"COMPLETED\"");
}

static void it_times_out(void **state)
{
	struct waits_fixture *fixture = *state;
	int64_t run = fixture_run(fixture, "work", 0);
	int64_t token = fixture_token_create(fixture, 60000);

	assert_int_equal(wait_token(fixture, run, token, NULL), 0);
	assert_true(engine_next_due_ns(fixture->engine) == fixture_now_ns() + 60 * CLOCK_NS_PER_S);
	fixture_pass(fixture, 60 * FIXTURE_S);
	assert_true(fixture_is_answered(fixture, run, "t"));
	assert_member(fixture, token, "status", "\"TIMED_OUT\"");
	assert_member(fixture, token, "outputIsError", "true");
	assert_member(fixture, token, "output",
		      "{\"code\":\"TRIGGER_WAITPOINT_TIMEOUT\",\"message\":\"Waitpoint timed out "
		      "at 2025-01-01T00:01:00.001Z\"}");
	/* too late, and harmless */
	assert_int_equal(fixture_token_complete(fixture, token, "1"), 0);
	assert_member(fixture, token, "status", "\"TIMED_OUT\"");
}

static void a_completed_one_answers_at_once(void **state)
{
	struct waits_fixture *fixture = *state;
	int64_t run = fixture_run(fixture, "work", 0);
	int64_t token = fixture_token_create(fixture, 0);

	assert_int_equal(fixture_token_complete(fixture, token, NULL), 0);
	assert_int_equal(wait_token(fixture, run, token, NULL), 0);
	assert_true(fixture_is_answered(fixture, run, "t"));
	assert_int_equal(fixture_state(fixture, run), RUN_EXECUTING);
	assert_member(fixture, token, "output", "null");
}

static void its_key_finds_it_until_it_expires(void **state)
{
	struct waits_fixture *fixture = *state;
	struct creation creation = {
		.request = {.idempotency_key = "order-7",
			    .idempotency_ttl_ms = 10000,
			    .tags = "[\"a\"]"}
        };
	int64_t first;

	assert_int_equal(fixture_do(fixture, create, &creation, NULL), 0);
	assert_false(creation.is_cached);
	first = creation.id;
	assert_int_equal(fixture_token_complete(fixture, first, "1"), 0);
	assert_int_equal(fixture_do(fixture, create, &creation, NULL), 0);
	assert_true(creation.is_cached);
	assert_true(creation.id == first);
	creation.request.environment_id = 2;
	assert_int_equal(fixture_do(fixture, create, &creation, NULL), 0);
	assert_false(creation.is_cached);
	creation.request.environment_id = 1;
	fixture_pass(fixture, 11 * FIXTURE_S);
	assert_int_equal(fixture_do(fixture, create, &creation, NULL), 0);
	assert_false(creation.is_cached);
	assert_true(creation.id != first);
	assert_member(fixture, creation.id, "tags", "[\"a\"]");
	assert_member(fixture, first, "idempotencyKey", "null");
}

static void another_environments_token_is_not_found(void **state)
{
	struct waits_fixture *fixture = *state;
	struct creation creation = {.request = {.environment_id = 2}};
	struct berth_error err = {0};
	int64_t run = fixture_run(fixture, "work", 0);

	assert_int_equal(fixture_do(fixture, create, &creation, NULL), 0);
	assert_int_equal(wait_token(fixture, run, creation.id, &err), -1);
	assert_int_equal(err.code, BERTH_NOT_FOUND);
}

static char *fill(char with, size_t length)
{
	char *text = malloc(length + 1);

	assert_non_null(text);
	memset(text, with, length);
	text[length] = '\0';
	return text;
}

static void bad_requests_are_refused(void **state)
{
	struct waits_fixture *fixture = *state;
	AUTO_FREE char *key = fill('k', RUN_KEY_MAX + 1);
	AUTO_FREE char *tags = fill('[', 100000);
	char tag[RUN_TAG_MAX + 8];
	const struct {
		struct engine_token_request request;
		enum berth_code code;
	} rows[] = {
		{{.timeout_ms = UINT64_MAX},						      BERTH_LIMIT  },
		{{.timeout_ms = ENGINE_TOKEN_TIMEOUT_MAX_MS + 1},                                 BERTH_LIMIT  },
		{{.idempotency_key = ""},							 BERTH_LIMIT  },
		{{.idempotency_key = key},							BERTH_LIMIT  },
		{{.idempotency_key = "\xff"},						     BERTH_INVALID},
		{{.idempotency_key = "k", .idempotency_ttl_ms = UINT64_MAX},                      BERTH_LIMIT  },
		{{.tags = "{}"},								  BERTH_INVALID},
		{{.tags = ""},								    BERTH_INVALID},
		{{.tags = "[1]"},								 BERTH_INVALID},
		{{.tags = "[\"\"]"},							      BERTH_INVALID},
		{{.tags = "[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\",\"j\",\"k\"]"},
		 BERTH_LIMIT										   },
		{{.tags = tags},								  BERTH_LIMIT  },
		{{.tags = tag},								   BERTH_INVALID},
	};

	(void)snprintf(tag, sizeof(tag), "[\"%0*d\"]", RUN_TAG_MAX + 1, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct creation creation = {.request = rows[i].request};
		struct berth_error err = {0};

		if (fixture_do(fixture, create, &creation, &err) != -1 || err.code != rows[i].code)
			fail_msg("row %zu: %d %s", i, (int)err.code, err.message);
	}
}

struct completion {
	int64_t id;
	const char *output;
};

static int complete(struct engine *engine, void *argument, struct berth_error *err)
{
	const struct completion *completion = argument;

	return engine_token_complete(engine, completion->id, completion->output, err);
}

static void bad_completions_are_refused(void **state)
{
	struct waits_fixture *fixture = *state;
	AUTO_FREE char *large = fill('1', RUN_PAYLOAD_MAX + 1);
	AUTO_FREE char *deep = fill('[', 1000);
	int64_t token = fixture_token_create(fixture, 0);
	int64_t run = fixture_run(fixture, "work", 0);
	const struct {
		struct completion completion;
		enum berth_code code;
	} rows[] = {
		{{token, ""},         BERTH_INVALID  },
                {{token, "{"},        BERTH_INVALID  },
		{{token, "1 2"},      BERTH_INVALID  },
                {{token, "\"\xff\""}, BERTH_INVALID  },
		{{token, deep},       BERTH_INVALID  },
                {{token, large},      BERTH_LIMIT    },
		{{0, "1"},            BERTH_NOT_FOUND},
                {{-1, "1"},           BERTH_NOT_FOUND},
		{{INT64_MIN, "1"},    BERTH_NOT_FOUND},
                {{run, "1"},          BERTH_NOT_FOUND},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct completion completion = rows[i].completion;
		struct berth_error err = {0};

		if (fixture_do(fixture, complete, &completion, &err) != -1 ||
		    err.code != rows[i].code)
			fail_msg("row %zu: %d %s", i, (int)err.code, err.message);
	}
	assert_member(fixture, token, "status", "\"WAITING\"");
}

/* As large as may be goes through; two of them do not fit one answer. */
static void large_outputs_are_left_out(void **state)
{
	struct waits_fixture *fixture = *state;
	AUTO_FREE char *large = fill('x', RUN_PAYLOAD_MAX);
	AUTO_FREE char *result = NULL;
	int64_t tokens[2] = {fixture_token_create(fixture, 0), fixture_token_create(fixture, 0)};
	int64_t run = fixture_run(fixture, "work", 0);
	const struct engine_wait wait = {
		.run_id = run, .wait_id = "t", .waitpoints = tokens, .waitpoint_count = 2};
	AUTO_JSON json_t *answer = NULL;

	large[0] = '"';
	large[RUN_PAYLOAD_MAX - 1] = '"';
	assert_int_equal(fixture_token_complete(fixture, tokens[0], large), 0);
	assert_int_equal(fixture_token_complete(fixture, tokens[1], large), 0);
	assert_int_equal(fixture_wait(fixture, wait, NULL), 0);
	result = fixture_result(fixture, run, "t");
	assert_non_null(result);
	assert_int_equal(json_parse(result, strlen(result), &answer, NULL), 0);
	assert_non_null(json_object_get(json_array_get(answer, 0), "output"));
	assert_null(json_object_get(json_array_get(answer, 1), "output"));
	assert_true(json_is_true(json_object_get(json_array_get(answer, 1), "outputOmitted")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_completes_once, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(it_times_out, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(a_completed_one_answers_at_once, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(its_key_finds_it_until_it_expires, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(another_environments_token_is_not_found,
						fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(bad_requests_are_refused, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(bad_completions_are_refused, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(large_outputs_are_left_out, fixture_set_up,
						fixture_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
