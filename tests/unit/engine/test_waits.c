/* SPDX-License-Identifier: Apache-2.0 */
/* Waits: for dates, runs and several at once; slots; answers kept and taken; ends; bad requests. */
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
#include "runner/store/sqlite.h"
#include "runner/store/store_runs.h"
#include "waits_fixture.h"

static int64_t count_rows(struct waits_fixture *fixture, const char *table)
{
	char sql[64];
	int64_t count;

	(void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", table);
	assert_int_equal(sqlite_query_integer(fixture->store, sql, &count, NULL), 0);
	return count;
}

static void assert_result(struct waits_fixture *fixture, int64_t run_id, const char *wait_id,
			  const char *part)
{
	AUTO_FREE char *result = fixture_result(fixture, run_id, wait_id);

	assert_non_null(result);
	if (!strstr(result, part))
		fail_msg("%s is not in %s", part, result);
}

static void a_date_gives_the_slot_back(void **state)
{
	struct waits_fixture *fixture = *state;
	struct engine_ledger ledger;
	int64_t run = fixture_run(fixture, "work", 0);

	assert_int_equal(fixture_wait_seconds(fixture, run, "w", 60), 0);
	assert_int_equal(fixture_state(fixture, run), RUN_WAITING);
	engine_read_ledger(fixture->engine, &ledger);
	assert_int_equal(ledger.running, 0);
	assert_int_equal(ledger.cpu_millis, 0);
	assert_true(ledger.memory_bytes > 0); /* it still has that */
	assert_null(fixture_result(fixture, run, "w"));
	fixture_pass(fixture, 59 * FIXTURE_S);
	assert_int_equal(fixture_state(fixture, run), RUN_WAITING);
	fixture_pass(fixture, 1 * FIXTURE_S);
	assert_int_equal(fixture_state(fixture, run), RUN_EXECUTING);
	assert_int_equal(fixture_count(fixture, ENGINE_RESUMED, run), 1);
	assert_true(fixture_is_answered(fixture, run, "w"));
	assert_result(fixture, run, "w", "[{\"kind\":\"date\"");
	assert_int_equal(fixture_take(fixture, run, "w"), 0);
	assert_int_equal(fixture_take(fixture, run, "w"), 0);
	assert_int_equal(count_rows(fixture, "blocks"), 0);
	assert_int_equal(count_rows(fixture, "waitpoints"), 0);
	assert_int_equal(count_rows(fixture, "timers"), 0);
}

static void a_past_date_answers_at_once(void **state)
{
	struct waits_fixture *fixture = *state;
	int64_t run = fixture_run(fixture, "work", 0);

	assert_int_equal(fixture_wait_seconds(fixture, run, "w", 0), 0);
	assert_int_equal(fixture_state(fixture, run), RUN_EXECUTING);
	assert_true(fixture_is_answered(fixture, run, "w"));
	/* asking again gets it again, until it is taken */
	assert_int_equal(fixture_wait_seconds(fixture, run, "w", 100), 0);
	assert_true(fixture_is_answered(fixture, run, "w"));
	assert_int_equal(fixture_take(fixture, run, "w"), 0);
	assert_int_equal(fixture_wait_seconds(fixture, run, "w", 100), 0);
	assert_int_equal(fixture_state(fixture, run), RUN_WAITING);
}

/* Three deep in a queue of one: each parent must give its slot to its child. */
static void nested_children_in_a_queue_of_one(void **state)
{
	struct waits_fixture *fixture = *state;
	int64_t runs[4];
	int64_t rival;

	runs[0] = fixture_run(fixture, "single", 0);
	rival = fixture_trigger(fixture, "single", 0);
	for (int i = 1; i < 4; i++) {
		runs[i] = fixture_trigger(fixture, "single", runs[i - 1]);
		assert_int_equal(fixture_state(fixture, runs[i]), RUN_QUEUED);
		assert_int_equal(fixture_wait_run(fixture, runs[i - 1], "child", runs[i]), 0);
		/* before the rival, which was there first: it inherits its parent's position */
		fixture_start(fixture, runs[i]);
	}
	assert_int_equal(fixture_state(fixture, rival), RUN_QUEUED);
	for (int i = 3; i > 0; i--) {
		fixture_end(fixture, runs[i], "{\"depth\":1}");
		assert_int_equal(fixture_state(fixture, runs[i - 1]), RUN_EXECUTING);
		assert_true(fixture_is_answered(fixture, runs[i - 1], "child"));
		assert_result(fixture, runs[i - 1], "child", "\"output\":{\"depth\":1}");
	}
	fixture_end(fixture, runs[0], "1");
	assert_int_equal(fixture_state(fixture, rival), RUN_DEQUEUED);
}

/* The last answer waits for the slot, in the run's old place. */
static void it_resumes_in_its_old_place(void **state)
{
	struct waits_fixture *fixture = *state;
	int64_t first = fixture_run(fixture, "single", 0);
	int64_t second = fixture_trigger(fixture, "single", 0);
	int64_t third = fixture_trigger(fixture, "single", 0);

	assert_int_equal(fixture_wait_seconds(fixture, first, "w", 10), 0);
	fixture_start(fixture, second);
	fixture_pass(fixture, 10 * FIXTURE_S);
	assert_int_equal(fixture_state(fixture, first), RUN_RESUMING);
	assert_int_equal(fixture_count(fixture, ENGINE_ANSWER, 0), 0);
	assert_int_equal(fixture_count(fixture, ENGINE_RESUMED, 0), 0);
	/* asking again, as after a restart, does not cut the queue */
	assert_int_equal(fixture_wait_seconds(fixture, first, "w", 10), 0);
	assert_int_equal(fixture_count(fixture, ENGINE_ANSWER, 0), 0);
	fixture_end(fixture, second, "1");
	assert_int_equal(fixture_state(fixture, first), RUN_EXECUTING);
	assert_int_equal(fixture_count(fixture, ENGINE_ANSWER, first), 1);
	assert_int_equal(fixture_state(fixture, third), RUN_QUEUED);
}

/* What it still executes may ask for more: it waits again, and gets what was held back. */
static void a_resuming_run_may_wait_again(void **state)
{
	struct waits_fixture *fixture = *state;
	int64_t run = fixture_run(fixture, "single", 0);
	int64_t rival = fixture_trigger(fixture, "single", 0);

	assert_int_equal(fixture_wait_seconds(fixture, run, "first", 10), 0);
	fixture_start(fixture, rival);
	fixture_pass(fixture, 10 * FIXTURE_S);
	assert_int_equal(fixture_state(fixture, run), RUN_RESUMING);
	/* over already: also that waits for the slot */
	assert_int_equal(fixture_wait_seconds(fixture, run, "past", 0), 0);
	assert_int_equal(fixture_count(fixture, ENGINE_ANSWER, 0), 0);
	assert_int_equal(fixture_wait_seconds(fixture, run, "second", 10), 0);
	assert_int_equal(fixture_state(fixture, run), RUN_WAITING);
	assert_true(fixture_is_answered(fixture, run, "first"));
	assert_true(fixture_is_answered(fixture, run, "past"));
	fixture_end(fixture, rival, "1");
	assert_int_equal(fixture_state(fixture, run), RUN_WAITING);
	fixture_pass(fixture, 10 * FIXTURE_S);
	assert_int_equal(fixture_state(fixture, run), RUN_EXECUTING);
	assert_int_equal(fixture_count(fixture, ENGINE_ANSWER, run), 1);
}

static void parallel_waits_are_answered_one_by_one(void **state)
{
	struct waits_fixture *fixture = *state;
	int64_t run = fixture_run(fixture, "work", 0);
	int64_t token = fixture_token_create(fixture, 0);
	struct engine_wait wait = {
		.run_id = run, .wait_id = "token", .waitpoints = &token, .waitpoint_count = 1};

	assert_int_equal(fixture_wait_seconds(fixture, run, "soon", 10), 0);
	assert_int_equal(fixture_wait_seconds(fixture, run, "late", 30), 0);
	assert_int_equal(fixture_wait(fixture, wait, NULL), 0);
	fixture_pass(fixture, 10 * FIXTURE_S);
	assert_true(fixture_is_answered(fixture, run, "soon"));
	assert_int_equal(fixture_count(fixture, ENGINE_ANSWER, run), 1);
	assert_int_equal(fixture_state(fixture, run), RUN_WAITING);
	assert_int_equal(fixture_token_complete(fixture, token, "[1]"), 0);
	assert_true(fixture_is_answered(fixture, run, "token"));
	assert_result(fixture, run, "token", "\"output\":[1]");
	assert_int_equal(fixture_state(fixture, run), RUN_WAITING);
	fixture_pass(fixture, 20 * FIXTURE_S);
	assert_int_equal(fixture_state(fixture, run), RUN_EXECUTING);
	assert_int_equal(fixture_count(fixture, ENGINE_ANSWER, run), 1);
	assert_true(fixture_is_answered(fixture, run, "late"));
}

static void one_request_for_many_things(void **state)
{
	struct waits_fixture *fixture = *state;
	int64_t run = fixture_run(fixture, "work", 0);
	int64_t tokens[2] = {fixture_token_create(fixture, 0), fixture_token_create(fixture, 5000)};
	int64_t children[2] = {fixture_run(fixture, "work", run),
			       fixture_run(fixture, "work", run)};
	const struct engine_wait wait = {
		.run_id = run,
		.wait_id = "all",
		.until_ns = fixture_now_ns() + CLOCK_NS_PER_S,
		.waitpoints = tokens,
		.waitpoint_count = 2,
		.runs = children,
		.run_count = 2,
	};
	AUTO_FREE char *result = NULL;
	const char *place;

	assert_int_equal(fixture_wait(fixture, wait, NULL), 0);
	fixture_end(fixture, children[1], NULL);
	fixture_token_complete(fixture, tokens[0], "\"yes\"");
	fixture_pass(fixture, 5 * FIXTURE_S);
	assert_int_equal(fixture_count(fixture, ENGINE_ANSWER, run), 0);
	fixture_end(fixture, children[0], "7");
	assert_true(fixture_is_answered(fixture, run, "all"));
	result = fixture_result(fixture, run, "all");
	place = result;
	/* in the order asked for */
	static const char *const parts[] = {
		"\"kind\":\"date\"",
		"\"output\":\"yes\"",
		"\"state\":\"TIMED_OUT\"",
		"TRIGGER_WAITPOINT_TIMEOUT",
		"Waitpoint timed out at 2025-01-01T00:00:05.001Z",
		"\"output\":7",
		"\"state\":\"FAILED\",\"ok\":false",
		"\"error\":",
	};
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		const char *found = strstr(place, parts[i]);

		if (!found)
			fail_msg("%s is not in %s", parts[i], place);
		place = found;
	}
}

