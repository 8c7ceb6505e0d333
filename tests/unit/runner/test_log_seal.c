/* SPDX-License-Identifier: Apache-2.0 */
/* A sealed log is the same log; interrupted at any step there is a whole one; damage is told. */
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
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/descriptor.h"
#include "runner/log/log_retention.h"
#include "runner/log/log_seal.h"
#include "runner/log/log_sealed.h"
#include "tests/unit/runner/log_fixture.h"

#define LINES      12000
#define FLIPS      80
#define KILLS      100
#define SEALED_MAX (64U << 20)

static void format_line(unsigned number, char ret_line[64])
{
	(void)snprintf(ret_line, 64, "line %u of many, %u\n", number, number * 2654435761U);
}

/* Lines on both streams and a message now and then. */
static void write_log(struct log_fixture *fixture, unsigned lines)
{
	struct log_message message = {.text = "message", .length = 7};
	char line[64];

	log_fixture_create(fixture, 0);
	for (unsigned i = 0; i < lines; i++) {
		format_line(i, line);
		log_fixture_print(fixture, i % 3 ? LOG_STDOUT : LOG_STDERR, line);
		if (i % 16 == 0)
			assert_int_equal(log_writer_message(fixture->writer, &message, NULL), 0);
	}
	assert_int_equal(log_writer_end(fixture->writer, NULL), 0);
}

/* From the line where the reader is. */
static void check_log(struct log_fixture *fixture, unsigned first, unsigned lines)
{
	struct log_record record;
	char line[64];

	for (unsigned i = first; i < lines; i++) {
		format_line(i, line);
		line[strlen(line) - 1] = '\0';
		log_fixture_expect(fixture, i % 3 ? LOG_STDOUT : LOG_STDERR, 0, line);
		if (i % 16 == 0)
			log_fixture_expect(fixture, LOG_TASK, 0, "message");
	}
	assert_int_equal(log_reader_next(fixture->reader, &record, NULL), LOG_READER_END);
}

static int seal(const struct log_fixture *fixture)
{
	return log_seal_attempt(fixture->directory, fixture->run, 1, NULL);
}

static void a_sealed_log_is_the_same(void **state)
{
	struct log_fixture *fixture = *state;
	struct log_writer_options options = log_fixture_options(fixture, 0);
	struct log_writer *writer = NULL;
	int64_t raw = 0;

	write_log(fixture, LINES);
	for (int file = LOG_FILE_INDEX; file < LOG_SECTIONS; file++)
		raw += log_fixture_size(fixture, file);
	assert_int_equal(seal(fixture), 0);
	assert_true(log_fixture_size(fixture, LOG_FILE_SEALED) < raw / 2);
	for (int file = LOG_FILE_INDEX; file < LOG_FILES; file++)
		if (file != LOG_FILE_SEALED)
			assert_int_equal(log_fixture_size(fixture, file), -1);
	log_fixture_open(fixture);
	check_log(fixture, 0, LINES);
	assert_int_equal(seal(fixture), LOG_SEAL_LEFT);
	assert_int_equal(log_writer_recover(&options, &writer, NULL), LOG_WRITER_SEALED);
}

/* Whatever a reader has open when its log is sealed, it goes on where it was. */
static void readers_go_on_while_it_is_sealed(void **state)
{
	struct log_fixture *fixture = *state;
	struct log_record record;

	for (unsigned read = 0; read < 3; read++) {
		fixture->run++;
		write_log(fixture, LINES);
		log_fixture_open(fixture);
		/* none; the index and stderr; all */
		for (unsigned i = 0; i < read * 2; i++)
			assert_int_equal(log_reader_next(fixture->reader, &record, NULL), 0);
		assert_int_equal(seal(fixture), 0);
		if (read == 1)
			check_log(fixture, 1, LINES);
		else if (read == 0)
			check_log(fixture, 0, LINES);
		else
			check_log(fixture, 3, LINES);
	}
}

static void what_goes_on_or_is_small_stays(void **state)
{
	struct log_fixture *fixture = *state;
	struct berth_error err;

	assert_int_equal(seal(fixture), LOG_SEAL_LEFT);
	log_fixture_create(fixture, 0);
	log_fixture_print(fixture, LOG_STDOUT, "small\n");
	assert_int_equal(log_seal_attempt(fixture->directory, fixture->run, 1, &err), -1);
	assert_int_equal(err.code, BERTH_INVALID);
	assert_int_equal(log_writer_end(fixture->writer, NULL), 0);
	assert_int_equal(seal(fixture), LOG_SEAL_LEFT);
	log_fixture_open(fixture);
	log_fixture_expect(fixture, LOG_STDOUT, 0, "small");
	log_fixture_expect_outcome(fixture, LOG_READER_END);
}

