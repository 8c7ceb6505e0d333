/* SPDX-License-Identifier: Apache-2.0 */
/* Users and groups are found as the system's own programs find them. */
#include "base/account.h"

/* cmocka.h wants these before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

static void test_root(void **state)
{
	uid_t uid = 7;
	gid_t gid = 7;

	(void)state;
	assert_int_equal(account_find_user("root", &uid, &gid, NULL), 0);
	assert_int_equal(uid, 0);
	assert_int_equal(gid, 0);
	gid = 7;
	assert_int_equal(account_find_group("root", &gid, NULL), 0);
	assert_int_equal(gid, 0);
}

static void test_nobody_of_that_name(void **state)
{
	uid_t uid = 7;
	gid_t gid = 8;

	(void)state;
	assert_int_equal(account_find_user("no such user", &uid, &gid, NULL), 1);
	assert_int_equal(account_find_user("", &uid, &gid, NULL), 1);
	assert_int_equal(account_find_group("no such group", &gid, NULL), 1);
	assert_int_equal(uid, 7);
	assert_int_equal(gid, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_root),
		cmocka_unit_test(test_nobody_of_that_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
