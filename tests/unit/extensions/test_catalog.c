/* SPDX-License-Identifier: Apache-2.0 */
/* The catalog: which directories are extensions, and finding them and their tasks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "extensions/catalog.h"
#include "tests/helpers/scratch.h"

struct fixture {
	char root[64];
	struct extension_list list;
	struct berth_error err;
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	if (!fixture)
		return -1;
	*state = fixture;
	return scratch_make("catalog", fixture->root);
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	int result = scratch_remove(fixture->root);

	extension_list_finish(&fixture->list);
	free(fixture);
	return result;
}

/* A directory; with a manifest that brings the task when it is given. */
static void put(const struct fixture *fixture, const char *name, const char *task)
{
	char path[256];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", fixture->root, name);
	assert_int_equal(mkdir(path, 0700), 0);
	if (!task)
		return;
	(void)snprintf(path, sizeof(path), "%s/%s/extension.json", fixture->root, name);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fprintf(file,
			    "{\"name\":\"%s\",\"description\":\"d\",\"tasks\":[{\"id\":\"%s\","
			    "\"program\":\"p\",\"description\":\"d\"}]}",
			    name, task) > 0);
	assert_int_equal(fclose(file), 0);
}

static int load(struct fixture *fixture)
{
	return extension_list_load(fixture->root, &fixture->list, &fixture->err);
}

static void lists_in_name_order_what_has_a_manifest(void **state)
{
	struct fixture *fixture = *state;

	put(fixture, "vips", "image.variants");
	put(fixture, "ffmpeg", "video.probe");
	put(fixture, "CMakeFiles", NULL);
	put(fixture, ".hidden", "a.b");
	assert_int_equal(load(fixture), 0);
	assert_int_equal(fixture->list.count, 2);
	assert_string_equal(fixture->list.extensions[0].name, "ffmpeg");
	assert_string_equal(fixture->list.extensions[1].name, "vips");
}

static void finds_by_name_and_by_task(void **state)
{
	struct fixture *fixture = *state;
	const struct extension *extension = NULL;
	const struct extension_task *task = NULL;

	put(fixture, "ffmpeg", "video.probe");
	put(fixture, "vips", "image.variants");
	assert_int_equal(load(fixture), 0);
	assert_int_equal(extension_find(&fixture->list, "vips", &extension, NULL), 0);
	assert_string_equal(extension->name, "vips");
	assert_int_equal(
		extension_find_task(&fixture->list, "video.probe", &extension, &task, NULL), 0);
	assert_string_equal(extension->name, "ffmpeg");
	assert_string_equal(task->program, "p");
	assert_int_equal(extension_find(&fixture->list, "node", &extension, &fixture->err), -1);
	assert_int_equal(fixture->err.code, BERTH_NOT_FOUND);
	assert_string_equal(fixture->err.message, "no extension \"node\"; known are: ffmpeg, vips");
	assert_int_equal(
		extension_find_task(&fixture->list, "video\x1b", &extension, &task, &fixture->err),
		-1);
	assert_string_equal(fixture->err.message,
			    "no task \"video\\x1b\"; known are: video.probe, image.variants");
}

static void an_empty_root_is_an_empty_list(void **state)
{
	struct fixture *fixture = *state;
	const struct extension *extension = NULL;

	assert_int_equal(load(fixture), 0);
	assert_int_equal(fixture->list.count, 0);
	assert_int_equal(extension_find(&fixture->list, "a", &extension, &fixture->err), -1);
	assert_string_equal(fixture->err.message, "no extension \"a\"; known are: none");
	assert_int_equal(extension_list_load("/nonexistent", &fixture->list, &fixture->err), -1);
	assert_int_equal(fixture->err.code, BERTH_NOT_FOUND);
}

static void a_task_belongs_to_one_extension(void **state)
{
	struct fixture *fixture = *state;

	put(fixture, "a", "video.probe");
	put(fixture, "b", "video.probe");
	assert_int_equal(load(fixture), -1);
	assert_int_equal(fixture->err.code, BERTH_INVALID);
	assert_string_equal(fixture->err.message,
			    "task video.probe is claimed by extension a and by b");
}

static void one_bad_manifest_refuses_the_list(void **state)
{
	struct fixture *fixture = *state;

	put(fixture, "a", "video.probe");
	put(fixture, "b", "nodot");
	assert_int_equal(load(fixture), -1);
	assert_int_equal(fixture->err.code, BERTH_INVALID);
	assert_non_null(strstr(fixture->err.message, "/b/extension.json:1: id: "));
}

static void their_number_is_limited(void **state)
{
	struct fixture *fixture = *state;
	char name[16], task[16];

	for (int i = 0; i <= EXTENSIONS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "e%d", i);
		(void)snprintf(task, sizeof(task), "a.t%d", i);
		put(fixture, name, task);
	}
	assert_int_equal(load(fixture), -1);
	assert_int_equal(fixture->err.code, BERTH_LIMIT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lists_in_name_order_what_has_a_manifest),
		TEST(finds_by_name_and_by_task),
		TEST(an_empty_root_is_an_empty_list),
		TEST(a_task_belongs_to_one_extension),
		TEST(one_bad_manifest_refuses_the_list),
		TEST(their_number_is_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
