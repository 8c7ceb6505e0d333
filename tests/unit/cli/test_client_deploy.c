/* SPDX-License-Identifier: Apache-2.0 */
/* berth deploy, and what it makes: versions and their tasks; keys. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "client_fixture.h"

#define MANIFEST "{\"tasks\":[{\"id\":\"hello\",\"command\":[\"./hello.sh\"]}]}"

static const struct fixture_answer deployed[] = {
	{.op = CONTROL_DEPLOY,
	 .result = "{\"version\":\"20261125.1\",\"bundle\":\"abc\",\"tasks\":1,"
		   "\"isPromoted\":true}"},
};

/* A directory with a berth.json and a script below the fixture's own. */
static void make_directory(const struct client_fixture *fixture, const char *manifest,
			   char path[128])
{
	static const char *const names[] = {"berth.json", "hello.sh"};
	const char *const texts[] = {manifest, "#!/bin/sh\necho hello\n"};
	char file_path[160];

	(void)snprintf(path, 128, "%s/bundle", fixture->control.directory);
	(void)mkdir(path, 0700);
	for (size_t i = 0; i < 2; i++) {
		FILE *file;

		(void)snprintf(file_path, sizeof(file_path), "%s/%s", path, names[i]);
		file = fopen(file_path, "we");
		assert_non_null(file);
		assert_true(fputs(texts[i], file) >= 0);
		assert_int_equal(fclose(file), 0);
		assert_int_equal(chmod(file_path, 0755), 0);
	}
}

static void test_deploy(void **state)
{
	struct client_fixture *fixture = *state;
	char path[128];

	make_directory(fixture, MANIFEST, path);
	assert_int_equal(RUN(fixture, deployed, "deploy", path), 0);
	assert_string_equal(fixture->out, "20261125.1\n");
	expect_in(fixture->err, "it is the current version now");
	expect_in(fixture->asked, "\"command\":[\"./hello.sh\"],\"id\":\"hello\"");
	expect_in(fixture->asked, "\"path\":\"hello.sh\"");
	expect_in(fixture->given, "{\"tasks\":");
	assert_int_equal(RUN(fixture, deployed, "deploy", path, "--skip-promotion", "--json"), 0);
	expect_in(fixture->asked, "\"skipPromotion\":true");
	expect_in(fixture->out, "\"isPromoted\": true");
}

static void test_dry_run(void **state)
{
	struct client_fixture *fixture = *state;
	char path[128];

	make_directory(fixture, MANIFEST, path);
	assert_int_equal(RUN_ALONE(fixture, "deploy", path, "--dry-run"), 0);
	expect_in(fixture->out, "1 task, 2 files");
	assert_int_equal(RUN_ALONE(fixture, "deploy", path, "-n", "--json"), 0);
	expect_in(fixture->out, "\"files\": 2");
	assert_string_equal(fixture->asked, "");
}

static void test_schema(void **state)
{
	struct client_fixture *fixture = *state;

	assert_int_equal(RUN_ALONE(fixture, "deploy", "--schema"), 0);
	expect_in(fixture->out, "https://json-schema.org/draft/2020-12/schema");
}

static void test_wrong_directories(void **state)
{
	static const char *const rows[][2] = {
		{"{",							   "berth.json"},
		{"{\"tasks\":[]}",					      "tasks"     },
		{"{\"tsks\":1,\"tasks\":[{\"id\":\"a\",\"command\":[\"x\"]}]}", "tsks"      },
		{"{\"tasks\":[{\"id\":\"a\",\"program\":\"none\"}]}",           "none"      },
	};
	struct client_fixture *fixture = *state;
	char path[128];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		make_directory(fixture, rows[i][0], path);
		assert_int_equal(RUN_ALONE(fixture, "deploy", path), 2);
		expect_in(fixture->err, rows[i][1]);
		assert_string_equal(fixture->asked, "");
	}
	assert_int_equal(RUN_ALONE(fixture, "deploy", "/no/directory"), 2);
	expect_in(fixture->err, "/no/directory");
	assert_int_equal(RUN_ALONE(fixture, "deploy"), 2);
	expect_in(fixture->err, "name one directory");
	assert_int_equal(RUN_ALONE(fixture, "deploy", "/tmp", "/usr"), 2);
}

