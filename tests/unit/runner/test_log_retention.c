/* SPDX-License-Identifier: Apache-2.0 */
/* Logs go with their run and leave nothing; the sweep removes what nobody knows and no more. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "runner/log/log_name.h"
#include "runner/log/log_retention.h"
#include "runner/log/log_seal.h"
#include "tests/unit/runner/log_fixture.h"

#define HOUR ((INT64_C(3600000)) << 22)

static void write_log(struct log_fixture *fixture, unsigned lines)
{
	log_fixture_create(fixture, 0);
	for (unsigned i = 0; i < lines; i++)
		log_fixture_print(fixture, i % 2 ? LOG_STDERR : LOG_STDOUT, "a line of a log\n");
	assert_int_equal(log_writer_end(fixture->writer, NULL), 0);
}

static void names_follow_from_the_number(void **state)
{
	char name[LOG_NAME_SIZE];
	int64_t run, attempt;
	enum log_file file;

	(void)state;
	assert_string_equal(log_name_format(0, 1, LOG_FILE_INDEX, name),
			    "2020010100/run_0000000000000.1.idx");
	assert_string_equal(log_name_format(25 * HOUR + 5, 12, LOG_FILE_UNFINISHED, name),
			    "2020010201/run_000aqaag00005.12.zst.new");
	assert_true(log_name_parse(strchr(name, '/') + 1, &run, &attempt, &file));
	assert_true(run == 25 * HOUR + 5 && attempt == 12 && file == LOG_FILE_UNFINISHED);
	(void)log_name_format(INT64_MAX, INT64_MAX, LOG_FILE_UNFINISHED, name);
	assert_true(log_name_parse(strchr(name, '/') + 1, &run, &attempt, &file));
	assert_true(run == INT64_MAX && attempt == INT64_MAX);
}

static void other_names_are_none(void **state)
{
	static const char *const names[] = {
		"",
		".",
		"run_0000000000000",
		"run_0000000000000.1",
		"run_0000000000000.1.",
		"run_0000000000000.0.idx",
		"run_0000000000000.-1.idx",
		"run_0000000000000.1.idx.new",
		"run_0000000000000.99999999999999999999.idx",
		"run_00000000000000.1.idx",
		"ru_0000000000000.1.idx",
		"a.very.long.name.with.many.dots.in.it.and.no.meaning.at.all.whatever.idx",
	};
	int64_t run, attempt;
	enum log_file file;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_false(log_name_parse(names[i], &run, &attempt, &file));
}

static void a_forgotten_run_leaves_nothing(void **state)
{
	struct log_fixture *fixture = *state;

	for (unsigned lines = 1; lines <= 10000; lines *= 100) {
		write_log(fixture, lines);
		assert_true(log_seal_attempt(fixture->directory, fixture->run, 1, NULL) >= 0);
		assert_int_equal(log_delete(fixture->directory, fixture->run, 3, NULL), 0);
		assert_int_equal(log_delete(fixture->directory, fixture->run, 3, NULL), 0);
	}
	assert_int_equal(rmdir(fixture->path), 0);
}

static void a_reader_reads_on(void **state)
{
	struct log_fixture *fixture = *state;

	write_log(fixture, 2);
	log_fixture_open(fixture);
	log_fixture_expect(fixture, LOG_STDOUT, 0, "a line of a log");
	log_fixture_expect(fixture, LOG_STDERR, 0, "a line of a log");
	assert_int_equal(log_delete(fixture->directory, fixture->run, 1, NULL), 0);
	log_fixture_expect_outcome(fixture, LOG_READER_END);
}

static bool keep_even(void *owner, int64_t run)
{
	++*(unsigned *)owner;
	return run % 2 == 0;
}

static void touch(const struct log_fixture *fixture, const char *name)
{
	int fd = openat(fixture->directory, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(close(fd), 0);
}

static void the_sweep_keeps_what_is_known(void **state)
{
	struct log_fixture *fixture = *state;
	int64_t first = fixture->run / 2 * 2;
	uint64_t removed = 0;
	unsigned asked = 0;
	char name[LOG_NAME_SIZE];

	for (int64_t i = 0; i < 4; i++) {
		fixture->run = first + i + i / 2 * HOUR;
		write_log(fixture, 1000);
		if (i < 2)
			assert_int_equal(
				log_seal_attempt(fixture->directory, fixture->run, 1, NULL), 0);
	}
	/* what interrupted seals left of kept runs, and strangers */
	fixture->run = first;
	touch(fixture, log_fixture_file(fixture, LOG_FILE_STDOUT));
	fixture->run = first + 2 + HOUR;
	touch(fixture, log_fixture_file(fixture, LOG_FILE_UNFINISHED));
	touch(fixture, "stranger");
	assert_int_equal(mkdirat(fixture->directory, "lost+found", 0700), 0);
	/* a seal that began after us is under way */
	assert_int_equal(log_sweep(fixture->directory, keep_even, &asked, 1, &removed, NULL), 0);
	assert_int_equal(removed, 3 + 2);
	assert_int_equal(
		log_sweep(fixture->directory, keep_even, &asked, UINT64_MAX, &removed, NULL), 0);
	assert_int_equal(removed, 1);
	assert_in_range(asked, 4, 20);
	for (int64_t i = 0; i < 4; i += 2) {
		fixture->run = first + i + i / 2 * HOUR;
		log_fixture_open(fixture);
		log_fixture_expect(fixture, LOG_STDOUT, 0, "a line of a log");
	}
	for (int64_t i = 0; i < 4; i += 2)
		assert_int_equal(log_delete(fixture->directory, first + i + i / 2 * HOUR, 1, NULL),
				 0);
	assert_int_equal(faccessat(fixture->directory, log_name_directory(first, name), F_OK, 0),
			 -1);
	assert_int_equal(
		log_sweep(fixture->directory, keep_even, &asked, UINT64_MAX, &removed, NULL), 0);
	assert_int_equal(removed, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, log_fixture_set_up, log_fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_follow_from_the_number),
		cmocka_unit_test(other_names_are_none),
		TEST(a_forgotten_run_leaves_nothing),
		TEST(a_reader_reads_on),
		TEST(the_sweep_keeps_what_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
