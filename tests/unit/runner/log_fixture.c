/* SPDX-License-Identifier: Apache-2.0 */
/* A directory of logs, a pipe for each stream, and what the tests of the logs do with them. */
#include "tests/unit/runner/log_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/identifier.h"
#include "runner/log/log_name.h"

#define PIPE_BYTES 65536

static void on_more(void *owner)
{
	((struct log_fixture *)owner)->wakes++;
}

static void on_limit(void *owner)
{
	((struct log_fixture *)owner)->limits++;
}

static const struct log_writer_handlers handlers = {.on_more = on_more, .on_limit = on_limit};

int log_fixture_set_up(void **state)
{
	struct log_fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	assert_int_equal(scratch_make("log", fixture->path), 0);
	fixture->directory = open(fixture->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fixture->directory >= 0);
	fixture->run = identifier_next_number(0);
	for (int stream = 0; stream < 2; stream++)
		assert_int_equal(pipe2(fixture->pipes[stream], O_CLOEXEC | O_NONBLOCK), 0);
	*state = fixture;
	return 0;
}

int log_fixture_tear_down(void **state)
{
	struct log_fixture *fixture = *state;

	log_writer_destroy(fixture->writer);
	log_reader_destroy(fixture->reader);
	for (int stream = 0; stream < 2; stream++)
		for (int end = 0; end < 2; end++)
			if (fixture->pipes[stream][end] >= 0)
				(void)close(fixture->pipes[stream][end]);
	(void)close(fixture->directory);
	(void)scratch_remove(fixture->path);
	free(fixture);
	return 0;
}

struct log_writer_options log_fixture_options(struct log_fixture *fixture, uint64_t limit_bytes)
{
	return (struct log_writer_options){
		.directory = fixture->directory,
		.run = fixture->run,
		.attempt = 1,
		.limit_bytes = limit_bytes,
		.handlers = &handlers,
		.owner = fixture,
	};
}

void log_fixture_create(struct log_fixture *fixture, uint64_t limit_bytes)
{
	struct log_writer_options options = log_fixture_options(fixture, limit_bytes);

	log_writer_destroy(fixture->writer);
	fixture->writer = NULL;
	assert_int_equal(log_writer_create(&options, &fixture->writer, NULL), 0);
}

void log_fixture_recover(struct log_fixture *fixture, uint64_t limit_bytes)
{
	struct log_writer_options options = log_fixture_options(fixture, limit_bytes);

	log_writer_destroy(fixture->writer);
	fixture->writer = NULL;
	assert_int_equal(log_writer_recover(&options, &fixture->writer, NULL), 0);
}

void log_fixture_open(struct log_fixture *fixture)
{
	log_reader_destroy(fixture->reader);
	fixture->reader = NULL;
	assert_int_equal(
		log_reader_create(fixture->directory, fixture->run, 1, &fixture->reader, NULL), 0);
}

void log_fixture_say(struct log_fixture *fixture, enum log_source source, const void *bytes,
		     size_t length)
{
	const int *pipe = fixture->pipes[source == LOG_STDERR];
	const char *next = bytes;

	while (length > 0) {
		size_t part = length < PIPE_BYTES ? length : PIPE_BYTES, moved = 0;

		assert_int_equal(write(pipe[1], next, part), part);
		next += part;
		length -= part;
		while (part > 0) {
			assert_int_equal(
				log_writer_splice(fixture->writer, source, pipe[0], &moved, NULL),
				0);
			assert_true(moved > 0 && moved <= part);
			part -= moved;
		}
	}
}

void log_fixture_print(struct log_fixture *fixture, enum log_source source, const char *text)
{
	log_fixture_say(fixture, source, text, strlen(text));
}

void log_fixture_expect(struct log_fixture *fixture, enum log_source source, unsigned flags,
			const char *text)
{
	struct log_record record;
	struct berth_error err = {0};
	int result = log_reader_next(fixture->reader, &record, &err);

	if (result < 0)
		print_error("%s\n", err.message);
	assert_int_equal(result, 0);
	assert_int_equal(record.source, source);
	assert_int_equal(record.flags, flags);
	assert_int_equal(record.length, strlen(text));
	assert_memory_equal(record.text, text, record.length);
	assert_true(record.position == log_reader_position(fixture->reader));
}

void log_fixture_expect_outcome(struct log_fixture *fixture, int outcome)
{
	struct log_record record;

	assert_int_equal(log_reader_next(fixture->reader, &record, NULL), outcome);
}

const char *log_fixture_file(const struct log_fixture *fixture, int file)
{
	static char name[LOG_NAME_SIZE];

	return log_name_format(fixture->run, 1, (enum log_file)file, name);
}

int64_t log_fixture_size(const struct log_fixture *fixture, int file)
{
	struct stat facts;

	if (fstatat(fixture->directory, log_fixture_file(fixture, file), &facts, 0) < 0) {
		assert_int_equal(errno, ENOENT);
		return -1;
	}
	return facts.st_size;
}

void log_fixture_flip(const struct log_fixture *fixture, int file, uint64_t offset)
{
	AUTO_CLOSE int fd = openat(fixture->directory, log_fixture_file(fixture, file), O_RDWR);
	unsigned char byte;

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, (off_t)offset), 1);
	byte ^= 0x10;
	assert_int_equal(pwrite(fd, &byte, 1, (off_t)offset), 1);
}
