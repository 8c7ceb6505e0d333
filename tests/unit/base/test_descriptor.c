/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors: whole reads and writes, durable replacement, passing fds. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/descriptor.h"

struct fixture {
	char path[64];
	int dirfd;
	int sockets[2];
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	if (!fixture)
		return -1;
	strcpy(fixture->path, "/tmp/berth-test-descriptor-XXXXXX");
	if (!mkdtemp(fixture->path))
		return -1;
	fixture->dirfd = open(fixture->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = fixture;
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fixture->sockets);
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;
	int result;

	(void)unlinkat(fixture->dirfd, "file", 0);
	result = rmdir(fixture->path); /* fails when a test left something behind */
	(void)close(fixture->dirfd);
	(void)close(fixture->sockets[0]);
	(void)close(fixture->sockets[1]);
	free(fixture);
	return result;
}

static void write_file(struct fixture *fixture, const char *content, size_t length)
{
	AUTO_CLOSE int fd =
		openat(fixture->dirfd, "file", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(descriptor_write_all(fd, content, length, NULL), 0);
}

static void reads_what_was_written(void **state)
{
	static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 100000};
	struct fixture *fixture = *state;
	AUTO_FREE char *content = malloc(100000);

	assert_non_null(content);
	memset(content, 'z', 100000);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		AUTO_FREE char *data = NULL;
		size_t length = 0;

		write_file(fixture, content, sizes[i]);
		assert_int_equal(descriptor_read_file(fixture->dirfd, "file", sizes[i], &data,
						      &length, NULL),
				 0);
		assert_int_equal(length, sizes[i]);
		assert_memory_equal(data, content, length);
		assert_int_equal(data[length], '\0');
	}
}

static void refuses_files_beyond_the_limit(void **state)
{
	struct fixture *fixture = *state;
	struct berth_error err;
	char *data = NULL;
	size_t length;

	write_file(fixture, "12345", 5);
	assert_int_equal(descriptor_read_file(fixture->dirfd, "file", 4, &data, &length, &err), -1);
	assert_int_equal(err.code, BERTH_LIMIT);
	assert_int_equal(descriptor_read_file(fixture->dirfd, "file", 0, &data, &length, &err), -1);
	assert_int_equal(err.code, BERTH_LIMIT);
	assert_int_equal(descriptor_read_file(fixture->dirfd, "none", 4, &data, &length, &err), -1);
	assert_int_equal(err.code, BERTH_NOT_FOUND);
	assert_int_equal(descriptor_read_file(fixture->dirfd, ".", 4, &data, &length, &err), -1);
	assert_int_equal(err.code, BERTH_SYSTEM);
	assert_int_equal(descriptor_read_file(AT_FDCWD, "/dev/zero", 100000, &data, &length, &err),
			 -1);
	assert_int_equal(err.code, BERTH_LIMIT);
	assert_null(data);
}

static void writes_fail_loudly(void **state)
{
	AUTO_CLOSE int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct berth_error err;

	(void)state;
	assert_int_equal(descriptor_write_all(full, "x", 1, &err), -1);
	assert_int_equal(err.errnum, ENOSPC);
	assert_int_equal(descriptor_write_all(-1, "x", 1, &err), -1);
	assert_int_equal(err.errnum, EBADF);
	assert_int_equal(descriptor_write_all(-1, "x", 0, &err), 0);
}

