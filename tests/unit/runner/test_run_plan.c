/* SPDX-License-Identifier: Apache-2.0 */
/* From options to a plan: limits, mounts, names of inputs, environment, and every refusal. */
#include "runner/run/run_plan.h"

/* cmocka.h wants these before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "runner/run/payload.h"
#include "runner/run/retry.h"

struct bench {
	struct run_options options;
	struct installation installation;
	struct run_plan *plan;
	struct berth_error err;
};

static char *const command[] = {(char *)(uintptr_t) "true", NULL};

static int setup(void **state)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	const char *build = getenv("BERTH_BUILD_DIR");

	assert_non_null(bench);
	assert_non_null(build);
	installation_find_at(build, &bench->installation);
	bench->options.command = command;
	*state = bench;
	return 0;
}

static int teardown(void **state)
{
	struct bench *bench = *state;

	string_list_finish_borrowed(&bench->options.mounts);
	string_list_finish_borrowed(&bench->options.environment);
	string_list_finish_borrowed(&bench->options.inputs);
	string_list_finish_borrowed(&bench->options.extensions);
	run_plan_destroy(bench->plan);
	free(bench);
	return 0;
}

static int plan(struct bench *bench)
{
	struct run_plan *made = NULL;
	int result;

	run_plan_destroy(bench->plan);
	bench->plan = NULL;
	result = run_plan_create(&bench->options, &bench->installation, &made, &bench->err);
	if (!made) /* also a plan that failed is there */
		abort();
	bench->plan = made;
	return result;
}

static void add(struct string_list *list, const char *text)
{
	assert_int_equal(string_list_add_borrowed(list, (char *)(uintptr_t)text, NULL), 0);
}

static const struct sandbox_mount *mount_at(const struct run_plan *plan, const char *target)
{
	for (size_t i = 0; i < plan->mount_count; i++)
		if (strcmp(plan->mounts[i].target, target) == 0)
			return &plan->mounts[i];
	return NULL;
}

static const char *variable(const struct run_plan *plan, const char *name)
{
	const char *found = NULL;

	for (size_t i = 0; i < plan->environment.count; i++)
		if (strncmp(plan->environment.items[i], name, strlen(name)) == 0 &&
		    plan->environment.items[i][strlen(name)] == '=') {
			assert_null(found); /* never twice */
			found = plan->environment.items[i] + strlen(name) + 1;
		}
	return found;
}

static void test_plain_command(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(plan(bench), 0);
	assert_string_equal(bench->plan->machine, "small-1x");
	assert_int_equal(bench->plan->attempts, 1);
	assert_int_equal(bench->plan->timeout_ms, 0);
	/* nothing that would cost the launch of `true` a disk volume */
	assert_int_equal(bench->plan->work, RUN_VOLUME_MEMORY);
	assert_int_equal(bench->plan->output, RUN_VOLUME_NONE);
	assert_int_equal(bench->plan->checkpoint, RUN_VOLUME_NONE);
	assert_non_null(mount_at(bench->plan, "/usr"));
	assert_null(mount_at(bench->plan, "/etc/shadow"));
	assert_string_equal(variable(bench->plan, "BERTH_CPUS"), "0.5");
	assert_string_equal(variable(bench->plan, "HOME"), "/work");
}

static void test_task(void **state)
{
	struct bench *bench = *state;

	bench->options.command = NULL;
	bench->options.task = "video.probe";
	assert_int_equal(plan(bench), 0);
	assert_string_equal(bench->plan->task->id, "video.probe");
	assert_string_equal(bench->plan->arguments.items[0],
			    "/opt/berth/extensions/ffmpeg/video-probe");
	assert_non_null(mount_at(bench->plan, "/opt/berth/extensions/ffmpeg"));
	assert_true(bench->plan->attempts >= 1);
	bench->options.attempts = 9;
	bench->options.timeout_ms = 77;
	assert_int_equal(plan(bench), 0);
	assert_int_equal(bench->plan->attempts, 9);
	assert_int_equal(bench->plan->timeout_ms, 77);
	bench->options.task = "no.such";
	assert_int_equal(plan(bench), -1);
	assert_int_equal(bench->err.code, BERTH_NOT_FOUND);
}

static size_t limit_index(const char *name)
{
	return (size_t)(field_find(resource_limit_rows, resource_limit_row_count, name) -
			resource_limit_rows);
}

static void test_disk_option(void **state)
{
	struct bench *bench = *state;

	bench->options.limits.values.disk_bytes = 16 << 20;
	bench->options.limits.given = UINT32_C(1) << limit_index("disk");
	assert_int_equal(plan(bench), 0);
	assert_int_equal(bench->plan->work, RUN_VOLUME_DISK);
	/* inodes are a share of the machine's, or they would not fit */
	assert_int_equal(bench->plan->limits.disk_inodes, 1024);
	bench->options.limits.values.disk_inodes = 99;
	bench->options.limits.given |= UINT32_C(1) << limit_index("disk_inodes");
	assert_int_equal(plan(bench), 0);
	assert_int_equal(bench->plan->limits.disk_inodes, 99);
}

