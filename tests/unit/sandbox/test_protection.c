/* SPDX-License-Identifier: Apache-2.0 */
/* The list of claims: every row is complete, names files that exist, and its state follows the
 * host and the spec. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "sandbox/host.h"
#include "sandbox/io_weight.h"
#include "sandbox/protection.h"

static void test_rows_are_complete(void **state)
{
	const char *tree = getenv("BERTH_SOURCE_DIR");
	char path[4096];

	(void)state;
	assert_non_null(tree);
	for (size_t i = 0; i < SANDBOX_PROTECTIONS; i++) {
		const struct sandbox_protection_row *row = &sandbox_protection_rows[i];

		if (!row->name || !row->reason || !row->code || !row->test || !row->remedy)
			fail_msg("row %zu is not complete", i);
		assert_true(row->name[0] && row->reason[0] && row->test[0]);
		assert_int_equal(strspn(row->name, "abcdefghijklmnopqrstuvwxyz_"),
				 strlen(row->name));
		(void)snprintf(path, sizeof(path), "%s/%s", tree, row->code);
		if (access(path, R_OK) < 0)
			fail_msg("%s: %s does not exist", row->name, row->code);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(row->name, sandbox_protection_rows[k].name);
	}
}

/* "unit: test_x" names a program of this folder; "escape:" and "attack:" rows are those suites'. */
static void test_unit_tests_exist(void **state)
{
	const char *tree = getenv("BERTH_SOURCE_DIR");
	char path[4096];

	(void)state;
	for (size_t i = 0; i < SANDBOX_PROTECTIONS; i++) {
		const char *test = sandbox_protection_rows[i].test;

		assert_non_null(strstr(test, ": "));
		if (strncmp(test, "unit: ", 6) != 0)
			continue;
		(void)snprintf(path, sizeof(path), "%s/tests/unit/sandbox/%s.c", tree, test + 6);
		if (access(path, R_OK) < 0)
			fail_msg("%s: %s does not exist", sandbox_protection_rows[i].name, path);
	}
}

static const struct resource_limits every_limit = {
	.cpu_millis = 500,
	.memory_bytes = 1 << 26,
	.pids = 10,
	.tmpfs_bytes = 4096,
	.tmpfs_inodes = 10,
	.io_weight = 50,
};

static void test_a_host_with_everything(void **state)
{
	struct sandbox_protection_state states[SANDBOX_PROTECTIONS];
	struct sandbox_spec spec = {.limits = every_limit};
	struct sandbox_host host = {
		.privileged = true,
		.time_namespaces = true,
		.landlock_abi = 7,
		.cgroup = {.driver = &cgroup_driver_v2, .features = ~0U},
	};

	(void)state;
	sandbox_host_protections(&host, &spec, states);
	for (size_t i = 0; i < SANDBOX_PROTECTIONS; i++)
		if (states[i].status != SANDBOX_ENFORCED && i != SANDBOX_IO_WEIGHT)
			fail_msg("%s: %s", sandbox_protection_rows[i].name, states[i].detail);
	assert_string_equal(states[SANDBOX_LANDLOCK].detail, "ABI 7");
	assert_string_equal(states[SANDBOX_CPU_LIMIT].detail, "cgroup v2");
	sandbox_host_protections(&host, NULL, states);
	assert_int_equal(states[SANDBOX_MEMORY_LIMIT].status, SANDBOX_ENFORCED);

	spec.limits = (struct resource_limits){.tmpfs_bytes = 1, .tmpfs_inodes = 1};
	spec.network = SANDBOX_NETWORK_HOST;
	sandbox_host_protections(&host, &spec, states);
	assert_int_equal(states[SANDBOX_CPU_LIMIT].status, SANDBOX_NOT_REQUESTED);
	assert_int_equal(states[SANDBOX_MEMORY_LIMIT].status, SANDBOX_NOT_REQUESTED);
	assert_int_equal(states[SANDBOX_SWAP_LIMIT].status, SANDBOX_NOT_REQUESTED);
	assert_int_equal(states[SANDBOX_OOM_GROUP].status, SANDBOX_NOT_REQUESTED);
	assert_int_equal(states[SANDBOX_PIDS_LIMIT].status, SANDBOX_NOT_REQUESTED);
	assert_int_equal(states[SANDBOX_IO_WEIGHT].status, SANDBOX_NOT_REQUESTED);
	assert_int_equal(states[SANDBOX_NETWORK_NAMESPACE].status, SANDBOX_NOT_REQUESTED);
}

