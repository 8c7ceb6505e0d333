/* SPDX-License-Identifier: Apache-2.0 */
/* Files of the host in a trigger: what is no path, and that the rest lasts: to the launch, over a
 * debounce and a restart, in a replay, and where a run is shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "runner/engine/engine_core.h"
#include "runner/engine/engine_reads.h"
#include "runner/engine/run_check.h"
#include "tests/unit/engine/engine_fixture.h"

#define TASKS "[{\"id\":\"t\",\"retry\":{\"maxAttempts\":3,\"randomize\":false}}]"

static const struct {
	const char *inputs, *output, *words; /* words NULL: they are accepted */
} rows[] = {
	{"[\"/a\",\"/a/b c\",\"/a\"]", "/out",      NULL                                   },
	{"[]",			 NULL,        NULL				   },
	{"[\"/.hidden/..x/...\"]",     "/a/..b/c.", NULL                                   },
	{"\"/a\"",		     NULL,        "inputs: not an array"                 },
	{"{}",			 NULL,        "inputs: not an array"                 },
	{"[\"/a\",null]",              NULL,        "inputs: number 1 is no text"          },
	{"[\"\"]",		     NULL,        "inputs: \"\" is not an absolute path" },
	{"[\"a\"]",		    NULL,        "is not an absolute path"              },
	{"[\"./a\"]",                  NULL,        "is not an absolute path"              },
	{"[\"/\"]",		    NULL,        "is not an absolute path"              },
	{"[\"/a/\"]",                  NULL,        "is not an absolute path"              },
	{"[\"/a/..\"]",                NULL,        "is not an absolute path"              },
	{"[\"/a/./b\"]",               NULL,        "is not an absolute path"              },
	{"[\"//a\"]",                  NULL,        "is not an absolute path"              },
	{"[\"/a\\u0000b\"]",           NULL,        "is not an absolute path"              },
	{NULL,			 "out",       "outputDirectory: \"out\" is not"      },
	{NULL,			 "/out/../x", "outputDirectory: \"/out/../x\" is not"},
	{NULL,			 "",          "outputDirectory: empty"               },
};

static json_t *parse(const char *text)
{
	json_t *value = text ? json_loads(text, JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL) : NULL;

	assert_true(!text || value);
	return value;
}

static void test_paths(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_JSON json_t *inputs = parse(rows[i].inputs);
		struct run_trigger request = {.task = (char *)"t",
					      .inputs = inputs,
					      .output_directory =
						      (char *)(uintptr_t)rows[i].output};
		struct berth_error err = {0};
		int result = run_check(&request, &err);

		if (result != (rows[i].words ? -1 : 0) ||
		    (rows[i].words && !strstr(err.message, rows[i].words)))
			fail_msg("row %zu: %d %s", i, result, err.message);
	}
}

static void test_bounds(void **state)
{
	AUTO_JSON json_t *inputs = json_array();
	struct run_trigger request = {.task = (char *)"t", .inputs = inputs};
	struct berth_error err = {0};
	char path[RUN_PATH_MAX + 2];

	(void)state;
	memset(path, 'a', sizeof(path));
	path[0] = '/';
	path[RUN_PATH_MAX] = '\0';
	for (int i = 0; i < RUN_INPUTS_MAX; i++)
		assert_int_equal(json_array_append_new(inputs, json_string(path)), 0);
	request.output_directory = path;
	assert_int_equal(run_check(&request, &err), 0);
	assert_int_equal(json_array_append_new(inputs, json_string("/a")), 0);
	assert_int_equal(run_check(&request, &err), -1);
	assert_int_equal(err.code, BERTH_LIMIT);
	assert_int_equal(json_array_clear(inputs), 0);
	path[RUN_PATH_MAX] = 'a';
	path[RUN_PATH_MAX + 1] = '\0';
	assert_int_equal(run_check(&request, &err), -1);
	assert_int_equal(err.code, BERTH_LIMIT);
}

static void expect_launch(struct fixture *fixture, int64_t run_id, const char *input,
			  const char *output)
{
	struct engine_launch launch = {0};
	struct run_row run = fixture_run(fixture, run_id);

	assert_int_equal(
		engine_read_launch(fixture->engine, run_id, run.token, &launch, &fixture->err), 0);
	assert_int_equal(json_array_size(launch.inputs), 1);
	assert_string_equal(json_string_value(json_array_get(launch.inputs, 0)), input);
	assert_string_equal(launch.output_directory, output);
	engine_launch_finish(&launch);
}

