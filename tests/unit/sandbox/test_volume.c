/* SPDX-License-Identifier: Apache-2.0 */
/* Writable places: their limits hold, their content stays, they serve one run at a time and leave
 * no loop device behind. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/descriptor.h"
#include "sandbox/volume_state.h"
#include "tests/unit/sandbox/fixture.h"
#include "tests/unit/sandbox/leaks.h"

#define MEBIBYTE (UINT64_C(1) << 20)
#define INODES   200
#define SIZE     (16 * MEBIBYTE)

static struct fixture fixture;
static struct sandbox_host *host;
static struct leaks before;
static char place[FIXTURE_PATH];

static int set_up(void **state)
{
	(void)state;
	leaks_note(&before);
	host = fixture_open_host(&fixture, NULL, 0);
	return mkdir(fixture_path(&fixture, "place", place), 0700);
}

static int tear_down(void **state)
{
	static const char *const names[] = {"place/files.img", "place/.lock",
					    "place/.files.img.new"};
	char path[FIXTURE_PATH];

	(void)state;
	sandbox_host_close(host);
	assert_int_equal(leaks_count_loops(place), 0);
	for (size_t i = 0; i < 3; i++)
		(void)unlink(fixture_path(&fixture, names[i], path));
	assert_int_equal(rmdir(place), 0);
	leaks_expect_none(&before);
	return 0;
}

static struct sandbox_volume *open_disk(const char *directory, uint64_t bytes, int64_t inodes)
{
	struct sandbox_volume *volume = NULL;
	struct berth_error err = {0};

	if (sandbox_volume_open_disk(host, directory, bytes, inodes, &volume, &err) < 0)
		fail_msg("open a disk volume: %s", err.message);
	return volume;
}

static struct sandbox_volume *create_memory(uint64_t bytes, int64_t inodes)
{
	struct sandbox_volume *volume = NULL;

	assert_int_equal(sandbox_volume_create_memory(host, bytes, inodes, &volume, NULL), 0);
	return volume;
}

static void run_script(struct sandbox_volume *volume, const char *script, unsigned hits)
{
	struct fixture_run run;

	fixture_prepare(&run, &fixture);
	fixture_add_volume(&run, volume, "/work");
	run.spec.working_directory = "/work";
	fixture_set_shell(&run, script);
	fixture_expect_exit(host, &run, 0);
	assert_int_equal(run.outcome.hits, hits);
}

static void expect_file(const struct sandbox_volume *volume, const char *name, const char *content)
{
	char text[64];

	assert_int_equal(descriptor_read_control(sandbox_volume_descriptor(volume), name, text,
						 sizeof(text), NULL),
			 0);
	assert_string_equal(text, content);
}

static void test_memory(void **state)
{
	struct sandbox_volume *volume = create_memory(MEBIBYTE, INODES);
	struct sandbox *sandbox = NULL;
	struct fixture_run run;

	(void)state;
	assert_int_equal(sandbox_volume_kind(volume), SANDBOX_VOLUME_MEMORY);
	assert_true(sandbox_volume_descriptor(volume) >= 0);
	assert_false(sandbox_volume_is_full(volume));
	run_script(volume, "stat -c '%u %a' . && echo kept > file && chmod 600 file", 0);
	expect_file(volume, "file", "kept"); /* after the run */
	assert_int_equal(sandbox_volume_sync(volume, NULL), 0);
	/* it serves one launch */
	fixture_prepare(&run, &fixture);
	fixture_add_volume(&run, volume, "/work");
	assert_int_equal(sandbox_launch(host, &run.spec, &sandbox, &run.error), -1);
	assert_int_equal(run.error.code, BERTH_INVALID);
	sandbox_volume_close(volume);
	sandbox_volume_close(NULL);
}

static void test_memory_is_limited(void **state)
{
	struct sandbox_volume *volume = create_memory(MEBIBYTE, INODES);

	(void)state;
	run_script(volume, INSIDE " fill /work/file | grep -x 28", SANDBOX_HIT_DISK);
	assert_true(sandbox_volume_is_full(volume));
	sandbox_volume_close(volume);
	volume = create_memory(MEBIBYTE, INODES);
	run_script(volume, INSIDE " fill-inodes /work | grep -x 28", SANDBOX_HIT_DISK);
	assert_true(sandbox_volume_is_full(volume));
	sandbox_volume_close(volume);
}