/* The files as a seal leaves them when it is killed while it removes the raw ones. */
static void a_seal_interrupted_at_its_end_is_finished(void **state)
{
	struct log_fixture *fixture = *state;
	struct log_writer_options options = log_fixture_options(fixture, 0);
	struct log_writer *writer = NULL;
	AUTO_FREE char *index = NULL;
	AUTO_CLOSE int fd = -1;
	size_t length;

	write_log(fixture, LINES);
	assert_int_equal(descriptor_read_file(fixture->directory,
					      log_fixture_file(fixture, LOG_FILE_INDEX), SEALED_MAX,
					      &index, &length, NULL),
			 0);
	assert_int_equal(seal(fixture), 0);
	for (int round = 0; round < 3; round++) {
		fd = openat(fixture->directory, log_fixture_file(fixture, LOG_FILE_INDEX),
			    O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		assert_int_equal(descriptor_write_all(fd, index, length, NULL), 0);
		close_fd(&fd);
		log_fixture_open(fixture);
		check_log(fixture, 0, LINES);
		if (round == 0)
			assert_int_equal(seal(fixture), LOG_SEAL_LEFT);
		if (round == 1)
			assert_int_equal(log_writer_recover(&options, &writer, NULL),
					 LOG_WRITER_SEALED);
		if (round < 2)
			assert_int_equal(log_fixture_size(fixture, LOG_FILE_INDEX), -1);
	}
}

static void killed_while_sealing(void **state)
{
	struct log_fixture *fixture = *state;
	unsigned seed = 11, finished = 0;
	int status;

	write_log(fixture, LINES);
	for (int i = 0; i < KILLS; i++) {
		pid_t child = fork();

		if (child == 0)
			_exit(seal(fixture) < 0);
		(void)usleep((unsigned)rand_r(&seed) % 30000);
		(void)kill(child, SIGKILL);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(status == 0 || status == SIGKILL);
		if (i % 10 == 0 || log_fixture_size(fixture, LOG_FILE_INDEX) < 0) {
			log_fixture_open(fixture);
			check_log(fixture, 0, LINES);
		}
		if (log_fixture_size(fixture, LOG_FILE_INDEX) >= 0)
			continue;
		finished++;
		assert_int_equal(log_delete(fixture->directory, fixture->run, 1, NULL), 0);
		write_log(fixture, LINES);
	}
	print_message("%u of %d seals were finished\n", finished, KILLS);
	assert_true(seal(fixture) >= 0);
	log_fixture_open(fixture);
	check_log(fixture, 0, LINES);
	assert_int_equal(log_fixture_size(fixture, LOG_FILE_UNFINISHED), -1);
}

/* Reads everything there is; the records that tell of damage. */
static unsigned read_damaged(struct log_fixture *fixture, unsigned *ret_records)
{
	struct log_record record;
	struct berth_error err;
	unsigned damaged = 0, records = 0;
	int result;

	log_fixture_open(fixture);
	while ((result = log_reader_next(fixture->reader, &record, &err)) == 0) {
		damaged += (record.flags & LOG_DAMAGED) != 0;
		assert_true(++records < 2 * LINES);
	}
	if (result < 0) {
		assert_int_equal(err.code, BERTH_PROTOCOL);
		damaged++;
	}
	*ret_records = records;
	assert_true(log_reader_seek_time(fixture->reader, 1, &err) == 0 ||
		    err.code == BERTH_PROTOCOL);
	return damaged;
}

static void no_flip_goes_unnoticed(void **state)
{
	struct log_fixture *fixture = *state;
	unsigned seed = 13, records, most = 0;
	int64_t size;

	write_log(fixture, LINES);
	assert_int_equal(seal(fixture), 0);
	size = log_fixture_size(fixture, LOG_FILE_SEALED);
	for (int i = 0; i < FLIPS; i++) {
		uint64_t offset =
			((uint64_t)rand_r(&seed) << 16 ^ (uint64_t)rand_r(&seed)) % (uint64_t)size;

		log_fixture_flip(fixture, LOG_FILE_SEALED, offset);
		if (read_damaged(fixture, &records) == 0) {
			/* a bit that zstd does not use */
			log_fixture_open(fixture);
			check_log(fixture, 0, LINES);
		}
		if (records > most)
			most = records;
		log_fixture_flip(fixture, LOG_FILE_SEALED, offset);
	}
	/* a block costs itself */
	assert_true(most > LINES / 2);
	assert_int_equal(read_damaged(fixture, &records), 0);
}

static void every_cut_is_told(void **state)
{
	struct log_fixture *fixture = *state;
	AUTO_CLOSE int fd = -1;
	unsigned records;
	int64_t size;

	write_log(fixture, 2000);
	assert_int_equal(seal(fixture), 0);
	size = log_fixture_size(fixture, LOG_FILE_SEALED);
	fd = openat(fixture->directory, log_fixture_file(fixture, LOG_FILE_SEALED), O_RDWR);
	assert_true(fd >= 0);
	for (int64_t length = size - 1; length > 0; length -= 1 + length / 50) {
		assert_int_equal(ftruncate(fd, length), 0);
		assert_int_equal(read_damaged(fixture, &records), 1);
		assert_int_equal(records, 0);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, log_fixture_set_up, log_fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_sealed_log_is_the_same),
		TEST(readers_go_on_while_it_is_sealed),
		TEST(what_goes_on_or_is_small_stays),
		TEST(a_seal_interrupted_at_its_end_is_finished),
		TEST(killed_while_sealing),
		TEST(no_flip_goes_unnoticed),
		TEST(every_cut_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
