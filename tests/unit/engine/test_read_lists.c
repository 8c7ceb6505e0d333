/* SPDX-License-Identifier: Apache-2.0 */
/* Reading queues, versions, tasks, checkpoints, batches and tokens; and that no list scans. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/identifier.h"
#include "base/json.h"
#include "plans.h"
#include "reads_fixture.h"
#include "runner/engine/engine_reads.h"

static int set_up(void **state)
{
	*state = fixture_store_create();
	return 0;
}

static int tear_down(void **state)
{
	store_close(*state);
	return 0;
}

static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static void queues_come_by_name(void **state)
{
	AUTO_JSON json_t *page = NULL;
	AUTO_JSON json_t *queue = NULL;
	const json_t *data, *overridden;

	assert_int_equal(read_queues(*state, 0, NULL, &page, NULL), 0);
	data = json_object_get(page, "data");
	assert_int_equal(json_array_size(data), 4);
	assert_true(json_is_null(json_object_get(page, "next")));
	assert_string_equal(text_of(json_array_get(data, 0), "name"), "shared");
	assert_string_equal(text_of(json_array_get(data, 0), "type"), "custom");
	assert_true(json_is_null(json_object_get(json_array_get(data, 0), "concurrencyLimit")));
	assert_string_equal(text_of(json_array_get(data, 1), "type"), "task");
	/* an override of 0 is one */
	overridden = json_object_get(json_array_get(data, 3), "concurrencyLimit");
	assert_true(json_is_integer(overridden));
	assert_int_equal(json_integer_value(overridden), 0);
	assert_int_equal(read_queue(*state, 1, "task/beta", &queue, NULL), 0);
	assert_int_equal(json_integer_value(json_object_get(queue, "concurrencyLimit")), 5);
}

static void many_queues_come_in_pages(void **state)
{
	AUTO_JSON json_t *first = NULL;
	AUTO_JSON json_t *second = NULL;

	fixture_store_script(*state, "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 "
				     "FROM c WHERE n < 1500) INSERT INTO queues (environment_id, "
				     "name, kind) SELECT 2, 'q' || n, 1 FROM c");
	assert_int_equal(read_queues(*state, 2, NULL, &first, NULL), 0);
	assert_int_equal(json_array_size(json_object_get(first, "data")), 1000);
	assert_int_equal(read_queues(*state, 2, text_of(first, "next"), &second, NULL), 0);
	assert_int_equal(json_array_size(json_object_get(second, "data")), 500);
	assert_true(json_is_null(json_object_get(second, "next")));
}

static void an_unknown_queue_is_not_found(void **state)
{
	static const char *const names[] = {"", "nobody", "\x01\xff", "shared/"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct berth_error err = {0};
		json_t *queue;

		assert_int_equal(read_queue(*state, 1, names[i], &queue, &err), -1);
		assert_int_equal(err.code, BERTH_NOT_FOUND);
	}
}

static void versions_and_tasks(void **state)
{
	AUTO_JSON json_t *versions = NULL;
	AUTO_JSON json_t *tasks = NULL;
	AUTO_JSON json_t *none = NULL;

	assert_int_equal(read_versions(*state, 1, &versions, NULL), 0);
	assert_int_equal(json_array_size(versions), 3);
	assert_string_equal(text_of(json_array_get(versions, 1), "version"), "20250101.2");
	assert_true(json_is_true(json_object_get(json_array_get(versions, 1), "isCurrent")));
	assert_int_equal(
		json_integer_value(json_object_get(json_array_get(versions, 1), "taskCount")), 2);
	/* those of the current version, and those that are always there */
	assert_int_equal(read_tasks(*state, 1, &tasks, NULL), 0);
	assert_int_equal(json_array_size(tasks), 3);
	assert_string_equal(text_of(json_array_get(tasks, 2), "id"), "video.probe");
	assert_true(json_is_object(json_object_get(json_array_get(tasks, 0), "definition")));
	assert_int_equal(read_tasks(*state, 2, &none, NULL), 0);
	assert_int_equal(json_array_size(none), 0);
}

static void checkpoints_show_their_size(void **state)
{
	AUTO_JSON json_t *list = NULL;

	fixture_store_script(*state,
			     "INSERT INTO checkpoints VALUES (5, 'b', '\"\xc3\xa4\"', 1, 7), "
			     "(5, 'a', '{}', 2, 8), (6, 'c', '1', 1, 1)");
	assert_int_equal(read_checkpoints(*state, 5, &list, NULL), 0);
	assert_int_equal(json_array_size(list), 2);
	assert_string_equal(text_of(json_array_get(list, 1), "name"), "b");
	assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 1), "bytes")), 4);
}

static void a_batch_names_its_runs_and_refusals(void **state)
{
	AUTO_JSON json_t *batch = NULL;
	const json_t *errors;
	struct berth_error err = {0};
	json_t *none;

	fixture_store_script(*state, "INSERT INTO batch_items VALUES (1, 5, NULL, "
				     "'{\"code\":\"not_found\",\"message\":\"m\"}')");
	assert_int_equal(read_batch(*state, 1, &batch, NULL), 0);
	assert_string_equal(text_of(batch, "status"), "PROCESSING");
	assert_int_equal(json_array_size(json_object_get(batch, "runs")), 5);
	errors = json_object_get(json_object_get(batch, "processing"), "errors");
	assert_int_equal(json_array_size(errors), 1);
	assert_string_equal(text_of(json_object_get(json_array_get(errors, 0), "error"), "code"),
			    "not_found");
	assert_int_equal(read_batch(*state, 2, &none, &err), -1);
	assert_int_equal(err.code, BERTH_NOT_FOUND);
	assert_int_equal(read_batch(*state, INT64_MIN, &none, &err), -1);
}

