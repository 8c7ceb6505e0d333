/* SPDX-License-Identifier: Apache-2.0 */
/* Lines, pieces, positions and times are the same wherever reading starts, raw and sealed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "runner/log/log_index.h"
#include "runner/log/log_line.h"
#include "runner/log/log_seal.h"
#include "tests/unit/runner/log_fixture.h"

#define SPOKEN         (6U << 20)
#define LINES_MAX      1000000
#define MANY_LINES     300000
#define FOLLOWED_LINES 100000

/* A line that has to come, by its place in its stream. */
struct line {
	enum log_source source;
	uint64_t start, end; /* with the newline, if it has one */
	bool partial;
};

/* What both streams said so far, and the lines that follow from it, cut in the plainest way. */
struct story {
	char *bytes[2];
	uint64_t length[2], line_start[2];
	struct line *lines;
	size_t count;
};

static void add_line(struct story *story, int stream, bool partial)
{
	assert_true(story->count < LINES_MAX);
	story->lines[story->count++] = (struct line){.source = (enum log_source)stream,
						     .start = story->line_start[stream],
						     .end = story->length[stream],
						     .partial = partial};
	story->line_start[stream] = story->length[stream];
}

static void tell(struct story *story, int stream, const char *text, size_t length)
{
	uint64_t *end = &story->length[stream];

	for (size_t i = 0; i < length; i++) {
		const char *cell;

		story->bytes[stream][(*end)++] = text[i];
		cell = story->bytes[stream] + *end - LOG_LINE_GRID;
		if (text[i] == '\n')
			add_line(story, stream, false);
		else if (*end % LOG_LINE_GRID == 0 && !memchr(cell, '\n', LOG_LINE_GRID))
			add_line(story, stream, true);
	}
}

/* Short lines, empty ones, NULs, and now and then one of up to 200 KiB. */
static size_t invent(unsigned *seed, char *piece, size_t size)
{
	size_t length = 1 + (size_t)rand_r(seed) % (rand_r(seed) % 8 ? 120 : size);
	int newlines = rand_r(seed) % 3;

	for (size_t i = 0; i < length; i++)
		piece[i] = newlines && rand_r(seed) % (newlines == 1 ? 9 : 4000) == 0
				   ? '\n'
				   : (char)(rand_r(seed) % 256 == '\n' ? 0 : rand_r(seed) % 9);
	return length;
}

static void story_init(struct story *story)
{
	memset(story, 0, sizeof(*story));
	for (int stream = 0; stream < 2; stream++) {
		story->bytes[stream] = malloc(2 * SPOKEN);
		assert_non_null(story->bytes[stream]);
	}
	story->lines = calloc(LINES_MAX, sizeof(*story->lines));
	assert_non_null(story->lines);
}

static void story_finish(struct story *story)
{
	free(story->bytes[0]);
	free(story->bytes[1]);
	free(story->lines);
}

static void write_story(struct log_fixture *fixture, struct story *story)
{
	static char piece[60000];
	unsigned seed = 7;

	while (story->length[0] + story->length[1] < SPOKEN) {
		int stream = rand_r(&seed) % 5 < 2;
		size_t length = invent(&seed, piece, sizeof(piece));

		log_fixture_say(fixture, (enum log_source)stream, piece, length);
		tell(story, stream, piece, length);
	}
	assert_int_equal(log_writer_end(fixture->writer, NULL), 0);
	for (int stream = 0; stream < 2; stream++)
		if (story->line_start[stream] < story->length[stream])
			add_line(story, stream, true);
}

static void check_line(const struct story *story, size_t number, const struct log_record *record)
{
	const struct line *line = &story->lines[number];
	size_t length = (size_t)(line->end - line->start) - !line->partial;

	assert_true(number < story->count);
	assert_int_equal(record->source, line->source);
	assert_int_equal(record->flags, line->partial ? LOG_PARTIAL : 0);
	assert_int_equal(record->length, length);
	assert_true(record->length <= (size_t)2 * LOG_LINE_GRID);
	assert_memory_equal(record->text, story->bytes[line->source] + line->start, length);
}

/* All of it, from the start and from positions in the middle. */
static void check_story(struct log_fixture *fixture, const struct story *story)
{
	AUTO_FREE uint64_t *positions = calloc(story->count + 1, sizeof(*positions));
	struct log_record record;
	unsigned seed = 3;

	assert_non_null(positions);
	log_fixture_open(fixture);
	for (size_t i = 0; i < story->count; i++) {
		assert_int_equal(log_reader_next(fixture->reader, &record, NULL), 0);
		check_line(story, i, &record);
		assert_true(record.position > positions[i]);
		positions[i + 1] = record.position;
	}
	log_fixture_expect_outcome(fixture, LOG_READER_END);
	for (int i = 0; i < 500; i++) {
		size_t number = (size_t)rand_r(&seed) % story->count;

		log_reader_seek(fixture->reader, positions[number]);
		for (size_t next = number; next < number + 3 && next < story->count; next++) {
			assert_int_equal(log_reader_next(fixture->reader, &record, NULL), 0);
			check_line(story, next, &record);
			assert_true(record.position == positions[next + 1]);
		}
	}
}