static void a_run_that_ended_answers_at_once(void **state)
{
	struct waits_fixture *fixture = *state;
	int64_t run = fixture_run(fixture, "work", 0);
	int64_t other = fixture_run(fixture, "work", 0);

	fixture_end(fixture, other, "{\"x\":2}");
	assert_int_equal(fixture_wait_run(fixture, run, "w", other), 0);
	assert_int_equal(fixture_state(fixture, run), RUN_EXECUTING);
	assert_true(fixture_is_answered(fixture, run, "w"));
	assert_result(fixture, run, "w", "\"ok\":true");
	/* also a second time, when its waitpoint is there */
	assert_int_equal(fixture_wait_run(fixture, run, "again", other), 0);
	assert_true(fixture_is_answered(fixture, run, "again"));
}

static void several_runs_wait_for_one(void **state)
{
	struct waits_fixture *fixture = *state;
	int64_t target = fixture_run(fixture, "short", 0);
	int64_t waiters[8];

	for (size_t i = 0; i < 8; i++) {
		waiters[i] = fixture_run(fixture, "work", 0);
		assert_int_equal(fixture_wait_run(fixture, waiters[i], "w", target), 0);
	}
	fixture_end(fixture, target, "1");
	for (size_t i = 0; i < 8; i++) {
		assert_int_equal(fixture_state(fixture, waiters[i]), RUN_EXECUTING);
		assert_true(fixture_is_answered(fixture, waiters[i], "w"));
	}
}