static void expect_shown(struct fixture *fixture, int64_t run_id, const char *inputs,
			 const char *output)
{
	AUTO_JSON json_t *run = NULL;
	AUTO_JSON json_t *wanted = parse(inputs);

	assert_int_equal(read_run(fixture->store, run_id, true, &run, &fixture->err), 0);
	assert_true(json_equal(json_object_get(run, "inputs"), wanted));
	if (output)
		assert_string_equal(json_string_value(json_object_get(run, "outputDirectory")),
				    output);
	else
		assert_true(json_is_null(json_object_get(run, "outputDirectory")));
}

struct replay {
	int64_t run_id;
	const struct run_trigger *overrides;
	struct run_accepted accepted;
};

static int replay(struct engine *engine, void *argument, struct berth_error *err)
{
	struct replay *work = argument;

	return engine_replay(engine, work->run_id, work->overrides, &work->accepted, err);
}

static void test_they_last(void **state)
{
	struct fixture *fixture = *state;
	AUTO_JSON json_t *inputs = parse("[\"/srv/a\"]");
	AUTO_JSON json_t *others = parse("[\"/srv/b\"]");
	const struct run_trigger request = {
		.task = (char *)"t", .inputs = inputs, .output_directory = (char *)"/srv/out"};
	const struct run_trigger overrides = {.inputs = others};
	struct replay same = {0}, changed = {.overrides = &overrides};
	int64_t run_id;

	fixture_deploy(fixture, TASKS);
	run_id = same.run_id = changed.run_id = fixture_trigger(fixture, &request);
	expect_launch(fixture, run_id, "/srv/a", "/srv/out");
	expect_shown(fixture, run_id, "[\"/srv/a\"]", "/srv/out");
	/* its next attempt, of another engine */
	assert_int_equal(fixture_started(fixture, run_id), 0);
	assert_int_equal(fixture_end(fixture, run_id, OUTCOME_FAILED), 0);
	fixture_restart(fixture);
	fixture_move_clock_ms(3600 * 1000);
	(void)fixture_tick(fixture);
	fixture_admit(fixture);
	assert_int_equal(fixture_run(fixture, run_id).attempt, 2);
	expect_launch(fixture, run_id, "/srv/a", "/srv/out");
	assert_int_equal(fixture_do(fixture, replay, &same), 0);
	expect_shown(fixture, same.accepted.run_id, "[\"/srv/a\"]", "/srv/out");
	assert_int_equal(fixture_do(fixture, replay, &changed), 0);
	expect_shown(fixture, changed.accepted.run_id, "[\"/srv/b\"]", "/srv/out");
	expect_shown(fixture, fixture_trigger_task(fixture, "t"), "[]", NULL);
}

/* They go with the payload: the first trigger's when leading, the last one's when trailing. */
static void test_debounced(void **state)
{
	struct fixture *fixture = *state;
	AUTO_JSON json_t *first = parse("[\"/srv/a\"]");
	AUTO_JSON json_t *last = parse("[\"/srv/b\"]");
	struct run_trigger request = {
		.task = (char *)"t",
		.inputs = first,
		.output_directory = (char *)"/srv/out",
		.debounce_key = (char *)"k",
		.debounce_delay_ms = 5000,
	};
	int64_t run_id;

	fixture_deploy(fixture, TASKS);
	for (int mode = RUN_DEBOUNCE_LEADING; mode <= RUN_DEBOUNCE_TRAILING; mode++) {
		bool is_trailing = mode == RUN_DEBOUNCE_TRAILING;

		request.debounce_mode = mode;
		request.debounce_key = is_trailing ? (char *)"t" : (char *)"l";
		request.inputs = first;
		request.output_directory = (char *)"/srv/out";
		run_id = fixture_trigger(fixture, &request);
		request.inputs = last;
		request.output_directory = NULL;
		assert_int_equal(fixture_trigger(fixture, &request), run_id);
		expect_shown(fixture, run_id, is_trailing ? "[\"/srv/b\"]" : "[\"/srv/a\"]",
			     is_trailing ? NULL : "/srv/out");
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_bounds),
		TEST(test_they_last),
		TEST(test_debounced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