static void lines_are_the_same_from_anywhere(void **state)
{
	struct log_fixture *fixture = *state;
	struct story story;

	story_init(&story);
	log_fixture_create(fixture, 0);
	write_story(fixture, &story);
	check_story(fixture, &story);
	assert_int_equal(log_seal_attempt(fixture->directory, fixture->run, 1, NULL), 0);
	assert_int_equal(log_fixture_size(fixture, LOG_FILE_INDEX), -1);
	check_story(fixture, &story);
	story_finish(&story);
}

static void an_endless_line_comes_in_pieces(void **state)
{
	struct log_fixture *fixture = *state;
	static char dots[16 << 10];
	struct log_record record;
	uint64_t sum = 0;

	memset(dots, '.', sizeof(dots));
	log_fixture_create(fixture, 0);
	log_fixture_open(fixture);
	log_fixture_print(fixture, LOG_STDOUT, "short\n");
	log_fixture_expect(fixture, LOG_STDOUT, 0, "short");
	for (int i = 0; i < 300; i++) {
		log_fixture_say(fixture, LOG_STDOUT, dots, sizeof(dots));
		while (log_reader_next(fixture->reader, &record, NULL) == 0) {
			assert_int_equal(record.flags, LOG_PARTIAL);
			assert_in_range(record.length, LOG_LINE_GRID, 2 * LOG_LINE_GRID);
			sum += record.length;
		}
	}
	assert_in_range(300 * sizeof(dots) - sum, 0, 2 * LOG_LINE_GRID);
}

static uint64_t now_ns;

static uint64_t fake_now(void)
{
	return now_ns;
}

static void reading_starts_at_a_time(void **state)
{
	static const struct clock_source fake_clock = {.boottime_ns = fake_now,
						       .realtime_ns = fake_now};
	struct log_fixture *fixture = *state;
	struct log_record record;

	clock_inject(&fake_clock);
	log_fixture_create(fixture, 0);
	for (uint64_t i = 1; i <= 1000; i++) {
		now_ns = i * 100;
		log_fixture_print(fixture, LOG_STDOUT, "line\n");
	}
	now_ns = 50; /* set back: time stands still */
	log_fixture_print(fixture, LOG_STDOUT, "line\n");
	now_ns = 200000;
	assert_int_equal(log_writer_end(fixture->writer, NULL), 0);
	clock_inject(NULL);
	for (int sealed = 0; sealed < 2; sealed++) {
		log_fixture_open(fixture);
		for (uint64_t i = 1; i <= 1000; i++) {
			assert_int_equal(log_reader_seek_time(fixture->reader, i * 100 - 1, NULL),
					 0);
			assert_int_equal(log_reader_next(fixture->reader, &record, NULL), 0);
			assert_true(record.time_ns == i * 100);
		}
		assert_int_equal(log_reader_seek_time(fixture->reader, 0, NULL), 0);
		assert_int_equal(log_reader_next(fixture->reader, &record, NULL), 0);
		assert_true(record.time_ns == 100);
		assert_int_equal(log_reader_seek_time(fixture->reader, 100001, NULL), 0);
		log_fixture_expect_outcome(fixture, LOG_READER_END);
		assert_int_equal(log_reader_seek_time(fixture->reader, UINT64_MAX, NULL), 0);
		log_fixture_expect_outcome(fixture, LOG_READER_WAIT);
		assert_int_equal(log_seal_attempt(fixture->directory, fixture->run, 1, NULL),
				 sealed ? LOG_SEAL_LEFT : 0);
	}
}

static void any_position_is_harmless(void **state)
{
	struct log_fixture *fixture = *state;
	struct log_record record;
	unsigned seed = 5;

	log_fixture_create(fixture, 0);
	for (int i = 0; i < 200; i++)
		log_fixture_print(fixture, i % 2 ? LOG_STDERR : LOG_STDOUT, "a line\nand");
	assert_int_equal(log_writer_end(fixture->writer, NULL), 0);
	log_fixture_open(fixture);
	for (int i = 0; i < 20000; i++) {
		uint64_t position = (uint64_t)rand_r(&seed) << 33 ^ (uint64_t)rand_r(&seed);

		log_reader_seek(fixture->reader, position >> (rand_r(&seed) % 64));
		assert_true(log_reader_next(fixture->reader, &record, NULL) >= 0);
	}
	log_reader_seek(fixture->reader, UINT64_MAX);
	log_fixture_expect_outcome(fixture, LOG_READER_WAIT);
}

