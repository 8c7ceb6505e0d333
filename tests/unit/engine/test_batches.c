/* SPDX-License-Identifier: Apache-2.0 */
/* Batches: filled in any order and twice, refused items, cached runs, completion, waits for them.
 */
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
#include "runner/engine/engine_reads.h"
#include "runner/store/sqlite.h"
#include "runner/store/store_batches.h"
#include "waits_fixture.h"

struct batch_work {
	struct engine_batch_request request;
	struct run_trigger trigger;
	int64_t batch_id, index;
	struct run_accepted accepted;
	bool is_cached, is_duplicate;
};

static int create(struct engine *engine, void *argument, struct berth_error *err)
{
	struct batch_work *work = argument;

	return engine_batch_create(engine, &work->request, &work->batch_id, &work->is_cached, err);
}

static int add(struct engine *engine, void *argument, struct berth_error *err)
{
	struct batch_work *work = argument;

	return engine_batch_add(engine, work->batch_id, work->index, &work->trigger,
				&work->accepted, &work->is_duplicate, err);
}

static int seal(struct engine *engine, void *argument, struct berth_error *err)
{
	const struct batch_work *work = argument;

	return engine_batch_seal(engine, work->batch_id, err);
}

static int64_t create_batch(struct waits_fixture *fixture, int64_t expected, int64_t parent_id)
{
	struct batch_work work = {
		.request = {.expected = expected, .parent_id = parent_id}
        };
	struct berth_error err = {0};

	if (fixture_do(fixture, create, &work, &err) != 0)
		fail_msg("%s", err.message);
	return work.batch_id;
}

/* 0 when the item is refused. */
static int64_t add_item(struct waits_fixture *fixture, int64_t batch_id, int64_t index, char *task)
{
	struct batch_work work = {.batch_id = batch_id, .index = index, .trigger = {.task = task}};
	struct berth_error err = {0};

	if (fixture_do(fixture, add, &work, &err) != 0)
		fail_msg("%s", err.message);
	assert_false(work.is_duplicate);
	return work.accepted.run_id;
}

static int seal_batch(struct waits_fixture *fixture, int64_t batch_id)
{
	struct batch_work work = {.batch_id = batch_id};

	return fixture_do(fixture, seal, &work, NULL);
}

static int batch_state(struct waits_fixture *fixture, int64_t batch_id)
{
	AUTO_BATCH struct batch_row row = {0};

	assert_int_equal(store_batch_read(fixture->store, batch_id, &row, NULL), 0);
	return row.state;
}

static void it_completes_with_its_runs(void **state)
{
	struct waits_fixture *fixture = *state;
	int64_t batch = create_batch(fixture, 3, 0);
	int64_t runs[3];

	for (int i = 2; i >= 0; i--) { /* in any order */
		assert_int_equal(seal_batch(fixture, batch), 1);
		runs[i] = add_item(fixture, batch, i, "work");
	}
	fixture_start(fixture, runs[0]);
	fixture_end(fixture, runs[0], "1"); /* before the batch is sealed */
	assert_int_equal(batch_state(fixture, batch), BATCH_PENDING);
	assert_int_equal(seal_batch(fixture, batch), 0);
	assert_int_equal(seal_batch(fixture, batch), 0);
	assert_int_equal(batch_state(fixture, batch), BATCH_PROCESSING);
	fixture_start(fixture, runs[1]);
	fixture_end(fixture, runs[1], NULL); /* a failed run has ended too */
	fixture_cancel(fixture, runs[2]);
	if (batch_state(fixture, batch) == BATCH_PROCESSING) {
		fixture_start(fixture, runs[2]);
		fixture_end(fixture, runs[2], NULL);
	}
	assert_int_equal(batch_state(fixture, batch), BATCH_COMPLETED);
}

static void an_item_twice_is_one(void **state)
{
	struct waits_fixture *fixture = *state;
	struct batch_work work = {.index = 0, .trigger = {.task = "work"}};
	struct berth_error err = {0};
	int64_t run;

	work.batch_id = create_batch(fixture, 2, 0);
	run = add_item(fixture, work.batch_id, 0, "work");
	assert_int_equal(fixture_do(fixture, add, &work, NULL), 0);
	assert_true(work.is_duplicate);
	assert_true(work.accepted.run_id == run);
	/* also one that was refused, and when the batch is sealed */
	assert_int_equal(add_item(fixture, work.batch_id, 1, "nobody"), 0);
	assert_int_equal(seal_batch(fixture, work.batch_id), 0);
	work.index = 1;
	assert_int_equal(fixture_do(fixture, add, &work, &err), 0);
	assert_true(work.is_duplicate);
	assert_int_equal(work.accepted.run_id, 0);
	assert_true(err.message[0] != '\0');
	assert_int_equal(fixture_count(fixture, ENGINE_LAUNCH, 0), 0);
}

