/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints survive kills, torn files and full disks as the old or the new one. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/descriptor.h"
#include "extensions/task/protocol_table.h"
#include "runner/run/checkpoint_store.h"

struct fixture {
	char path[64];
	int directory;
	struct checkpoint_store *store;
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	(void)snprintf(fixture->path, sizeof(fixture->path), "/tmp/berth-test-XXXXXX");
	assert_non_null(mkdtemp(fixture->path));
	fixture->directory = open(fixture->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fixture->directory >= 0);
	assert_int_equal(checkpoint_store_open(fixture->directory, &fixture->store, NULL), 0);
	*state = fixture;
	return 0;
}

static void remove_files(int directory)
{
	AUTO_DIRECTORY DIR *stream = fdopendir(openat(directory, ".", O_RDONLY | O_DIRECTORY));
	const struct dirent *file;

	assert_non_null(stream);
	while ((file = readdir(stream)))
		(void)unlinkat(directory, file->d_name, 0);
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	checkpoint_store_close(fixture->store);
	remove_files(fixture->directory);
	(void)close(fixture->directory);
	(void)rmdir(fixture->path);
	free(fixture);
	return 0;
}

static int save(struct fixture *fixture, const char *name, const char *data)
{
	return checkpoint_store_save(fixture->store, name, data, strlen(data), NULL);
}

/* NULL data: there is none. */
static void assert_loads(struct fixture *fixture, const char *name, int status, const char *data)
{
	AUTO_FREE char *found = NULL;
	struct berth_error err = {0};

	assert_int_equal(checkpoint_store_load(fixture->store, name, &found, &err), status);
	if (data) {
		assert_non_null(found);
		assert_string_equal(found, data);
	} else {
		assert_null(found);
	}
	if (status == CHECKPOINT_STORE_DAMAGED)
		assert_true(err.message[0] != '\0');
}

static void reopen(struct fixture *fixture)
{
	checkpoint_store_close(fixture->store);
	fixture->store = NULL;
	assert_int_equal(checkpoint_store_open(fixture->directory, &fixture->store, NULL), 0);
}

static void overwrite(struct fixture *fixture, const char *file, const char *content, size_t length)
{
	AUTO_CLOSE int fd = openat(fixture->directory, file, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, length), length);
}

static void test_newest_counts(void **state)
{
	struct fixture *fixture = *state;

	assert_loads(fixture, "a", 0, NULL);
	assert_int_equal(save(fixture, "a", "{\"n\":1}"), 0);
	assert_int_equal(save(fixture, "b", "[2]"), 0);
	assert_int_equal(save(fixture, "a", "3"), 0);
	assert_loads(fixture, "a", 0, "3");
	reopen(fixture);
	assert_loads(fixture, "a", 0, "3");
	assert_loads(fixture, "b", 0, "[2]");
}

static void test_names_are_checked(void **state)
{
	static const char *const bad[] = {"", ".", "..", ".a", "a/b", "../a", "a b", "\xc3\xa4"};
	struct fixture *fixture = *state;
	char name[66];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char *found = NULL;

		assert_int_equal(save(fixture, bad[i], "1"), -1);
		assert_int_equal(checkpoint_store_load(fixture->store, bad[i], &found, NULL), -1);
	}
	memset(name, 'n', 65);
	name[65] = '\0';
	assert_int_equal(save(fixture, name, "1"), -1);
	name[64] = '\0';
	assert_int_equal(save(fixture, name, "1"), 0);
	assert_loads(fixture, name, 0, "1");
}

/* No name can reach another one's older generation or unfinished file. */
static void test_names_do_not_meet(void **state)
{
	static const char *const names[] = {"a", "a.json", "a.json.prev", "a.prev", "a.new"};
	struct fixture *fixture = *state;

	for (int round = 0; round < 2; round++)
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			char data[8];

			(void)snprintf(data, sizeof(data), "%d%zu", round + 1, i);
			assert_int_equal(save(fixture, names[i], data), 0);
		}
	reopen(fixture);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char data[8];

		(void)snprintf(data, sizeof(data), "2%zu", i);
		assert_loads(fixture, names[i], 0, data);
	}
}