static void a_cancelled_child_is_an_answer(void **state)
{
	struct waits_fixture *fixture = *state;
	int64_t run = fixture_run(fixture, "single", 0);
	int64_t child = fixture_trigger(fixture, "work", run);
	int64_t queued;

	fixture_start(fixture, child);
	queued = fixture_trigger(fixture, "single", run);
	fixture_end(fixture, child, "1");
	fixture_cancel(fixture, queued);
	assert_int_equal(fixture_state(fixture, queued), RUN_CANCELED);
	assert_int_equal(fixture_wait_run(fixture, run, "w", queued), 0);
	assert_result(fixture, run, "w", "\"state\":\"CANCELED\",\"ok\":false");
}

static void cancelling_a_waiting_parent(void **state)
{
	struct waits_fixture *fixture = *state;
	int64_t run = fixture_run(fixture, "single", 0);
	int64_t child = fixture_trigger(fixture, "single", run);
	struct berth_error err = {0};
	struct engine_wait wait = {.run_id = run, .wait_id = "more", .until_ns = INT64_MAX};

	assert_int_equal(fixture_wait_run(fixture, run, "w", child), 0);
	fixture_start(fixture, child);
	fixture_cancel(fixture, run);
	assert_int_equal(fixture_count(fixture, ENGINE_ASK, run), 1);
	fixture_pass(fixture, 1);
	assert_int_equal(fixture_wait(fixture, wait, &err), -1);
	assert_int_equal(err.code, BERTH_INVALID);
}