static void test_too_large(void **state)
{
	struct bench *bench = *state;

	bench->options.limits.values.memory_bytes = UINT64_C(1) << 50;
	bench->options.limits.given = UINT32_C(1) << limit_index("memory");
	assert_int_equal(plan(bench), -1);
	assert_int_equal(bench->err.code, BERTH_LIMIT);
	/* half-built: good enough for the result, and to be destroyed */
	assert_non_null(bench->plan);
	assert_true(strncmp(bench->plan->id, "run_", 4) == 0);
}

struct mount_row {
	const char *text;
	const char *target; /* NULL: refused */
	bool writable;
};

static const struct mount_row mount_rows[] = {
	{"/usr:/data",           "/data",     false},
	{"/usr:/data:ro",        "/data",     false},
	{"/usr:/data:rw",        "/data",     true },
	{"/usr:/data/",          "/data",     false},
	{"/usr:/ro:ro",          "/ro",       false},
	{"/usr:/work:rw",        "/work",     true },
	{"/usr:/tmp/x",          "/tmp/x",    false},
	{"/usr:/workshop",       "/workshop", false},
	{"/usr",		 NULL,        false},
	{"",		     NULL,        false},
	{":",		    NULL,        false},
	{":/data",               NULL,        false},
	{"/usr:",                NULL,        false},
	{"/usr:data",            NULL,        false},
	{"/usr:/data:rx",        NULL,        false},
	{"/no/such/place:/data", NULL,        false},
	{"/usr:/proc",           NULL,        false},
	{"/usr:/proc/1",         NULL,        false},
	{"/usr:/dev/x",          NULL,        false},
	{"/usr:/sys",            NULL,        false},
	{"/usr:/run/berth",      NULL,        false},
	{"/usr:/opt/berth/bin",  NULL,        false},
	{"/usr:/work/below",     NULL,        false},
	{"/usr:/input",          NULL,        false},
	{"/usr:/output/x",       NULL,        false},
	{"/usr:/checkpoint",     NULL,        false},
};

static void test_mounts(void **state)
{
	struct bench *bench = *state;

	for (size_t i = 0; i < sizeof(mount_rows) / sizeof(mount_rows[0]); i++) {
		const struct mount_row *row = &mount_rows[i];
		const struct sandbox_mount *mount;
		int result;

		string_list_finish_borrowed(&bench->options.mounts);
		add(&bench->options.mounts, row->text);
		result = plan(bench);
		if (result != (row->target ? 0 : -1))
			fail_msg("%s: %d %s", row->text, result, bench->err.message);
		if (!row->target)
			continue;
		mount = mount_at(bench->plan, row->target);
		assert_non_null(mount);
		assert_string_equal(mount->source, "/usr");
		assert_int_equal((mount->flags & SANDBOX_MOUNT_WRITABLE) != 0, row->writable);
		assert_int_equal(bench->plan->work == RUN_VOLUME_NONE,
				 strcmp(row->target, "/work") == 0);
	}
}

static void test_inputs(void **state)
{
	static const char *const expected[] = {"/input/passwd", "/input/group", "/input/3-passwd",
					       "/input/etc"};
	struct bench *bench = *state;

	add(&bench->options.inputs, "/etc/passwd");
	add(&bench->options.inputs, "/etc/../etc/group");
	add(&bench->options.inputs, "/etc/passwd");
	add(&bench->options.inputs, "/etc/.");
	assert_int_equal(plan(bench), 0);
	assert_int_equal(bench->plan->inputs.count, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_string_equal(bench->plan->inputs.items[i], expected[i]);
		assert_non_null(mount_at(bench->plan, expected[i]));
	}
}

static void test_environment(void **state)
{
	struct bench *bench = *state;

	assert_int_equal(setenv("BERTH_TEST_PASSED", "p=q", 1), 0);
	add(&bench->options.environment, "A=1");
	add(&bench->options.environment, "HOME=/elsewhere");
	add(&bench->options.environment, "A=2=3");
	add(&bench->options.environment, "AB=x");
	add(&bench->options.environment, "EMPTY=");
	add(&bench->options.environment, "BERTH_TEST_PASSED");
	add(&bench->options.environment, "BERTH_TEST_UNSET");
	assert_int_equal(plan(bench), 0);
	assert_string_equal(variable(bench->plan, "A"), "2=3");
	assert_string_equal(variable(bench->plan, "AB"), "x");
	assert_string_equal(variable(bench->plan, "HOME"), "/elsewhere");
	assert_string_equal(variable(bench->plan, "EMPTY"), "");
	assert_string_equal(variable(bench->plan, "BERTH_TEST_PASSED"), "p=q");
	assert_null(variable(bench->plan, "BERTH_TEST_UNSET"));
	assert_null(variable(bench->plan, "BERTH_BUILD_DIR"));
	add(&bench->options.environment, "=x");
	assert_int_equal(plan(bench), -1);
}

