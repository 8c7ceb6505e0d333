/* SPDX-License-Identifier: Apache-2.0 */
/* What an attempt's end makes of its run: the outcome table, retries, the ladder, interruptions,
 * cancellation, dead letters; and reports that are stale or repeated. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "runner/engine/attempt_end_table.h"
#include "runner/engine/engine_core.h"
#include "tests/unit/engine/engine_fixture.h"

#define TASKS                                                                                      \
	"[{\"id\":\"once\"},"                                                                      \
	"{\"id\":\"again\",\"retry\":{\"maxAttempts\":3,\"randomize\":false}},"                    \
	"{\"id\":\"climb\",\"retry\":{\"maxAttempts\":1,\"outOfMemory\":{\"ladder\":true}}},"      \
	"{\"id\":\"jump\",\"retry\":{\"outOfMemory\":{\"machine\":\"large-1x\"}}},"                \
	"{\"id\":\"fragile\",\"interrupted\":\"fail\"},"                                           \
	"{\"id\":\"anew\",\"resume\":\"restart\",\"retry\":{\"maxAttempts\":3}},"                  \
	"{\"id\":\"letter\"},"                                                                     \
	"{\"id\":\"slim\",\"limits\":{\"memory\":\"64M\",\"cpu\":\"0.1\"}},"                       \
	"{\"id\":\"watched\",\"deadLetter\":\"letter\"},"                                          \
	"{\"id\":\"lost\",\"deadLetter\":\"nobody\"}]"

static int64_t start(struct fixture *fixture, const char *task)
{
	int64_t run_id = fixture_trigger_task(fixture, task);

	assert_int_equal(fixture_state(fixture, run_id), RUN_DEQUEUED);
	assert_int_equal(fixture_effects(fixture, ENGINE_LAUNCH, run_id), 1);
	assert_int_equal(fixture_started(fixture, run_id), 0);
	assert_int_equal(fixture_state(fixture, run_id), RUN_EXECUTING);
	return run_id;
}

struct error_row {
	enum run_outcome outcome;
	enum run_state state;
	const char *code; /* NULL: a STRING_ERROR */
};

static const struct error_row error_rows[] = {
	{OUTCOME_FAILED,         RUN_FAILED,         NULL                                    },
	{OUTCOME_RETRYABLE,      RUN_FAILED,         NULL                                    },
	{OUTCOME_PERMANENT,      RUN_FAILED,         NULL                                    },
	{OUTCOME_CRASHED,        RUN_CRASHED,        "TASK_PROCESS_EXITED_WITH_NON_ZERO_CODE"},
	{OUTCOME_KILLED_MEMORY,  RUN_CRASHED,        "TASK_PROCESS_OOM_KILLED"               },
	{OUTCOME_KILLED_PIDS,    RUN_CRASHED,        "TASK_RUN_CRASHED"                      },
	{OUTCOME_KILLED_DISK,    RUN_CRASHED,        "DISK_SPACE_EXCEEDED"                   },
	{OUTCOME_KILLED_LOG,     RUN_CRASHED,        "TASK_RUN_CRASHED"                      },
	{OUTCOME_CANCELLED,      RUN_CANCELED,       "TASK_RUN_CANCELLED"                    },
	{OUTCOME_TIMED_OUT,      RUN_TIMED_OUT,      "MAX_DURATION_EXCEEDED"                 },
	{OUTCOME_NOT_EXECUTABLE, RUN_SYSTEM_FAILURE, "COULD_NOT_IMPORT_TASK"                 },
	{OUTCOME_NOT_FOUND,      RUN_SYSTEM_FAILURE, "COULD_NOT_FIND_EXECUTOR"               },
	{OUTCOME_ERROR,          RUN_SYSTEM_FAILURE, "TASK_EXECUTION_FAILED"                 },
};

static json_t *read_error(struct fixture *fixture, int64_t run_id)
{
	struct run_data_row data = {0};
	json_t *error = NULL;

	assert_int_equal(store_run_data_read(fixture->store, run_id, &data, &fixture->err), 0);
	assert_non_null(data.error);
	assert_int_equal(json_parse(data.error, strlen(data.error), &error, &fixture->err), 0);
	run_data_row_finish(&data);
	return error;
}

