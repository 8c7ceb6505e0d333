/* SPDX-License-Identifier: Apache-2.0 */
/* An engine over a store in memory, and an attempt's side of it. */
#include "waits_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/json.h"
#include "plans.h"
#include "runner/engine/engine_versions.h"
#include "runner/store/store_runs.h"

static uint64_t now_ns;

static uint64_t read_now(void)
{
	return now_ns;
}

static const struct clock_source fake_clock = {.boottime_ns = read_now, .realtime_ns = read_now};

static const char tasks[] =
	"[{\"id\":\"work\",\"command\":[\"true\"],\"queue\":{\"concurrencyLimit\":10}},"
	"{\"id\":\"single\",\"command\":[\"true\"],\"queue\":{\"name\":\"one\",\"concurrencyLimit\":1}},"
	"{\"id\":\"short\",\"command\":[\"true\"],\"maxDuration\":10}]";

static int deploy(struct engine *engine, void *argument, struct berth_error *err)
{
	AUTO_JSON json_t *list = json_loads(tasks, 0, NULL);
	char name[VERSION_NAME_SIZE];
	const struct engine_deploy version = {
		.bundle = "", .manifest = "{}", .tasks = list, .promote = true};

	(void)argument;
	return engine_deploy(engine, &version, name, err);
}

static void assert_done(int result, const struct berth_error *err)
{
	if (result != 0)
		fail_msg("%d: %s", result, err->message);
}

void fixture_create(struct waits_fixture *fixture)
{
	struct berth_error err = {0};
	struct engine_settings settings = {.concurrency = 100, .burst = 2, .starvation_ms = 5000};

	memset(fixture, 0, sizeof(*fixture));
	now_ns = UINT64_C(1735689600) * CLOCK_NS_PER_S;
	clock_inject(&fake_clock);
	assert_done(machine_list_load(NULL, MACHINE_NO_DIRECTORY, &fixture->machines, &err), &err);
	settings.machines = &fixture->machines;
	assert_done(store_open(NULL, STORE_MEMORY, &fixture->store, &err), &err);
	assert_done(engine_create(fixture->store, &settings, &fixture->engine, &err), &err);
	engine_hold(fixture->engine, false);
	assert_done(fixture_do(fixture, deploy, NULL, &err), &err);
}

void fixture_destroy(struct waits_fixture *fixture)
{
	engine_destroy(fixture->engine);
	store_close(fixture->store);
	machine_list_finish(&fixture->machines);
	clock_inject(NULL);
}

uint64_t fixture_now_ns(void)
{
	return now_ns;
}

static void keep_effects(struct waits_fixture *fixture)
{
	const struct engine_effect *effects =
		engine_effects(fixture->engine, &fixture->effect_count);

	assert_true(fixture->effect_count <= sizeof(fixture->effects) / sizeof(effects[0]));
	if (fixture->effect_count > 0)
		memcpy(fixture->effects, effects, fixture->effect_count * sizeof(effects[0]));
}

void fixture_advance(uint64_t ms)
{
	now_ns += ms * CLOCK_NS_PER_MS;
}

void fixture_pass(struct waits_fixture *fixture, uint64_t ms)
{
	struct berth_error err = {0};

	fixture_advance(ms);
	assert_done(engine_group_begin(fixture->engine, &err), &err);
	if (engine_tick(fixture->engine, 100000, &err) < 0)
		fail_msg("%s", err.message);
	assert_done(engine_group_commit(fixture->engine, &err), &err);
	keep_effects(fixture);
}

int fixture_do(struct waits_fixture *fixture, engine_work work, void *argument,
	       struct berth_error *err)
{
	struct berth_error group = {0};
	int result;

	assert_done(engine_group_begin(fixture->engine, &group), &group);
	result = engine_do(fixture->engine, work, argument, err);
	assert_done(engine_group_commit(fixture->engine, &group), &group);
	keep_effects(fixture);
	return result;
}

size_t fixture_count(const struct waits_fixture *fixture, enum engine_effect_kind kind,
		     int64_t run_id)
{
	size_t count = 0;

	for (size_t i = 0; i < fixture->effect_count; i++)
		count += fixture->effects[i].kind == kind &&
			 (run_id == 0 || fixture->effects[i].run_id == run_id);
	return count;
}