static void the_end_of_the_attempt_forgets(void **state)
{
	struct waits_fixture *fixture = *state;
	int64_t run = fixture_run(fixture, "work", 0);
	int64_t child = fixture_run(fixture, "work", run);
	int64_t token = fixture_token_create(fixture, 60000);
	const struct engine_wait wait = {
		.run_id = run,
		.wait_id = "w",
		.until_ns = fixture_now_ns() + CLOCK_NS_PER_S,
		.waitpoints = &token,
		.waitpoint_count = 1,
		.runs = &child,
		.run_count = 1,
	};

	assert_int_equal(fixture_wait(fixture, wait, NULL), 0);
	fixture_end(fixture, run, NULL);
	assert_int_equal(fixture_state(fixture, run), RUN_FAILED);
	assert_int_equal(count_rows(fixture, "blocks"), 0);
	assert_int_equal(count_rows(fixture, "timers"), 1); /* the token's */
	fixture_pass(fixture, 2 * FIXTURE_S);
	fixture_end(fixture, child, "1");
	assert_int_equal(fixture_token_complete(fixture, token, NULL), 0);
	assert_int_equal(fixture_state(fixture, run), RUN_FAILED);
	assert_int_equal(count_rows(fixture, "timers"), 0);
}

static void waiting_does_not_count_as_duration(void **state)
{
	struct waits_fixture *fixture = *state;
	struct run_row row;
	int64_t run = fixture_run(fixture, "short", 0);

	fixture_pass(fixture, 3 * FIXTURE_S);
	assert_int_equal(fixture_wait_seconds(fixture, run, "w", 1000), 0);
	fixture_pass(fixture, 1000 * FIXTURE_S);
	assert_int_equal(fixture_state(fixture, run), RUN_EXECUTING);
	fixture_pass(fixture, 2 * FIXTURE_S);
	assert_int_equal(fixture_wait_seconds(fixture, run, "x", 1000), 0);
	assert_int_equal(store_run_read(fixture->store, run, &row, NULL), 0);
	assert_int_equal(row.active_ns / CLOCK_NS_PER_S, 5);
}

/* A wait that would never end is refused, directly, over others, and over a batch. */
static void circles_are_refused(void **state)
{
	struct waits_fixture *fixture = *state;
	int64_t a = fixture_run(fixture, "work", 0);
	int64_t b = fixture_run(fixture, "work", a);
	int64_t c = fixture_run(fixture, "work", b);
	struct engine_wait wait = {.run_id = c, .wait_id = "w", .runs = &a, .run_count = 1};
	struct berth_error err = {0};

	assert_int_equal(fixture_wait_run(fixture, a, "w", a), -1);
	assert_int_equal(fixture_wait_run(fixture, a, "w", b), 0);
	assert_int_equal(fixture_wait_run(fixture, b, "w", c), 0);
	assert_int_equal(fixture_wait(fixture, wait, &err), -1);
	assert_int_equal(err.code, BERTH_INVALID);
	assert_non_null(strstr(err.message, "RECURSIVE_WAIT_DEADLOCK"));
	assert_int_equal(fixture_state(fixture, c), RUN_EXECUTING);
	fixture_end(fixture, c, "1");
	assert_int_equal(fixture_state(fixture, b), RUN_EXECUTING);
}