static void test_ends(void **state)
{
	struct fixture *fixture = *state;

	fixture_deploy(fixture, TASKS);
	for (size_t i = 0; i < sizeof(error_rows) / sizeof(error_rows[0]); i++) {
		int64_t run_id = start(fixture, "once");
		json_t *error;

		assert_int_equal(fixture_end(fixture, run_id, error_rows[i].outcome), 0);
		assert_int_equal(fixture_state(fixture, run_id), error_rows[i].state);
		assert_int_equal(fixture_effects(fixture, ENGINE_ENDED, run_id), 1);
		error = read_error(fixture, run_id);
		assert_string_equal(json_string_value(json_object_get(error, "type")),
				    error_rows[i].code ? "INTERNAL_ERROR" : "STRING_ERROR");
		if (error_rows[i].code)
			assert_string_equal(json_string_value(json_object_get(error, "code")),
					    error_rows[i].code);
		json_decref(error);
	}
}

static void test_success(void **state)
{
	struct fixture *fixture = *state;
	int64_t run_id;

	fixture_deploy(fixture, TASKS);
	run_id = start(fixture, "once");
	assert_int_equal(fixture_end(fixture, run_id, OUTCOME_COMPLETED), 0);
	assert_int_equal(fixture_state(fixture, run_id), RUN_COMPLETED);
	/* said again */
	assert_int_equal(fixture_end(fixture, run_id, OUTCOME_FAILED), ENGINE_STALE);
	assert_int_equal(fixture_state(fixture, run_id), RUN_COMPLETED);
}

static void test_retries(void **state)
{
	struct fixture *fixture = *state;
	int64_t run_id;

	fixture_deploy(fixture, TASKS);
	run_id = start(fixture, "again");
	assert_int_equal(fixture_end(fixture, run_id, OUTCOME_FAILED), 0);
	assert_int_equal(fixture_state(fixture, run_id), RUN_RETRYING);
	assert_int_equal(engine_next_due_ns(fixture->engine),
			 FIXTURE_EPOCH_NS + UINT64_C(1000000000));
	fixture_move_clock_ms(999);
	assert_int_equal(fixture_tick(fixture), 0);
	fixture_move_clock_ms(1);
	assert_int_equal(fixture_tick(fixture), 1);
	assert_int_equal(fixture_state(fixture, run_id), RUN_DEQUEUED);
	assert_int_equal(fixture_started(fixture, run_id), 0);
	assert_int_equal(fixture_end(fixture, run_id, OUTCOME_CRASHED), 0);
	fixture_move_clock_ms(2000);
	assert_int_equal(fixture_tick(fixture), 1);
	assert_int_equal(fixture_end(fixture, run_id, OUTCOME_FAILED), 0);
	assert_int_equal(fixture_state(fixture, run_id), RUN_FAILED);
	assert_int_equal(fixture_run(fixture, run_id).attempt, 3);

	run_id = start(fixture, "again");
	assert_int_equal(fixture_end(fixture, run_id, OUTCOME_PERMANENT), 0);
	assert_int_equal(fixture_state(fixture, run_id), RUN_FAILED);
}

static void test_named_time(void **state)
{
	struct fixture *fixture = *state;
	const struct engine_attempt_end later = {
		.outcome = OUTCOME_RETRYABLE,
		.retry_at_ns = FIXTURE_EPOCH_NS + UINT64_C(7200000000000),
	};
	const struct engine_attempt_end now = {.outcome = OUTCOME_RETRYABLE, .retry_at_ns = 1};
	int64_t run_id;

	fixture_deploy(fixture, TASKS);
	run_id = start(fixture, "again");
	assert_int_equal(fixture_end_as(fixture, run_id, &later), 0);
	assert_int_equal(engine_next_due_ns(fixture->engine), later.retry_at_ns);
	fixture_move_clock_ms(7200000);
	assert_int_equal(fixture_tick(fixture), 1);
	/* in the past: at once */
	assert_int_equal(fixture_end_as(fixture, run_id, &now), 0);
	assert_int_equal(fixture_state(fixture, run_id), RUN_DEQUEUED);
	assert_int_equal(fixture_run(fixture, run_id).attempt, 3);
}

