/* SPDX-License-Identifier: Apache-2.0 */
/* The three streams of an attempt with a stand-in for the task: every kind of descriptor, readers
 * that stall or leave, and stdin that must not be eaten. */
#include "runner/run/streams.h"

/* cmocka.h wants these before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/descriptor.h"
#include "base/loop.h"
#include "runner/run/log_sink.h"
#include "runner/run/standard_streams.h"

struct bench {
	struct loop *loop;
	struct log_sink *log;
	struct streams *streams;
	struct loop_source *timer;
	struct berth_error err;
	int log_pipe[2];
	int task[3]; /* what the task got; closed by the stand-in */
	size_t logged, log_limit;
	bool done;
};

static bool on_stderr(void *owner, size_t length)
{
	struct bench *bench = owner;

	bench->logged += length;
	return !bench->log_limit || bench->logged <= bench->log_limit;
}

static int on_done(void *owner, struct berth_error *err)
{
	struct bench *bench = owner;

	(void)err;
	bench->done = true;
	loop_stop(bench->loop);
	return 0;
}

static int on_timer(void *owner, struct berth_error *err)
{
	struct bench *bench = owner;

	(void)err;
	loop_stop(bench->loop);
	return 0;
}

static const struct streams_handlers handlers = {.on_stderr = on_stderr, .on_done = on_done};

static void start_with(struct bench *bench, struct streams_options *options, int log_fd)
{
	const struct log_sink_options log_options = {.format = LOG_FORMAT_TEXT};
	int fds[3];

	(void)signal(SIGPIPE, SIG_IGN);
	assert_int_equal(loop_create(&bench->loop, &bench->err), 0);
	assert_int_equal(
		log_sink_create(bench->loop, log_fd, &log_options, &bench->log, &bench->err), 0);
	options->log = bench->log;
	if (streams_create(bench->loop, options, &handlers, bench, &bench->streams, &bench->err) <
	    0)
		fail_msg("%s", bench->err.message);
	streams_task_descriptors(bench->streams, fds);
	for (int i = 0; i < 3; i++)
		bench->task[i] = fds[i] < 0 ? -1 : fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
	streams_close_task_descriptors(bench->streams);
	assert_int_equal(loop_add_timer(bench->loop, on_timer, bench, &bench->timer, &bench->err),
			 0);
}

static void start(struct bench *bench, int stdin_fd, int stdout_fd)
{
	struct streams_options options = {.stdin_fd = stdin_fd, .stdout_fd = stdout_fd};

	assert_int_equal(descriptor_pipe(bench->log_pipe, &bench->err), 0);
	start_with(bench, &options, bench->log_pipe[1]);
}

/* stdout and stderr are one file. */
static void start_as_one(struct bench *bench, int fd)
{
	struct streams_options options = {.stdin_fd = -1, .stdout_fd = fd, .one_output = true};

	bench->log_pipe[0] = bench->log_pipe[1] = -1;
	start_with(bench, &options, fd);
}

/* Runs the loop until the streams are done, at most for so long. */
static void run(struct bench *bench, uint64_t max_ms)
{
	assert_int_equal(loop_arm_timer(bench->timer,
					clock_boottime_ns() + max_ms * CLOCK_NS_PER_MS,
					&bench->err),
			 0);
	assert_int_equal(loop_run(bench->loop, &bench->err), 0);
}

static void end_task(struct bench *bench)
{
	for (int i = 0; i < 3; i++)
		close_fd(&bench->task[i]);
}

static void stop(struct bench *bench)
{
	end_task(bench);
	streams_destroy(bench->streams);
	log_sink_destroy(bench->log);
	loop_destroy(bench->loop);
	close_fd(&bench->log_pipe[0]);
	close_fd(&bench->log_pipe[1]);
}

static void put(int fd, const char *text)
{
	assert_int_equal(descriptor_write_all(fd, text, strlen(text), NULL), 0);
}