bool fixture_is_answered(const struct waits_fixture *fixture, int64_t run_id, const char *wait_id)
{
	for (size_t i = 0; i < fixture->effect_count; i++)
		if (fixture->effects[i].kind == ENGINE_ANSWER &&
		    fixture->effects[i].run_id == run_id &&
		    strcmp(fixture->effects[i].wait_id, wait_id) == 0)
			return true;
	return false;
}

struct trigger_work {
	struct run_trigger request;
	struct run_accepted accepted;
};

static int trigger(struct engine *engine, void *argument, struct berth_error *err)
{
	struct trigger_work *work = argument;

	return engine_trigger(engine, &work->request, &work->accepted, err);
}

int64_t fixture_trigger_as(struct waits_fixture *fixture, const struct run_trigger *request)
{
	struct trigger_work work = {.request = *request};
	struct berth_error err = {0};

	now_ns += CLOCK_NS_PER_MS;
	assert_done(fixture_do(fixture, trigger, &work, &err), &err);
	return work.accepted.run_id;
}

int64_t fixture_trigger(struct waits_fixture *fixture, const char *task, int64_t parent_id)
{
	char name[32];
	const struct run_trigger request = {
		.task = name, .parent_id = parent_id, .parent_waits = parent_id != 0};

	(void)snprintf(name, sizeof(name), "%s", task);
	return fixture_trigger_as(fixture, &request);
}

static void read_run_row(struct waits_fixture *fixture, int64_t run_id, struct run_row *ret_row)
{
	struct berth_error err = {0};

	assert_done(store_run_read(fixture->store, run_id, ret_row, &err), &err);
}

int fixture_state(struct waits_fixture *fixture, int64_t run_id)
{
	struct run_row row;

	read_run_row(fixture, run_id, &row);
	return row.state;
}

const char *fixture_token(struct waits_fixture *fixture, int64_t run_id)
{
	static char token[ENGINE_TOKEN_SIZE];
	struct run_row row;

	read_run_row(fixture, run_id, &row);
	memcpy(token, row.token, sizeof(token));
	return token;
}

struct run_work {
	int64_t run_id;
	const char *token;
	const char *text;
	const struct engine_attempt_end *end;
	char *result;
};

static int start(struct engine *engine, void *argument, struct berth_error *err)
{
	const struct run_work *work = argument;

	return engine_attempt_started(engine, work->run_id, work->token, err);
}

void fixture_start(struct waits_fixture *fixture, int64_t run_id)
{
	struct run_work work = {.run_id = run_id, .token = fixture_token(fixture, run_id)};
	struct berth_error err = {0};

	assert_int_equal(fixture_state(fixture, run_id), RUN_DEQUEUED);
	assert_done(fixture_do(fixture, start, &work, &err), &err);
}

int64_t fixture_run(struct waits_fixture *fixture, const char *task, int64_t parent_id)
{
	int64_t run_id = fixture_trigger(fixture, task, parent_id);

	fixture_start(fixture, run_id);
	return run_id;
}

static int end(struct engine *engine, void *argument, struct berth_error *err)
{
	const struct run_work *work = argument;
	int result = 0;

	if (work->text)
		result = engine_attempt_output(engine, work->run_id, work->token, work->text,
					       "application/json", err);
	if (result != 0)
		return result;
	return engine_attempt_end(engine, work->run_id, work->token, work->end, err);
}

void fixture_end(struct waits_fixture *fixture, int64_t run_id, const char *output)
{
	const struct engine_attempt_end how = {
		.outcome = output ? OUTCOME_COMPLETED : OUTCOME_PERMANENT,
		.exit_code = output ? 0 : 1,
		.message = output ? "completed" : "it failed",
	};
	struct run_work work = {
		.run_id = run_id,
		.token = fixture_token(fixture, run_id),
		.text = output,
		.end = &how,
	};
	struct berth_error err = {0};

	assert_done(fixture_do(fixture, end, &work, &err), &err);
}