static void stale_tokens_change_nothing(void **state)
{
	struct waits_fixture *fixture = *state;
	int64_t run = fixture_run(fixture, "work", 0);
	int64_t queued;
	const char *const tokens[] = {"", "x", "00000000000000000000000000000000"};
	struct engine_wait wait = {.run_id = run, .wait_id = "w", .until_ns = INT64_MAX};

	for (size_t i = 0; i < 3; i++) {
		wait.token = tokens[i];
		assert_int_equal(fixture_wait(fixture, wait, NULL), ENGINE_STALE);
	}
	wait.run_id = 12345;
	assert_int_equal(fixture_wait(fixture, wait, NULL), ENGINE_STALE);
	/* one without an attempt has the empty token */
	(void)fixture_run(fixture, "single", 0);
	queued = fixture_trigger(fixture, "single", 0);
	wait.run_id = queued;
	wait.token = "";
	assert_int_equal(fixture_wait(fixture, wait, NULL), ENGINE_STALE);
	assert_int_equal(count_rows(fixture, "blocks"), 0);
	assert_int_equal(count_rows(fixture, "waitpoints"), 0);
}

static void bad_requests_are_refused(void **state)
{
	struct waits_fixture *fixture = *state;
	int64_t run = fixture_run(fixture, "work", 0);
	int64_t other = fixture_run(fixture, "work", 0);
	int64_t *many = calloc(ENGINE_WAIT_MAX + 1, sizeof(*many));
	int64_t bad[] = {0, -1, INT64_MIN, INT64_MAX, 7, run, other};
	char longest[STORE_RUN_TOKEN_SIZE * 2];

	assert_non_null(many);
	memset(longest, 'x', sizeof(longest));
	longest[64] = '\0';
	for (size_t i = 0; i <= ENGINE_WAIT_MAX; i++)
		many[i] = other;
	const struct {
		struct engine_wait wait;
		enum berth_code code;
	} rows[] = {
		{{.wait_id = "w"},							    BERTH_INVALID  },
		{{.wait_id = "", .until_ns = 1},                                              BERTH_INVALID  },
		{{.wait_id = NULL, .until_ns = 1},                                            BERTH_INVALID  },
		{{.wait_id = longest, .until_ns = 1},                                         BERTH_INVALID  },
		{{.wait_id = "\xc3", .until_ns = 1},                                          BERTH_INVALID  },
		{{.wait_id = "w", .until_ns = UINT64_MAX},                                    BERTH_INVALID  },
		{{.wait_id = "w", .runs = many, .run_count = ENGINE_WAIT_MAX + 1},            BERTH_LIMIT    },
		{{.wait_id = "w", .runs = many, .run_count = SIZE_MAX},                       BERTH_LIMIT    },
		{{.wait_id = "w", .waitpoints = many, .waitpoint_count = SIZE_MAX},           BERTH_LIMIT    },
		{{.wait_id = "w", .runs = many, .run_count = ENGINE_WAIT_MAX, .until_ns = 1},
		 BERTH_LIMIT										 },
		{{.wait_id = "w", .runs = bad, .run_count = 1},                               BERTH_NOT_FOUND},
		{{.wait_id = "w", .runs = bad + 1, .run_count = 1},                           BERTH_NOT_FOUND},
		{{.wait_id = "w", .runs = bad + 2, .run_count = 1},                           BERTH_NOT_FOUND},
		{{.wait_id = "w", .runs = bad + 3, .run_count = 1},                           BERTH_NOT_FOUND},
		{{.wait_id = "w", .waitpoints = bad + 4, .waitpoint_count = 1},               BERTH_NOT_FOUND},
		{{.wait_id = "w", .waitpoints = bad + 5, .waitpoint_count = 1},               BERTH_NOT_FOUND},
		{{.wait_id = "w", .batch_id = 7},                                             BERTH_NOT_FOUND},
		{{.wait_id = "w", .batch_id = -7},                                            BERTH_NOT_FOUND},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct engine_wait wait = rows[i].wait;
		struct berth_error err = {0};

		wait.run_id = run;
		if (fixture_wait(fixture, wait, &err) != -1 || err.code != rows[i].code)
			fail_msg("row %zu: %d %s", i, (int)err.code, err.message);
		assert_int_equal(fixture_state(fixture, run), RUN_EXECUTING);
	}
	/* nothing of them stayed */
	assert_int_equal(count_rows(fixture, "blocks"), 0);
	assert_int_equal(count_rows(fixture, "waitpoints"), 0);
	assert_int_equal(count_rows(fixture, "timers"), 0);
	assert_int_equal(fixture_take(fixture, run, longest), -1);
	free(many);
}

