/* SPDX-License-Identifier: Apache-2.0 */
/* What is said is kept in order and byte-exact; the volume, full disks and lost directories. */
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
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "runner/log/log_index.h"
#include "runner/log/log_keys.h"
#include "tests/unit/runner/log_fixture.h"

static int say(struct log_fixture *fixture, const char *text, uint64_t connection,
	       uint64_t sequence)
{
	const struct log_message message = {
		.level = PROTOCOL_WARN,
		.text = text,
		.length = strlen(text),
		.connection = connection,
		.sequence = sequence,
	};

	return log_writer_message(fixture->writer, &message, NULL);
}

static void all_sources_in_order(void **state)
{
	struct log_fixture *fixture = *state;
	AUTO_JSON json_t *fields = json_pack("{s:i}", "frames", 7);
	const struct log_message message = {
		.level = PROTOCOL_ERROR, .text = "m\0n", .length = 3, .fields = fields};
	struct log_record record;

	log_fixture_create(fixture, 0);
	log_fixture_print(fixture, LOG_STDOUT, "one\ntw");
	log_fixture_print(fixture, LOG_STDERR, "three\n");
	log_fixture_print(fixture, LOG_STDOUT, "o\n");
	assert_int_equal(log_writer_message(fixture->writer, &message, NULL), 0);
	assert_int_equal(log_writer_notice(fixture->writer, PROTOCOL_INFO, NULL, "%d words", 2), 0);
	log_fixture_print(fixture, LOG_STDERR, "four");
	log_fixture_print(fixture, LOG_STDOUT, "\n");
	assert_int_equal(log_writer_end(fixture->writer, NULL), 0);
	assert_int_equal(log_writer_end(fixture->writer, NULL), 0);
	assert_int_equal(say(fixture, "late", 0, 0), -1);

	log_fixture_open(fixture);
	log_fixture_expect(fixture, LOG_STDOUT, 0, "one");
	log_fixture_expect(fixture, LOG_STDERR, 0, "three");
	log_fixture_expect(fixture, LOG_STDOUT, 0, "two");
	assert_int_equal(log_reader_next(fixture->reader, &record, NULL), 0);
	assert_int_equal(record.source, LOG_TASK);
	assert_int_equal(record.level, PROTOCOL_ERROR);
	assert_int_equal(record.length, 3);
	assert_memory_equal(record.text, "m\0n", 3);
	assert_int_equal(record.fields_length, 12);
	assert_memory_equal(record.fields, "{\"frames\":7}", 12);
	log_fixture_expect(fixture, LOG_BERTH, 0, "2 words");
	log_fixture_expect(fixture, LOG_STDOUT, 0, "");
	log_fixture_expect(fixture, LOG_STDERR, LOG_PARTIAL, "four");
	log_fixture_expect_outcome(fixture, LOG_READER_END);
	log_fixture_expect_outcome(fixture, LOG_READER_END);
}

static void a_silent_attempt_makes_no_file(void **state)
{
	struct log_fixture *fixture = *state;
	size_t moved = 0;

	log_fixture_create(fixture, 0);
	assert_int_equal(
		log_writer_splice(fixture->writer, LOG_STDOUT, fixture->pipes[0][0], &moved, NULL),
		LOG_WRITER_DRY);
	(void)close(fixture->pipes[0][1]);
	fixture->pipes[0][1] = -1;
	assert_int_equal(
		log_writer_splice(fixture->writer, LOG_STDOUT, fixture->pipes[0][0], &moved, NULL),
		LOG_WRITER_EOF);
	assert_int_equal(log_writer_end(fixture->writer, NULL), 0);
	assert_false(log_writer_has_files(fixture->writer));
	assert_int_equal(rmdir(fixture->path), 0);
	log_fixture_open(fixture);
	log_fixture_expect_outcome(fixture, LOG_READER_WAIT);
}

static void the_end_comes_after_the_last_byte(void **state)
{
	struct log_fixture *fixture = *state;
	size_t moved = 0;

	log_fixture_create(fixture, 0);
	assert_int_equal(write(fixture->pipes[1][1], "last", 4), 4);
	(void)close(fixture->pipes[1][1]);
	fixture->pipes[1][1] = -1;
	assert_int_equal(
		log_writer_splice(fixture->writer, LOG_STDERR, fixture->pipes[1][0], &moved, NULL),
		0);
	assert_int_equal(moved, 4);
	assert_int_equal(
		log_writer_splice(fixture->writer, LOG_STDERR, fixture->pipes[1][0], &moved, NULL),
		LOG_WRITER_EOF);
}

static void a_log_that_is_there_is_not_overwritten(void **state)
{
	struct log_fixture *fixture = *state;
	struct berth_error err;
	size_t moved = 0;

	log_fixture_create(fixture, 0);
	log_fixture_print(fixture, LOG_STDOUT, "kept\n");
	log_fixture_create(fixture, 0);
	assert_int_equal(write(fixture->pipes[0][1], "new\n", 4), 4);
	assert_int_equal(
		log_writer_splice(fixture->writer, LOG_STDOUT, fixture->pipes[0][0], &moved, &err),
		-1);
	assert_int_equal(err.errnum, EEXIST);
	log_fixture_open(fixture);
	log_fixture_expect(fixture, LOG_STDOUT, 0, "kept");
}