static void control_files_are_one_value(void **state)
{
	struct fixture *fixture = *state;
	struct berth_error err;
	char buffer[8];

	write_file(fixture, "max\n", 4);
	assert_int_equal(
		descriptor_read_control(fixture->dirfd, "file", buffer, sizeof(buffer), NULL), 0);
	assert_string_equal(buffer, "max");
	assert_int_equal(descriptor_write_control(fixture->dirfd, "file", "100", NULL), 0);
	assert_int_equal(
		descriptor_read_control(fixture->dirfd, "file", buffer, sizeof(buffer), NULL), 0);
	assert_string_equal(buffer, "100"); /* written over "max\n", whose newline goes */
	assert_int_equal(
		descriptor_read_control(fixture->dirfd, "none", buffer, sizeof(buffer), &err), -1);
	assert_int_equal(err.errnum, ENOENT);
	assert_int_equal(descriptor_write_control(fixture->dirfd, "none", "1", &err), -1);
	assert_int_equal(err.errnum, ENOENT); /* never created */
	assert_int_equal(descriptor_write_control(AT_FDCWD, "/dev/full", "1", &err), -1);
	assert_non_null(strstr(err.message, "write \"1\" to /dev/full"));
}

static void control_values_are_cut_to_the_buffer(void **state)
{
	struct fixture *fixture = *state;
	char buffer[4];

	write_file(fixture, "123456", 6);
	assert_int_equal(
		descriptor_read_control(fixture->dirfd, "file", buffer, sizeof(buffer), NULL), 0);
	assert_string_equal(buffer, "123");
}

