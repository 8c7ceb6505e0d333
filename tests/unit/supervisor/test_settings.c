/* SPDX-License-Identifier: Apache-2.0 */
/* The settings file: defaults, what it may say, and what is said of what it may not. */
#include "runner/supervisor/settings.h"

/* cmocka.h wants these before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <string.h>

#include "tests/helpers/scratch.h"

static char directory[SCRATCH_SIZE];

static const char *write_settings(const char *text)
{
	static char path[SCRATCH_SIZE + 16];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/settings", directory);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	return path;
}

static void test_defaults(void **state)
{
	struct settings settings;

	(void)state;
	assert_int_equal(settings_load(NULL, &settings, NULL), 0);
	assert_int_equal(settings.concurrency, 100);
	assert_int_equal(settings.grace_ms, 30000);
	assert_int_equal(settings.freeze_after_ms, 5000);
	assert_false(settings.viewers);
}

static void test_what_is_set(void **state)
{
	struct settings settings;
	struct engine_settings engine;

	(void)state;
	assert_int_equal(settings_load(write_settings("{\"concurrency\": 3, \"grace\": \"2s\", "
						      "\"viewers\": true}"),
				       &settings, NULL),
			 0);
	assert_int_equal(settings.concurrency, 3);
	assert_int_equal(settings.grace_ms, 2000);
	assert_true(settings.viewers);
	assert_int_equal(settings_for_engine(&settings, &engine, NULL), 0);
	assert_int_equal(engine.concurrency, 3);
	assert_true(engine.cpu_millis >= 1000 && engine.memory_bytes > 0);
}

static void test_what_is_refused(void **state)
{
	static const struct {
		const char *text, *says;
	} rows[] = {
		{"{\n\"concurrency\": 0}",     ":2: concurrency"},
		{"{\"burst\": 0.5}",           ":1: burst"      },
		{"{\"nonsense\": 1}",          "nonsense"       },
		{"{\"grace\": \"soon\"}",      "grace"          },
		{"[]",			 "object"         },
		{"{",			  "settings"       },
		{"{\"viewers\": \"perhaps\"}", "viewers"        },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct berth_error err = {0};
		struct settings settings;

		assert_int_equal(settings_load(write_settings(rows[i].text), &settings, &err), -1);
		if (!strstr(err.message, rows[i].says))
			fail_msg("\"%s\" does not say %s", err.message, rows[i].says);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_what_is_set),
		cmocka_unit_test(test_what_is_refused),
	};
	int failed;

	if (scratch_make("settings", directory) < 0)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	return scratch_remove(directory) < 0 ? 1 : failed;
}
