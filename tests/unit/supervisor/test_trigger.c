/* SPDX-License-Identifier: Apache-2.0 */
/* A task's trigger as the engine takes it, and the key of one that has none. */
#include "runner/supervisor/live_trigger.h"

/* cmocka.h wants these before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <string.h>

static void test_what_is_left_out(void **state)
{
	const struct protocol_trigger said = {
		.task = (char *)"child",
		.idempotency_ttl_ms = -1,
		.ttl_ms = -1,
		.priority = -1,
		.max_attempts = -1,
		.max_duration_ms = -1,
		.debounce_delay_ms = -1,
		.debounce_max_ms = -1,
	};
	struct run_trigger request = {0};

	(void)state;
	assert_int_equal(live_trigger_copy(&said, &request, NULL), 0);
	assert_string_equal(request.task, "child");
	assert_null(request.payload);
	assert_false(request.has_ttl);
	assert_int_equal(request.priority, 0);
	assert_int_equal(request.max_attempts, 0);
	assert_int_equal(request.debounce_mode, RUN_DEBOUNCE_NONE);
	run_trigger_finish(&request);
}

static void test_what_is_said(void **state)
{
	json_t *payload = json_string("plain");
	const struct protocol_trigger said = {
		.task = (char *)"child",
		.payload = payload,
		.payload_type = (char *)"text/plain",
		.ttl_ms = 0,
		.priority = 5,
		.max_attempts = 3,
		.debounce_key = (char *)"k",
		.debounce_mode = 1,
	};
	struct run_trigger request = {0};

	(void)state;
	assert_int_equal(live_trigger_copy(&said, &request, NULL), 0);
	assert_string_equal(request.payload, "plain"); /* as it is, not as JSON */
	assert_true(request.has_ttl);
	assert_int_equal(request.priority, 5);
	assert_int_equal(request.max_attempts, 3);
	assert_int_equal(request.debounce_mode, RUN_DEBOUNCE_TRAILING);
	run_trigger_finish(&request);
	json_decref(payload);
}

static void test_keys(void **state)
{
	const struct task_request line = {.connection = 1, .sequence = 2};
	struct task_request next = line, named = line, again = {.connection = 9};
	char one[SHA256_TEXT_SIZE], two[SHA256_TEXT_SIZE];

	(void)state;
	live_trigger_key("t1", &line, one);
	live_trigger_key("t1", &line, two);
	assert_string_equal(one, two);
	next.sequence = 3;
	live_trigger_key("t1", &next, two);
	assert_string_not_equal(one, two);
	live_trigger_key("t2", &line, two);
	assert_string_not_equal(one, two);
	strcpy(named.name, "n");
	strcpy(again.name, "n");
	live_trigger_key("t1", &named, one);
	live_trigger_key("t1", &again, two); /* wherever it comes from */
	assert_string_equal(one, two);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_left_out),
		cmocka_unit_test(test_what_is_said),
		cmocka_unit_test(test_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
