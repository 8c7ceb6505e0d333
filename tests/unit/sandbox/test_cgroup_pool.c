/* SPDX-License-Identifier: Apache-2.0 */
/* The pool of control groups, over a driver that only counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sandbox/cgroup_pool.h"

static int made, removed, refuse_after = -1;
static uint64_t last_memory_bytes;

static int fake_create(struct cgroup *group, const struct resource_limits *limits,
		       struct berth_error *err)
{
	(void)group;
	if (refuse_after == 0)
		return berth_fail(err, BERTH_SYSTEM, 0, "refused");
	if (refuse_after > 0)
		refuse_after--;
	last_memory_bytes = limits->memory_bytes;
	made++;
	return 0;
}

static void fake_remove(struct cgroup *group)
{
	(void)group;
	removed++;
}

static const struct cgroup_driver fake_driver = {
	.name = "fake",
	.create = fake_create,
	.remove = fake_remove,
};

static struct cgroup_host host;
static const struct resource_limits small = {.memory_bytes = 1, .pids = 5};
static const struct resource_limits large = {.memory_bytes = 2, .pids = 5};

static int set_up(void **state)
{
	(void)state;
	host = (struct cgroup_host){.driver = &fake_driver};
	strcpy(host.owner, "1.2");
	made = removed = 0;
	refuse_after = -1;
	return 0;
}

static void test_without_pool(void **state)
{
	struct cgroup_pool pool = {0};
	struct cgroup group;

	(void)state;
	assert_int_equal(cgroup_pool_take(&pool, &small, &group), 1);
	assert_int_equal(cgroup_create(&group, &host, "run", &small, NULL), 0);
	cgroup_pool_retire(&pool, &group);
	assert_int_equal(removed, 1); /* at once */
	cgroup_pool_refill(&pool, &host);
	assert_int_equal(made, 1);
	cgroup_pool_finish(&pool);
}

static void test_groups_are_used_once(void **state)
{
	struct cgroup_pool pool = {.size = 3};
	struct cgroup groups[3], none;

	(void)state;
	cgroup_pool_refill(&pool, &host);
	assert_int_equal(made, 0); /* nobody said which limits */
	assert_int_equal(cgroup_pool_take(&pool, &small, &none), 1);
	cgroup_pool_refill(&pool, &host);
	assert_int_equal(made, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(cgroup_pool_take(&pool, &small, &groups[i]), 0);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(groups[i].name, groups[k].name);
	}
	assert_int_equal(cgroup_pool_take(&pool, &small, &none), 1);
	for (size_t i = 0; i < 3; i++)
		cgroup_pool_retire(&pool, &groups[i]);
	assert_int_equal(removed, 0); /* off the path */
	cgroup_pool_refill(&pool, &host);
	assert_int_equal(removed, 3);
	assert_int_equal(made, 6);
	cgroup_pool_finish(&pool);
	assert_int_equal(removed, made);
}

static void test_other_limits(void **state)
{
	struct cgroup_pool pool = {.size = 2};
	struct cgroup group;

	(void)state;
	assert_int_equal(cgroup_pool_take(&pool, &small, &group), 1);
	cgroup_pool_refill(&pool, &host);
	assert_int_equal(made, 2);
	/* a group with the old limits never serves the new ones */
	assert_int_equal(cgroup_pool_take(&pool, &large, &group), 1);
	assert_int_equal(removed, 2);
	cgroup_pool_refill(&pool, &host);
	assert_int_equal(last_memory_bytes, large.memory_bytes);
	assert_int_equal(cgroup_pool_take(&pool, &large, &group), 0);
	cgroup_destroy(&group);
	cgroup_pool_finish(&pool);
	assert_int_equal(removed, made);
}

static void test_more_retired_than_kept(void **state)
{
	static struct cgroup_pool pool;
	struct cgroup group;

	(void)state;
	pool = (struct cgroup_pool){.size = 1};
	for (int i = 0; i < CGROUP_POOL_MAX + 5; i++) {
		assert_int_equal(cgroup_create(&group, &host, "run", &small, NULL), 0);
		cgroup_pool_retire(&pool, &group);
		cgroup_destroy(&group); /* it is the pool's now: harmless */
	}
	assert_int_equal(removed, 5);
	cgroup_pool_finish(&pool);
	assert_int_equal(removed, made);
}

static void test_host_refuses(void **state)
{
	struct cgroup_pool pool = {.size = 4};
	struct cgroup group;

	(void)state;
	assert_int_equal(cgroup_pool_take(&pool, &small, &group), 1);
	refuse_after = 2;
	cgroup_pool_refill(&pool, &host);
	assert_int_equal(pool.ready_count, 2);
	assert_int_equal(removed, 1); /* the half-made one */
	refuse_after = -1;
	cgroup_pool_refill(&pool, &host);
	assert_int_equal(pool.ready_count, 4);
	cgroup_pool_finish(&pool);
	assert_int_equal(removed, made + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_without_pool, set_up),
		cmocka_unit_test_setup(test_groups_are_used_once, set_up),
		cmocka_unit_test_setup(test_other_limits, set_up),
		cmocka_unit_test_setup(test_more_retired_than_kept, set_up),
		cmocka_unit_test_setup(test_host_refuses, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
