/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of runs: every filter and combination against a plain check of each run; pages; one run. */
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
#include "reads_fixture.h"
#include "runner/engine/engine_reads.h"
#include "runner/engine/run_state.h"

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

static bool is_listed(const char *list, const char *name)
{
	size_t length = strlen(name);

	for (const char *place = list; place && *place; place += strcspn(place, ",")) {
		place += *place == ',';
		if (strncmp(place, name, length) == 0 &&
		    (place[length] == '\0' || place[length] == ','))
			return true;
	}
	return !list;
}

/* What reads_fixture.h says of run n, checked against the filter without any index. */
static bool is_expected(const struct read_run_filter *filter, int64_t n)
{
	static const char *const tasks[] = {"alpha", "beta", "gamma"};
	static const char *const queues[] = {"task/alpha", "task/beta", "task/gamma", "shared"};
	static const char *const versions[] = {"20250101.1", "20250101.2"};
	enum run_state state = (enum run_state)(n % 15);
	bool has_tag = !filter->tag || (n % 5 == 0 && is_listed(filter->tag, "five")) ||
		       (n % 7 == 0 && is_listed(filter->tag, "seven")) ||
		       (n == 13 && is_listed(filter->tag, "lonely"));

	return has_tag && is_listed(filter->status, run_state_api_name(state)) &&
	       is_listed(filter->task, tasks[n % 3]) && is_listed(filter->queue, queues[n % 4]) &&
	       is_listed(filter->version, versions[n % 2]) &&
	       is_listed(filter->machine, n % 2 ? "micro" : "small-1x") &&
	       (!filter->batch_id || (n >= 20 && n <= 24)) &&
	       (!filter->parent_id || (n >= 2 && n <= 9)) && (!filter->only_test || n % 10 == 0) &&
	       (!filter->from_ns || fixture_run_ns(n) >= filter->from_ns) &&
	       (!filter->to_ns || fixture_run_ns(n) < filter->to_ns);
}

/* Walks all pages and compares with the plain check, newest first. */
static void assert_lists(struct store *store, struct read_run_filter filter)
{
	int64_t expected = FIXTURE_RUNS, pages = 0;

	filter.limit = 7;
	for (bool more = true; more; pages++) {
		AUTO_JSON json_t *page = NULL;
		struct berth_error err = {0};
		const char *next;
		json_t *run;
		size_t i;

		if (read_runs(store, &filter, &page, &err) < 0)
			fail_msg("%s", err.message);
		assert_true(json_array_size(json_object_get(page, "data")) <= 7);
		json_array_foreach (json_object_get(page, "data"), i, run) {
			int64_t id;

			while (expected > 0 && !is_expected(&filter, expected))
				expected--;
			assert_int_equal(identifier_parse_number(
						 "run",
						 json_string_value(json_object_get(run, "id")), &id,
						 NULL),
					 0);
			assert_true(id == fixture_run_id(expected--));
		}
		next = json_string_value(json_object_get(page, "next"));
		more = next != NULL;
		if (more)
			assert_int_equal(
				identifier_parse_number("run", next, &filter.after_id, NULL), 0);
	}
	while (expected > 0)
		assert_false(is_expected(&filter, expected--));
}

/* Oldest first, in small portions. */
static void assert_numbers(struct store *store, struct read_run_filter filter)
{
	int64_t expected = 1, next = 0;

	do {
		int64_t ids[5];
		size_t count;

		filter.after_id = next;
		assert_int_equal(read_run_ids(store, &filter, ids, 5, &count, &next, NULL), 0);
		for (size_t i = 0; i < count; i++) {
			while (!is_expected(&filter, expected))
				expected++;
			assert_true(ids[i] == fixture_run_id(expected++));
		}
	} while (next != 0);
	for (; expected <= FIXTURE_RUNS; expected++)
		assert_false(is_expected(&filter, expected));
}