static void insert_tokens(struct store *store)
{
	fixture_store_script(
		store,
		"WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 100) "
		"INSERT INTO waitpoints (id, environment_id, kind, state, due_ns, created_ns, "
		"completed_ns, output, output_type, is_error, tags) SELECT n, 1, 2, n % 3, n, n, "
		"iif(n % 3, n, NULL), iif(n % 3, '{\"a\":1}', NULL), 'application/json', "
		"n % 3 = 2, '[\"t\"]' FROM c;"
		"INSERT INTO waitpoints (id, environment_id, kind, state, created_ns) VALUES "
		"(200, 1, 1, 0, 1), (201, 1, 0, 0, 1), (202, 2, 2, 0, 1)");
}

/* Tokens of these remainders by 3, newest first, in pages of 9. */
static void assert_tokens(struct store *store, const char *status, const char *remainders)
{
	int64_t expected = 100, after = 0;
	const char *next;

	do {
		AUTO_JSON json_t *page = NULL;
		json_t *token;
		size_t i;

		assert_int_equal(read_tokens(store, 1, status, after, 9, &page, NULL), 0);
		json_array_foreach (json_object_get(page, "data"), i, token) {
			char id[IDENTIFIER_NUMBER_SIZE];

			while (!strchr(remainders, (int)('0' + expected % 3)))
				expected--;
			identifier_format_number("waitpoint", expected--, id);
			assert_string_equal(text_of(token, "id"), id);
			assert_null(json_object_get(token, "output"));
		}
		next = text_of(page, "next");
		if (next)
			assert_int_equal(identifier_parse_number("waitpoint", next, &after, NULL),
					 0);
	} while (next);
	while (expected > 0)
		assert_null(strchr(remainders, (int)('0' + expected-- % 3)));
}

static void tokens_come_by_status(void **state)
{
	AUTO_JSON json_t *token = NULL;

	insert_tokens(*state);
	assert_tokens(*state, NULL, "012");
	assert_tokens(*state, "WAITING", "0");
	assert_tokens(*state, "COMPLETED", "1");
	assert_tokens(*state, "TIMED_OUT,WAITING", "02");
	assert_int_equal(read_token(*state, 98, &token, NULL), 0);
	assert_string_equal(text_of(token, "status"), "TIMED_OUT");
	assert_true(json_is_true(json_object_get(token, "outputIsError")));
	assert_true(json_is_object(json_object_get(token, "output")));
}

static void bad_token_lists_are_refused(void **state)
{
	static const char *const statuses[] = {"",
					       ",",
					       "waiting",
					       "WAITING,",
					       "WAITING,OTHER",
					       "WAITING,WAITING,WAITING,WAITING",
					       "WAITINGS"};
	struct berth_error err = {0};
	json_t *page;

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
		assert_int_equal(read_tokens(*state, 1, statuses[i], 0, 0, &page, &err), -1);
		assert_int_equal(err.code, BERTH_INVALID);
	}
	assert_int_equal(read_tokens(*state, 1, NULL, -1, 0, &page, &err), -1);
	assert_int_equal(read_tokens(*state, 1, NULL, 0, 201, &page, &err), -1);
	/* a date's, a run's and an unknown waitpoint are no tokens */
	assert_int_equal(read_token(*state, 200, &page, &err), -1);
	assert_int_equal(err.code, BERTH_NOT_FOUND);
	assert_int_equal(read_token(*state, 201, &page, &err), -1);
	assert_int_equal(read_token(*state, -7, &page, &err), -1);
}

/* Comes last: everything above is prepared. Beside it the lists of runs. */
static void no_list_scans(void **state)
{
	static const struct read_run_filter filters[] = {
		{0},
		{.status = "QUEUED"},
		{.task = "alpha"},
		{.queue = "shared"},
		{.version = "20250101.1"},
		{.tag = "lonely"},
		{.batch_id = 1},
		{.parent_id = 1},
	};

	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		AUTO_JSON json_t *page = NULL;
		int64_t ids[3], next;
		size_t count;

		assert_int_equal(read_runs(*state, &filters[i], &page, NULL), 0);
		assert_int_equal(read_run_ids(*state, &filters[i], ids, 3, &count, &next, NULL), 0);
	}
	assert_in_range(plans_check(*state), 30, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(queues_come_by_name),
		cmocka_unit_test(many_queues_come_in_pages),
		cmocka_unit_test(an_unknown_queue_is_not_found),
		cmocka_unit_test(versions_and_tasks),
		cmocka_unit_test(checkpoints_show_their_size),
		cmocka_unit_test(a_batch_names_its_runs_and_refusals),
		cmocka_unit_test(tokens_come_by_status),
		cmocka_unit_test(bad_token_lists_are_refused),
		cmocka_unit_test(no_list_scans),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