static void what_waits_at_once_is_bounded(void **state)
{
	struct waits_fixture *fixture = *state;
	int64_t run = fixture_run(fixture, "work", 0);
	int64_t other = fixture_run(fixture, "work", 0);
	int64_t *many = calloc(ENGINE_WAIT_MAX, sizeof(*many));
	struct engine_wait wait = {
		.run_id = other, .wait_id = "a", .runs = many, .run_count = ENGINE_WAIT_MAX};
	struct berth_error err = {0};
	char name[16];

	assert_non_null(many);
	for (size_t i = 0; i < ENGINE_WAIT_MAX; i++)
		many[i] = run;
	for (int i = 0; i < ENGINE_WAITS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "w%d", i);
		assert_int_equal(fixture_wait_seconds(fixture, run, name, 10), 0);
	}
	assert_int_equal(fixture_wait_seconds(fixture, run, "one more", 10), -1);
	assert_int_equal(fixture_wait(fixture, wait, NULL), 0);
	wait.wait_id = "b";
	assert_int_equal(fixture_wait(fixture, wait, NULL), 0);
	wait.wait_id = "c";
	wait.run_count = 1;
	assert_int_equal(fixture_wait(fixture, wait, &err), -1);
	assert_int_equal(err.code, BERTH_LIMIT);
	fixture_pass(fixture, 10 * FIXTURE_S);
	assert_int_equal(fixture_count(fixture, ENGINE_ANSWER, run), ENGINE_WAITS_MAX);
	fixture_end(fixture, run, "1");
	assert_int_equal(fixture_count(fixture, ENGINE_ANSWER, other), 2);
	free(many);
}

/* One group of at most so many timers; counts its answers. Returns how many it handled. */
static int tick(struct waits_fixture *fixture, int most, size_t *answers)
{
	const struct engine_effect *effects;
	struct berth_error err = {0};
	size_t count;
	int handled;

	assert_int_equal(engine_group_begin(fixture->engine, &err), 0);
	handled = engine_tick(fixture->engine, most, &err);
	if (handled < 0 || engine_group_commit(fixture->engine, &err) < 0)
		fail_msg("%s", err.message);
	effects = engine_effects(fixture->engine, &count);
	for (size_t i = 0; i < count; i++)
		*answers += effects[i].kind == ENGINE_ANSWER;
	return handled;
}

/* More than 10,000 waits in one second, handled a thousand a group; those that find no slot resume
 * later. */
static void many_dates_are_due_at_once(void **state)
{
	enum { RUNS = 170, EACH = 60, SLOTS = 100 };
	struct waits_fixture *fixture = *state;
	int64_t runs[RUNS];
	size_t answers = 0, executing = 0;

	for (size_t i = 0; i < RUNS; i++) {
		runs[i] = fixture_run(fixture, "short", 0);
		for (int n = 0; n < EACH; n++) {
			char name[16];

			(void)snprintf(name, sizeof(name), "w%d", n);
			assert_int_equal(fixture_wait_seconds(fixture, runs[i], name, 30), 0);
		}
	}
	fixture_pass(fixture, 29 * FIXTURE_S);
	assert_int_equal(fixture_count(fixture, ENGINE_ANSWER, 0), 0);
	fixture_advance(2 * FIXTURE_S);
	while (tick(fixture, 1000, &answers) > 0)
		continue;
	assert_int_equal(answers, RUNS * (EACH - 1) + SLOTS);
	for (size_t i = 0; i < RUNS; i++)
		executing += fixture_state(fixture, runs[i]) == RUN_EXECUTING;
	assert_int_equal(executing, SLOTS);
}