static void test_bad_sizes(void **state)
{
	struct sandbox_volume *volume = NULL;
	struct berth_error err = {0};

	(void)state;
	assert_int_equal(sandbox_volume_create_memory(host, 0, 1, &volume, &err), -1);
	assert_int_equal(err.code, BERTH_INVALID);
	assert_int_equal(sandbox_volume_create_memory(host, 1, 0, &volume, &err), -1);
	assert_int_equal(sandbox_volume_create_memory(host, 1, -1, &volume, &err), -1);
	assert_int_equal(
		sandbox_volume_open_disk(host, NULL, SANDBOX_VOLUME_DISK_MIN - 1, 9, &volume, &err),
		-1);
	assert_int_equal(err.code, BERTH_INVALID);
	assert_int_equal(sandbox_volume_open_disk(host, NULL, SIZE, 0, &volume, &err), -1);
	assert_int_equal(sandbox_volume_open_disk(host, NULL, UINT64_MAX, INODES, &volume, &err),
			 -1);
	assert_null(volume);
}

/* The smallest ones there are, with few and with many inodes. */
static void test_smallest(void **state)
{
	static const int64_t inodes[] = {1, 16, INODES, 100000};
	struct sandbox_volume *volume;

	(void)state;
	for (size_t i = 0; i < sizeof(inodes) / sizeof(inodes[0]); i++) {
		volume = open_disk(NULL, SANDBOX_VOLUME_DISK_MIN, inodes[i]);
		run_script(volume, "echo x > file", 0);
		expect_file(volume, "file", "x");
		sandbox_volume_close(volume);
	}
	volume = open_disk(place, SANDBOX_VOLUME_DISK_MIN, INODES);
	run_script(volume, "echo x > file", 0);
	sandbox_volume_close(volume);
}

static void expect_detached(const char *loop_path)
{
	char path[128], file[256];

	(void)snprintf(path, sizeof(path), "/sys/block/%s/loop/backing_file",
		       strrchr(loop_path, '/') + 1);
	/* somebody else may have taken it meanwhile, but not for a file of ours; udev may still be
	 * looking at it */
	for (int tries = 0; tries < 100; tries++) {
		if (descriptor_read_control(AT_FDCWD, path, file, sizeof(file), NULL) < 0 ||
		    !strstr(file, fixture.path))
			return;
		(void)usleep(50000);
	}
	fail_msg("%s still has %s", loop_path, file);
}

static void test_unnamed_disk(void **state)
{
	struct sandbox_volume *volume = open_disk(NULL, SIZE, INODES);
	char loop_path[sizeof(volume->loop_path)];

	(void)state;
	memcpy(loop_path, volume->loop_path, sizeof(loop_path));
	assert_int_equal(sandbox_volume_kind(volume), SANDBOX_VOLUME_DISK);
	run_script(volume, "test -z \"$(ls -A)\" && stat -c '%u' . && echo one > a", 0);
	run_script(volume, "cat a && echo two > b", 0); /* a second launch: the next attempt */
	expect_file(volume, "b", "two");
	assert_int_equal(sandbox_volume_sync(volume, NULL), 0);
	sandbox_volume_close(volume);
	expect_detached(loop_path);
}

static void test_disk_is_limited(void **state)
{
	struct sandbox_volume *volume = open_disk(NULL, SIZE, INODES);
	struct stat facts;

	(void)state;
	run_script(volume, INSIDE " fill /work/file | grep -x 28", SANDBOX_HIT_DISK);
	assert_true(sandbox_volume_is_full(volume));
	assert_int_equal(fstatat(sandbox_volume_descriptor(volume), "file", &facts, 0), 0);
	assert_in_range(facts.st_size, SIZE / 2, SIZE);
	run_script(volume, "rm file", 0);
	assert_false(sandbox_volume_is_full(volume));
	run_script(volume, INSIDE " fill-inodes /work | grep -x 28", SANDBOX_HIT_DISK);
	assert_true(sandbox_volume_is_full(volume));
	sandbox_volume_close(volume);
}

static void test_named_disk_keeps_its_content(void **state)
{
	struct sandbox_volume *volume = open_disk(place, SIZE, INODES);
	char loop_path[sizeof(volume->loop_path)];

	(void)state;
	for (int i = 0; i < 5; i++) {
		memcpy(loop_path, volume->loop_path, sizeof(loop_path));
		run_script(volume, "echo x >> lines", 0);
		sandbox_volume_close(volume);
		expect_detached(loop_path);
		assert_int_equal(leaks_count_loops(place), 0);
		volume = open_disk(place, 2 * SIZE,
				   INODES); /* the size stays what it was made with */
	}
	run_script(volume, "test $(wc -l < lines) = 5 && ! test -e lost+found", 0);
	sandbox_volume_close(volume);
}

static void expect_refused(const char *why)
{
	struct sandbox_volume *volume = NULL;
	struct berth_error err = {0};

	if (sandbox_volume_open_disk(host, place, SIZE, INODES, &volume, &err) == 0)
		fail_msg("an image with %s was mounted", why);
	assert_int_equal(err.code, BERTH_DENIED);
	assert_non_null(strstr(err.message, "files.img"));
	assert_non_null(strstr(err.message, "not a file of berth's own"));
}