static void test_extensions(void **state)
{
	struct bench *bench = *state;
	size_t count;

	assert_int_equal(plan(bench), 0);
	count = bench->plan->mount_count;
	add(&bench->options.extensions, "vips");
	add(&bench->options.extensions, "vips");
	assert_int_equal(plan(bench), 0);
	assert_non_null(mount_at(bench->plan, "/opt/berth/extensions/vips"));
	assert_true(bench->plan->mount_count > count);
	count = bench->plan->mount_count;
	string_list_finish_borrowed(&bench->options.extensions);
	add(&bench->options.extensions, "vips");
	assert_int_equal(plan(bench), 0);
	assert_int_equal(bench->plan->mount_count, count);
	add(&bench->options.extensions, "nothing");
	assert_int_equal(plan(bench), -1);
	assert_int_equal(bench->err.code, BERTH_NOT_FOUND);
}

static void test_payload(void **state)
{
	static const char *const bad[] = {"",  "{",  "{} {}",          "{\"a\":1,\"a\":2}", "nul",
					  "@", "@/", "@/no/such/file", "\"\xff\""};
	struct berth_error err;
	char *text = NULL;
	int pipe_fds[2];

	(void)state;
	assert_int_equal(payload_read(" {\"b\" : [1, 2]} ", -1, &text, &err), 0);
	assert_string_equal(text, "{\"b\":[1,2]}");
	free(text);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		text = NULL;
		assert_int_equal(payload_read(bad[i], -1, &text, &err), -1);
		assert_non_null(strstr(err.message, "--payload"));
		assert_null(text);
	}
	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	assert_int_equal(write(pipe_fds[1], "[3]", 3), 3);
	(void)close(pipe_fds[1]);
	assert_int_equal(payload_read("-", pipe_fds[0], &text, &err), 0);
	assert_string_equal(text, "[3]");
	free(text);
	(void)close(pipe_fds[0]);
}

static void test_payload_too_large(void **state)
{
	AUTO_FREE char *large = malloc((5 << 20) + 1);
	struct berth_error err;
	char *text = NULL;

	(void)state;
	memset(large, 'a', 5 << 20);
	large[0] = large[(5 << 20) - 1] = '"';
	large[5 << 20] = '\0';
	assert_int_equal(payload_read(large, -1, &text, &err), -1);
	assert_int_equal(err.code, BERTH_LIMIT);
}

static void test_retry(void **state)
{
	(void)state;
	assert_int_equal(retry_delay_ms(1, 0), 1000);
	assert_int_equal(retry_delay_ms(2, 0), 2000);
	assert_int_equal(retry_delay_ms(6, 0), 32000);
	assert_int_equal(retry_delay_ms(7, 0), 60000);
	assert_int_equal(retry_delay_ms(1000, 0), 60000);
	assert_int_equal(retry_delay_ms(1, UINT32_MAX), 750);
	assert_int_equal(retry_delay_ms(100, UINT32_MAX), 45000);
	assert_true(retry_is_due(OUTCOME_CRASHED, 1, 2));
	assert_false(retry_is_due(OUTCOME_CRASHED, 2, 2));
	assert_false(retry_is_due(OUTCOME_PERMANENT, 1, 2));
	assert_false(retry_is_due(OUTCOME_COMPLETED, 1, 2));
}

static void test_installation(void **state)
{
	char directory[] = "/tmp/test_installation.XXXXXX";
	struct installation found;
	char path[128];

	(void)state;
	assert_non_null(mkdtemp(directory));
	installation_find_at(directory, &found);
	assert_string_equal(found.extensions, "");
	assert_string_equal(found.task_program, "");
	(void)snprintf(path, sizeof(path), "%s/extensions", directory);
	assert_int_equal(mkdir(path, 0700), 0);
	installation_find_at(directory, &found);
	assert_string_equal(found.extensions, path);
	assert_string_equal(found.task_program, "");
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(rmdir(directory), 0);
}

#define WITH_BENCH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_BENCH(test_plain_command), WITH_BENCH(test_task),
		WITH_BENCH(test_disk_option),   WITH_BENCH(test_too_large),
		WITH_BENCH(test_mounts),        WITH_BENCH(test_inputs),
		WITH_BENCH(test_environment),   WITH_BENCH(test_extensions),
		cmocka_unit_test(test_payload), cmocka_unit_test(test_payload_too_large),
		cmocka_unit_test(test_retry),   cmocka_unit_test(test_installation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
