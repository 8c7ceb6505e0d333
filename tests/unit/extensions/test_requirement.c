/* SPDX-License-Identifier: Apache-2.0 */
/* Requirements: found where Debian puts them, and named with their package when missing. */
#include <errno.h>
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

#include "extensions/requirement.h"
#include "tests/helpers/scratch.h"

static char root[64];

static int set_up(void **state)
{
	(void)state;
	return scratch_make("requirement", root);
}

static int tear_down(void **state)
{
	(void)state;
	return scratch_remove(root);
}

static void put(const char *path, mode_t mode)
{
	char full[512];
	FILE *file;

	(void)snprintf(full, sizeof(full), "%s%s", root, path);
	for (char *slash = strchr(full + strlen(root) + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		assert_true(mkdir(full, 0700) == 0 || errno == EEXIST);
		*slash = '/';
	}
	file = fopen(full, "we");
	assert_non_null(file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(full, mode), 0);
}

static struct extension_requirement requirements[] = {
	{.library = (char *)(uintptr_t) "libavformat.so.59",
	 .package = (char *)(uintptr_t) "libavformat59"                                             },
	{.program = (char *)(uintptr_t) "ffmpeg",            .package = (char *)(uintptr_t) "ffmpeg"},
};
static struct extension_task task = {.id = (char *)(uintptr_t) "video.probe",
				     .program = (char *)(uintptr_t) "video-probe"};

static struct extension describe(void)
{
	struct extension extension = {
		.directory = root,
		.name = (char *)(uintptr_t) "ffmpeg",
		.requirements = requirements,
		.requirement_count = 2,
	};

	return extension;
}

static void names_what_is_missing_and_its_package(void **state)
{
	struct extension extension = describe();
	struct berth_error err;

	(void)state;
	assert_int_equal(extension_check_under(root, &extension, &err), -1);
	assert_int_equal(err.code, BERTH_UNSUPPORTED);
	assert_string_equal(
		err.message,
		"extension ffmpeg needs libavformat.so.59: apt-get install libavformat59");
	put("/usr/lib/libavformat.so.59", 0644);
	assert_int_equal(extension_check_under(root, &extension, &err), -1);
	assert_string_equal(err.message, "extension ffmpeg needs ffmpeg: apt-get install ffmpeg");
	put("/usr/bin/ffmpeg", 0644); /* not executable */
	assert_int_equal(extension_check_under(root, &extension, &err), -1);
	assert_int_equal(chmod(strcat(strcpy((char[128]){0}, root), "/usr/bin/ffmpeg"), 0755), 0);
	assert_int_equal(extension_check_under(root, &extension, &err), 0);
}

static void looks_in_every_standard_directory(void **state)
{
	static const char *const libraries[] = {"/usr/local/lib", "/usr/lib", "/lib", "/usr/lib64"};
	static const char *const programs[] = {"/usr/local/bin", "/usr/bin", "/bin", "/bin"};
	struct extension extension = describe();
	char library[128], program[128], path[256];

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		(void)snprintf(library, sizeof(library), "%s/libavformat.so.59", libraries[i]);
		(void)snprintf(program, sizeof(program), "%s/ffmpeg", programs[i]);
		put(library, 0644);
		put(program, 0755);
		assert_int_equal(extension_check_under(root, &extension, NULL), 0);
		(void)snprintf(path, sizeof(path), "%s%s", root, library);
		assert_int_equal(unlink(path), 0);
		assert_int_equal(extension_check_under(root, &extension, NULL), -1);
	}
}

static void its_own_programs_must_be_there(void **state)
{
	struct extension extension = describe();
	struct berth_error err;

	(void)state;
	extension.requirement_count = 0;
	extension.tasks = &task;
	extension.task_count = 1;
	assert_int_equal(extension_check(&extension, &err), -1);
	assert_string_equal(err.message,
			    "extension ffmpeg lacks its program video-probe for video.probe");
	put("/video-probe", 0755);
	assert_int_equal(extension_check(&extension, &err), 0);
}

/* This very program needs libc: the multiarch directory of the build is the right one. */
static void this_host_has_libc(void **state)
{
	struct extension_requirement libc[] = {
		{.library = (char *)(uintptr_t) "libc.so.6",
		 .package = (char *)(uintptr_t) "libc6"                                           },
		{.program = (char *)(uintptr_t) "sh",        .package = (char *)(uintptr_t) "dash"}
        };
	struct extension extension = describe();

	(void)state;
	extension.requirements = libc;
	assert_int_equal(extension_check(&extension, NULL), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(names_what_is_missing_and_its_package),
		TEST(looks_in_every_standard_directory),
		TEST(its_own_programs_must_be_there),
		TEST(this_host_has_libc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