static void messages_are_recorded_once(void **state)
{
	struct log_fixture *fixture = *state;

	log_fixture_create(fixture, 0);
	assert_int_equal(say(fixture, "a", 1, 1), 0);
	assert_int_equal(say(fixture, "a", 1, 1), LOG_WRITER_KNOWN);
	assert_int_equal(say(fixture, "b", 2, 1), 0);
	assert_int_equal(say(fixture, "c", 1, 2), 0);
	assert_int_equal(say(fixture, "d", 0, 0), 0);
	assert_int_equal(say(fixture, "d", 0, 0), 0);
	log_fixture_recover(fixture, 0);
	assert_int_equal(say(fixture, "a", 1, 1), LOG_WRITER_KNOWN);
	assert_int_equal(say(fixture, "c", 1, 2), LOG_WRITER_KNOWN);
	assert_int_equal(say(fixture, "b", 2, 1), LOG_WRITER_KNOWN);
	assert_int_equal(say(fixture, "e", 2, 2), 0);
	log_fixture_open(fixture);
	for (const char *next = "abcdde"; *next; next++)
		log_fixture_expect(fixture, LOG_TASK, 0, (const char[]){*next, '\0'});
	log_fixture_expect_outcome(fixture, LOG_READER_WAIT);
}

static void the_connections_that_spoke_last_are_known(void **state)
{
	struct log_keys keys = {0};

	(void)state;
	for (uint64_t connection = 1; connection <= LOG_KEYS_MAX; connection++)
		log_keys_add(&keys, &(struct log_key){connection, 5});
	log_keys_add(&keys, &(struct log_key){1, 6});
	log_keys_add(&keys, &(struct log_key){1000, 1});
	assert_true(log_keys_know(&keys, &(struct log_key){1, 6}));
	assert_false(log_keys_know(&keys, &(struct log_key){2, 5}));
	assert_true(log_keys_know(&keys, &(struct log_key){3, 4}));
	assert_false(log_keys_know(&keys, &(struct log_key){3, 6}));
	assert_true(log_keys_know(&keys, &(struct log_key){1000, 1}));
	assert_false(log_keys_add_older(&keys, &(struct log_key){2000, 1}));
}

static void too_much_of_a_message_is_refused(void **state)
{
	struct log_fixture *fixture = *state;
	AUTO_FREE char *text = malloc(PROTOCOL_MESSAGE_MAX + 1);
	struct log_message message = {.text = text, .length = PROTOCOL_MESSAGE_MAX + 1};
	struct berth_error err;

	assert_non_null(text);
	memset(text, 'x', PROTOCOL_MESSAGE_MAX + 1);
	log_fixture_create(fixture, 0);
	assert_int_equal(log_writer_message(fixture->writer, &message, &err), -1);
	assert_int_equal(err.code, BERTH_LIMIT);
	message.length--;
	assert_int_equal(log_writer_message(fixture->writer, &message, &err), 0);
	message.fields = json_pack("{s:s%}", "k", text, PROTOCOL_FIELDS_MAX);
	assert_int_equal(log_writer_message(fixture->writer, &message, &err), -1);
	assert_int_equal(err.code, BERTH_LIMIT);
	json_decref((json_t *)(uintptr_t)message.fields);
}

static void a_flood_is_cut_and_said(void **state)
{
	struct log_fixture *fixture = *state;
	static char flood[3 << 20];

	memset(flood, '.', sizeof(flood));
	log_fixture_create(fixture, 10);
	log_fixture_print(fixture, LOG_STDOUT, "12345\n789");
	assert_int_equal(fixture->limits, 0);
	log_fixture_print(fixture, LOG_STDERR, "x");
	assert_int_equal(fixture->limits, 0);
	assert_int_equal(log_writer_dropped_bytes(fixture->writer), 0);
	log_fixture_say(fixture, LOG_STDERR, flood, sizeof(flood));
	assert_int_equal(fixture->limits, 1);
	assert_int_equal(say(fixture, "dropped", 1, 1), LOG_WRITER_DROPPED);
	assert_int_equal(log_writer_dropped_bytes(fixture->writer), sizeof(flood) + 16 + 7);
	assert_int_equal(log_writer_notice(fixture->writer, PROTOCOL_INFO, NULL, "still"), 0);
	/* a new supervisor drops on, and tells its owner too */
	log_fixture_recover(fixture, 10);
	log_fixture_print(fixture, LOG_STDOUT, "more");
	assert_int_equal(fixture->limits, 2);
	assert_true(log_writer_dropped_bytes(fixture->writer) > sizeof(flood) / 2);
	assert_int_equal(log_writer_end(fixture->writer, NULL), 0);

	log_fixture_open(fixture);
	log_fixture_expect(fixture, LOG_STDOUT, 0, "12345");
	log_fixture_expect(fixture, LOG_BERTH, LOG_CUT,
			   "the log is full (10 B): what follows is dropped");
	log_fixture_expect(fixture, LOG_BERTH, LOG_CUT, "1.1 MiB dropped: the log is full (10 B)");
	log_fixture_expect(fixture, LOG_BERTH, LOG_CUT, "2.1 MiB dropped: the log is full (10 B)");
	log_fixture_expect(fixture, LOG_BERTH, 0, "still");
	log_fixture_expect(fixture, LOG_BERTH, LOG_CUT, "2.1 MiB dropped: the log is full (10 B)");
	log_fixture_expect(fixture, LOG_STDOUT, LOG_PARTIAL, "789");
	log_fixture_expect(fixture, LOG_STDERR, LOG_PARTIAL, "x");
	log_fixture_expect_outcome(fixture, LOG_READER_END);
}