static void any_combination_of_filters(void **state)
{
	static char *const statuses[] = {NULL, "QUEUED", "EXECUTING,WAITING", "COMPLETED,FAILED"};
	static char *const tasks[] = {NULL, "alpha", "beta,gamma,nobody"};
	static char *const queues[] = {NULL, "shared", "shared,task/beta"};
	static char *const versions[] = {NULL, "20250101.2"};
	static char *const tags[] = {NULL, "five", "five,seven", "lonely"};
	struct read_run_filter filter = {0};

	for (size_t i = 0; i < (size_t)4 * 3 * 3 * 2 * 4 * 2 * 2; i++) {
		size_t rest = i;

		filter.status = statuses[rest % 4], rest /= 4;
		filter.task = tasks[rest % 3], rest /= 3;
		filter.queue = queues[rest % 3], rest /= 3;
		filter.version = versions[rest % 2], rest /= 2;
		filter.tag = tags[rest % 4], rest /= 4;
		filter.machine = rest % 2 ? "micro" : NULL, rest /= 2;
		filter.only_test = rest % 2;
		assert_lists(*state, filter);
		assert_numbers(*state, filter);
	}
}

static void batches_parents_and_dates(void **state)
{
	struct read_run_filter filter = {.batch_id = 1};

	assert_lists(*state, filter);
	assert_numbers(*state, filter);
	filter.batch_id = 0;
	filter.parent_id = fixture_run_id(1);
	assert_lists(*state, filter);
	assert_numbers(*state, filter);
	filter.parent_id = 0;
	filter.from_ns = fixture_run_ns(100);
	filter.to_ns = fixture_run_ns(117);
	assert_lists(*state, filter);
	assert_numbers(*state, filter);
	filter.tag = "five";
	assert_lists(*state, filter);
	filter.from_ns = fixture_run_ns(FIXTURE_RUNS + 1);
	filter.to_ns = 0;
	assert_lists(*state, filter);
}

static void unknown_names_match_nothing(void **state)
{
	static const struct read_run_filter filters[] = {
		{.task = "nobody"},     {.queue = "nobody"},   {.version = "nobody"},
		{.tag = "nobody"},      {.batch_id = 77},      {.parent_id = 77},
		{.machine = "nothing"}, {.environment_id = 2},
	};

	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		AUTO_JSON json_t *page = NULL;
		int64_t id, next;
		size_t count;

		assert_int_equal(read_runs(*state, &filters[i], &page, NULL), 0);
		assert_int_equal(json_array_size(json_object_get(page, "data")), 0);
		assert_true(json_is_null(json_object_get(page, "next")));
		assert_int_equal(read_run_ids(*state, &filters[i], &id, 1, &count, &next, NULL), 0);
		assert_int_equal(count, 0);
		assert_int_equal(next, 0);
	}
}

static char *repeat(const char *word, size_t count)
{
	char *text = calloc(count, strlen(word) + 1);

	assert_non_null(text);
	for (size_t i = 0; i < count; i++)
		memcpy(text + i * strlen(word), word, strlen(word));
	return text;
}

static void bad_filters_are_refused(void **state)
{
	char *many = repeat("a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q,r,s,t,u,", 1);
	char *longest = repeat("abcdefgh", 1000);
	const struct {
		struct read_run_filter filter;
		enum berth_code code;
	} rows[] = {
		{{.status = "SLEEPING"},       BERTH_INVALID},
		{{.status = ""},               BERTH_INVALID},
		{{.status = "queued"},         BERTH_INVALID},
		{{.task = ","},                BERTH_INVALID},
		{{.task = many},               BERTH_LIMIT  },
		{{.tag = many},                BERTH_LIMIT  },
		{{.tag = longest},             BERTH_LIMIT  },
		{{.tag = "\xff\xfe"},          BERTH_INVALID},
		{{.limit = -1},                BERTH_INVALID},
		{{.limit = READ_PAGE_MAX + 1}, BERTH_INVALID},
		{{.after_id = -1},             BERTH_INVALID},
		{{.batch_id = -1},             BERTH_INVALID},
		{{.parent_id = INT64_MIN},     BERTH_INVALID},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *page = NULL;
		struct berth_error err = {0};

		assert_int_equal(read_runs(*state, &rows[i].filter, &page, &err), -1);
		assert_int_equal(err.code, rows[i].code);
		assert_true(err.message[0] != '\0');
		assert_null(page);
	}
	free(many);
	free(longest);
}

static void repeated_names_count_once(void **state)
{
	struct read_run_filter filter = {
		.tag = "five,five,five,five,five,five,five,five,five,five,five,"
		       "five,five,five,five,five,five,five,five,five,five,five"};

	assert_lists(*state, filter);
	filter.tag = "five,seven,five";
	assert_lists(*state, filter);
}

