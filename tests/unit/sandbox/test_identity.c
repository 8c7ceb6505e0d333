/* SPDX-License-Identifier: Apache-2.0 */
/* Ranges of ids: distinct among concurrent holders, free again afterwards, mapped as written. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/descriptor.h"
#include "sandbox/identity.h"
#include "sandbox/sandbox.h"

#define HOLDERS      40
#define PROCESSES    4
#define EVERY_HOLDER (IDENTITY_SLOTS + 1)

struct fixture {
	char path[64];
	int fd;
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	if (!fixture)
		return -1;
	(void)snprintf(fixture->path, sizeof(fixture->path), "/tmp/berth-test-identity-XXXXXX");
	if (!mkdtemp(fixture->path))
		return -1;
	fixture->fd = open(fixture->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = fixture;
	return fixture->fd < 0 ? -1 : 0;
}

static void remove_locks(int directory_fd)
{
	char name[16];

	for (unsigned slot = 0; slot < IDENTITY_SLOTS; slot++) {
		(void)snprintf(name, sizeof(name), "uids/%u", slot);
		(void)unlinkat(directory_fd, name, 0);
	}
	(void)unlinkat(directory_fd, "uids", AT_REMOVEDIR);
}

static int tear_down(void **state)
{
	static const char *const files[] = {"uid_map", "gid_map", "setgroups"};
	struct fixture *fixture = *state;
	int result;

	remove_locks(fixture->fd);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		(void)unlinkat(fixture->fd, files[i], 0);
	result = rmdir(fixture->path);
	(void)close(fixture->fd);
	free(fixture);
	return result;
}

static void test_rootless_takes_nothing(void **state)
{
	struct fixture *fixture = *state;
	struct identity identity = {.lock_fd = 77};

	assert_int_equal(identity_acquire(&identity, fixture->fd, false, NULL), 0);
	assert_false(identity.ranged);
	assert_int_equal(identity.lock_fd, -1);
	assert_int_equal(faccessat(fixture->fd, "uids", F_OK, 0), -1);
	identity_release(&identity);
}

static void check_range(const struct identity *identity)
{
	assert_true(identity->ranged);
	assert_true(identity->base >= IDENTITY_BASE_FIRST);
	assert_true((uint64_t)identity->base + IDENTITY_RANGE <= UINT64_C(1) << 31);
	assert_int_equal((identity->base - IDENTITY_BASE_FIRST) % IDENTITY_RANGE, 0);
}

static void test_holders_are_distinct(void **state)
{
	struct fixture *fixture = *state;
	struct identity identities[HOLDERS];

	for (size_t i = 0; i < HOLDERS; i++) {
		assert_int_equal(identity_acquire(&identities[i], fixture->fd, true, NULL), 0);
		check_range(&identities[i]);
		for (size_t k = 0; k < i; k++)
			assert_int_not_equal(identities[i].base, identities[k].base);
	}
	for (size_t i = 0; i < HOLDERS; i++)
		identity_release(&identities[i]);
}

/* Each process holds its ranges until all have told theirs. */
static void hold_ranges(int state_fd, int told_fd, int done_fd)
{
	struct identity identities[HOLDERS];
	char byte;

	for (size_t i = 0; i < HOLDERS; i++) {
		if (identity_acquire(&identities[i], state_fd, true, NULL) < 0 ||
		    write(told_fd, &identities[i].base, sizeof(uint32_t)) != sizeof(uint32_t))
			_exit(1);
	}
	_exit(read(done_fd, &byte, 1) == 0 ? 0 : 1);
}