static int cancel(struct engine *engine, void *argument, struct berth_error *err)
{
	const struct run_work *work = argument;

	return engine_cancel(engine, work->run_id, 30000, err);
}

void fixture_cancel(struct waits_fixture *fixture, int64_t run_id)
{
	struct run_work work = {.run_id = run_id};
	struct berth_error err = {0};

	assert_done(fixture_do(fixture, cancel, &work, &err), &err);
}

static int do_wait(struct engine *engine, void *argument, struct berth_error *err)
{
	return engine_wait(engine, argument, err);
}

int fixture_wait(struct waits_fixture *fixture, struct engine_wait wait, struct berth_error *err)
{
	if (!wait.token)
		wait.token = fixture_token(fixture, wait.run_id);
	return fixture_do(fixture, do_wait, &wait, err);
}

int fixture_wait_run(struct waits_fixture *fixture, int64_t run_id, const char *wait_id,
		     int64_t child_id)
{
	const struct engine_wait wait = {
		.run_id = run_id, .wait_id = wait_id, .runs = &child_id, .run_count = 1};

	return fixture_wait(fixture, wait, NULL);
}

int fixture_wait_seconds(struct waits_fixture *fixture, int64_t run_id, const char *wait_id,
			 uint64_t seconds)
{
	const struct engine_wait wait = {
		.run_id = run_id,
		.wait_id = wait_id,
		.until_ns = now_ns + seconds * CLOCK_NS_PER_S,
	};

	return fixture_wait(fixture, wait, NULL);
}

static int read_result(struct engine *engine, void *argument, struct berth_error *err)
{
	struct run_work *work = argument;

	return engine_wait_result(engine, work->run_id, work->token, work->text, &work->result,
				  err);
}

char *fixture_result(struct waits_fixture *fixture, int64_t run_id, const char *wait_id)
{
	struct run_work work = {
		.run_id = run_id, .token = fixture_token(fixture, run_id), .text = wait_id};
	struct berth_error err = {0};

	assert_done(fixture_do(fixture, read_result, &work, &err), &err);
	return work.result;
}

static int take(struct engine *engine, void *argument, struct berth_error *err)
{
	const struct run_work *work = argument;

	return engine_wait_taken(engine, work->run_id, work->token, work->text, err);
}

int fixture_take(struct waits_fixture *fixture, int64_t run_id, const char *wait_id)
{
	struct run_work work = {
		.run_id = run_id, .token = fixture_token(fixture, run_id), .text = wait_id};

	return fixture_do(fixture, take, &work, NULL);
}

struct token_work {
	struct engine_token_request request;
	int64_t waitpoint_id;
	bool is_cached;
	const char *output;
};

static int create_token(struct engine *engine, void *argument, struct berth_error *err)
{
	struct token_work *work = argument;

	return engine_token_create(engine, &work->request, &work->waitpoint_id, &work->is_cached,
				   err);
}

int64_t fixture_token_create(struct waits_fixture *fixture, uint64_t timeout_ms)
{
	struct token_work work = {.request = {.timeout_ms = timeout_ms}};
	struct berth_error err = {0};

	assert_done(fixture_do(fixture, create_token, &work, &err), &err);
	return work.waitpoint_id;
}

static int complete_token(struct engine *engine, void *argument, struct berth_error *err)
{
	const struct token_work *work = argument;

	return engine_token_complete(engine, work->waitpoint_id, work->output, err);
}

int fixture_token_complete(struct waits_fixture *fixture, int64_t waitpoint_id, const char *output)
{
	struct token_work work = {.waitpoint_id = waitpoint_id, .output = output};

	return fixture_do(fixture, complete_token, &work, NULL);
}

int fixture_set_up(void **state)
{
	struct waits_fixture *fixture = malloc(sizeof(*fixture));

	assert_non_null(fixture);
	fixture_create(fixture);
	*state = fixture;
	return 0;
}

int fixture_tear_down(void **state)
{
	(void)plans_check(((struct waits_fixture *)*state)->store);
	fixture_destroy(*state);
	free(*state);
	return 0;
}
