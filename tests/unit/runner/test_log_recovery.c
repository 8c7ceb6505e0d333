/* SPDX-License-Identifier: Apache-2.0 */
/* A writer that is killed at any instant loses nothing and doubles nothing. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "runner/log/log_index.h"
#include "tests/unit/runner/log_fixture.h"

#define KILLS       500
#define PIECE_MAX   20000
#define WINDOW      65536
#define RECORD      LOG_INDEX_RECORD_BYTES
#define PRODUCE_MAX (UINT64_C(400) << 20)

/* What the producer has written, in memory that all share. */
struct produced {
	_Atomic uint64_t bytes[2];
	_Atomic uint64_t messages;
	_Atomic bool stop;
};

static char byte_at(int stream, uint64_t offset)
{
	uint64_t mixed = (offset + 1) * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)stream;

	mixed ^= mixed >> 29;
	return mixed % 61 == 0 ? '\n' : (char)mixed;
}

/* Random pieces on both streams, and numbered messages, until told to stop. */
static int produce(const int streams[2], int socket, struct produced *produced)
{
	static char piece[PIECE_MAX];
	unsigned seed = 1;

	while (!produced->stop) {
		int stream = rand_r(&seed) % 2;
		size_t length = 1 + (size_t)rand_r(&seed) % (rand_r(&seed) % 16 ? 200 : PIECE_MAX);

		if (produced->bytes[0] + produced->bytes[1] > PRODUCE_MAX)
			return 0;
		for (size_t i = 0; i < length; i++)
			piece[i] = byte_at(stream, produced->bytes[stream] + i);
		if (write(streams[stream], piece, length) != (ssize_t)length)
			return 1;
		produced->bytes[stream] += length;
		if (rand_r(&seed) % 4 == 0) {
			uint64_t number = produced->messages + 1;

			if (write(socket, &number, sizeof(number)) != sizeof(number))
				return 1;
			produced->messages = number;
		}
	}
	return 0;
}

/* Peeks, records, consumes. */
static int take_message(struct log_writer *writer, int socket)
{
	struct log_message message = {.connection = 1};
	char text[32];
	uint64_t number;
	ssize_t got = recv(socket, &number, sizeof(number), MSG_PEEK | MSG_DONTWAIT);

	if (got <= 0)
		return got == 0 ? 1 : 0;
	message.sequence = number;
	message.text = text;
	message.length = (size_t)snprintf(text, sizeof(text), "%ju", (uintmax_t)number);
	if (log_writer_message(writer, &message, NULL) < 0)
		return -1;
	return recv(socket, &number, sizeof(number), MSG_DONTWAIT) == sizeof(number) ? 0 : -1;
}

/* A supervisor: recovers, and writes the log until everything has ended. */
static int supervise(struct log_fixture *fixture, int socket)
{
	struct log_writer_options options = log_fixture_options(fixture, 0);
	struct log_writer *writer = NULL;
	bool ended[3] = {false};
	size_t moved;

	if (log_writer_recover(&options, &writer, NULL) != 0)
		return 2;
	while (!ended[0] || !ended[1] || !ended[2]) {
		struct pollfd watched[3] = {
			{.fd = ended[0] ? -1 : fixture->pipes[0][0], .events = POLLIN},
			{.fd = ended[1] ? -1 : fixture->pipes[1][0], .events = POLLIN},
			{.fd = ended[2] ? -1 : socket,               .events = POLLIN},
		};

		if (poll(watched, 3, -1) < 0)
			return 3;
		for (int stream = 0; stream < 2; stream++) {
			int result = 0;

			if (watched[stream].revents)
				result = log_writer_splice(writer, (enum log_source)stream,
							   fixture->pipes[stream][0], &moved, NULL);
			if (result < 0)
				return 4;
			ended[stream] |= result == LOG_WRITER_EOF;
		}
		if (watched[2].revents) {
			int result = take_message(writer, socket);

			if (result < 0)
				return 5;
			ended[2] = result == 1;
		}
	}
	return log_writer_end(writer, NULL) == 0 ? 0 : 6;
}

static void check_stream(struct log_fixture *fixture, int stream, uint64_t length)
{
	static char window[WINDOW];
	uint64_t offset = 0;
	size_t got;

	for (; offset < length; offset += got) {
		assert_int_equal(log_reader_bytes(fixture->reader, (enum log_source)stream, offset,
						  window, sizeof(window), &got, NULL),
				 0);
		assert_true(got > 0);
		for (size_t i = 0; i < got; i++)
			if (window[i] != byte_at(stream, offset + i))
				fail_msg("stream %d differs at %ju", stream,
					 (uintmax_t)(offset + i));
	}
	assert_true(offset == length);
}