/* A writable place of the host is as large as its disk. */
static void test_writable_binds_are_not_limited(void **state)
{
	struct sandbox_protection_state states[SANDBOX_PROTECTIONS];
	struct sandbox_mount mounts[] = {
		{.kind = SANDBOX_MOUNT_TMPFS,
		 .flags = SANDBOX_MOUNT_WRITABLE,
		 .target = "/scratch"},
		{.kind = SANDBOX_MOUNT_BIND,                           .flags = SANDBOX_MOUNT_MAPPED,    .target = "/input/x"},
		{.kind = SANDBOX_MOUNT_BIND,       .target = "/output"     },
	};
	struct sandbox_spec spec = {.mounts = mounts, .mount_count = 3};
	struct sandbox_host host = {
		.privileged = true,
		.cgroup = {.driver = &cgroup_driver_v2, .features = ~0U},
	};

	(void)state;
	sandbox_host_protections(&host, &spec, states);
	assert_int_equal(states[SANDBOX_DISK_LIMIT].status, SANDBOX_ENFORCED);
	mounts[2].flags = SANDBOX_MOUNT_WRITABLE;
	sandbox_host_protections(&host, &spec, states);
	assert_int_equal(states[SANDBOX_DISK_LIMIT].status, SANDBOX_UNAVAILABLE);
	assert_non_null(strstr(states[SANDBOX_DISK_LIMIT].detail, "/output"));
}

static enum sandbox_protection_status expected(bool found)
{
	return found ? SANDBOX_ENFORCED : SANDBOX_UNAVAILABLE;
}

/* As this machine's disks are; looked at only for a weight that is not the kernel's. */
static void test_io_weight_is_what_disks_heed(void **state)
{
	struct sandbox_protection_state states[SANDBOX_PROTECTIONS];
	struct sandbox_spec spec = {.limits = every_limit};
	struct sandbox_host host = {
		.cgroup = {.driver = &cgroup_driver_v1, .features = ~0U}
        };
	char disk[IO_WEIGHT_DISK_SIZE];

	(void)state;
	sandbox_host_protections(&host, &spec, states);
	assert_int_equal(states[SANDBOX_IO_WEIGHT].status,
			 expected(io_weight_find_bfq(IO_WEIGHT_BLOCKS, disk)));
	assert_non_null(strstr(states[SANDBOX_IO_WEIGHT].detail, "bfq"));
	host.cgroup.driver = &cgroup_driver_v2;
	host.weighed_disks.looked_ns = 0;
	sandbox_host_protections(&host, NULL, states);
	assert_int_equal(states[SANDBOX_IO_WEIGHT].status,
			 expected(io_weight_find_cost(IO_WEIGHT_ROOT, disk)));
	assert_non_null(strstr(states[SANDBOX_IO_WEIGHT].detail, "io.cost"));
	spec.limits.io_weight = CGROUP_IO_WEIGHT_DEFAULT;
	sandbox_host_protections(&host, &spec, states);
	assert_int_equal(states[SANDBOX_IO_WEIGHT].status, SANDBOX_NOT_REQUESTED);
}

