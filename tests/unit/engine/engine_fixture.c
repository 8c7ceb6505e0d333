/* SPDX-License-Identifier: Apache-2.0 */
/* An engine for tests, its clock, and the steps that most tests take. */
#include "tests/unit/engine/engine_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/json.h"
#include "runner/engine/engine_core.h"
#include "runner/engine/engine_versions.h"

static uint64_t clock_ns = FIXTURE_EPOCH_NS;

static uint64_t read_clock(void)
{
	return clock_ns;
}

static const struct clock_source standing = {read_clock, read_clock};

void fixture_move_clock_ms(int64_t ms)
{
	clock_ns += (uint64_t)(ms * (int64_t)CLOCK_NS_PER_MS);
}

void fixture_set_clock_ns(uint64_t ns)
{
	clock_ns = ns;
}

static void make_engine(struct fixture *fixture)
{
	assert_int_equal(
		engine_create(fixture->store, &fixture->settings, &fixture->engine, &fixture->err),
		0);
	engine_seed(fixture->engine, 1);
	engine_hold(fixture->engine, false);
}

void fixture_open(struct fixture *fixture, const char *directory)
{
	struct berth_error *err = &fixture->err;

	memset(fixture, 0, sizeof(*fixture));
	clock_ns = FIXTURE_EPOCH_NS;
	clock_inject(&standing);
	assert_int_equal(machine_list_load(NULL, MACHINE_NO_DIRECTORY, &fixture->machines, err), 0);
	fixture->settings = (struct engine_settings){
		.concurrency = 100,
		.burst = 2.0,
		.starvation_ms = 5000,
		.machines = &fixture->machines,
	};
	assert_int_equal(store_open(directory ? directory : "",
				    directory ? STORE_READ_WRITE : STORE_MEMORY, &fixture->store,
				    err),
			 0);
	make_engine(fixture);
}

void fixture_close(struct fixture *fixture)
{
	engine_destroy(fixture->engine);
	store_close(fixture->store);
	machine_list_finish(&fixture->machines);
	clock_inject(NULL);
}

void fixture_restart(struct fixture *fixture)
{
	engine_destroy(fixture->engine);
	fixture->engine = NULL;
	make_engine(fixture);
}

int fixture_set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	fixture_open(fixture, NULL);
	*state = fixture;
	return 0;
}

int fixture_tear_down(void **state)
{
	fixture_close(*state);
	free(*state);
	return 0;
}

int fixture_do(struct fixture *fixture, engine_work work, void *argument)
{
	struct berth_error err = {0};
	int result;

	assert_int_equal(engine_group_begin(fixture->engine, &err), 0);
	fixture->err = (struct berth_error){0};
	result = engine_do(fixture->engine, work, argument, &fixture->err);
	if (engine_group_commit(fixture->engine, &err) < 0)
		fail_msg("commit: %s", err.message);
	return result;
}

void fixture_admit(struct fixture *fixture)
{
	assert_int_equal(engine_group_begin(fixture->engine, &fixture->err), 0);
	assert_int_equal(engine_group_commit(fixture->engine, &fixture->err), 0);
}

int fixture_tick(struct fixture *fixture)
{
	int all = 0, handled;

	do {
		assert_int_equal(engine_group_begin(fixture->engine, &fixture->err), 0);
		handled = engine_tick(fixture->engine, 100, &fixture->err);
		assert_true(handled >= 0);
		assert_int_equal(engine_group_commit(fixture->engine, &fixture->err), 0);
		all += handled;
	} while (handled > 0);
	return all;
}

struct deploy_work {
	struct engine_deploy deploy;
	char name[VERSION_NAME_SIZE];
};

static int deploy(struct engine *engine, void *argument, struct berth_error *err)
{
	struct deploy_work *work = argument;

	return engine_deploy(engine, &work->deploy, work->name, err);
}