static void damage_of_the_index_costs_itself(void **state)
{
	struct log_fixture *fixture = *state;
	char text[2] = "a";

	log_fixture_create(fixture, 0);
	for (text[0] = 'a'; text[0] <= 'e'; text[0]++) {
		log_fixture_print(fixture, LOG_STDOUT, text);
		log_fixture_print(fixture, LOG_STDOUT, "\n");
	}
	/* the newline of b, and all of c */
	for (uint64_t record = 4; record <= 6; record++)
		log_fixture_flip(fixture, LOG_FILE_INDEX, record * LOG_INDEX_RECORD_BYTES + record);
	log_fixture_open(fixture);
	log_fixture_expect(fixture, LOG_STDOUT, 0, "a");
	log_fixture_expect(fixture, LOG_BERTH, LOG_DAMAGED, "a part of the log's index is damaged");
	log_fixture_expect(fixture, LOG_STDOUT, 0, "d");
	log_fixture_expect(fixture, LOG_STDOUT, 0, "e");
	log_fixture_expect_outcome(fixture, LOG_READER_WAIT);
}

static void a_stream_that_was_cut_is_told(void **state)
{
	struct log_fixture *fixture = *state;

	log_fixture_create(fixture, 0);
	log_fixture_print(fixture, LOG_STDOUT, "a\n");
	log_fixture_print(fixture, LOG_STDERR, "b\n");
	log_fixture_print(fixture, LOG_STDOUT, "c\n");
	assert_int_equal(
		unlinkat(fixture->directory, log_fixture_file(fixture, LOG_FILE_STDERR), 0), 0);
	log_fixture_open(fixture);
	log_fixture_expect(fixture, LOG_STDOUT, 0, "a");
	log_fixture_expect(fixture, LOG_BERTH, LOG_DAMAGED,
			   "the log lacks bytes that its index has");
	log_fixture_expect(fixture, LOG_STDOUT, 0, "c");
}

/* Followers that share a reader, each at its own pace. */
static void many_followers_share_a_reader(void **state)
{
	struct log_fixture *fixture = *state;
	uint64_t positions[100] = {0};
	struct log_record record;
	unsigned seen[100] = {0};

	log_fixture_create(fixture, 0);
	log_fixture_open(fixture);
	for (int round = 0; round < 200; round++) {
		log_fixture_print(fixture, LOG_STDOUT, "to all\n");
		for (int i = 0; i < 100; i++) {
			if (round % (i + 1) != 0 && round < 199)
				continue;
			log_reader_seek(fixture->reader, positions[i]);
			while (log_reader_next(fixture->reader, &record, NULL) == 0) {
				positions[i] = record.position;
				seen[i]++;
			}
		}
	}
	for (int i = 0; i < 100; i++)
		assert_int_equal(seen[i], 200);
}

/* Writes as fast as it can, in a process of its own. */
static int write_followed(struct log_fixture *fixture)
{
	char line[32];

	log_fixture_create(fixture, 0);
	for (int i = 0; i < FOLLOWED_LINES; i++) {
		(void)snprintf(line, sizeof(line), "followed %d\n", i);
		log_fixture_print(fixture, i % 2 ? LOG_STDERR : LOG_STDOUT, line);
	}
	return log_writer_end(fixture->writer, NULL) == 0 ? 0 : 1;
}

/* What is half written is not there yet, and never damage. */
static void followed_while_it_is_written(void **state)
{
	struct log_fixture *fixture = *state;
	struct log_record record;
	int seen = 0, status, result;
	char line[32];
	pid_t writer = fork();

	if (writer == 0)
		_exit(write_followed(fixture));
	log_fixture_open(fixture);
	while ((result = log_reader_next(fixture->reader, &record, NULL)) != LOG_READER_END) {
		if (result == LOG_READER_WAIT)
			continue;
		(void)snprintf(line, sizeof(line), "followed %d", seen);
		assert_int_equal(result, 0);
		assert_int_equal(record.flags, 0);
		assert_int_equal(record.source, seen % 2 ? LOG_STDERR : LOG_STDOUT);
		assert_int_equal(record.length, strlen(line));
		assert_memory_equal(record.text, line, record.length);
		seen++;
	}
	assert_int_equal(seen, FOLLOWED_LINES);
	assert_int_equal(waitpid(writer, &status, 0), writer);
	assert_int_equal(status, 0);
}