static void one_run_is_whole(void **state)
{
	static const char *const keys[] = {
		"id",          "status",    "taskIdentifier", "version",
		"queue",       "machine",   "attemptCount",   "createdAt",
		"updatedAt",   "startedAt", "finishedAt",     "delayedUntil",
		"expiredAt",   "ttl",       "priority",       "tags",
		"isTest",      "isQueued",  "isWaiting",      "isExecuting",
		"isCompleted", "isSuccess", "isFailed",       "isCancelled",
		"durationMs",  "usage",     "depth",          "batchId",
		"parentId",    "rootId",    "children",       "maxAttempts",
		"maxDuration", "error",     "output",         "metadata",
		"payload",     "attempts",  "idempotencyKey",
	};
	AUTO_JSON json_t *run = NULL;
	AUTO_JSON json_t *bare = NULL;

	fixture_store_script(
		*state,
		"INSERT INTO attempts (run_id, number, token, machine, started_ns, executing_ns, "
		"ended_ns, outcome, exit_code, usage) SELECT id, 1, 'x', 'micro', "
		"created_ns, created_ns, created_ns, 'failed', 3, '{\"cpuMs\":1}' FROM runs WHERE "
		"position_ns = 1;"
		"INSERT INTO attempts (run_id, number, token, machine, started_ns) SELECT id, 2, "
		"'y', 'micro', created_ns FROM runs WHERE position_ns = 1;"
		"UPDATE run_data SET output = 'plain', output_type = 'text/plain', "
		"error = '{\"code\":\"X\"}', metadata = '{\"a\":[1]}' WHERE run_id = "
		"(SELECT id FROM runs WHERE position_ns = 1)");
	assert_int_equal(read_run(*state, fixture_run_id(1), true, &run, NULL), 0);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!json_object_get(run, keys[i]))
			fail_msg("no member %s", keys[i]);
	assert_string_equal(json_string_value(json_object_get(run, "createdAt")),
			    "2025-01-01T00:00:00.000Z");
	assert_string_equal(json_string_value(json_object_get(run, "concurrencyKey")), "key");
	assert_string_equal(json_string_value(json_object_get(run, "output")), "plain");
	assert_int_equal(json_integer_value(json_object_get(json_object_get(run, "payload"), "n")),
			 1);
	assert_int_equal(json_array_size(json_object_get(run, "children")), 8);
	assert_int_equal(json_array_size(json_object_get(run, "attempts")), 2);
	assert_string_equal(json_string_value(json_object_get(
				    json_array_get(json_object_get(run, "attempts"), 1), "status")),
			    "PENDING");
	assert_int_equal(read_run(*state, fixture_run_id(1), false, &bare, NULL), 0);
	assert_null(json_object_get(bare, "payload"));
	assert_null(json_object_get(bare, "metadata"));
	assert_non_null(json_object_get(bare, "error"));
}

static void an_unknown_run_is_not_found(void **state)
{
	static const int64_t numbers[] = {0, 1, -1, INT64_MIN, INT64_MAX};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct berth_error err = {0};
		json_t *run;

		assert_int_equal(read_run(*state, numbers[i], true, &run, &err), -1);
		assert_int_equal(err.code, BERTH_NOT_FOUND);
	}
}

static void booleans_follow_the_state(void **state)
{
	for (int64_t n = 1; n <= RUN_STATES; n++) {
		AUTO_JSON json_t *run = NULL;
		int count = 0;
		static const char *const exclusive[] = {"isQueued", "isExecuting", "isWaiting",
							"isCompleted", "isCancelled"};

		assert_int_equal(read_run(*state, fixture_run_id(n), false, &run, NULL), 0);
		for (size_t i = 0; i < 5; i++)
			count += json_is_true(json_object_get(run, exclusive[i]));
		assert_int_equal(count, 1);
		assert_int_equal(json_is_true(json_object_get(run, "isCompleted")),
				 json_is_true(json_object_get(run, "isSuccess")) ||
					 json_is_true(json_object_get(run, "isFailed")));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_combination_of_filters),
		cmocka_unit_test(batches_parents_and_dates),
		cmocka_unit_test(unknown_names_match_nothing),
		cmocka_unit_test(bad_filters_are_refused),
		cmocka_unit_test(repeated_names_count_once),
		cmocka_unit_test(one_run_is_whole),
		cmocka_unit_test(an_unknown_run_is_not_found),
		cmocka_unit_test(booleans_follow_the_state),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