static void test_versions(void **state)
{
	static const struct fixture_answer rows[] = {
		{.op = CONTROL_VERSION_LIST,
		 .result = "[{\"version\":\"20261125.2\",\"isCurrent\":true,\"taskCount\":3},"
			   "{\"version\":\"20261125.1\",\"isCurrent\":false}]"           },
		{.op = CONTROL_VERSION_PROMOTE,  .result = "{\"version\":\"20261125.1\"}"},
		{.op = CONTROL_VERSION_ROLLBACK, .result = "{\"version\":\"20261125.1\"}"},
	};
	struct client_fixture *fixture = *state;

	assert_int_equal(RUN(fixture, rows, "versions", "list"), 0);
	expect_in(fixture->out, "VERSION     CURRENT");
	expect_in(fixture->out, "20261125.2  yes      3");
	assert_int_equal(RUN(fixture, rows, "versions", "promote", "20261125.1"), 0);
	assert_string_equal(fixture->asked, "version_promote {\"version\":\"20261125.1\"}\n");
	expect_in(fixture->out, "now 20261125.1\n");
	assert_int_equal(RUN(fixture, rows, "versions", "rollback"), 0);
	assert_string_equal(fixture->asked, "version_rollback {}\n");
	assert_int_equal(RUN(fixture, rows, "versions", "rollback", "20261125.1", "--json"), 0);
	assert_string_equal(fixture->asked, "version_rollback {\"version\":\"20261125.1\"}\n");
	assert_int_equal(RUN_ALONE(fixture, "versions", "promote"), 2);
	assert_int_equal(RUN_ALONE(fixture, "versions"), 2);
}

static void test_tasks(void **state)
{
	static const struct fixture_answer rows[] = {
		{.op = CONTROL_TASK_LIST,
		 .result =
			 "[{\"id\":\"hello\",\"version\":\"20261125.1\",\"definition\":{"
			 "\"machine\":\"micro\",\"maxDuration\":90,\"command\":[\"./a\",\"b\"]}}]"},
	};
	struct client_fixture *fixture = *state;

	assert_int_equal(RUN(fixture, rows, "tasks", "--deployed"), 0);
	expect_in(fixture->out, "hello  20261125.1  micro    1 m 30 s");
	assert_int_equal(RUN(fixture, rows, "tasks", "--deployed", "hello"), 0);
	expect_in(fixture->out, "command          ./a,b\n");
	assert_int_equal(RUN(fixture, rows, "tasks", "--deployed", "hello", "--json"), 0);
	expect_in(fixture->out, "\"maxDuration\": 90");
	assert_int_equal(RUN(fixture, rows, "tasks", "--deployed", "other"), 1);
	expect_in(fixture->err, "no task \"other\" is deployed");
}

static void test_keys(void **state)
{
	static const struct fixture_answer rows[] = {
		{.op = CONTROL_KEY_RESET, .result = "null"},
	};
	struct client_fixture *fixture = *state;

	assert_int_equal(RUN(fixture, rows, "keys", "reset", "hello", "k"), 0);
	assert_string_equal(fixture->asked, "key_reset {\"key\":\"k\",\"task\":\"hello\"}\n");
	assert_int_equal(RUN_ALONE(fixture, "keys", "reset", "hello"), 2);
}

#define TEST(name)                                                                                 \
	cmocka_unit_test_setup_teardown(name, client_fixture_set_up, client_fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_deploy),   TEST(test_dry_run),
		TEST(test_schema),   TEST(test_wrong_directories),
		TEST(test_versions), TEST(test_tasks),
		TEST(test_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