static void assert_reads(int fd, const char *expected)
{
	char buffer[4096];
	ssize_t count = read(fd, buffer, sizeof(buffer) - 1);

	assert_true(count >= 0);
	buffer[count] = '\0';
	assert_string_equal(buffer, expected);
}

static void test_output_and_error(void **state)
{
	struct bench bench = {0};
	int out[2];

	(void)state;
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	start(&bench, -1, out[1]);
	assert_int_equal(bench.task[0], -1);
	put(bench.task[1], "data\n");
	put(bench.task[2], "words\n");
	end_task(&bench);
	run(&bench, 5000);
	assert_true(bench.done);
	assert_int_equal(bench.logged, 6);
	assert_reads(out[0], "data\n");
	assert_reads(bench.log_pipe[0], "words\n");
	stop(&bench);
	close_fd(&out[0]);
	close_fd(&out[1]);
}

enum { MUCH = 3 << 20 };

static char byte_at(size_t position)
{
	return (char)(position * 7 % 251);
}

static _Noreturn void write_much(int fd)
{
	static char data[MUCH];

	for (size_t i = 0; i < MUCH; i++)
		data[i] = byte_at(i);
	_exit(descriptor_write_all(fd, data, MUCH, NULL) == 0 ? 0 : 1);
}

static _Noreturn void read_much(int fd)
{
	size_t position = 0;
	char buffer[3000];
	ssize_t count;

	while ((count = read(fd, buffer, sizeof(buffer))) > 0)
		for (ssize_t i = 0; i < count; i++)
			if (buffer[i] != byte_at(position++))
				_exit(1);
	_exit(position == MUCH ? 0 : 2);
}

static void assert_succeeded(pid_t child)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

/* Both ends are closed. */
static void pass_much(int read_end, int write_end)
{
	struct bench bench = {0};
	pid_t reader, writer;

	start(&bench, -1, write_end);
	reader = fork();
	if (reader == 0) {
		(void)close(write_end);
		end_task(&bench);
		read_much(read_end);
	}
	(void)close(read_end);
	writer = fork();
	if (writer == 0)
		write_much(bench.task[1]);
	end_task(&bench);
	run(&bench, 20000);
	assert_true(bench.done);
	stop(&bench);
	(void)close(write_end);
	assert_succeeded(writer);
	assert_succeeded(reader);
}

