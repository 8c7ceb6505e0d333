/* SPDX-License-Identifier: Apache-2.0 */
/* Every row of the protocol table is complete and can be used. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "extensions/task/protocol_table.h"

static void assert_rows(const struct field_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		assert_non_null(rows[i].name);
		assert_non_null(rows[i].help);
		assert_non_null(rows[i].unit);
		assert_true(rows[i].min <= rows[i].max);
		assert_ptr_equal(field_find(rows, count, rows[i].name), &rows[i]);
		assert_int_equal(rows[i].type == FIELD_ENUM, rows[i].choices != NULL);
		/* members of the envelope */
		assert_string_not_equal(rows[i].name, "op");
		assert_string_not_equal(rows[i].name, "id");
		assert_string_not_equal(rows[i].name, "ok");
	}
}

static void test_rows_are_complete(void **state)
{
	union protocol_record record;

	(void)state;
	for (enum protocol_op op = PROTOCOL_HELLO; op < PROTOCOL_OP_COUNT; op++) {
		const struct protocol_message *message = &protocol_messages[op];

		assert_non_null(message->name);
		assert_non_null(message->help);
		assert_int_equal(protocol_find(message->direction, message->name), op);
		assert_rows(message->fields, message->field_count);
		assert_rows(message->reply, message->reply_count);
		if (message->direction == PROTOCOL_TO_TASK)
			continue;
		memset(&record, 0, sizeof(record));
		assert_int_equal(
			field_set_defaults(message->fields, message->field_count, &record, NULL),
			0);
		field_finish(message->fields, message->field_count, &record);
	}
}

static void test_find(void **state)
{
	(void)state;
	assert_int_equal(protocol_find(PROTOCOL_FROM_TASK, "cancel"), PROTOCOL_OP_COUNT);
	assert_int_equal(protocol_find(PROTOCOL_TO_TASK, "hello"), PROTOCOL_OP_COUNT);
	assert_int_equal(protocol_find(PROTOCOL_FROM_TASK, ""), PROTOCOL_OP_COUNT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows_are_complete),
		cmocka_unit_test(test_find),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