void fixture_deploy(struct fixture *fixture, const char *tasks)
{
	json_t *list = NULL;
	struct deploy_work work = {
		.deploy = {.bundle = "", .manifest = "{}", .promote = true}
        };

	assert_int_equal(json_parse(tasks, strlen(tasks), &list, &fixture->err), 0);
	work.deploy.tasks = list;
	if (fixture_do(fixture, deploy, &work) < 0)
		fail_msg("deploy: %s", fixture->err.message);
	json_decref(list);
}

struct trigger_work {
	const struct run_trigger *request;
	struct run_accepted accepted;
};

static int trigger(struct engine *engine, void *argument, struct berth_error *err)
{
	struct trigger_work *work = argument;

	return engine_trigger(engine, work->request, &work->accepted, err);
}

int64_t fixture_trigger(struct fixture *fixture, const struct run_trigger *request)
{
	struct trigger_work work = {.request = request};

	return fixture_do(fixture, trigger, &work) < 0 ? 0 : work.accepted.run_id;
}

int64_t fixture_trigger_task(struct fixture *fixture, const char *task)
{
	const struct run_trigger request = {.task = (char *)(uintptr_t)task};
	int64_t run_id = fixture_trigger(fixture, &request);

	if (!run_id)
		fail_msg("trigger: %s", fixture->err.message);
	return run_id;
}

struct run_row fixture_run(struct fixture *fixture, int64_t run_id)
{
	struct run_row run;

	assert_int_equal(store_run_read(fixture->store, run_id, &run, &fixture->err), 0);
	return run;
}

enum run_state fixture_state(struct fixture *fixture, int64_t run_id)
{
	return (enum run_state)fixture_run(fixture, run_id).state;
}

struct report {
	int64_t run_id;
	char token[ENGINE_TOKEN_SIZE];
	const struct engine_attempt_end *end;
	uint64_t grace_ms;
};

static struct report report_of(struct fixture *fixture, int64_t run_id)
{
	struct run_row run = fixture_run(fixture, run_id);
	struct report report = {.run_id = run_id};

	memcpy(report.token, run.token, sizeof(report.token));
	return report;
}

static int started(struct engine *engine, void *argument, struct berth_error *err)
{
	struct report *report = argument;

	return engine_attempt_started(engine, report->run_id, report->token, err);
}

int fixture_started(struct fixture *fixture, int64_t run_id)
{
	struct report report = report_of(fixture, run_id);

	return fixture_do(fixture, started, &report);
}

static int end(struct engine *engine, void *argument, struct berth_error *err)
{
	struct report *report = argument;

	return engine_attempt_end(engine, report->run_id, report->token, report->end, err);
}

int fixture_end_as(struct fixture *fixture, int64_t run_id, const struct engine_attempt_end *how)
{
	struct report report = report_of(fixture, run_id);

	report.end = how;
	return fixture_do(fixture, end, &report);
}

int fixture_end(struct fixture *fixture, int64_t run_id, enum run_outcome outcome)
{
	const struct engine_attempt_end how = {.outcome = outcome, .message = "as the test wants"};

	return fixture_end_as(fixture, run_id, &how);
}

static int cancel(struct engine *engine, void *argument, struct berth_error *err)
{
	struct report *report = argument;

	return engine_cancel(engine, report->run_id, report->grace_ms, err);
}

int fixture_cancel(struct fixture *fixture, int64_t run_id, uint64_t grace_ms)
{
	struct report report = {.run_id = run_id, .grace_ms = grace_ms};

	return fixture_do(fixture, cancel, &report);
}

size_t fixture_effects(struct fixture *fixture, enum engine_effect_kind kind, int64_t run_id)
{
	size_t count, found = 0;
	const struct engine_effect *effects = engine_effects(fixture->engine, &count);

	for (size_t i = 0; i < count; i++)
		found += effects[i].kind == kind && (!run_id || effects[i].run_id == run_id);
	return found;
}