static void test_pipe_and_socket(void **state)
{
	int pair[2];

	(void)state;
	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	pass_much(pair[0], pair[1]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	pass_much(pair[0], pair[1]);
}

static void test_appended_file(void **state)
{
	char path[] = "/tmp/test_streams.XXXXXX";
	AUTO_CLOSE int file = mkostemp(path, O_APPEND | O_CLOEXEC);
	struct bench bench = {0};
	struct stat status;

	(void)state;
	assert_true(file >= 0);
	put(file, "first\n");
	start(&bench, -1, file); /* splice(2) refuses O_APPEND */
	put(bench.task[1], "second\n");
	end_task(&bench);
	run(&bench, 5000);
	assert_true(bench.done);
	assert_int_equal(fstat(file, &status), 0);
	assert_int_equal(status.st_size, 13);
	stop(&bench);
	assert_int_equal(unlink(path), 0);
}

/* In the order in which they are written, and not counted as log. */
static void assert_one_order(int write_end, int read_end, const char *expected)
{
	struct bench bench = {.log_limit = 1};

	start_as_one(&bench, write_end);
	for (int i = 0; i < 20; i++)
		put(bench.task[1 + i % 2], i % 2 ? "b" : "a");
	put(bench.task[2], "\n");
	end_task(&bench);
	run(&bench, 5000);
	assert_true(bench.done);
	assert_int_equal(bench.logged, 0);
	assert_reads(read_end, expected);
	stop(&bench);
}

static void test_one_output_keeps_the_order(void **state)
{
	char path[] = "/tmp/test_streams.XXXXXX";
	AUTO_CLOSE int file = mkostemp(path, O_CLOEXEC), again = open(path, O_RDONLY | O_CLOEXEC);
	AUTO_CLOSE int primary = -1, secondary = -1;
	int pair[2];

	(void)state;
	assert_one_order(file, again, "abababababababababab\n");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	assert_one_order(pair[1], pair[0], "abababababababababab\n");
	close_fd(&pair[0]);
	close_fd(&pair[1]);
	assert_int_equal(openpty(&primary, &secondary, NULL, NULL, NULL), 0);
	assert_one_order(secondary, primary, "abababababababababab\r\n");
}

/* A task that writes to nobody meets SIGPIPE, as in a pipeline. */
static void test_one_output_that_closes(void **state)
{
	AUTO_CLOSE int primary = -1, secondary = -1;
	struct bench bench = {0};

	(void)state;
	assert_int_equal(openpty(&primary, &secondary, NULL, NULL, NULL), 0);
	start_as_one(&bench, secondary);
	close_fd(&primary);
	put(bench.task[1], "x");
	run(&bench, 5000);
	assert_true(bench.done);
	assert_int_equal(write(bench.task[2], "y", 1), -1);
	stop(&bench);
}

static void test_what_is_one_file(void **state)
{
	char path[] = "/tmp/test_streams.XXXXXX";
	AUTO_CLOSE int file = mkostemp(path, O_CLOEXEC);
	AUTO_CLOSE int copy = fcntl(file, F_DUPFD_CLOEXEC, 0);
	AUTO_CLOSE int again = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	AUTO_CLOSE int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(unlink(path), 0);
	assert_true(standard_streams_are_one(file, copy));
	assert_false(standard_streams_are_one(file, again));
	assert_false(standard_streams_are_one(file, null));
	assert_false(standard_streams_are_one(file, -1));
}

static void test_reader_that_leaves(void **state)
{
	struct bench bench = {0};
	int out[2];

	(void)state;
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	start(&bench, -1, out[1]);
	close_fd(&out[0]);
	put(bench.task[1], "into the void\n");
	run(&bench, 300);
	/* the task's next write meets a closed pipe */
	assert_int_equal(write(bench.task[1], "x", 1), -1);
	assert_int_equal(errno, EPIPE);
	assert_int_equal(streams_output_failure(bench.streams), 0);
	stop(&bench);
	close_fd(&out[1]);
}

static void test_full_disk_is_a_failure(void **state)
{
	AUTO_CLOSE int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct bench bench = {0};

	(void)state;
	start(&bench, -1, full);
	put(bench.task[1], "lost\n");
	end_task(&bench);
	run(&bench, 5000);
	assert_true(bench.done);
	assert_int_equal(streams_output_failure(bench.streams), ENOSPC);
	stop(&bench);
}

static void test_stalled_reader_holds_the_task_back(void **state)
{
	AUTO_FREE char *block = calloc(1, 65536);
	struct bench bench = {0};
	size_t written = 0;
	int out[2];

	(void)state;
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	start(&bench, -1, out[1]);
	assert_true(fcntl(bench.task[1], F_SETFL, O_NONBLOCK) == 0);
	for (int i = 0; i < 100; i++) {
		ssize_t count = write(bench.task[1], block, 65536);

		written += count > 0 ? (size_t)count : 0;
		run(&bench, 1);
	}
	/* two pipes' worth, and not a byte more is kept by berth */
	assert_true(written <= 3 * 65536);
	assert_false(bench.done);
	stop(&bench);
	close_fd(&out[0]);
	close_fd(&out[1]);
}

static void test_log_limit(void **state)
{
	AUTO_CLOSE int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct bench bench = {.log_limit = 10};

	(void)state;
	start(&bench, -1, null);
	put(bench.task[2], "0123456789");
	run(&bench, 100);
	put(bench.task[2], "x");
	run(&bench, 100);
	assert_int_equal(bench.logged, 11);
	assert_int_equal(write(bench.task[2], "y", 1), -1);
	assert_reads(bench.log_pipe[0], "0123456789");
	stop(&bench);
}

static void test_closed_streams(void **state)
{
	AUTO_CLOSE int closed_input = open("/dev/null", O_WRONLY | O_CLOEXEC);
	AUTO_CLOSE int closed_output = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct bench bench = {0};
	char byte;

	(void)state;
	assert_true(standard_stream_is_closed_output(closed_output));
	start(&bench, closed_input, closed_output);
	assert_int_equal(write(bench.task[1], "x", 1), -1);
	assert_int_equal(errno, EBADF);
	assert_int_equal(read(bench.task[0], &byte, 1), -1);
	assert_int_equal(errno, EBADF);
	end_task(&bench);
	run(&bench, 5000);
	assert_true(bench.done);
	stop(&bench);
}

static void test_what_stdin_is_passed_directly(void **state)
{
	AUTO_CLOSE int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	AUTO_CLOSE int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	AUTO_CLOSE int file = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	char path[] = "/tmp/test_streams.XXXXXX";
	AUTO_CLOSE int writable = mkostemp(path, O_CLOEXEC);
	int pair[2];

	(void)state;
	assert_int_equal(unlink(path), 0);
	assert_true(standard_stream_is_plain_input(null));
	assert_true(standard_stream_is_plain_input(file));
	assert_false(standard_stream_is_plain_input(zero));
	/* the task could write to it */
	assert_false(standard_stream_is_plain_input(writable));
	assert_int_equal(pipe2(pair, O_CLOEXEC), 0);
	assert_true(standard_stream_is_plain_input(pair[0]));
	assert_false(standard_stream_is_plain_input(pair[1]));
	close_fd(&pair[0]);
	close_fd(&pair[1]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_false(standard_stream_is_plain_input(pair[0]));
	close_fd(&pair[0]);
	close_fd(&pair[1]);
	assert_false(standard_stream_is_plain_input(-1));
}

static void test_relayed_stdin(void **state)
{
	AUTO_CLOSE int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct bench bench = {0};
	int pair[2];
	char byte;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	start(&bench, pair[0], null);
	put(pair[1], "typed\n");
	run(&bench, 100);
	assert_reads(bench.task[0], "typed\n");
	close_fd(&pair[1]);
	run(&bench, 100);
	assert_int_equal(read(bench.task[0], &byte, 1), 0);
	stop(&bench);
	close_fd(&pair[0]);
}

static void test_endless_stdin(void **state)
{
	AUTO_CLOSE int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	AUTO_CLOSE int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	AUTO_FREE char *buffer = malloc(1 << 20);
	struct bench bench = {0};

	(void)state;
	start(&bench, zero, null); /* always ready, not pollable */
	for (int i = 0; i < 20; i++) {
		run(&bench, 5);
		assert_true(read(bench.task[0], buffer, 1 << 20) > 0);
	}
	close_fd(&bench.task[0]);
	run(&bench, 50);
	assert_false(bench.done);
	stop(&bench);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_output_and_error),
		cmocka_unit_test(test_pipe_and_socket),
		cmocka_unit_test(test_appended_file),
		cmocka_unit_test(test_one_output_keeps_the_order),
		cmocka_unit_test(test_one_output_that_closes),
		cmocka_unit_test(test_what_is_one_file),
		cmocka_unit_test(test_reader_that_leaves),
		cmocka_unit_test(test_full_disk_is_a_failure),
		cmocka_unit_test(test_stalled_reader_holds_the_task_back),
		cmocka_unit_test(test_log_limit),
		cmocka_unit_test(test_closed_streams),
		cmocka_unit_test(test_what_stdin_is_passed_directly),
		cmocka_unit_test(test_relayed_stdin),
		cmocka_unit_test(test_endless_stdin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