static void a_refused_item_fails_alone(void **state)
{
	struct waits_fixture *fixture = *state;
	int64_t batch = create_batch(fixture, 3, 0);
	int64_t run = add_item(fixture, batch, 0, "work");
	struct batch_work work = {
		.batch_id = batch, .index = 1, .trigger = {.task = "work", .queue = "limit/bad"}
        };
	struct berth_error err = {0};
	AUTO_JSON json_t *read = NULL;

	assert_int_equal(fixture_do(fixture, add, &work, &err), 0);
	assert_int_equal(work.accepted.run_id, 0);
	assert_true(err.message[0] != '\0');
	assert_int_equal(add_item(fixture, batch, 2, "nobody"), 0);
	assert_int_equal(seal_batch(fixture, batch), 0);
	fixture_start(fixture, run);
	fixture_end(fixture, run, "1");
	assert_int_equal(batch_state(fixture, batch), BATCH_PARTIAL_FAILED);
	assert_int_equal(read_batch(fixture->store, batch, &read, NULL), 0);
	assert_int_equal(
		json_array_size(json_object_get(json_object_get(read, "processing"), "errors")), 2);
}

static void without_any_run_it_is_aborted(void **state)
{
	struct waits_fixture *fixture = *state;
	int64_t batch = create_batch(fixture, 1, 0);

	assert_int_equal(add_item(fixture, batch, 0, "nobody"), 0);
	assert_int_equal(seal_batch(fixture, batch), 0);
	assert_int_equal(batch_state(fixture, batch), BATCH_ABORTED);
}

/* An item may be a run that was there: running, ended, of another batch, twice in the same. */
static void cached_runs_count_too(void **state)
{
	struct waits_fixture *fixture = *state;
	int64_t first = create_batch(fixture, 1, 0), second = create_batch(fixture, 3, 0);
	int64_t third = create_batch(fixture, 1, 0);
	struct batch_work work = {
		.batch_id = first, .trigger = {.task = "work", .idempotency_key = "same"}
        };
	int64_t run;

	assert_int_equal(fixture_do(fixture, add, &work, NULL), 0);
	run = work.accepted.run_id;
	work.batch_id = second;
	for (work.index = 0; work.index < 2; work.index++) {
		assert_int_equal(fixture_do(fixture, add, &work, NULL), 0);
		assert_true(work.accepted.is_cached);
		assert_true(work.accepted.run_id == run);
	}
	assert_int_equal(add_item(fixture, second, 2, "nobody"), 0);
	assert_int_equal(seal_batch(fixture, first), 0);
	assert_int_equal(seal_batch(fixture, second), 0);
	fixture_start(fixture, run);
	fixture_end(fixture, run, "1");
	assert_int_equal(batch_state(fixture, first), BATCH_COMPLETED);
	assert_int_equal(batch_state(fixture, second), BATCH_PARTIAL_FAILED);
	work.batch_id = third;
	work.index = 0;
	assert_int_equal(fixture_do(fixture, add, &work, NULL), 0);
	assert_true(work.accepted.run_id == run);
	assert_int_equal(seal_batch(fixture, third), 0);
	assert_int_equal(batch_state(fixture, third), BATCH_COMPLETED);
}

static void a_parent_waits_for_it(void **state)
{
	struct waits_fixture *fixture = *state;
	int64_t parent = fixture_run(fixture, "single", 0);
	int64_t batch = create_batch(fixture, 4, parent);
	struct engine_wait wait = {.run_id = parent, .wait_id = "b", .batch_id = batch};
	struct batch_work work = {
		.batch_id = batch, .trigger = {.task = "single", .parent_waits = true}
        };
	AUTO_FREE char *result = NULL;
	AUTO_JSON json_t *answer = NULL;
	const json_t *element;
	int64_t runs[3];

	for (work.index = 0; work.index < 3; work.index++) {
		assert_int_equal(fixture_do(fixture, add, &work, NULL), 0);
		runs[work.index] = work.accepted.run_id;
	}
	assert_int_equal(add_item(fixture, batch, 3, "nobody"), 0);
	assert_int_equal(seal_batch(fixture, batch), 0);
	assert_int_equal(fixture_wait(fixture, wait, NULL), 0);
	for (int i = 0; i < 3; i++) { /* one slot for all four */
		assert_int_equal(fixture_state(fixture, parent), RUN_WAITING);
		fixture_start(fixture, runs[i]);
		fixture_end(fixture, runs[i], i == 1 ? NULL : "{\"n\":1}");
	}
	assert_int_equal(fixture_state(fixture, parent), RUN_EXECUTING);
	assert_true(fixture_is_answered(fixture, parent, "b"));
	result = fixture_result(fixture, parent, "b");
	assert_non_null(result);
	assert_int_equal(json_parse(result, strlen(result), &answer, NULL), 0);
	element = json_array_get(answer, 0);
	assert_true(json_is_false(json_object_get(element, "ok")));
	assert_int_equal(json_array_size(json_object_get(element, "output")), 4);
}

static void a_complete_one_answers_at_once(void **state)
{
	struct waits_fixture *fixture = *state;
	int64_t parent = fixture_run(fixture, "work", 0);
	int64_t batch = create_batch(fixture, 1, parent);
	struct engine_wait wait = {.run_id = parent, .wait_id = "b", .batch_id = batch};

	(void)add_item(fixture, batch, 0, "nobody");
	(void)seal_batch(fixture, batch);
	assert_int_equal(fixture_wait(fixture, wait, NULL), 0);
	assert_true(fixture_is_answered(fixture, parent, "b"));
	assert_int_equal(fixture_state(fixture, parent), RUN_EXECUTING);
}