static void test_ladder(void **state)
{
	struct fixture *fixture = *state;
	/* small-1x is the default; each step has more memory than the one before */
	static const char *const steps[] = {"small-1x",  "small-2x", "medium-1x",
					    "medium-2x", "large-1x", "large-2x"};
	int64_t run_id;

	fixture_deploy(fixture, TASKS);
	run_id = start(fixture, "climb");
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		assert_string_equal(fixture_run(fixture, run_id).machine, steps[i]);
		assert_int_equal(fixture_end(fixture, run_id, OUTCOME_KILLED_MEMORY), 0);
		fixture_move_clock_ms(60000);
		(void)fixture_tick(fixture);
	}
	assert_int_equal(fixture_state(fixture, run_id), RUN_CRASHED);

	run_id = start(fixture, "jump");
	assert_int_equal(fixture_end(fixture, run_id, OUTCOME_KILLED_MEMORY), 0);
	fixture_move_clock_ms(60000);
	(void)fixture_tick(fixture);
	assert_string_equal(fixture_run(fixture, run_id).machine, "large-1x");
	/* there is no step after it: an ordinary failure, of which there may be three */
	assert_int_equal(fixture_end(fixture, run_id, OUTCOME_KILLED_MEMORY), 0);
	fixture_move_clock_ms(60000);
	(void)fixture_tick(fixture);
	assert_int_equal(fixture_end(fixture, run_id, OUTCOME_KILLED_MEMORY), 0);
	assert_int_equal(fixture_state(fixture, run_id), RUN_CRASHED);
}

static void test_ledger_follows_ladder(void **state)
{
	struct fixture *fixture = *state;
	struct engine_ledger ledger;
	int64_t run_id;

	fixture_deploy(fixture, TASKS);
	run_id = start(fixture, "climb");
	engine_read_ledger(fixture->engine, &ledger);
	assert_int_equal(ledger.running, 1);
	assert_int_equal(ledger.memory_bytes, 512 << 20);
	assert_int_equal(fixture_end(fixture, run_id, OUTCOME_KILLED_MEMORY), 0);
	engine_read_ledger(fixture->engine, &ledger);
	assert_int_equal(ledger.running, 0);
	assert_int_equal(ledger.memory_bytes, 0);
	fixture_move_clock_ms(60000);
	(void)fixture_tick(fixture);
	engine_read_ledger(fixture->engine, &ledger);
	assert_int_equal(ledger.memory_bytes, 1 << 30);
}

static void test_ledger_counts_own_limits(void **state)
{
	struct fixture *fixture = *state;
	struct engine_ledger ledger;

	fixture_deploy(fixture, TASKS);
	(void)start(fixture, "slim");
	engine_read_ledger(fixture->engine, &ledger);
	assert_int_equal(ledger.memory_bytes, 64 << 20);
	assert_int_equal(ledger.cpu_millis, 100);
}

static void test_interruptions(void **state)
{
	struct fixture *fixture = *state;
	const struct engine_attempt_end gone = {.outcome = OUTCOME_ERROR, .is_interrupted = true};
	int64_t run_id;

	fixture_deploy(fixture, TASKS);
	run_id = start(fixture, "once");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(fixture_end_as(fixture, run_id, &gone), 0);
		assert_int_equal(fixture_state(fixture, run_id), RUN_DEQUEUED);
	}
	assert_int_equal(fixture_end_as(fixture, run_id, &gone), 0);
	assert_int_equal(fixture_state(fixture, run_id), RUN_SYSTEM_FAILURE);

	run_id = start(fixture, "fragile");
	assert_int_equal(fixture_end_as(fixture, run_id, &gone), 0);
	assert_int_equal(fixture_state(fixture, run_id), RUN_SYSTEM_FAILURE);
}

struct saving {
	int64_t run_id;
	const char *token;
};

static int save(struct engine *engine, void *argument, struct berth_error *err)
{
	const struct saving *saving = argument;

	return engine_checkpoint_save(engine, saving->run_id, saving->token, "place", "7", err);
}

static int load(struct engine *engine, void *argument, struct berth_error *err)
{
	const int64_t *run_id = argument;
	char *data = NULL;
	int missing = engine_checkpoint_load(engine, *run_id, "place", &data, err);

	if (missing == 0)
		missing = data == NULL;
	free(data);
	return missing;
}

/* What another attempt finds of the one before it; an interruption makes no difference. */
static void test_resume(void **state)
{
	static const struct {
		const char *task;
		int missing;
	} rows[] = {
		{"again", 0},
                {"anew",  1}
        };
	const struct engine_attempt_end gone = {.outcome = OUTCOME_ERROR, .is_interrupted = true};
	struct fixture *fixture = *state;

	fixture_deploy(fixture, TASKS);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t run_id = start(fixture, rows[i].task);
		struct run_row run = fixture_run(fixture, run_id);
		struct saving saving = {run_id, run.token};

		assert_int_equal(fixture_do(fixture, save, &saving), 0);
		assert_int_equal(fixture_do(fixture, load, &run_id), 0);
		assert_int_equal(fixture_end_as(fixture, run_id, &gone), 0);
		assert_int_equal(fixture_state(fixture, run_id), RUN_DEQUEUED);
		assert_int_equal(fixture_do(fixture, load, &run_id), rows[i].missing);
	}
}

