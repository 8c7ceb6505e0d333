/* SPDX-License-Identifier: Apache-2.0 */
/* What comes first leaves first, also after the list was empty and when some of it moved. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/fifo.h"

static void test_order(void **state)
{
	struct fifo_link links[5];
	struct fifo list, other;

	(void)state;
	fifo_init(&list);
	assert_null(fifo_take(&list));
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < 5; i++)
			fifo_add(&list, &links[i]);
		for (size_t i = 0; i < 5; i++)
			assert_ptr_equal(fifo_take(&list), &links[i]);
		assert_null(fifo_take(&list));
	}
	fifo_init(&other);
	for (size_t i = 0; i < 4; i++)
		fifo_add(i == 0 ? &other : &list, &links[i]);
	fifo_move(&list, &other, 2);
	fifo_add(&other, &links[4]);
	assert_ptr_equal(fifo_take(&list), &links[3]);
	assert_null(fifo_take(&list));
	fifo_move(&other, &list, SIZE_MAX);
	assert_null(fifo_take(&other));
	for (size_t i = 0; i < 5; i++)
		if (i != 3)
			assert_ptr_equal(fifo_take(&list), &links[i]);
	assert_null(fifo_take(&list));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_order)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