/* Every line, in order, whatever was recovered; every message once. */
static unsigned check_records(struct log_fixture *fixture, const struct produced *produced)
{
	uint64_t at[2] = {0}, messages = 0;
	struct log_record record;
	unsigned recovered = 0;
	int result;

	while ((result = log_reader_next(fixture->reader, &record, NULL)) == 0) {
		char number[32] = "";

		recovered += (record.flags & LOG_RECOVERED) != 0;
		assert_false(record.flags & LOG_DAMAGED);
		if (record.source == LOG_TASK) {
			assert_true(record.length < sizeof(number));
			memcpy(number, record.text, record.length);
			assert_true(strtoull(number, NULL, 10) == ++messages);
			continue;
		}
		for (size_t i = 0; i < record.length; i++)
			if (record.text[i] != byte_at((int)record.source, at[record.source] + i))
				fail_msg("source %d differs", (int)record.source);
		at[record.source] += record.length + !(record.flags & LOG_PARTIAL);
	}
	assert_int_equal(result, LOG_READER_END);
	assert_true(at[0] == produced->bytes[0] && at[1] == produced->bytes[1]);
	assert_true(messages == produced->messages);
	return recovered;
}

static pid_t start_producer(struct log_fixture *fixture, const int sockets[2],
			    struct produced *produced)
{
	const int streams[2] = {fixture->pipes[0][1], fixture->pipes[1][1]};
	pid_t child = fork();

	if (child == 0) {
		(void)fcntl(streams[0], F_SETFL, 0);
		(void)fcntl(streams[1], F_SETFL, 0);
		_exit(produce(streams, sockets[1], produced));
	}
	for (int stream = 0; stream < 2; stream++) {
		(void)close(fixture->pipes[stream][1]);
		fixture->pipes[stream][1] = -1;
	}
	(void)close(sockets[1]);
	return child;
}

/* The test is the launcher: it holds the pipes and starts one supervisor after another. */
static void killed_at_random_under_load(void **state)
{
	struct log_fixture *fixture = *state;
	struct produced *produced = mmap(NULL, sizeof(*produced), PROT_READ | PROT_WRITE,
					 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned seed = (unsigned)time(NULL);
	int sockets[2], status;
	pid_t producer, writer;

	assert_ptr_not_equal(produced, MAP_FAILED);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
	print_message("seed %u\n", seed);
	producer = start_producer(fixture, sockets, produced);
	for (int kills = 0; kills <= KILLS; kills++) {
		writer = fork();
		if (writer == 0)
			_exit(supervise(fixture, sockets[0]));
		if (kills == KILLS)
			produced->stop = true;
		else
			(void)usleep((unsigned)rand_r(&seed) % 4000);
		if (kills < KILLS)
			(void)kill(writer, SIGKILL);
		assert_int_equal(waitpid(writer, &status, 0), writer);
		if (status != 0 && status != SIGKILL)
			fail_msg("a supervisor ended with %#x", (unsigned)status);
	}
	assert_int_equal(waitpid(producer, &status, 0), producer);
	assert_int_equal(status, 0);
	(void)close(sockets[0]);

	log_fixture_open(fixture);
	check_stream(fixture, 0, produced->bytes[0]);
	check_stream(fixture, 1, produced->bytes[1]);
	print_message("%ju bytes, %ju messages, %u lines recovered\n",
		      (uintmax_t)(produced->bytes[0] + produced->bytes[1]),
		      (uintmax_t)produced->messages, check_records(fixture, produced));
	(void)munmap(produced, sizeof(*produced));
}

static void put(const struct log_fixture *fixture, int file, uint64_t offset, const void *bytes,
		size_t length)
{
	AUTO_CLOSE int fd = openat(fixture->directory, log_fixture_file(fixture, file),
				   O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, length, (off_t)offset), length);
}

static void cut(const struct log_fixture *fixture, int file, int64_t length)
{
	AUTO_CLOSE int fd = openat(fixture->directory, log_fixture_file(fixture, file), O_WRONLY);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, length), 0);
}

static void killed_before_any_record(void **state)
{
	struct log_fixture *fixture = *state;

	log_fixture_create(fixture, 0);
	log_fixture_print(fixture, LOG_STDOUT, "moved\n");
	/* the index was made, and neither its header nor the record was written */
	for (int64_t length = 2 * RECORD - 1; length >= 0; length -= RECORD / 2) {
		cut(fixture, LOG_FILE_INDEX, length);
		log_fixture_recover(fixture, 0);
		log_fixture_open(fixture);
		log_fixture_expect(fixture, LOG_STDOUT, LOG_RECOVERED, "moved");
		log_fixture_expect_outcome(fixture, LOG_READER_WAIT);
	}
}

static void torn_records_are_cut(void **state)
{
	struct log_fixture *fixture = *state;

	log_fixture_create(fixture, 0);
	log_fixture_print(fixture, LOG_STDERR, "one\n");
	log_fixture_print(fixture, LOG_STDERR, "two\n");
	cut(fixture, LOG_FILE_INDEX, 2 * RECORD + 20);
	log_fixture_recover(fixture, 0);
	log_fixture_print(fixture, LOG_STDERR, "three\n");
	log_fixture_open(fixture);
	log_fixture_expect(fixture, LOG_STDERR, 0, "one");
	log_fixture_expect(fixture, LOG_STDERR, LOG_RECOVERED, "two");
	log_fixture_expect(fixture, LOG_STDERR, 0, "three");
}