static int recover_without_any(struct engine *engine, void *is_new_launcher,
			       struct berth_error *err)
{
	return engine_recover(engine, NULL, 0, *(const bool *)is_new_launcher, err);
}

/* A task that must not be begun twice: who has outlived the supervisor knows that it was not, a new
 * launcher does not know. */
static void test_lost_launches(void **state)
{
	struct fixture *fixture = *state;
	bool is_new_launcher = false;
	int64_t run_id;

	fixture_deploy(fixture, TASKS);
	run_id = fixture_trigger_task(fixture, "fragile");
	assert_int_equal(fixture_state(fixture, run_id), RUN_DEQUEUED);
	assert_int_equal(fixture_do(fixture, recover_without_any, &is_new_launcher), 0);
	assert_int_equal(fixture_state(fixture, run_id), RUN_DEQUEUED);
	is_new_launcher = true;
	assert_int_equal(fixture_do(fixture, recover_without_any, &is_new_launcher), 0);
	assert_int_equal(fixture_state(fixture, run_id), RUN_SYSTEM_FAILURE);
}

static void test_uncounted(void **state)
{
	struct fixture *fixture = *state;
	const struct engine_attempt_end gone = {.outcome = OUTCOME_ERROR, .is_interrupted = true};
	int64_t run_id;

	fixture_deploy(fixture, TASKS);
	run_id = start(fixture, "again");
	assert_int_equal(fixture_end_as(fixture, run_id, &gone), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(fixture_end(fixture, run_id, OUTCOME_FAILED), 0);
		assert_int_equal(fixture_state(fixture, run_id), RUN_RETRYING);
		fixture_move_clock_ms(60000);
		(void)fixture_tick(fixture);
	}
	assert_int_equal(fixture_end(fixture, run_id, OUTCOME_FAILED), 0);
	assert_int_equal(fixture_state(fixture, run_id), RUN_FAILED);
}

static void test_cancel_live(void **state)
{
	struct fixture *fixture = *state;
	int64_t run_id;

	fixture_deploy(fixture, TASKS);
	run_id = start(fixture, "again");
	assert_int_equal(fixture_cancel(fixture, run_id, 30000), 0);
	assert_int_equal(fixture_effects(fixture, ENGINE_ASK, run_id), 1);
	assert_int_equal(fixture_state(fixture, run_id), RUN_EXECUTING);
	assert_int_equal(fixture_cancel(fixture, run_id, 30000), 0);
	assert_int_equal(fixture_effects(fixture, ENGINE_ASK, run_id), 0);
	assert_int_equal(fixture_cancel(fixture, run_id, 0), 0);
	assert_int_equal(fixture_effects(fixture, ENGINE_KILL, run_id), 1);
	/* whatever it ended by, it is not tried again */
	assert_int_equal(fixture_end(fixture, run_id, OUTCOME_FAILED), 0);
	assert_int_equal(fixture_state(fixture, run_id), RUN_CANCELED);
	assert_int_equal(fixture_cancel(fixture, run_id, 0), 0);

	run_id = start(fixture, "again");
	assert_int_equal(fixture_cancel(fixture, run_id, 30000), 0);
	assert_int_equal(fixture_end(fixture, run_id, OUTCOME_COMPLETED), 0);
	assert_int_equal(fixture_state(fixture, run_id), RUN_COMPLETED);
}

static void test_dead_letter(void **state)
{
	struct fixture *fixture = *state;
	struct run_trigger request = {.task = "watched", .payload = "{\"a\":1}"};
	struct run_data_row data = {0};
	json_t *payload = NULL, *error;
	int64_t run_id;

	fixture_deploy(fixture, TASKS);
	run_id = fixture_trigger(fixture, &request);
	assert_int_equal(fixture_end(fixture, run_id, OUTCOME_FAILED), 0);
	assert_int_equal(fixture_effects(fixture, ENGINE_LAUNCH, 0), 1);
	run_id = run_id + 1; /* the clock stands: the next number */
	assert_int_equal(fixture_run(fixture, run_id).dead_letter_of, run_id - 1);
	assert_int_equal(store_run_data_read(fixture->store, run_id, &data, &fixture->err), 0);
	assert_int_equal(json_parse(data.payload, strlen(data.payload), &payload, &fixture->err),
			 0);
	assert_string_equal(json_string_value(json_object_get(payload, "originalTaskId")),
			    "watched");
	assert_int_equal(json_integer_value(
				 json_object_get(json_object_get(payload, "originalPayload"), "a")),
			 1);
	assert_int_equal(json_integer_value(json_object_get(payload, "attemptCount")), 1);
	assert_true(json_is_object(json_object_get(payload, "error")));
	json_decref(payload);
	run_data_row_finish(&data);

	/* a letter that nobody takes */
	run_id = start(fixture, "lost");
	assert_int_equal(fixture_end(fixture, run_id, OUTCOME_FAILED), 0);
	assert_int_equal(fixture_state(fixture, run_id), RUN_FAILED);
	error = read_error(fixture, run_id);
	assert_non_null(json_object_get(error, "deadLetter"));
	json_decref(error);
}