static void test_sizes_and_count_are_limited(void **state)
{
	struct fixture *fixture = *state;
	AUTO_FREE char *data = malloc(PROTOCOL_CHECKPOINT_MAX + 2);
	struct berth_error err = {0};
	char name[16];

	assert_non_null(data);
	memset(data, '1', PROTOCOL_CHECKPOINT_MAX + 1);
	data[0] = '"';
	data[PROTOCOL_CHECKPOINT_MAX - 1] = '"';
	assert_int_equal(
		checkpoint_store_save(fixture->store, "a", data, PROTOCOL_CHECKPOINT_MAX, NULL), 0);
	assert_int_equal(
		checkpoint_store_save(fixture->store, "a", data, PROTOCOL_CHECKPOINT_MAX + 1, &err),
		-1);
	assert_int_equal(err.code, BERTH_LIMIT);
	data[PROTOCOL_CHECKPOINT_MAX] = '\0';
	assert_loads(fixture, "a", 0, data);
	for (int i = 1; i < CHECKPOINT_STORE_NAMES_MAX; i++) {
		(void)snprintf(name, sizeof(name), "n%d", i);
		assert_int_equal(save(fixture, name, "1"), 0);
	}
	assert_int_equal(save(fixture, "one-more", "1"), -1);
	assert_int_equal(save(fixture, "n1", "2"), 0);
	reopen(fixture);
	assert_int_equal(save(fixture, "one-more", "1"), -1);
}

static void test_one_run_at_a_time(void **state)
{
	struct fixture *fixture = *state;
	struct checkpoint_store *second = NULL;
	struct berth_error err = {0};

	assert_int_equal(checkpoint_store_open(fixture->directory, &second, &err), -1);
	assert_int_equal(err.code, BERTH_DENIED);
	assert_non_null(strstr(err.message, "in use by another run"));
	reopen(fixture);
}

struct damage_row {
	const char *what;
	const char *content;
	size_t length;
};

static const struct damage_row damages[] = {
	{"empty",       "",         0},
        {"torn number", "12",       2},
        {"torn object", "{\"n\":",  5},
	{"zeros",       "\0\0\0\n", 4},
        {"garbage",     "\xff\n",   2},
        {"two values",  "1 2\n",    4},
};

static void test_damaged_file_falls_back(void **state)
{
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		assert_int_equal(save(fixture, "a", "{\"n\":1}"), 0);
		assert_int_equal(save(fixture, "a", "{\"n\":2}"), 0);
		overwrite(fixture, "a.json", damages[i].content, damages[i].length);
		reopen(fixture);
		assert_loads(fixture, "a", CHECKPOINT_STORE_DAMAGED, "{\"n\":1}");
		/* saving over damage keeps the good older one until the new one is there */
		assert_int_equal(save(fixture, "a", "{\"n\":3}"), 0);
		assert_loads(fixture, "a", 0, "{\"n\":3}");
		overwrite(fixture, "a.json", "{", 1);
		assert_loads(fixture, "a", CHECKPOINT_STORE_DAMAGED, "{\"n\":1}");
		remove_files(fixture->directory);
		reopen(fixture);
	}
}

static void test_damage_without_an_older_one_is_absence(void **state)
{
	struct fixture *fixture = *state;
	AUTO_FREE char *large = calloc(1, PROTOCOL_CHECKPOINT_MAX + 10);

	assert_non_null(large);
	memset(large, ' ', PROTOCOL_CHECKPOINT_MAX + 10);
	large[0] = '1';
	large[PROTOCOL_CHECKPOINT_MAX + 9] = '\n';
	overwrite(fixture, "a.json", large, PROTOCOL_CHECKPOINT_MAX + 10);
	reopen(fixture);
	assert_loads(fixture, "a", CHECKPOINT_STORE_DAMAGED, NULL);
	overwrite(fixture, "a.json.prev", "{", 1);
	assert_loads(fixture, "a", CHECKPOINT_STORE_DAMAGED, NULL);
}

