/* SPDX-License-Identifier: Apache-2.0 */
/* What was added is found, alone or among others of its number, until it is removed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/number_index.h"

#define MANY 5000

static void test_found_by_number(void **state)
{
	static struct number_index index;
	struct number_link first = {0}, second = {0}, other = {0}, *link;

	(void)state;
	assert_null(number_index_find(&index, 7));
	number_index_remove(&index, &first);
	number_index_add(&index, &first, 7);
	number_index_add(&index, &other, -8);
	number_index_add(&index, &second, 7);
	link = number_index_find(&index, 7);
	assert_ptr_equal(link, &second);
	assert_ptr_equal(number_link_next(link), &first);
	assert_null(number_link_next(&first));
	number_index_remove(&index, &second);
	number_index_remove(&index, &second);
	assert_ptr_equal(number_index_find(&index, 7), &first);
	assert_ptr_equal(number_index_find(&index, -8), &other);
	assert_int_equal(index.count, 2);
	number_index_remove(&index, &first);
	number_index_remove(&index, &other);
	assert_null(number_index_walk(&index, NULL));
	assert_int_equal(index.count, 0);
}

/* Also those that share a bucket. */
static void test_many(void **state)
{
	static struct number_index index;
	static struct number_link links[MANY];
	size_t walked = 0;

	(void)state;
	for (size_t i = 0; i < MANY; i++)
		number_index_add(&index, &links[i], (int64_t)i << 20);
	for (size_t i = 0; i < MANY; i++)
		assert_ptr_equal(number_index_find(&index, (int64_t)i << 20), &links[i]);
	for (struct number_link *link = number_index_walk(&index, NULL); link;
	     link = number_index_walk(&index, link))
		walked++;
	assert_int_equal(walked, MANY);
	for (size_t i = 0; i < MANY; i += 2)
		number_index_remove(&index, &links[i]);
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(number_index_find(&index, (int64_t)i << 20) != NULL, i % 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_found_by_number),
		cmocka_unit_test(test_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
