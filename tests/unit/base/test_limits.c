/* SPDX-License-Identifier: Apache-2.0 */
/* The limits' rows: sound as a table, and what 0 means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/limits.h"

static void every_row_is_complete(void **state)
{
	(void)state;
	for (size_t i = 0; i < resource_limit_row_count; i++) {
		const struct field_row *row = &resource_limit_rows[i];

		assert_non_null(row->default_text);
		assert_non_null(row->unit);
		assert_true(strlen(row->help) > 0);
		assert_true(row->max > row->min);
		assert_ptr_equal(
			field_find(resource_limit_rows, resource_limit_row_count, row->name), row);
		assert_true(row->offset < sizeof(struct resource_limits));
	}
	assert_int_equal(resource_limit_row_count, sizeof(struct resource_limits) / 8);
}

static void defaults_are_in_bounds(void **state)
{
	struct resource_limits limits = {0};

	(void)state;
	assert_int_equal(
		field_set_defaults(resource_limit_rows, resource_limit_row_count, &limits, NULL),
		0);
	assert_int_equal(limits.cpu_millis, 500);
	assert_int_equal(limits.memory_bytes, 536870912);
	assert_true(limits.tmpfs_bytes < limits.memory_bytes);
}

static void zero_lifts_only_some(void **state)
{
	static const char *const liftable[] = {"cpu", "memory", "pids", "io_weight"};
	struct resource_limits limits = {0};

	(void)state;
	for (size_t i = 0; i < resource_limit_row_count; i++) {
		const struct field_row *row = &resource_limit_rows[i];
		int expected = -1;

		for (size_t k = 0; k < sizeof(liftable) / sizeof(liftable[0]); k++)
			if (strcmp(liftable[k], row->name) == 0)
				expected = 0;
		assert_int_equal(field_parse_text(row, "0", &limits, NULL), expected);
	}
}

/* What would let nothing start is refused, and the message names the least. */
static void too_little_is_refused(void **state)
{
	static const struct {
		const char *name, *too_little, *least, *named;
	} cases[] = {
		{"cpu",          "0.009",   "0.01", "0.01 and"  },
		{"memory",       "1048575", "1M",   "1 MiB and" },
		{"pids",         "1",       "2",    "2 and"     },
		{"tmpfs",        "65535",   "64K",  "64 KiB and"},
		{"tmpfs_inodes", "15",      "16",   "16 and"    },
		{"disk",         "4194303", "4M",   "4 MiB and" },
		{"disk_inodes",  "15",      "16",   "16 and"    },
		{"open_files",   "15",      "16",   "16 and"    },
		{"log",          "4095",    "4K",   "4 KiB and" },
	};
	struct resource_limits limits = {0};
	struct berth_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct field_row *row =
			field_find(resource_limit_rows, resource_limit_row_count, cases[i].name);

		assert_int_equal(field_parse_text(row, cases[i].too_little, &limits, &err), -1);
		assert_non_null(strstr(err.message, cases[i].named));
		assert_int_equal(field_parse_text(row, cases[i].least, &limits, &err), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_complete),
		cmocka_unit_test(defaults_are_in_bounds),
		cmocka_unit_test(zero_lifts_only_some),
		cmocka_unit_test(too_little_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
