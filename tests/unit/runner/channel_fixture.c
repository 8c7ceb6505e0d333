/* SPDX-License-Identifier: Apache-2.0 */
/* A task channel under a loop, and clients of it, all in one thread: nothing blocks. */
#include "channel_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"

#define PATIENCE_MS 10000

static int on_log(void *owner, enum protocol_level level, const char *message, size_t length,
		  const json_t *fields, struct berth_error *err)
{
	struct channel_fixture *fixture = owner;

	(void)level;
	(void)message;
	(void)fields;
	fixture->logs++;
	fixture->log_bytes += length;
	if (fixture->cancels)
		return task_channel_cancel(fixture->channel, "signal", 5000, err);
	return fixture->log_limit > 0 && fixture->log_bytes > fixture->log_limit
		       ? TASK_CHANNEL_OVER_LIMIT
		       : 0;
}

static int on_output(void *owner, json_t *data, struct berth_error *err)
{
	struct channel_fixture *fixture = owner;

	(void)data;
	(void)err;
	fixture->outputs++;
	return 0;
}

static int on_restore(void *owner, const char *name, char **ret_data, struct berth_error *err)
{
	struct channel_fixture *fixture = owner;

	(void)name;
	(void)err;
	*ret_data = fixture->restored ? strdup(fixture->restored) : NULL;
	return 0;
}

static int on_usage(void *owner, struct protocol_usage_reply *ret_usage, struct berth_error *err)
{
	struct channel_fixture *fixture = owner;
	struct timespec pause = {.tv_nsec = (long)fixture->slow_ms * 1000000};

	(void)err;
	fixture->usages++;
	if (fixture->slow_ms > 0)
		(void)nanosleep(&pause, NULL);
	*ret_usage = (struct protocol_usage_reply){.pids = 3};
	return 0;
}

static void on_problem(void *owner, const char *message)
{
	struct channel_fixture *fixture = owner;

	if (fixture->problems++ == 0)
		(void)snprintf(fixture->problem, sizeof(fixture->problem), "%s", message);
}

static const struct task_channel_handlers handlers = {
	.log = on_log,
	.output = on_output,
	.restore = on_restore,
	.usage = on_usage,
	.problem = on_problem,
};

static int on_timer(void *owner, struct berth_error *err)
{
	(void)err;
	loop_stop(owner);
	return 0;
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 128), 0);
	return fd;
}

int channel_fixture_set_up(void **state)
{
	return channel_fixture_set_up_with(state, NULL);
}

int channel_fixture_set_up_with(void **state, const char *payload)
{
	struct channel_fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	(void)snprintf(fixture->directory, sizeof(fixture->directory), "/tmp/berth-test-XXXXXX");
	assert_non_null(mkdtemp(fixture->directory));
	(void)snprintf(fixture->path, sizeof(fixture->path), "%s/task.sock", fixture->directory);
	fixture->info.run = "run_1";
	fixture->info.payload = payload;
	fixture->info.attempt = 1;
	fixture->info.attempt_id = "attempt_1";
	assert_int_equal(loop_create(&fixture->loop, NULL), 0);
	assert_int_equal(
		loop_add_timer(fixture->loop, on_timer, fixture->loop, &fixture->timer, NULL), 0);
	assert_int_equal(task_channel_create(fixture->loop, listen_at(fixture->path),
					     &fixture->info, &handlers, fixture, &fixture->channel,
					     NULL),
			 0);
	*state = fixture;
	return 0;
}

int channel_fixture_tear_down(void **state)
{
	struct channel_fixture *fixture = *state;

	task_channel_destroy(fixture->channel);
	loop_destroy(fixture->loop);
	(void)unlink(fixture->path);
	(void)rmdir(fixture->directory);
	free(fixture->restored);
	free(fixture);
	return 0;
}

void channel_fixture_run(struct channel_fixture *fixture, uint64_t ms)
{
	struct berth_error err = {0};

	assert_int_equal(
		loop_arm_timer(fixture->timer, clock_boottime_ns() + ms * CLOCK_NS_PER_MS, NULL),
		0);
	if (loop_run(fixture->loop, &err) < 0)
		fail_msg("the loop ended: %s", err.message);
}

int channel_fixture_connect(const struct channel_fixture *fixture)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", fixture->path);
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

bool channel_fixture_send(struct channel_fixture *fixture, int client, const char *data,
			  size_t length)
{
	uint64_t end_ns = clock_boottime_ns() + PATIENCE_MS * CLOCK_NS_PER_MS;
	ssize_t sent;

	while (length > 0 && clock_boottime_ns() < end_ns) {
		sent = send(client, data, length, MSG_NOSIGNAL);
		if (sent < 0 && errno != EAGAIN)
			return false;
		if (sent > 0) {
			data += sent;
			length -= (size_t)sent;
		}
		channel_fixture_run(fixture, 1);
	}
	return length == 0;
}

static size_t count_lines(const struct text *answer)
{
	size_t lines = 0;

	for (size_t i = 0; i < answer->length; i++)
		lines += answer->data[i] == '\n';
	return lines;
}

size_t channel_fixture_read(struct channel_fixture *fixture, int client, size_t lines,
			    struct text *answer)
{
	uint64_t end_ns = clock_boottime_ns() + PATIENCE_MS * CLOCK_NS_PER_MS;
	static char buffer[262144];
	size_t found = count_lines(answer);
	ssize_t got;

	while (found < lines && clock_boottime_ns() < end_ns) {
		got = recv(client, buffer, sizeof(buffer), 0);
		if (got == 0 || (got < 0 && errno != EAGAIN))
			break;
		if (got < 0) {
			channel_fixture_run(fixture, 1);
			continue;
		}
		assert_int_equal(text_append(answer, buffer, (size_t)got, NULL), 0);
		for (ssize_t i = 0; i < got; i++)
			found += buffer[i] == '\n';
	}
	return found;
}

bool channel_fixture_is_closed(struct channel_fixture *fixture, int client)
{
	char byte;
	ssize_t got;

	channel_fixture_run(fixture, 5);
	got = recv(client, &byte, 1, MSG_PEEK);
	return got == 0 || (got < 0 && errno == ECONNRESET);
}

int channel_fixture_greet(struct channel_fixture *fixture)
{
	static const char hello[] =
		"{\"op\":\"hello\",\"id\":0,\"protocol\":1,\"payload\":false}\n";
	AUTO_TEXT struct text answer = {0};
	int client = channel_fixture_connect(fixture);

	assert_true(client >= 0);
	assert_true(channel_fixture_send(fixture, client, hello, sizeof(hello) - 1));
	assert_int_equal(channel_fixture_read(fixture, client, 1, &answer), 1);
	assert_non_null(strstr(answer.data ? answer.data : "", "{\"id\":0,\"ok\":true"));
	return client;
}
