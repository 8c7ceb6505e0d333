/* SPDX-License-Identifier: Apache-2.0 */
/* The result object of every kind of run, and writing it to every kind of file. */
#include "runner/run/result.h"

/* cmocka.h wants these before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"

static struct run_record *record_create(size_t attempts)
{
	struct run_record *record = calloc(1, sizeof(*record));
	struct attempt_record *attempt;

	assert_non_null(record);
	for (; record->attempt_count < attempts; record->attempt_count++)
		assert_int_equal(run_record_start_attempt(record, &attempt, NULL), 0);
	return record;
}

static void record_destroy(struct run_record *record)
{
	run_record_finish(record);
	free(record);
}

static const char *text_at(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return json_is_null(value) ? NULL : json_string_value(value);
}

static void test_own_error_before_a_plan(void **state)
{
	struct run_record *record = record_create(0);
	AUTO_JSON json_t *result = NULL;

	(void)state;
	(void)berth_fail(&record->error, BERTH_NOT_FOUND, 0, "no machine \"\xff\"");
	record->exit_code = 125;
	result = result_format(NULL, record);
	assert_non_null(result);
	assert_string_equal(text_at(result, "outcome"), "error");
	assert_string_equal(text_at(result, "reason"), "berth");
	assert_string_equal(text_at(result, "message"), "no machine \"\\xff\"");
	assert_int_equal(json_integer_value(json_object_get(result, "exitCode")), 125);
	assert_int_equal(json_array_size(json_object_get(result, "attempts")), 0);
	assert_true(json_is_null(json_object_get(json_object_get(result, "usage"), "cpuNs")));
	assert_string_equal(text_at(json_object_get(result, "error"), "name"), "not_found");
	record_destroy(record);
}

static json_int_t total(const json_t *result, const char *key)
{
	return json_integer_value(json_object_get(json_object_get(result, "usage"), key));
}

static void test_totals(void **state)
{
	struct run_record *record = record_create(2);
	AUTO_JSON json_t *result = NULL;

	(void)state;
	record->attempts[0].sandbox.usage = (struct sandbox_usage){
		.wall_ns = 5, .cpu_ns = 3, .memory_peak_bytes = 100, .oom_kills = 1};
	record->attempts[1].sandbox.usage = (struct sandbox_usage){
		.wall_ns = 7, .cpu_ns = SANDBOX_USAGE_UNKNOWN, .memory_peak_bytes = 40};
	record->attempts[1].outcome = OUTCOME_KILLED_MEMORY;
	record->attempts[1].reason = "memory";
	record->exit_code = 137;
	result = result_format(NULL, record);
	assert_int_equal(total(result, "wallNs"), 12);
	assert_int_equal(total(result, "memoryPeakBytes"), 100);
	assert_int_equal(total(result, "oomKills"), 1);
	/* a sum with an unknown part is not known */
	assert_true(json_is_null(json_object_get(json_object_get(result, "usage"), "cpuNs")));
	assert_string_equal(text_at(result, "outcome"), "killed");
	assert_string_equal(text_at(result, "reason"), "memory");
	record_destroy(record);
}

static void test_what_the_task_said(void **state)
{
	struct run_record *record = record_create(1);
	AUTO_JSON json_t *result = NULL;

	(void)state;
	record->attempts[0].outcome = OUTCOME_PERMANENT;
	record->output = json_integer(4);
	record->metadata = json_pack("{s:s}", "a", "b");
	record->fail = (struct fail_record){
		.kind = RUN_FAIL_PERMANENT, .name = strdup("Bad"), .message = strdup("no")};
	assert_non_null(string_list_add_format(&record->channel_problems, NULL, "garbage"));
	result = result_format(NULL, record);
	assert_int_equal(json_integer_value(json_object_get(result, "output")), 4);
	assert_string_equal(text_at(json_object_get(result, "metadata"), "a"), "b");
	assert_string_equal(text_at(json_object_get(result, "error"), "message"), "no");
	assert_int_equal(json_array_size(json_object_get(result, "channelProblems")), 1);
	record_destroy(record);
}

static void test_protections(void **state)
{
	struct run_record *record = record_create(0);
	AUTO_JSON json_t *result = NULL;
	const json_t *missing;

	(void)state;
	record->has_protections = true;
	record->protections[SANDBOX_LANDLOCK].status = SANDBOX_UNAVAILABLE;
	record->protections[SANDBOX_CPU_LIMIT].status = SANDBOX_NOT_REQUESTED;
	result = result_format(NULL, record);
	assert_int_equal(json_array_size(json_object_get(result, "enforced")),
			 SANDBOX_PROTECTIONS - 2);
	missing = json_array_get(json_object_get(result, "notEnforced"), 0);
	assert_string_equal(text_at(missing, "name"), "landlock");
	assert_string_equal(text_at(missing, "why"), "unavailable");
	assert_non_null(text_at(missing, "remedy"));
	missing = json_array_get(json_object_get(result, "notEnforced"), 1);
	assert_string_equal(text_at(missing, "why"), "not requested");
	assert_null(text_at(missing, "remedy"));
	record_destroy(record);
}

static void test_write(void **state)
{
	char directory[] = "/tmp/test_result.XXXXXX";
	AUTO_JSON json_t *value = json_pack("{s:i}", "n", 1);
	AUTO_JSON json_t *again = NULL;
	struct berth_error err;
	char path[64];

	(void)state;
	assert_non_null(mkdtemp(directory));
	(void)snprintf(path, sizeof(path), "%s/result.json", directory);
	assert_int_equal(result_write(path, value, &err), 0);
	assert_int_equal(result_write(path, value, &err), 0);
	assert_int_equal(json_parse_file(AT_FDCWD, path, 1000, &again, NULL, &err), 0);
	assert_true(json_equal(value, again));
	assert_int_equal(unlink(path), 0);
	/* nothing but the result was left in the directory */
	assert_int_equal(rmdir(directory), 0);
	assert_int_equal(result_write(path, value, &err), -1);
	assert_non_null(strstr(err.message, "--result"));
	assert_int_equal(result_write("/dev/full", value, &err), -1);
	assert_int_equal(result_write("/dev/null", value, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_error_before_a_plan),
		cmocka_unit_test(test_totals),
		cmocka_unit_test(test_what_the_task_said),
		cmocka_unit_test(test_protections),
		cmocka_unit_test(test_write),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
