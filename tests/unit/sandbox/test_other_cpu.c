/* SPDX-License-Identifier: Apache-2.0 */
/* Starting things on another CPU than ours loses nobody's choice of CPUs. */
#include "sandbox/other_cpu.h"

/* cmocka.h wants these before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static cpu_set_t allowed;

static pid_t start_waiting(void)
{
	pid_t child = fork();

	if (child == 0)
		for (;;)
			(void)pause();
	assert_true(child > 0);
	return child;
}

static void end(pid_t child)
{
	(void)kill(child, SIGKILL);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

static void test_others(void **state)
{
	cpu_set_t others;

	(void)state;
	if (CPU_COUNT(&allowed) == 1) {
		assert_false(other_cpu_list(&others));
		return;
	}
	assert_true(other_cpu_list(&others));
	assert_int_equal(CPU_COUNT(&others), CPU_COUNT(&allowed) - 1);
}

static void test_moved_process_may_use_all(void **state)
{
	pid_t child;
	cpu_set_t cpus;

	(void)state;
	if (!other_cpu_is_free_choice())
		skip(); /* somebody chose CPUs for us */
	child = start_waiting();
	assert_int_equal(other_cpu_move(child, NULL), 0);
	assert_int_equal(sched_getaffinity(child, sizeof(cpus), &cpus), 0);
	assert_true(CPU_EQUAL(&cpus, &allowed));
	end(child);
}

static void test_a_choice_is_kept(void **state)
{
	cpu_set_t one, others;
	int own = sched_getcpu();

	(void)state;
	if (CPU_COUNT(&allowed) == 1)
		skip(); /* no choice to make */
	CPU_ZERO(&one);
	CPU_SET((size_t)own, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	assert_false(other_cpu_is_free_choice());
	assert_false(other_cpu_list(&others));
	assert_int_equal(sched_setaffinity(0, sizeof(allowed), &allowed), 0);
}

static void test_process_that_is_gone(void **state)
{
	pid_t child = start_waiting();

	(void)state;
	end(child);
	assert_int_equal(other_cpu_move(child, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_moved_process_may_use_all),
		cmocka_unit_test(test_a_choice_is_kept),
		cmocka_unit_test(test_process_that_is_gone),
	};

	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
