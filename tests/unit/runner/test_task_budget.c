/* SPDX-License-Identifier: Apache-2.0 */
/* The share of time a run's channel gets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runner/run/task_budget.h"

#define MS UINT64_C(1000000)

static void test_half_of_a_window_may_be_spent(void **state)
{
	struct task_budget budget = {0};
	uint64_t start = 1000 * MS;

	(void)state;
	assert_int_equal(task_budget_rest_until(&budget, start), 0);
	task_budget_spend(&budget, start, start + 49 * MS);
	assert_int_equal(task_budget_rest_until(&budget, start + 49 * MS), 0);
	task_budget_spend(&budget, start + 60 * MS, start + 61 * MS);
	assert_int_equal(task_budget_rest_until(&budget, start + 61 * MS), start + 100 * MS);
	assert_int_equal(task_budget_rest_until(&budget, start + 100 * MS), 0);
	task_budget_spend(&budget, start + 100 * MS, start + 101 * MS);
	assert_int_equal(task_budget_rest_until(&budget, start + 101 * MS), 0);
}

static void test_one_long_message_is_slept_off(void **state)
{
	struct task_budget budget = {0};

	(void)state;
	task_budget_spend(&budget, 1000 * MS, 1080 * MS);
	assert_int_equal(task_budget_rest_until(&budget, 1080 * MS), 1100 * MS);
	/* one that outlasts the window is over with it */
	task_budget_spend(&budget, 1100 * MS, 1900 * MS);
	assert_int_equal(task_budget_rest_until(&budget, 1900 * MS), 0);
}

static void test_bytes_are_moved(void **state)
{
	size_t total = 100;

	(void)state;
	task_budget_move(&total, 100, 40);
	assert_int_equal(total, 40);
	task_budget_move(&total, 0, 7);
	assert_int_equal(total, 47);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_half_of_a_window_may_be_spent),
		cmocka_unit_test(test_one_long_message_is_slept_off),
		cmocka_unit_test(test_bytes_are_moved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