static int stale_output(struct engine *engine, void *argument, struct berth_error *err)
{
	return engine_attempt_output(engine, *(int64_t *)argument,
				     "00000000000000000000000000000000", "1", "application/json",
				     err);
}

static void test_stale(void **state)
{
	struct fixture *fixture = *state;
	int64_t run_id;

	fixture_deploy(fixture, TASKS);
	run_id = start(fixture, "once");
	assert_int_equal(fixture_started(fixture, run_id), 0); /* repeated */
	assert_int_equal(fixture_do(fixture, stale_output, &run_id), ENGINE_STALE);
}

static void test_launch(void **state)
{
	struct fixture *fixture = *state;
	struct run_trigger request = {.task = "once",
				      .payload = "[1]",
				      .concurrency_key = "tenant",
				      .max_duration_ms = 90000};
	struct engine_launch launch;
	struct run_row run;
	int64_t run_id;

	fixture_deploy(fixture, TASKS);
	run_id = fixture_trigger(fixture, &request);
	run = fixture_run(fixture, run_id);
	assert_int_equal(
		engine_read_launch(fixture->engine, run_id, run.token, &launch, &fixture->err), 0);
	assert_string_equal(launch.task, "once");
	assert_string_equal(launch.payload, "[1]");
	assert_string_equal(launch.payload_type, "application/json");
	assert_string_equal(launch.queue, "task/once");
	assert_string_equal(launch.concurrency_key, "tenant");
	assert_string_equal(launch.version, "20260101.1");
	assert_int_equal(launch.max_duration_ms, 90000);
	engine_launch_finish(&launch);
	assert_int_equal(fixture_started(fixture, run_id), 0);
	fixture_move_clock_ms(30000);
	assert_int_equal(
		engine_read_launch(fixture->engine, run_id, run.token, &launch, &fixture->err), 0);
	assert_int_equal(launch.max_duration_ms, 60000);
	engine_launch_finish(&launch);
	assert_int_equal(
		engine_read_launch(fixture->engine, run_id, "other", &launch, &fixture->err),
		ENGINE_STALE);
}

static int refuse(void *argument)
{
	(void)argument;
	return 1;
}

/* Whoever waits for the next thing to be due learns that what was held may start. */
static void test_let_go(void **state)
{
	struct fixture *fixture = *state;
	int64_t run_id;

	fixture_deploy(fixture, TASKS);
	engine_hold(fixture->engine, true);
	run_id = fixture_trigger_task(fixture, "once");
	assert_int_equal(fixture_state(fixture, run_id), RUN_QUEUED);
	assert_int_equal(engine_next_due_ns(fixture->engine), 0);
	engine_hold(fixture->engine, false);
	assert_in_range(engine_next_due_ns(fixture->engine), 1, FIXTURE_EPOCH_NS);
	/* a group that is lost has not started it */
	store_set_commit_hook(fixture->store, refuse, NULL);
	assert_int_equal(engine_group_begin(fixture->engine, &fixture->err), 0);
	assert_int_equal(engine_group_commit(fixture->engine, &fixture->err), -1);
	store_set_commit_hook(fixture->store, NULL, NULL);
	assert_in_range(engine_next_due_ns(fixture->engine), 1, FIXTURE_EPOCH_NS);
	fixture_admit(fixture);
	assert_int_equal(fixture_state(fixture, run_id), RUN_DEQUEUED);
	assert_int_equal(engine_next_due_ns(fixture->engine), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_ends, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_success, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_retries, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_named_time, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_ladder, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_ledger_follows_ladder, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_ledger_counts_own_limits, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_interruptions, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_resume, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_lost_launches, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_uncounted, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_cancel_live, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_dead_letter, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_stale, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_launch, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_let_go, fixture_set_up, fixture_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
