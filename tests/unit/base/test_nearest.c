/* SPDX-License-Identifier: Apache-2.0 */
/* The name a person probably meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/nearest.h"

static void test_nearest(void **state)
{
	(void)state;
	assert_int_equal(nearest_distance("", "abc"), 3);
	assert_int_equal(nearest_distance("machine", "machine"), 0);
	assert_int_equal(nearest_distance("machien", "machine"), 1);
	assert_int_equal(nearest_distance("kitten", "sitting"), 3);
	assert_true(nearest_distance(
			    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
			    "a") == SIZE_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