/* One byte at a time: the index is bounded as well. */
static void many_pieces_are_a_flood_too(void **state)
{
	struct log_fixture *fixture = *state;
	unsigned pieces = 0;

	log_fixture_create(fixture, 100000);
	for (; pieces < 100000 && fixture->limits == 0; pieces++)
		log_fixture_print(fixture, pieces % 2 ? LOG_STDERR : LOG_STDOUT, "x");
	assert_int_equal(fixture->limits, 1);
	assert_in_range(log_fixture_size(fixture, LOG_FILE_INDEX), 1448576, 1449000);
}

static void owners_are_woken(void **state)
{
	struct log_fixture *fixture = *state;

	log_fixture_create(fixture, 0);
	log_fixture_open(fixture);
	log_fixture_expect_outcome(fixture, LOG_READER_WAIT);
	for (unsigned i = 1; i < 100; i++) {
		log_fixture_print(fixture, LOG_STDOUT, "line\n");
		assert_int_equal(fixture->wakes, i);
		log_fixture_expect(fixture, LOG_STDOUT, 0, "line");
		log_fixture_expect_outcome(fixture, LOG_READER_WAIT);
	}
}

/* In a child, whose limit does not hold the tests. */
static int beyond_the_largest_file(struct log_fixture *fixture)
{
	const struct rlimit limit = {.rlim_cur = 100, .rlim_max = 100};
	struct berth_error err = {0};
	char rest[64];
	size_t moved = 0;

	(void)signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
		return 1;
	log_fixture_create(fixture, 0);
	for (int i = 0; i < 3; i++) {
		int result;

		if (write(fixture->pipes[0][1], "x", 1) != 1)
			return 2;
		result = log_writer_splice(fixture->writer, LOG_STDOUT, fixture->pipes[0][0],
					   &moved, &err);
		/* the header and one record: the second byte is kept, and its record cannot be */
		if (result != (i < 2 ? 0 : -1))
			return 3 + i;
	}
	if (err.code != BERTH_LIMIT || err.errnum != EFBIG)
		return 6;
	return read(fixture->pipes[0][0], rest, sizeof(rest)) == 1 ? 0 : 7;
}

static void the_largest_file_is_an_error_with_a_name(void **state)
{
	struct log_fixture *fixture = *state;
	pid_t child = fork();
	int status;

	if (child == 0)
		_exit(beyond_the_largest_file(fixture));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	/* what that one had moved is there */
	log_fixture_recover(fixture, 0);
	assert_int_equal(log_writer_end(fixture->writer, NULL), 0);
	log_fixture_open(fixture);
	log_fixture_expect(fixture, LOG_STDOUT, LOG_PARTIAL, "xx");
}

static void a_directory_that_is_gone_is_an_error_with_a_name(void **state)
{
	struct log_fixture *fixture = *state;
	struct berth_error err;
	size_t moved = 0;
	char byte;

	log_fixture_create(fixture, 0);
	assert_int_equal(rmdir(fixture->path), 0);
	assert_int_equal(write(fixture->pipes[0][1], "x", 1), 1);
	assert_int_equal(
		log_writer_splice(fixture->writer, LOG_STDOUT, fixture->pipes[0][0], &moved, &err),
		-1);
	assert_int_equal(err.code, BERTH_NOT_FOUND);
	assert_int_equal(read(fixture->pipes[0][0], &byte, 1), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, log_fixture_set_up, log_fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_sources_in_order),
		TEST(a_silent_attempt_makes_no_file),
		TEST(the_end_comes_after_the_last_byte),
		TEST(a_log_that_is_there_is_not_overwritten),
		TEST(messages_are_recorded_once),
		cmocka_unit_test(the_connections_that_spoke_last_are_known),
		TEST(too_much_of_a_message_is_refused),
		TEST(a_flood_is_cut_and_said),
		TEST(many_pieces_are_a_flood_too),
		TEST(owners_are_woken),
		TEST(the_largest_file_is_an_error_with_a_name),
		TEST(a_directory_that_is_gone_is_an_error_with_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