static void replaces_a_file_whole(void **state)
{
	struct fixture *fixture = *state;
	AUTO_FREE char *data = NULL;
	char long_name[NAME_MAX + 1];
	struct berth_error err;
	struct stat status;
	size_t length;

	assert_int_equal(descriptor_replace_durable(fixture->dirfd, "file", "one", 3, NULL), 0);
	assert_int_equal(descriptor_replace_durable(fixture->dirfd, "file", "second", 6, NULL), 0);
	assert_int_equal(descriptor_read_file(fixture->dirfd, "file", 100, &data, &length, NULL),
			 0);
	assert_string_equal(data, "second");
	assert_int_equal(fstatat(fixture->dirfd, "file", &status, 0), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	memset(long_name, 'n', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	assert_int_equal(descriptor_replace_durable(fixture->dirfd, long_name, "x", 1, &err), -1);
	assert_int_equal(err.code, BERTH_LIMIT);
}

/* A link planted under the temporary name must not lead the write elsewhere. */
static void replacement_follows_no_link(void **state)
{
	struct fixture *fixture = *state;
	struct berth_error err;

	assert_int_equal(symlinkat("/dev/null", fixture->dirfd, ".file.new"), 0);
	assert_int_equal(descriptor_replace_durable(fixture->dirfd, "file", "x", 1, &err), -1);
	assert_int_equal(err.errnum, ELOOP);
	/* and it is out of the way for the next time */
	assert_int_equal(descriptor_replace_durable(fixture->dirfd, "file", "x", 1, &err), 0);
}

static void failed_replacement_keeps_the_old(void **state)
{
	struct fixture *fixture = *state;
	struct berth_error err;

	assert_int_equal(mkdirat(fixture->dirfd, "taken", 0700), 0);
	assert_int_equal(descriptor_replace_durable(fixture->dirfd, "taken", "x", 1, &err), -1);
	assert_int_equal(err.errnum, EISDIR);
	assert_int_equal(faccessat(fixture->dirfd, ".taken.new", F_OK, 0), -1);
	assert_int_equal(unlinkat(fixture->dirfd, "taken", AT_REMOVEDIR), 0);
}

static void passes_descriptors(void **state)
{
	struct fixture *fixture = *state;
	AUTO_CLOSE int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	int sent[2] = {zero, zero}, got[4];
	size_t length, count;
	char buffer[8], byte = 'x';

	assert_int_equal(descriptor_send(fixture->sockets[0], "hello", 5, sent, 2, NULL), 0);
	assert_int_equal(descriptor_receive(fixture->sockets[1], buffer, sizeof(buffer), &length,
					    got, 4, &count, NULL),
			 0);
	assert_int_equal(length, 5);
	assert_int_equal(count, 2);
	assert_memory_equal(buffer, "hello", 5);
	for (size_t i = 0; i < count; i++) {
		assert_true(fcntl(got[i], F_GETFD) & FD_CLOEXEC);
		assert_int_equal(read(got[i], &byte, 1), 1);
		assert_int_equal(byte, '\0');
		(void)close(got[i]);
	}
	(void)close(fixture->sockets[0]);
	fixture->sockets[0] = -1;
	assert_int_equal(descriptor_receive(fixture->sockets[1], buffer, sizeof(buffer), &length,
					    got, 4, &count, NULL),
			 0);
	assert_int_equal(length, 0);
	assert_int_equal(count, 0);
}

static int lowest_free_fd(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)close(fd);
	return fd;
}

static void unexpected_descriptors_are_closed(void **state)
{
	struct fixture *fixture = *state;
	AUTO_CLOSE int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	int sent[3] = {zero, zero, zero}, got[1], free_before = lowest_free_fd();
	struct berth_error err;
	size_t length, count;
	char buffer[8];

	assert_int_equal(descriptor_send(fixture->sockets[0], "x", 1, sent, 3, NULL), 0);
	assert_int_equal(descriptor_receive(fixture->sockets[1], buffer, sizeof(buffer), &length,
					    got, 1, &count, &err),
			 -1);
	assert_int_equal(err.code, BERTH_PROTOCOL);
	assert_int_equal(lowest_free_fd(), free_before);
	/* a message that is cut takes its fds along */
	assert_int_equal(descriptor_send(fixture->sockets[0], "much too long", 13, sent, 1, NULL),
			 0);
	assert_int_equal(descriptor_receive(fixture->sockets[1], buffer, sizeof(buffer), &length,
					    got, 1, &count, &err),
			 -1);
	assert_int_equal(err.code, BERTH_PROTOCOL);
	assert_int_equal(lowest_free_fd(), free_before);
}

static void too_many_descriptors_are_refused(void **state)
{
	struct fixture *fixture = *state;
	int fds[DESCRIPTOR_PASS_MAX + 1] = {0};
	struct berth_error err;
	size_t length, count;
	char byte;

	assert_int_equal(
		descriptor_send(fixture->sockets[0], "x", 1, fds, DESCRIPTOR_PASS_MAX + 1, &err),
		-1);
	assert_int_equal(err.code, BERTH_LIMIT);
	assert_int_equal(
		descriptor_send(fixture->sockets[0], "x", 1, fds, DESCRIPTOR_PASS_MAX, &err), 0);
	assert_int_equal(descriptor_receive(fixture->sockets[1], &byte, 1, &length, fds,
					    DESCRIPTOR_PASS_MAX, &count, &err),
			 0);
	assert_int_equal(count, DESCRIPTOR_PASS_MAX);
	for (size_t i = 0; i < count; i++)
		(void)close(fds[i]);
}

static void a_closed_peer_is_an_error_not_a_signal(void **state)
{
	struct fixture *fixture = *state;
	struct berth_error err;

	(void)close(fixture->sockets[1]);
	fixture->sockets[1] = -1;
	assert_int_equal(descriptor_send(fixture->sockets[0], "x", 1, NULL, 0, &err), -1);
	assert_int_equal(err.errnum, EPIPE);
}

static void pipes_close_on_exec(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(descriptor_pipe(fds, NULL), 0);
	assert_true(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(fds[1], F_GETFD) & FD_CLOEXEC);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(reads_what_was_written),
		TEST(refuses_files_beyond_the_limit),
		TEST(writes_fail_loudly),
		TEST(control_files_are_one_value),
		TEST(control_values_are_cut_to_the_buffer),
		TEST(replaces_a_file_whole),
		TEST(replacement_follows_no_link),
		TEST(failed_replacement_keeps_the_old),
		TEST(passes_descriptors),
		TEST(unexpected_descriptors_are_closed),
		TEST(too_many_descriptors_are_refused),
		TEST(a_closed_peer_is_an_error_not_a_signal),
		TEST(pipes_close_on_exec),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
