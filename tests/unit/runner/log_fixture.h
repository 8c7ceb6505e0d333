/* SPDX-License-Identifier: Apache-2.0 */
/* A directory of logs, a pipe for each stream, and what the tests of the logs do with them. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "runner/log/log_reader.h"
#include "runner/log/log_writer.h"
#include "tests/helpers/scratch.h"

struct log_fixture {
	char path[SCRATCH_SIZE];
	int directory;
	int64_t run;
	int pipes[2][2]; /* stdout, stderr: read and write end */
	unsigned limits, wakes;
	struct log_writer *writer; /* destroyed at the end */
	struct log_reader *reader;
};

/* For cmocka: *state is a struct log_fixture. */
int log_fixture_set_up(void **state);
int log_fixture_tear_down(void **state);

struct log_writer_options log_fixture_options(struct log_fixture *fixture, uint64_t limit_bytes);
/* Replaces the writer, or the reader. */
void log_fixture_create(struct log_fixture *fixture, uint64_t limit_bytes);
void log_fixture_recover(struct log_fixture *fixture, uint64_t limit_bytes);
void log_fixture_open(struct log_fixture *fixture);

/* Through the pipe into the log, in one splice for each 64 KiB. */
void log_fixture_say(struct log_fixture *fixture, enum log_source source, const void *bytes,
		     size_t length);
/* A string. */
void log_fixture_print(struct log_fixture *fixture, enum log_source source, const char *text);

/* The next record has this text. */
void log_fixture_expect(struct log_fixture *fixture, enum log_source source, unsigned flags,
			const char *text);
void log_fixture_expect_outcome(struct log_fixture *fixture, int outcome);

/* The path of a file of attempt 1, below the directory. Returns a static buffer. */
const char *log_fixture_file(const struct log_fixture *fixture, int file);
/* -1: there is none. */
int64_t log_fixture_size(const struct log_fixture *fixture, int file);
/* Flips one bit. */
void log_fixture_flip(const struct log_fixture *fixture, int file, uint64_t offset);
