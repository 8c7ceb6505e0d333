/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of the protocol, and the check that every packet passes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "runner/engine/engine.h"
#include "runner/launcher/launcher_protocol.h"

#define TOKEN "0123456789abcdef0123456789abcdef"

/* The engine's tokens and the launcher's are the same thing. */
_Static_assert(LAUNCHER_TOKEN_SIZE == ENGINE_TOKEN_SIZE, "tokens");

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < launcher_message_count; i++) {
		const struct launcher_message_row *row = &launcher_messages[i];

		assert_ptr_equal(launcher_message_find(row->kind), row);
		assert_true(row->bytes >= sizeof(struct launcher_header));
		assert_true(row->help && row->help[0] && row->name[0]);
		assert_int_equal(row->must_pass & ~row->may_pass, 0);
		assert_true(!row->passed_at || row->passed_at + sizeof(uint32_t) <= row->bytes);
		assert_true(__builtin_popcount(row->may_pass) <= LAUNCHER_DESCRIPTORS_MAX);
		assert_int_equal(row->direction == LAUNCHER_DOWN, row->kind >= LAUNCHER_HELLO);
		for (size_t k = 0; k < i; k++) {
			assert_true(launcher_messages[k].kind != row->kind);
			assert_string_not_equal(launcher_messages[k].name, row->name);
		}
	}
}

/* A right packet of every row passes one way and not the other. */
static void test_right_packets(void **state)
{
	_Alignas(16) char packet[sizeof(struct launcher_table_run)];

	(void)state;
	for (size_t i = 0; i < launcher_message_count; i++) {
		const struct launcher_message_row *row = &launcher_messages[i], *found = NULL;
		const struct launcher_header header = launcher_header_make(
			row->kind, row->bytes,
			row->names_run || row->kind == LAUNCHER_DISCARD ? 5 : 0,
			row->names_run ? TOKEN : NULL);
		size_t count = (size_t)__builtin_popcount(row->must_pass);

		memset(packet, 0, sizeof(packet));
		memcpy(packet, &header, sizeof(header));
		assert_int_equal(launcher_packet_check(packet, row->bytes, count, row->direction,
						       &found, NULL),
				 0);
		assert_ptr_equal(found, row);
		assert_int_equal(launcher_packet_check(packet, row->bytes, count,
						       row->direction == LAUNCHER_UP ? LAUNCHER_DOWN
										     : LAUNCHER_UP,
						       &found, NULL),
				 -1);
		assert_int_equal(launcher_packet_check(packet, row->bytes, count + 1,
						       row->direction, &found, NULL),
				 -1);
		assert_int_equal(launcher_packet_check(packet, row->bytes - 1, count,
						       row->direction, &found, NULL),
				 -1);
	}
}

static void test_descriptors(void **state)
{
	struct launcher_launch launch = {
		.header = launcher_header_make(LAUNCHER_LAUNCH, sizeof(launch), 5, TOKEN),
	};
	const struct launcher_message_row *row = NULL;
	struct launcher_descriptors some, sorted;
	int list[LAUNCHER_PASS_COUNT];
	size_t count;

	(void)state;
	launcher_descriptors_init(&some);
	some.fds[LAUNCHER_FD_STDOUT] = 12;
	some.fds[LAUNCHER_FD_STDIN] = 11;
	some.fds[LAUNCHER_FD_SPEC] = 13;
	launch.passed = launcher_descriptors_list(&some, list, &count);
	assert_int_equal(count, 3);
	assert_int_equal(list[0], 11);
	assert_int_equal(launcher_packet_check(&launch, sizeof(launch), 3, LAUNCHER_UP, &row, NULL),
			 0);
	launcher_packet_sort(&launch, row, list, &sorted);
	assert_memory_equal(&sorted, &some, sizeof(some));
	launch.passed |= LAUNCHER_PASS_CHANNEL;
	assert_int_equal(launcher_packet_check(&launch, sizeof(launch), 4, LAUNCHER_UP, &row, NULL),
			 -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_right_packets),
		cmocka_unit_test(test_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