static void test_foreign_and_unfinished_files(void **state)
{
	struct fixture *fixture = *state;
	struct stat status;

	overwrite(fixture, ".a.json.new", "{", 1);
	overwrite(fixture, "README", "x", 1);
	overwrite(fixture, "spaced name.json", "x", 1);
	overwrite(fixture, "b.json", "{\n \"hand\": \"made\"\n}\n", 20);
	reopen(fixture);
	assert_int_equal(fstatat(fixture->directory, ".a.json.new", &status, 0), -1);
	assert_int_equal(fstatat(fixture->directory, "README", &status, 0), 0);
	assert_loads(fixture, "b", 0, "{\"hand\":\"made\"}");
}

static void test_failing_write_keeps_the_old_one(void **state)
{
	struct fixture *fixture = *state;
	struct rlimit old, low = {.rlim_cur = 4};
	int status;

	assert_int_equal(save(fixture, "a", "1"), 0);
	assert_int_equal(save(fixture, "a", "2"), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	low.rlim_max = old.rlim_max;
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
	status = save(fixture, "a", "\"longer than four bytes\"");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	assert_int_equal(status, -1);
	assert_loads(fixture, "a", 0, "2");
	reopen(fixture);
	assert_loads(fixture, "a", 0, "2");
	assert_int_equal(save(fixture, "a", "3"), 0);
	assert_loads(fixture, "a", 0, "3");
}

/* Saves without end; *acknowledged is the last one that was durable. */
static void save_forever(const char *path, volatile long *acknowledged)
{
	AUTO_CLOSE int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	static char data[60000];
	struct checkpoint_store *store;

	if (directory < 0 || checkpoint_store_open(directory, &store, NULL) < 0)
		_exit(1);
	for (long number = *acknowledged + 1;; number++) {
		int length = snprintf(data, sizeof(data), "{\"n\":%ld,\"pad\":\"", number);

		memset(data + length, 'p', sizeof(data) - (size_t)length - 3);
		memcpy(data + sizeof(data) - 3, "\"}", 3);
		if (checkpoint_store_save(store, "n", data, sizeof(data) - 1, NULL) < 0)
			_exit(2);
		*acknowledged = number;
	}
}

static void test_kills_leave_the_old_or_the_new_one(void **state)
{
	struct fixture *fixture = *state;
	volatile long *acknowledged =
		mmap(NULL, sizeof(long), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	long found;
	int status;

	assert_ptr_not_equal(acknowledged, MAP_FAILED);
	checkpoint_store_close(fixture->store);
	fixture->store = NULL;
	/* on a slow machine more rounds are needed for as many that come to save */
	for (unsigned round = 0; round < 40 || *acknowledged <= 20; round++) {
		struct timespec pause = {.tv_nsec = 1000000 + (long)(round * 137 % 40) * 173000};
		AUTO_FREE char *data = NULL;
		pid_t child = fork();

		if (child == 0)
			save_forever(fixture->path, acknowledged);
		(void)nanosleep(&pause, NULL);
		assert_int_equal(kill(child, SIGKILL), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(checkpoint_store_open(fixture->directory, &fixture->store, NULL),
				 0);
		assert_int_equal(checkpoint_store_load(fixture->store, "n", &data, NULL), 0);
		found = data ? strtol(data + 5, NULL, 10) : 0;
		assert_in_range(found, *acknowledged, *acknowledged + 1);
		*acknowledged = found;
		checkpoint_store_close(fixture->store);
		fixture->store = NULL;
	}
	(void)munmap((void *)(uintptr_t)acknowledged, sizeof(long));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_newest_counts),
		TEST(test_names_are_checked),
		TEST(test_names_do_not_meet),
		TEST(test_sizes_and_count_are_limited),
		TEST(test_one_run_at_a_time),
		TEST(test_damaged_file_falls_back),
		TEST(test_damage_without_an_older_one_is_absence),
		TEST(test_foreign_and_unfinished_files),
		TEST(test_failing_write_keeps_the_old_one),
		TEST(test_kills_leave_the_old_or_the_new_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