/* Killed between the bytes of a message and its record: the message comes again. */
static void a_message_without_record_does_not_count(void **state)
{
	struct log_fixture *fixture = *state;
	struct log_message message = {.text = "first", .length = 5, .connection = 1, .sequence = 1};

	log_fixture_create(fixture, 0);
	assert_int_equal(log_writer_message(fixture->writer, &message, NULL), 0);
	message.sequence = 2;
	message.text = "again";
	assert_int_equal(log_writer_message(fixture->writer, &message, NULL), 0);
	cut(fixture, LOG_FILE_INDEX, 2 * RECORD);
	put(fixture, LOG_FILE_MESSAGES, 40, "#", 1);
	log_fixture_recover(fixture, 0);
	assert_int_equal(log_writer_message(fixture->writer, &message, NULL), 0);
	log_fixture_open(fixture);
	log_fixture_expect(fixture, LOG_TASK, 0, "first");
	log_fixture_expect(fixture, LOG_TASK, 0, "again");
	log_fixture_expect_outcome(fixture, LOG_READER_WAIT);
}

static void nothing_is_recovered_twice(void **state)
{
	struct log_fixture *fixture = *state;

	log_fixture_recover(fixture, 0);
	assert_false(log_writer_has_files(fixture->writer));
	log_fixture_print(fixture, LOG_STDOUT, "a\n");
	for (int i = 0; i < 3; i++)
		log_fixture_recover(fixture, 0);
	assert_int_equal(log_writer_end(fixture->writer, NULL), 0);
	log_fixture_recover(fixture, 0);
	assert_int_equal(log_writer_end(fixture->writer, NULL), 0);
	assert_int_equal(log_fixture_size(fixture, LOG_FILE_INDEX), 3 * RECORD);
}

/* Its supervisor died between the log's end and the run's: what the next one hears again, or finds
 * hung up, adds nothing. */
static void an_ended_log_takes_nothing_more(void **state)
{
	struct log_fixture *fixture = *state;
	const struct log_message message = {
		.text = "m", .length = 1, .connection = 1, .sequence = 2};
	size_t moved;

	log_fixture_create(fixture, 0);
	log_fixture_print(fixture, LOG_STDOUT, "a\n");
	assert_int_equal(log_writer_end(fixture->writer, NULL), 0);
	log_fixture_recover(fixture, 0);
	assert_int_equal(
		log_writer_splice(fixture->writer, LOG_STDOUT, fixture->pipes[0][0], &moved, NULL),
		LOG_WRITER_EOF);
	assert_int_equal(log_writer_message(fixture->writer, &message, NULL), LOG_WRITER_KNOWN);
	assert_int_equal(log_writer_end(fixture->writer, NULL), 0);
	log_fixture_open(fixture);
	log_fixture_expect(fixture, LOG_STDOUT, 0, "a");
	log_fixture_expect_outcome(fixture, LOG_READER_END);
}

/* After a power cut: records without their bytes. */
static void lost_bytes_are_told_and_read_as_nul(void **state)
{
	struct log_fixture *fixture = *state;

	log_fixture_create(fixture, 0);
	log_fixture_print(fixture, LOG_STDOUT, "12345\n");
	cut(fixture, LOG_FILE_STDOUT, 3);
	for (int i = 0; i < 2; i++)
		log_fixture_recover(fixture, 0);
	log_fixture_print(fixture, LOG_STDOUT, "later\n");
	log_fixture_open(fixture);
	log_fixture_expect(fixture, LOG_BERTH, LOG_DAMAGED,
			   "bytes of the log were lost in a crash of the host; they read as NUL");
	{
		struct log_record record;

		assert_int_equal(log_reader_next(fixture->reader, &record, NULL), 0);
		assert_int_equal(record.length, 11);
		assert_memory_equal(record.text, "123\0\0\0later", 11);
	}
	log_fixture_expect_outcome(fixture, LOG_READER_WAIT);
}

static void what_is_no_log_is_refused(void **state)
{
	struct log_fixture *fixture = *state;
	struct log_writer_options options = log_fixture_options(fixture, 0);
	struct log_writer *writer = NULL;
	struct berth_error err;

	log_fixture_create(fixture, 0);
	log_fixture_print(fixture, LOG_STDOUT, "a\n");
	log_fixture_flip(fixture, LOG_FILE_INDEX, 9);
	assert_int_equal(log_writer_recover(&options, &writer, &err), -1);
	assert_int_equal(err.code, BERTH_PROTOCOL);
	log_fixture_open(fixture);
	{
		struct log_record record;

		assert_int_equal(log_reader_next(fixture->reader, &record, &err), -1);
		assert_int_equal(err.code, BERTH_PROTOCOL);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, log_fixture_set_up, log_fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(killed_before_any_record),
		TEST(torn_records_are_cut),
		TEST(a_message_without_record_does_not_count),
		TEST(nothing_is_recovered_twice),
		TEST(an_ended_log_takes_nothing_more),
		TEST(lost_bytes_are_told_and_read_as_nul),
		TEST(what_is_no_log_is_refused),
		TEST(killed_at_random_under_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
