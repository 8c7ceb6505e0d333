/* SPDX-License-Identifier: Apache-2.0 */
/* Collecting hostile output: links, swapped entries, special files, holes, depth and numbers. */
/* cmocka.h wants these before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/descriptor.h"
#include "runner/run/collector.h"
#include "tests/helpers/scratch.h"

struct place {
	char path[64];
	int root, source; /* directories: the whole place, and the task's output in it */
	char target[80];
	struct collector_report report;
	struct berth_error err;
	struct collector_limits limits;
};

static int setup(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	assert_non_null(place);
	assert_int_equal(scratch_make("collector", place->path), 0);
	place->root = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(place->root, "source", 0700), 0);
	place->source = openat(place->root, "source", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(place->source >= 0);
	(void)snprintf(place->target, sizeof(place->target), "%s/target", place->path);
	place->limits = (struct collector_limits){.bytes = 1 << 20, .entries = 1000};
	(void)umask(022);
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	struct place *place = *state;

	close_fd(&place->source);
	close_fd(&place->root);
	assert_int_equal(scratch_remove(place->path), 0);
	free(place);
	return 0;
}

static void put(int directory, const char *name, const char *content, mode_t mode)
{
	AUTO_CLOSE int fd = openat(directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	struct berth_error err;

	assert_true(fd >= 0);
	assert_int_equal(descriptor_write_all(fd, content, strlen(content), &err), 0);
	assert_int_equal(fchmod(fd, mode), 0);
}

static void collect(struct place *place, int expected)
{
	assert_int_equal(collector_copy(place->source, place->target, &place->limits,
					&place->report, &place->err),
			 expected);
}

static void assert_content(struct place *place, const char *name, const char *content)
{
	AUTO_FREE char *data = NULL;
	char path[128];
	size_t length;

	(void)snprintf(path, sizeof(path), "target/%s", name);
	assert_int_equal(
		descriptor_read_file(place->root, path, 1 << 20, &data, &length, &place->err), 0);
	assert_string_equal(data, content);
}

static bool exists(struct place *place, const char *name)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "target/%s", name);
	return faccessat(place->root, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static mode_t mode_of(struct place *place, const char *name)
{
	struct stat status;
	char path[128];

	(void)snprintf(path, sizeof(path), "target/%s", name);
	assert_int_equal(fstatat(place->root, path, &status, AT_SYMLINK_NOFOLLOW), 0);
	return status.st_mode & 07777;
}

static void test_files_and_modes(void **state)
{
	struct place *place = *state;

	put(place->source, "plain", "one", 0600);
	put(place->source, "setuid", "two", 06755);
	assert_int_equal(mkdirat(place->source, "deep", 01777), 0);
	assert_int_equal(mkdirat(place->source, "deep/er", 0700), 0);
	put(place->source, "deep/er/empty", "", 0666);
	put(place->source, ".hidden", "dot", 0600);
	put(place->source, "line\nbreak", "name", 0600);
	collect(place, 0);
	assert_int_equal(place->report.files, 5);
	assert_int_equal(place->report.directories, 2);
	assert_int_equal(place->report.bytes, 13);
	assert_int_equal(place->report.refused_count, 0);
	assert_content(place, "plain", "one");
	assert_content(place, "deep/er/empty", "");
	assert_content(place, "line\nbreak", "name");
	assert_int_equal(mode_of(place, "plain"), 0644);
	assert_int_equal(mode_of(place, "setuid"), 0755);
	assert_int_equal(mode_of(place, "deep"), 0755);
}

static void test_umask_holds(void **state)
{
	struct place *place = *state;

	put(place->source, "plain", "one", 0666);
	(void)umask(077);
	collect(place, 0);
	(void)umask(022);
	assert_int_equal(mode_of(place, "plain"), 0600);
}

static void test_links_and_special_files(void **state)
{
	struct place *place = *state;

	put(place->root, "secret", "host", 0600);
	assert_int_equal(symlinkat("../secret", place->source, "link"), 0);
	assert_int_equal(symlinkat("/etc", place->source, "etc"), 0);
	assert_int_equal(mkfifoat(place->source, "fifo", 0666), 0);
	if (geteuid() == 0)
		assert_int_equal(mknodat(place->source, "zero", S_IFCHR | 0666, 0x105), 0);
	collect(place, 0);
	assert_int_equal(place->report.refused_count, geteuid() == 0 ? 4 : 3);
	assert_int_equal(place->report.files, 0);
	assert_false(exists(place, "link"));
	assert_false(exists(place, "etc"));
	assert_false(exists(place, "fifo"));
	assert_non_null(place->report.refused[0].why);
}

static void test_hard_links_count_each(void **state)
{
	struct place *place = *state;
	char name[16];

	put(place->source, "0", "0123456789", 0600);
	for (int i = 1; i < 10; i++) {
		(void)snprintf(name, sizeof(name), "%d", i);
		assert_int_equal(linkat(place->source, "0", place->source, name, 0), 0);
	}
	place->limits.bytes = 35;
	collect(place, 0);
	assert_int_equal(place->report.files, 3);
	assert_int_equal(place->report.bytes, 30);
	assert_int_equal(place->report.refused_count, 7);
}

static void test_sparse(void **state)
{
	struct place *place = *state;
	AUTO_CLOSE int fd = openat(place->source, "holes", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct stat status;

	assert_int_equal(ftruncate(fd, 64 << 20), 0);
	assert_int_equal(pwrite(fd, "x", 1, 32 << 20), 1);
	put(place->source, "small", "ok", 0600);
	collect(place, 0);
	assert_int_equal(place->report.refused_count, 1);
	assert_string_equal(place->report.refused[0].path, "holes");
	assert_content(place, "small", "ok");

	place->limits.bytes = 128 << 20;
	collect(place, 0);
	assert_int_equal(fstatat(place->root, "target/holes", &status, 0), 0);
	assert_int_equal(status.st_size, 64 << 20);
	assert_true(status.st_blocks * 512 < 4 << 20);
}

static void test_entry_limit(void **state)
{
	struct place *place = *state;
	char name[32];

	for (int i = 0; i < 200; i++) {
		(void)snprintf(name, sizeof(name), "file%d", i);
		put(place->source, name, "", 0600);
	}
	place->limits.entries = 150;
	collect(place, 0);
	assert_int_equal(place->report.files, 150);
	assert_int_equal(place->report.refused_count, 1);
}

static void test_depth_limit(void **state)
{
	struct place *place = *state;
	int directory = dup(place->source), next;
	char path[COLLECTOR_DEPTH_MAX * 2 + 16] = "target";

	for (int i = 0; i < COLLECTOR_DEPTH_MAX + 20; i++) {
		assert_int_equal(mkdirat(directory, "d", 0700), 0);
		next = openat(directory, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		(void)close(directory);
		directory = next;
		assert_true(directory >= 0);
	}
	put(directory, "bottom", "x", 0600);
	(void)close(directory);
	collect(place, 0);
	assert_int_equal(place->report.files, 0);
	assert_int_equal(place->report.directories, COLLECTOR_DEPTH_MAX - 1);
	assert_int_equal(place->report.refused_count, 1);
	for (int i = 0; i < COLLECTOR_DEPTH_MAX - 1; i++)
		(void)strncat(path, "/d", 3);
	assert_int_equal(faccessat(place->root, path, F_OK, 0), 0);
}

static void test_existing_target(void **state)
{
	struct place *place = *state;
	int target;

	put(place->root, "outside", "keep", 0600);
	assert_int_equal(mkdirat(place->root, "target", 0700), 0);
	target = openat(place->root, "target", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(symlinkat("../outside", target, "file"), 0);
	assert_int_equal(symlinkat("..", target, "folder"), 0);
	(void)close(target);
	put(place->source, "file", "new", 0600);
	collect(place, 0);
	/* the link was replaced, not written through */
	assert_content(place, "file", "new");
	assert_int_equal(mode_of(place, "file"), 0644);
	assert_int_equal(mkdirat(place->source, "folder", 0700), 0);
	put(place->source, "folder/outside", "bad", 0600);
	collect(place, -1);
	assert_non_null(strstr(place->err.message, "folder"));
}

static void test_target_errors(void **state)
{
	struct place *place = *state;

	put(place->source, "file", "new", 0600);
	(void)snprintf(place->target, sizeof(place->target), "%s/no/where", place->path);
	collect(place, -1);
	assert_int_equal(place->err.code, BERTH_SYSTEM);
	put(place->root, "plain", "", 0600);
	(void)snprintf(place->target, sizeof(place->target), "%s/plain", place->path);
	collect(place, -1);
}

static void test_lost_and_found(void **state)
{
	struct place *place = *state;

	assert_int_equal(mkdirat(place->source, "lost+found", 0700), 0);
	assert_false(collector_has_entries(place->source));
	collect(place, 0);
	assert_false(exists(place, "lost+found"));
	put(place->source, "lost+found/mine", "x", 0600);
	put(place->source, ".dot", "x", 0600);
	assert_true(collector_has_entries(place->source));
	collect(place, 0);
	assert_content(place, "lost+found/mine", "x");
}

/* Swaps an ordinary file and directory for links to the host's as fast as it can. */
static void swap_forever(int source)
{
	for (;;) {
		(void)renameat2(source, "file", source, "link", RENAME_EXCHANGE);
		(void)renameat2(source, "folder", source, "up", RENAME_EXCHANGE);
	}
}

static void test_swapped_entries(void **state)
{
	struct place *place = *state;
	pid_t swapper;

	put(place->root, "secret", "host", 0600);
	put(place->source, "file", "mine", 0600);
	assert_int_equal(symlinkat("../secret", place->source, "link"), 0);
	assert_int_equal(mkdirat(place->source, "folder", 0700), 0);
	assert_int_equal(symlinkat("..", place->source, "up"), 0);
	swapper = fork();
	assert_true(swapper >= 0);
	if (swapper == 0)
		swap_forever(place->source);
	for (int i = 0; i < 300; i++) {
		static const char *const names[] = {"file", "link"};

		/* a refusal of the target is fine: an earlier round may have left the other kind */
		(void)collector_copy(place->source, place->target, &place->limits, &place->report,
				     &place->err);
		for (size_t j = 0; j < 2; j++)
			if (exists(place, names[j]))
				assert_content(place, names[j], "mine");
		assert_false(exists(place, "folder/secret"));
		assert_false(exists(place, "up/secret"));
	}
	assert_int_equal(kill(swapper, SIGKILL), 0);
	assert_int_equal(waitpid(swapper, NULL, 0), swapper);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_files_and_modes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_umask_holds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_links_and_special_files, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hard_links_count_each, setup, teardown),
		cmocka_unit_test_setup_teardown(test_sparse, setup, teardown),
		cmocka_unit_test_setup_teardown(test_entry_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_depth_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_existing_target, setup, teardown),
		cmocka_unit_test_setup_teardown(test_target_errors, setup, teardown),
		cmocka_unit_test_setup_teardown(test_lost_and_found, setup, teardown),
		cmocka_unit_test_setup_teardown(test_swapped_entries, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