struct recovery {
	struct engine_live live;
	size_t count;
};

static int recover(struct engine *engine, void *argument, struct berth_error *err)
{
	const struct recovery *recovery = argument;

	return engine_recover(engine, &recovery->live, recovery->count, false, err);
}

/* What was answered and not taken is answered again; what waits for the slot goes on waiting. */
static void a_restart_answers_again(void **state)
{
	struct waits_fixture *fixture = *state;
	int64_t run = fixture_run(fixture, "single", 0);
	int64_t rival = fixture_trigger(fixture, "single", 0);
	struct recovery recovery = {.live = {.run_id = run}, .count = 1};

	(void)snprintf(recovery.live.token, sizeof(recovery.live.token), "%s",
		       fixture_token(fixture, run));
	assert_int_equal(fixture_wait_seconds(fixture, run, "soon", 1), 0);
	assert_int_equal(fixture_wait_seconds(fixture, run, "late", 100), 0);
	fixture_start(fixture, rival);
	fixture_pass(fixture, 1 * FIXTURE_S);
	assert_int_equal(fixture_do(fixture, recover, &recovery, NULL), 0);
	assert_int_equal(fixture_count(fixture, ENGINE_ANSWER, run), 1);
	assert_true(fixture_is_answered(fixture, run, "soon"));
	/* the rival was interrupted, and would be next again: hold its place */
	fixture_start(fixture, rival);
	fixture_pass(fixture, 99 * FIXTURE_S);
	assert_int_equal(fixture_state(fixture, run), RUN_RESUMING);
	engine_hold(fixture->engine, true);
	assert_int_equal(fixture_do(fixture, recover, &recovery, NULL), 0);
	assert_true(fixture_is_answered(fixture, run, "soon"));
	assert_false(fixture_is_answered(fixture, run, "late"));
	/* and when the task asks by itself */
	assert_int_equal(fixture_wait_seconds(fixture, run, "soon", 1), 0);
	assert_true(fixture_is_answered(fixture, run, "soon"));
	assert_int_equal(fixture_wait_seconds(fixture, run, "late", 1), 0);
	assert_int_equal(fixture_count(fixture, ENGINE_ANSWER, 0), 0);
	engine_hold(fixture->engine, false);
	fixture_pass(fixture, 1);
	assert_int_equal(fixture_state(fixture, run), RUN_EXECUTING);
	assert_true(fixture_is_answered(fixture, run, "late"));
	assert_int_equal(fixture_count(fixture, ENGINE_ANSWER, run), 1);
}

/* Launcher or host died: the attempt is gone, and its waits with it. */
static void an_interrupted_attempt_waits_no_more(void **state)
{
	struct waits_fixture *fixture = *state;
	int64_t run = fixture_run(fixture, "work", 0);
	struct recovery recovery = {.count = 0};

	assert_int_equal(fixture_wait_seconds(fixture, run, "w", 100), 0);
	assert_int_equal(fixture_do(fixture, recover, &recovery, NULL), 0);
	assert_int_equal(fixture_state(fixture, run), RUN_DEQUEUED);
	assert_int_equal(count_rows(fixture, "blocks"), 0);
	assert_int_equal(count_rows(fixture, "waitpoints"), 0);
	assert_int_equal(count_rows(fixture, "timers"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_date_gives_the_slot_back, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(a_past_date_answers_at_once, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(nested_children_in_a_queue_of_one, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(it_resumes_in_its_old_place, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(a_resuming_run_may_wait_again, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(parallel_waits_are_answered_one_by_one,
						fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(one_request_for_many_things, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(a_run_that_ended_answers_at_once, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(several_runs_wait_for_one, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(a_cancelled_child_is_an_answer, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(cancelling_a_waiting_parent, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(the_end_of_the_attempt_forgets, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(waiting_does_not_count_as_duration, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(circles_are_refused, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(stale_tokens_change_nothing, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(bad_requests_are_refused, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(what_waits_at_once_is_bounded, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(many_dates_are_due_at_once, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(a_restart_answers_again, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(an_interrupted_attempt_waits_no_more,
						fixture_set_up, fixture_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