static void test_an_image_of_somebody_else(void **state)
{
	char image[SANDBOX_PATH_MAX], second[SANDBOX_PATH_MAX];

	(void)state;
	sandbox_volume_close(open_disk(place, SIZE, INODES));
	(void)snprintf(image, sizeof(image), "%s/files.img", place);
	(void)snprintf(second, sizeof(second), "%s/second", place);
	assert_int_equal(chown(image, SANDBOX_TASK_UID, SANDBOX_TASK_GID), 0);
	expect_refused("another owner");
	assert_int_equal(chown(image, 0, 0), 0);
	assert_int_equal(chmod(image, 0622), 0);
	expect_refused("other writers");
	assert_int_equal(chmod(image, 0600), 0);
	assert_int_equal(link(image, second), 0);
	expect_refused("a second name");
	assert_int_equal(unlink(second), 0);
	sandbox_volume_close(open_disk(place, SIZE, INODES));
}

static void expect_in_use(const char *says)
{
	struct sandbox_volume *volume = NULL;
	struct berth_error err = {0};

	assert_int_equal(sandbox_volume_open_disk(host, place, SIZE, INODES, &volume, &err), -1);
	assert_int_equal(err.code, BERTH_DENIED);
	if (!strstr(err.message, says))
		fail_msg("\"%s\" does not say \"%s\"", err.message, says);
	assert_null(volume);
}

static void test_in_use(void **state)
{
	struct sandbox_volume *volume = open_disk(place, SIZE, INODES);

	(void)state;
	expect_in_use("another run");
	sandbox_volume_close(volume);
	volume = open_disk(place, SIZE, INODES);
	sandbox_volume_close(volume);
}

/* The lock file is not what protects the image: its open file is, as long as it is mounted. */
static void test_never_mounted_twice(void **state)
{
	struct sandbox_volume *volume = open_disk(place, SIZE, INODES);
	char path[FIXTURE_PATH];

	(void)state;
	assert_int_equal(unlink(fixture_path(&fixture, "place/.lock", path)), 0);
	expect_in_use("another run");
	sandbox_volume_close(volume);
	volume = open_disk(place, SIZE, INODES);
	sandbox_volume_close(volume);
}

/* With pooling, the mounts of a run outlive it for a while: not those of a disk. */
static void test_free_at_the_end_when_pooled(void **state)
{
	struct sandbox_host *pooled = fixture_open_host(&fixture, NULL, 2);
	struct sandbox_host *kept = host;

	(void)state;
	host = pooled;
	for (int i = 0; i < 3; i++) {
		struct sandbox_volume *volume = open_disk(place, SIZE, INODES);

		run_script(volume, "echo x >> lines", 0);
		sandbox_volume_close(volume);
		assert_int_equal(leaks_count_loops(place), 0);
	}
	host = kept;
	sandbox_host_close(pooled);
}

static void test_missing_directory(void **state)
{
	struct sandbox_volume *volume = NULL;
	struct berth_error err = {0};
	char path[FIXTURE_PATH];

	(void)state;
	(void)fixture_path(&fixture, "no-such-place", path);
	assert_int_equal(sandbox_volume_open_disk(host, path, SIZE, INODES, &volume, &err), -1);
	assert_int_equal(err.code, BERTH_NOT_FOUND);
	assert_non_null(strstr(err.message, "no-such-place"));
	(void)fixture_path(&fixture, "inside", path);
	assert_int_equal(sandbox_volume_open_disk(host, path, SIZE, INODES, &volume, &err), -1);
	assert_int_equal(err.errnum, ENOTDIR);
}

static void put_image(const char *content, size_t length)
{
	char path[FIXTURE_PATH];
	AUTO_CLOSE int fd = open(fixture_path(&fixture, "place/files.img", path),
				 O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, length), (ssize_t)length);
}

/* What is no file system is refused and left alone. */
static void test_broken_images(void **state)
{
	static char garbage[65536];
	struct sandbox_volume *volume = NULL;
	struct berth_error err = {0};
	char path[FIXTURE_PATH], copy[16];

	(void)state;
	memset(garbage, 0x5a, sizeof(garbage));
	put_image(garbage, sizeof(garbage));
	assert_int_equal(sandbox_volume_open_disk(host, place, SIZE, INODES, &volume, &err), -1);
	assert_non_null(strstr(err.message, "files.img"));
	put_image("", 0);
	assert_int_equal(sandbox_volume_open_disk(host, place, SIZE, INODES, &volume, &err), -1);
	put_image("keep me", 7);
	assert_int_equal(sandbox_volume_open_disk(host, place, SIZE, INODES, &volume, &err), -1);
	assert_int_equal(descriptor_read_control(AT_FDCWD,
						 fixture_path(&fixture, "place/files.img", path),
						 copy, sizeof(copy), NULL),
			 0);
	assert_string_equal(copy, "keep me");
	assert_int_equal(unlink(path), 0);
	/* a link to somewhere else is not followed */
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(sandbox_volume_open_disk(host, place, SIZE, INODES, &volume, &err), -1);
	assert_int_equal(err.errnum, ELOOP);
	assert_int_equal(unlink(path), 0);
	assert_null(volume);
}

