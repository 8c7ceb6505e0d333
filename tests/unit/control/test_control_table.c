/* SPDX-License-Identifier: Apache-2.0 */
/* The tables: every row is whole, records fit, roles and errors are what they say. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "runner/control/control_error_table.h"
#include "runner/control/control_roles.h"
#include "runner/control/control_table.h"

static void test_rows_are_whole(void **state)
{
	const struct field_row *row;

	(void)state;
	for (enum control_op op = CONTROL_HELLO; op < CONTROL_OP_COUNT; op++) {
		const struct control_operation *operation = &control_operations[op];

		assert_non_null(operation->name);
		assert_non_null(operation->help);
		assert_non_null(operation->result);
		assert_int_equal(control_find(operation->name), op);
		assert_true(operation->descriptors <= CONTROL_DESCRIPTORS_MAX);
		for (size_t i = 0; (row = control_field(operation, i)); i++) {
			assert_true(row->offset < sizeof(union control_record));
			assert_non_null(row->help);
			assert_ptr_equal(control_field_find(operation, row->name), row);
		}
		assert_true(operation->role == CONTROL_OPERATOR || !operation->is_new_work);
	}
	assert_int_equal(control_find("none"), CONTROL_OP_COUNT);
}

/* Whatever value each field gets, the record can be finished. */
static void test_records_survive_any_value(void **state)
{
	static const char *const values[] = {"null", "1",     "-1",        "\"x\"", "[]",
					     "{}",   "1e300", "\"1h30m\"", "true",  "\"\""};
	const struct field_row *row;

	(void)state;
	for (enum control_op op = CONTROL_HELLO; op < CONTROL_OP_COUNT; op++)
		for (size_t i = 0; (row = control_field(&control_operations[op], i)); i++)
			for (size_t j = 0; j < sizeof(values) / sizeof(values[0]); j++) {
				AUTO_JSON json_t *object = json_object();
				union control_record record = {0};
				struct berth_error err;

				(void)json_object_set_new(
					object, row->name,
					json_loads(values[j], JSON_DECODE_ANY, NULL));
				(void)control_record_parse(&control_operations[op], object, &record,
							   &err);
				control_record_finish(&control_operations[op], &record);
			}
}

static void test_shared_rows_are_optional_beside_own(void **state)
{
	AUTO_JSON json_t *object = json_pack("{s:s, s:s}", "run", "run_x", "machine", "micro");
	union control_record record = {0};
	struct berth_error err;

	(void)state;
	assert_int_equal(control_record_parse(&control_operations[CONTROL_RUN_REPLAY], object,
					      &record, &err),
			 0);
	assert_string_equal(record.run_replay.overrides.machine, "micro");
	assert_string_equal(record.run_replay.run, "run_x");
	control_record_finish(&control_operations[CONTROL_RUN_REPLAY], &record);
}

static void test_roles(void **state)
{
	static const struct {
		struct control_credentials credentials;
		struct control_policy policy;
		enum control_role role;
	} rows[] = {
		{{.uid = 0},			     {.daemon_uid = 9, .operator_group = 7}, CONTROL_OPERATOR},
		{{.uid = 9},			     {.daemon_uid = 9, .operator_group = 7}, CONTROL_OPERATOR},
		{{.uid = 5, .gid = 7},                   {.daemon_uid = 9, .operator_group = 7}, CONTROL_OPERATOR},
		{{.uid = 5, .has_operator_group = true},
		 {.daemon_uid = 9, .operator_group = 7},
		 CONTROL_OPERATOR										},
		{{.uid = 5, .gid = CONTROL_NO_GROUP},
		 {.daemon_uid = 9, .operator_group = CONTROL_NO_GROUP},
		 CONTROL_NOBODY										  },
		{{.uid = 5, .gid = 5},                   {.daemon_uid = 9, .operator_group = 7}, CONTROL_NOBODY  },
		{{.uid = 5, .gid = 5},
		 {.daemon_uid = 9, .operator_group = 7, .others_view = true},
		 CONTROL_VIEWER										  },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_int_equal(control_role_of(&rows[i].credentials, &rows[i].policy),
				 rows[i].role);
}

static void test_errors(void **state)
{
	static const struct {
		enum berth_code code;
		int errnum, status;
		const char *name;
	} rows[] = {
		{BERTH_INVALID,     0,         400, "invalid"     },
		{BERTH_DENIED,      0,         403, "denied"      },
		{BERTH_DENIED,      ESHUTDOWN, 503, "draining"    },
		{BERTH_NOT_FOUND,   ENOENT,    404, "not_found"   },
		{BERTH_LIMIT,       0,         422, "limit"       },
		{BERTH_LIMIT,       ENOSPC,    507, "storage_full"},
		{BERTH_LIMIT,       EMSGSIZE,  413, "too_large"   },
		{BERTH_SYSTEM,      EIO,       500, "system"      },
		{BERTH_UNSUPPORTED, 0,         501, "unsupported" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct berth_error err = {
			.code = rows[i].code, .errnum = rows[i].errnum, .message = "why\n\033"};
		AUTO_JSON json_t *object = control_error_format(&err);
		struct berth_error back;
		int status;

		assert_string_equal(json_string_value(json_object_get(object, "code")),
				    rows[i].name);
		assert_int_equal(control_error_parse(object, &status, &back), -1);
		assert_int_equal(status, rows[i].status);
		assert_int_equal(back.code, rows[i].code);
		assert_string_equal(back.message, "why\\x0a\\x1b");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows_are_whole),
		cmocka_unit_test(test_records_survive_any_value),
		cmocka_unit_test(test_shared_rows_are_optional_beside_own),
		cmocka_unit_test(test_roles),
		cmocka_unit_test(test_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