static void huge_numbers_of_records(void **state)
{
	struct log_fixture *fixture = *state;
	struct log_record record;

	log_fixture_create(fixture, 0);
	for (int i = 0; i < MANY_LINES; i++)
		log_fixture_print(fixture, i % 2 ? LOG_STDERR : LOG_STDOUT, "x\n");
	assert_int_equal(log_writer_end(fixture->writer, NULL), 0);
	for (int sealed = 0; sealed < 2; sealed++) {
		log_fixture_open(fixture);
		for (int i = 0; i < MANY_LINES; i++) {
			assert_int_equal(log_reader_next(fixture->reader, &record, NULL), 0);
			assert_int_equal(record.source, i % 2 ? LOG_STDERR : LOG_STDOUT);
		}
		log_fixture_expect_outcome(fixture, LOG_READER_END);
		(void)log_seal_attempt(fixture->directory, fixture->run, 1, NULL);
	}
}

static struct log_reader *reader_of_snapshot(const struct log_fixture *fixture)
{
	struct log_storage storage;
	struct log_snapshot snapshot;
	struct log_reader *reader;

	log_storage_init(&storage, fixture->directory, fixture->run, 1);
	assert_int_equal(log_storage_pass(&storage, &snapshot, NULL), 0);
	log_storage_finish(&storage);
	assert_int_equal(log_reader_create_from(&snapshot, fixture->run, 1, &reader, NULL), 0);
	return reader;
}

static void expect_text(struct log_reader *reader, const char *text)
{
	struct log_record record;

	assert_int_equal(log_reader_next(reader, &record, NULL), 0);
	assert_int_equal(record.length, strlen(text));
	assert_memory_equal(record.text, text, record.length);
}

/* By descriptors alone, and as it was: what comes later, also in another file, is not in it. */
static void a_snapshot_is_as_it_was(void **state)
{
	struct log_fixture *fixture = *state;
	struct log_reader *before, *after, *sealed;
	struct log_record record;
	char big[5000];

	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = '\n';
	log_fixture_create(fixture, 1 << 20);
	log_fixture_print(fixture, LOG_STDOUT, "one\n");
	before = reader_of_snapshot(fixture);
	log_fixture_print(fixture, LOG_STDOUT, "two\n");
	log_fixture_print(fixture, LOG_STDERR, "three\n");
	log_fixture_say(fixture, LOG_STDOUT, big, sizeof(big));
	assert_int_equal(log_writer_end(fixture->writer, NULL), 0);
	after = reader_of_snapshot(fixture);
	assert_int_equal(log_seal_attempt(fixture->directory, fixture->run, 1, NULL), 0);
	sealed = reader_of_snapshot(fixture);
	expect_text(before, "one");
	assert_int_equal(log_reader_next(before, &record, NULL), LOG_READER_WAIT);
	for (int i = 0; i < 2; i++) {
		struct log_reader *reader = i ? sealed : after;

		expect_text(reader, "one");
		expect_text(reader, "two");
		expect_text(reader, "three");
		assert_int_equal(log_reader_next(reader, &record, NULL), 0);
		assert_int_equal(log_reader_next(reader, &record, NULL), LOG_READER_END);
		assert_int_equal(log_reader_seek_tail(reader, 2, NULL), 0);
		expect_text(reader, "three");
		assert_int_equal(log_reader_seek_tail(reader, 0, NULL), 0);
		assert_int_equal(log_reader_next(reader, &record, NULL), LOG_READER_END);
		assert_int_equal(log_reader_seek_tail(reader, 99, NULL), 0);
		expect_text(reader, "one");
	}
	log_reader_destroy(before);
	log_reader_destroy(after);
	log_reader_destroy(sealed);
}

/* The last of very many lines, which were written in large pieces: exactly so many, wherever the
 * pieces begin. */
static void the_tail_is_exact(void **state)
{
	struct log_fixture *fixture = *state;
	struct log_record record;
	char lines[60000];

	log_fixture_create(fixture, 64 << 20);
	for (size_t piece = 0; piece < 50; piece++) {
		size_t length = 0;

		while (length + 20 < sizeof(lines) - piece * 100)
			length += (size_t)snprintf(lines + length, 20, "%zu\n", length);
		log_fixture_say(fixture, LOG_STDOUT, lines, length);
	}
	log_fixture_open(fixture);
	for (uint64_t wanted = 1; wanted < 100000; wanted *= 7) {
		uint64_t count = 0;

		assert_int_equal(log_reader_seek_tail(fixture->reader, wanted, NULL), 0);
		while (log_reader_next(fixture->reader, &record, NULL) == 0)
			count++;
		assert_int_equal(count, wanted);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, log_fixture_set_up, log_fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lines_are_the_same_from_anywhere),
		TEST(an_endless_line_comes_in_pieces),
		TEST(reading_starts_at_a_time),
		TEST(any_position_is_harmless),
		TEST(damage_of_the_index_costs_itself),
		TEST(a_stream_that_was_cut_is_told),
		TEST(many_followers_share_a_reader),
		TEST(huge_numbers_of_records),
		TEST(followed_while_it_is_written),
		TEST(a_snapshot_is_as_it_was),
		TEST(the_tail_is_exact),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