static void test_what_a_group_did_not_take(void **state)
{
	const unsigned all = CGROUP_CPU | CGROUP_MEMORY | CGROUP_SWAP | CGROUP_PIDS |
			     CGROUP_IO_WEIGHT | CGROUP_OOM_GROUP;
	struct sandbox_protection_state states[SANDBOX_PROTECTIONS];
	struct sandbox_spec spec = {.limits = every_limit};
	struct sandbox_host host = {
		.privileged = true,
		.cgroup = {.driver = &cgroup_driver_v2, .features = ~0U},
	};
	struct cgroup group = {.host = &host.cgroup, .enforced = all};

	(void)state;
	sandbox_host_protections(&host, &spec, states);
	sandbox_host_correct_protections(&host, &group, &spec.limits, states);
	assert_int_equal(states[SANDBOX_SWAP_LIMIT].status, SANDBOX_ENFORCED);

	group.enforced = all & ~(unsigned)(CGROUP_SWAP | CGROUP_IO_WEIGHT);
	sandbox_host_correct_protections(&host, &group, &spec.limits, states);
	assert_int_equal(states[SANDBOX_SWAP_LIMIT].status, SANDBOX_UNAVAILABLE);
	assert_int_equal(states[SANDBOX_IO_WEIGHT].status, SANDBOX_UNAVAILABLE);
	assert_non_null(strstr(states[SANDBOX_SWAP_LIMIT].detail, "cgroup v2"));
	assert_int_equal(states[SANDBOX_MEMORY_LIMIT].status, SANDBOX_ENFORCED);

	/* what nobody asked for is not missed */
	spec.limits.io_weight = CGROUP_IO_WEIGHT_DEFAULT;
	spec.limits.memory_bytes = 0;
	sandbox_host_protections(&host, &spec, states);
	sandbox_host_correct_protections(&host, &group, &spec.limits, states);
	assert_int_equal(states[SANDBOX_IO_WEIGHT].status, SANDBOX_NOT_REQUESTED);
	assert_int_equal(states[SANDBOX_SWAP_LIMIT].status, SANDBOX_NOT_REQUESTED);
}

static void test_a_host_with_little(void **state)
{
	static const enum sandbox_protection missing[] = {
		SANDBOX_UID_RANGE,    SANDBOX_TIME_NAMESPACE, SANDBOX_LANDLOCK,  SANDBOX_CPU_LIMIT,
		SANDBOX_MEMORY_LIMIT, SANDBOX_SWAP_LIMIT,     SANDBOX_OOM_GROUP, SANDBOX_IO_WEIGHT,
	};
	struct sandbox_protection_state states[SANDBOX_PROTECTIONS];
	struct sandbox_spec spec = {.limits = every_limit};
	struct sandbox_host host = {
		.cgroup = {.driver = &cgroup_driver_none, .why = "no cgroup at all"},
	};

	(void)state;
	sandbox_host_protections(&host, &spec, states);
	for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++) {
		if (states[missing[i]].status != SANDBOX_UNAVAILABLE)
			fail_msg("%s is said to hold", sandbox_protection_rows[missing[i]].name);
		assert_true(states[missing[i]].detail[0]);
		assert_true(sandbox_protection_rows[missing[i]].remedy[0]);
	}
	assert_non_null(strstr(states[SANDBOX_MEMORY_LIMIT].detail, "no cgroup at all"));
	/* RLIMIT_NPROC counts by user namespace */
	assert_int_equal(states[SANDBOX_PIDS_LIMIT].status, SANDBOX_ENFORCED);
	assert_non_null(strstr(states[SANDBOX_PIDS_LIMIT].detail, "RLIMIT_NPROC"));
	host.landlock_abi = 1;
	spec.limits.pids = 0;
	sandbox_host_protections(&host, &spec, states);
	assert_int_equal(states[SANDBOX_PIDS_LIMIT].status, SANDBOX_NOT_REQUESTED);
	assert_int_equal(states[SANDBOX_LANDLOCK].status, SANDBOX_UNAVAILABLE);
	assert_non_null(strstr(states[SANDBOX_LANDLOCK].detail, "renames"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows_are_complete),
		cmocka_unit_test(test_unit_tests_exist),
		cmocka_unit_test(test_a_host_with_everything),
		cmocka_unit_test(test_writable_binds_are_not_limited),
		cmocka_unit_test(test_io_weight_is_what_disks_heed),
		cmocka_unit_test(test_what_a_group_did_not_take),
		cmocka_unit_test(test_a_host_with_little),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