/* Inherited from a parent with that habit: mke2fs's status would be lost. */
static void test_caller_ignores_children(void **state)
{
	struct sandbox_volume *volume;

	(void)state;
	(void)signal(SIGCHLD, SIG_IGN);
	volume = open_disk(place, SIZE, INODES);
	run_script(volume, "echo x > file", 0);
	sandbox_volume_close(volume);
	assert_true(signal(SIGCHLD, SIG_DFL) == SIG_IGN); /* as it was */
}

/* A half-made image of a crash is no image. */
static void test_half_made_image(void **state)
{
	struct sandbox_volume *volume;
	char path[FIXTURE_PATH];
	AUTO_CLOSE int fd = open(fixture_path(&fixture, "place/.files.img.new", path),
				 O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	(void)state;
	assert_int_equal(write(fd, "half", 4), 4);
	volume = open_disk(place, SIZE, INODES);
	run_script(volume, "echo x > file", 0);
	sandbox_volume_close(volume);
	assert_int_equal(access(path, F_OK), -1);
}

/* Several at once, of every kind. */
static void test_many(void **state)
{
	struct sandbox_volume *work = open_disk(NULL, SIZE, INODES);
	struct sandbox_volume *checkpoint = open_disk(place, SIZE, INODES);
	struct sandbox_volume *output = create_memory(MEBIBYTE, INODES);
	struct fixture_run run;

	(void)state;
	fixture_prepare(&run, &fixture);
	fixture_add_volume(&run, work, "/work");
	fixture_add_volume(&run, checkpoint, "/checkpoint");
	fixture_add_volume(&run, output, "/deep/er/output");
	fixture_set_shell(&run,
			  "for d in /work /checkpoint /deep/er/output; do echo $d > $d/name; done");
	fixture_expect_exit(host, &run, 0);
	expect_file(work, "name", "/work");
	expect_file(checkpoint, "name", "/checkpoint");
	expect_file(output, "name", "/deep/er/output");
	sandbox_volume_close(work);
	sandbox_volume_close(checkpoint);
	sandbox_volume_close(output);
}

/* The host's side reads what the task wrote, without following what the task planted. */
static void test_task_cannot_leave_privileges(void **state)
{
	struct sandbox_volume *volume = open_disk(NULL, SIZE, INODES);
	struct stat facts;

	(void)state;
	run_script(volume,
		   "cp /usr/bin/true t; chmod 4755 t 2>/dev/null; chmod u+s t 2>/dev/null; "
		   "mknod dev c 1 3 2>/dev/null; ln -s /etc/passwd link; test ! -e dev",
		   0);
	assert_int_equal(fstatat(sandbox_volume_descriptor(volume), "t", &facts, 0), 0);
	assert_int_equal(facts.st_mode & (S_ISUID | S_ISGID), 0);
	assert_int_equal(facts.st_uid, SANDBOX_TASK_UID);
	sandbox_volume_close(volume);
}

#define VOLUME_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int count, char **arguments)
{
	const struct CMUnitTest tests[] = {
		VOLUME_TEST(test_memory),
		VOLUME_TEST(test_memory_is_limited),
		VOLUME_TEST(test_bad_sizes),
		VOLUME_TEST(test_smallest),
		VOLUME_TEST(test_unnamed_disk),
		VOLUME_TEST(test_disk_is_limited),
		VOLUME_TEST(test_named_disk_keeps_its_content),
		VOLUME_TEST(test_an_image_of_somebody_else),
		VOLUME_TEST(test_in_use),
		VOLUME_TEST(test_never_mounted_twice),
		VOLUME_TEST(test_free_at_the_end_when_pooled),
		VOLUME_TEST(test_missing_directory),
		VOLUME_TEST(test_broken_images),
		VOLUME_TEST(test_caller_ignores_children),
		VOLUME_TEST(test_half_made_image),
		VOLUME_TEST(test_many),
		VOLUME_TEST(test_task_cannot_leave_privileges),
	};
	int failed;

	if (count != 2 || geteuid() != 0) {
		(void)puts("skipped: needs root and the helper's path");
		return FIXTURE_SKIPPED;
	}
	if (fixture_set_up(&fixture, arguments[1]) < 0)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	return fixture_tear_down(&fixture) < 0 ? 1 : failed;
}
