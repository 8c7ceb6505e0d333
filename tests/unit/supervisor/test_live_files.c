/* SPDX-License-Identifier: Apache-2.0 */
/* The mounts that a run's own files add to those of its template, and what its task is told. */
#include "runner/supervisor/live_state.h"

/* cmocka.h wants these before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <string.h>

#include "runner/run/run_plan.h"

static const struct sandbox_mount usual = {
	.kind = SANDBOX_MOUNT_BIND, .source = "/usr", .target = "/usr"};

static void test_nothing(void **state)
{
	struct run_plan plan = {.mounts = {usual}, .mount_count = 1};
	struct run_template template = {.plan = &plan};
	struct live live = {.template = &template};
	struct live_mounts mounts;
	struct live_info names;

	(void)state;
	assert_int_equal(live_name_inputs(&live, NULL), 0);
	assert_int_equal(live_mounts_init(&live, &mounts, NULL), 0);
	assert_int_equal(mounts.count, 1);
	live_info_init(&live, &names);
	assert_null(names.info.output_path);
	assert_true(!names.info.inputs || !names.info.inputs[0]);
	plan.output = RUN_VOLUME_DISK;
	live_info_init(&live, &names);
	assert_string_equal(names.info.output_path, "/output");
}

static void test_names(void **state)
{
	static const char *const wanted[] = {"/input/a", "/input/2-a", "/input/b c", "/input/4-a"};
	struct run_plan plan = {.mounts = {usual}, .mount_count = 1};
	struct run_template template = {.plan = &plan};
	struct live live = {.template = &template};
	struct live_mounts mounts;
	struct live_info names;

	(void)state;
	live.launch.inputs = json_pack("[s, s, s, s]", "/x/a", "/y/a", "/x/b c", "/x/a");
	live.launch.output_directory = (char *)"/srv/out";
	/* twice: as when an adopted run is looked at again */
	assert_int_equal(live_name_inputs(&live, NULL), 0);
	assert_int_equal(live_name_inputs(&live, NULL), 0);
	assert_int_equal(live_mounts_init(&live, &mounts, NULL), 0);
	assert_int_equal(mounts.count, 6);
	live_info_init(&live, &names);
	for (size_t i = 0; i < 4; i++) {
		assert_string_equal(mounts.mounts[i + 1].target, wanted[i]);
		assert_string_equal(names.info.inputs[i], wanted[i]);
		assert_int_equal(mounts.mounts[i + 1].flags,
				 SANDBOX_MOUNT_NOEXEC | SANDBOX_MOUNT_MAPPED);
	}
	assert_null(names.info.inputs[4]);
	assert_string_equal(mounts.mounts[2].source, "/y/a");
	assert_string_equal(mounts.mounts[5].source, "/srv/out/");
	assert_string_equal(mounts.mounts[5].target, "/output");
	assert_int_equal(mounts.mounts[5].flags, SANDBOX_MOUNT_WRITABLE);
	assert_string_equal(names.info.output_path, "/output");
	string_list_finish_owned(&live.inputs);
	json_decref(live.launch.inputs);
}

static void test_too_many(void **state)
{
	static struct run_plan plan = {.mount_count = SANDBOX_MOUNTS_MAX};
	struct run_template template = {.plan = &plan};
	struct live live = {.template = &template};
	struct live_mounts mounts;
	struct berth_error err = {0};

	(void)state;
	assert_int_equal(live_mounts_init(&live, &mounts, &err), 0);
	live.launch.output_directory = (char *)"/srv/out";
	assert_int_equal(live_mounts_init(&live, &mounts, &err), -1);
	assert_int_equal(err.code, BERTH_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