static void a_child_may_not_wait_for_its_batch(void **state)
{
	struct waits_fixture *fixture = *state;
	int64_t parent = fixture_run(fixture, "work", 0);
	int64_t batch = create_batch(fixture, 1, parent);
	int64_t child = add_item(fixture, batch, 0, "work");
	struct engine_wait wait = {.run_id = child, .wait_id = "b", .batch_id = batch};
	struct berth_error err = {0};

	fixture_start(fixture, child);
	assert_int_equal(fixture_wait(fixture, wait, &err), -1);
	assert_int_equal(err.code, BERTH_INVALID);
	wait.run_id = parent;
	assert_int_equal(fixture_wait(fixture, wait, NULL), 0);
	assert_int_equal(fixture_wait_run(fixture, child, "p", parent), -1);
}

static void its_key_finds_it(void **state)
{
	struct waits_fixture *fixture = *state;
	struct batch_work work = {
		.request = {.expected = 2, .idempotency_key = "b1", .idempotency_ttl_ms = 1000}
        };
	int64_t first;

	assert_int_equal(fixture_do(fixture, create, &work, NULL), 0);
	assert_false(work.is_cached);
	first = work.batch_id;
	assert_int_equal(fixture_do(fixture, create, &work, NULL), 0);
	assert_true(work.is_cached);
	assert_true(work.batch_id == first);
	fixture_pass(fixture, 2 * FIXTURE_S);
	assert_int_equal(fixture_do(fixture, create, &work, NULL), 0);
	assert_false(work.is_cached);
	assert_true(work.batch_id > first);
}

static void a_thousand_items(void **state)
{
	struct waits_fixture *fixture = *state;
	int64_t batch = create_batch(fixture, BATCH_ITEMS_MAX, 0);
	AUTO_JSON json_t *read = NULL;

	for (int64_t i = 0; i < BATCH_ITEMS_MAX; i++)
		assert_true(add_item(fixture, batch, i, "work") > 0);
	assert_int_equal(seal_batch(fixture, batch), 0);
	assert_int_equal(read_batch(fixture->store, batch, &read, NULL), 0);
	assert_int_equal(json_array_size(json_object_get(read, "runs")), BATCH_ITEMS_MAX);
}

static void bad_requests_are_refused(void **state)
{
	struct waits_fixture *fixture = *state;
	int64_t ended = fixture_run(fixture, "work", 0);
	const struct {
		struct engine_batch_request request;
		enum berth_code code;
	} rows[] = {
		{{.expected = 0},							   BERTH_LIMIT    },
		{{.expected = -1},							  BERTH_LIMIT    },
		{{.expected = BATCH_ITEMS_MAX + 1},                                         BERTH_LIMIT    },
		{{.expected = INT64_MAX},						   BERTH_LIMIT    },
		{{.expected = 1, .parent_id = 77},                                          BERTH_NOT_FOUND},
		{{.expected = 1, .parent_id = -77},                                         BERTH_NOT_FOUND},
		{{.expected = 1, .parent_id = ended},                                       BERTH_INVALID  },
		{{.expected = 1, .idempotency_key = ""},                                    BERTH_LIMIT    },
		{{.expected = 1, .idempotency_key = "a", .idempotency_ttl_ms = UINT64_MAX},
		 BERTH_LIMIT									       },
	};
	struct batch_work work = {.trigger = {.task = "work"}};
	struct berth_error err = {0};

	fixture_end(fixture, ended, "1");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		work.request = rows[i].request;
		if (fixture_do(fixture, create, &work, &err) != -1 || err.code != rows[i].code)
			fail_msg("row %zu: %d %s", i, (int)err.code, err.message);
	}
	work.batch_id = 77;
	assert_int_equal(fixture_do(fixture, add, &work, &err), -1);
	assert_int_equal(err.code, BERTH_NOT_FOUND);
	assert_int_equal(fixture_do(fixture, seal, &work, &err), -1);
	assert_int_equal(err.code, BERTH_NOT_FOUND);
	work.batch_id = create_batch(fixture, 2, 0);
	for (size_t i = 0; i < 4; i++) {
		static const int64_t indexes[] = {-1, 2, INT64_MAX, INT64_MIN};

		work.index = indexes[i];
		assert_int_equal(fixture_do(fixture, add, &work, &err), -1);
		assert_int_equal(err.code, BERTH_INVALID);
	}
	assert_int_equal(batch_state(fixture, work.batch_id), BATCH_PENDING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_completes_with_its_runs, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(an_item_twice_is_one, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(a_refused_item_fails_alone, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(without_any_run_it_is_aborted, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(cached_runs_count_too, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(a_parent_waits_for_it, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(a_complete_one_answers_at_once, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(a_child_may_not_wait_for_its_batch, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(its_key_finds_it, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(a_thousand_items, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(bad_requests_are_refused, fixture_set_up,
						fixture_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