static void test_processes_are_distinct(void **state)
{
	struct fixture *fixture = *state;
	uint32_t bases[PROCESSES * HOLDERS];
	int told[2], done[2], status;
	pid_t children[PROCESSES];

	assert_int_equal(descriptor_pipe(told, NULL), 0);
	assert_int_equal(descriptor_pipe(done, NULL), 0);
	for (size_t i = 0; i < PROCESSES; i++) {
		children[i] = fork();
		assert_true(children[i] >= 0);
		if (children[i] == 0) {
			(void)close(done[1]);
			hold_ranges(fixture->fd, told[1], done[0]);
		}
	}
	(void)close(told[1]);
	for (size_t i = 0; i < PROCESSES * HOLDERS; i++) {
		assert_int_equal(read(told[0], &bases[i], sizeof(bases[i])), sizeof(bases[i]));
		for (size_t k = 0; k < i; k++)
			assert_int_not_equal(bases[i], bases[k]);
	}
	(void)close(done[1]);
	for (size_t i = 0; i < PROCESSES; i++) {
		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
	(void)close(told[0]);
	(void)close(done[0]);
}

static bool is_locked(int state_fd, uint32_t base)
{
	AUTO_CLOSE int fd = -1;
	char name[16];

	(void)snprintf(name, sizeof(name), "uids/%u",
		       (base - IDENTITY_BASE_FIRST) / IDENTITY_RANGE);
	fd = openat(state_fd, name, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	return flock(fd, LOCK_EX | LOCK_NB) < 0;
}

static void test_release_frees_the_range(void **state)
{
	struct fixture *fixture = *state;
	struct identity identity;
	struct stat facts;

	assert_int_equal(identity_acquire(&identity, fixture->fd, true, NULL), 0);
	assert_true(is_locked(fixture->fd, identity.base));
	identity_release(&identity);
	assert_false(is_locked(fixture->fd, identity.base));
	identity_release(&identity); /* twice is harmless */
	assert_int_equal(fstatat(fixture->fd, "uids", &facts, 0), 0);
	assert_int_equal(facts.st_mode & 0777, 0700);
}

static void test_all_taken(void **state)
{
	struct fixture *fixture = *state;
	struct rlimit limit;
	struct identity *identities;
	struct berth_error err = {0};

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	if (limit.rlim_max < IDENTITY_SLOTS + 100)
		skip();
	limit.rlim_cur = limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	identities = calloc(EVERY_HOLDER, sizeof(*identities));
	assert_non_null(identities);
	for (size_t i = 0; i < IDENTITY_SLOTS; i++)
		assert_int_equal(identity_acquire(&identities[i], fixture->fd, true, NULL), 0);
	assert_int_equal(identity_acquire(&identities[IDENTITY_SLOTS], fixture->fd, true, &err),
			 -1);
	assert_int_equal(err.code, BERTH_LIMIT);
	for (size_t i = 0; i < EVERY_HOLDER; i++)
		identity_release(&identities[i]);
	free(identities);
}

static void test_hostile_state_directory(void **state)
{
	struct fixture *fixture = *state;
	struct identity identity;
	struct berth_error err = {0};

	assert_int_equal(symlinkat("/tmp", fixture->fd, "uids"), 0);
	assert_int_equal(identity_acquire(&identity, fixture->fd, true, &err), -1);
	assert_int_equal(err.code, BERTH_SYSTEM);
	assert_int_equal(unlinkat(fixture->fd, "uids", 0), 0);
}

static void make_file(int directory_fd, const char *name)
{
	AUTO_CLOSE int fd = openat(directory_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
}

static void expect_file(int directory_fd, const char *name, const char *content)
{
	char text[128];

	assert_int_equal(descriptor_read_control(directory_fd, name, text, sizeof(text), NULL), 0);
	assert_string_equal(text, content);
}

static void test_maps(void **state)
{
	struct fixture *fixture = *state;
	struct identity identity = {.ranged = true, .base = 1900000000, .lock_fd = -1};
	char map[64];

	make_file(fixture->fd, "uid_map");
	make_file(fixture->fd, "gid_map");
	assert_int_equal(identity_write_maps(&identity, fixture->fd, NULL), 0);
	expect_file(fixture->fd, "uid_map", "0 1900000000 65536");
	expect_file(fixture->fd, "gid_map", "0 1900000000 65536");

	/* rootless: one id, and setgroups off first, or gid_map is refused */
	identity.ranged = false;
	assert_int_equal(unlinkat(fixture->fd, "uid_map", 0), 0);
	assert_int_equal(unlinkat(fixture->fd, "gid_map", 0), 0);
	make_file(fixture->fd, "uid_map");
	make_file(fixture->fd, "gid_map");
	assert_int_equal(identity_write_maps(&identity, fixture->fd, NULL), -1);
	expect_file(fixture->fd, "gid_map", "");
	make_file(fixture->fd, "setgroups");
	assert_int_equal(identity_write_maps(&identity, fixture->fd, NULL), 0);
	(void)snprintf(map, sizeof(map), "1000 %u 1", geteuid());
	expect_file(fixture->fd, "uid_map", map);
	(void)snprintf(map, sizeof(map), "1000 %u 1", getegid());
	expect_file(fixture->fd, "gid_map", map);
	expect_file(fixture->fd, "setgroups", "deny");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_rootless_takes_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_holders_are_distinct, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_processes_are_distinct, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_release_frees_the_range, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_all_taken, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_hostile_state_directory, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_maps, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
