/* SPDX-License-Identifier: Apache-2.0 */
/* A task channel under a loop, and clients of it, all in one thread: nothing blocks. */
#include "channel_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"

#define PATIENCE_MS 10000

static int on_log(void *owner, const struct task_request *request, const struct protocol_log *log,
		  struct berth_error *err)
{
	struct channel_fixture *fixture = owner;

	(void)request;
	fixture->logs++;
	fixture->log_bytes += strlen(log->message);
	if (fixture->cancels)
		return task_channel_cancel(fixture->channel, "signal", 5000, err);
	return fixture->log_limit > 0 && fixture->log_bytes > fixture->log_limit
		       ? TASK_CHANNEL_OVER_LIMIT
		       : 0;
}

static int on_output(void *owner, const struct task_request *request, json_t *data,
		     struct berth_error *err)
{
	struct channel_fixture *fixture = owner;

	(void)request;
	(void)data;
	(void)err;
	fixture->outputs++;
	return 0;
}

static int on_restore(void *owner, const struct task_request *request, const char *name,
		      char **ret_data, struct berth_error *err)
{
	struct channel_fixture *fixture = owner;

	(void)request;
	(void)name;
	(void)err;
	*ret_data = fixture->restored ? strdup(fixture->restored) : NULL;
	return 0;
}

static int on_usage(void *owner, const struct task_request *request,
		    struct protocol_usage_reply *ret_usage, struct berth_error *err)
{
	struct channel_fixture *fixture = owner;
	struct timespec pause = {.tv_nsec = (long)fixture->slow_ms * 1000000};

	(void)request;
	(void)err;
	fixture->usages++;
	if (fixture->slow_ms > 0)
		(void)nanosleep(&pause, NULL);
	*ret_usage = (struct protocol_usage_reply){.pids = 3};
	return 0;
}

static int defer(struct channel_fixture *fixture, const struct task_request *request)
{
	assert_true(fixture->request_count < FIXTURE_REQUESTS_MAX);
	fixture->requests[fixture->request_count++] = *request;
	return TASK_CHANNEL_DEFERRED;
}

static int on_checkpoint(void *owner, const struct task_request *request, const char *name,
			 const char *data, struct berth_error *err)
{
	(void)name;
	(void)data;
	(void)err;
	return defer(owner, request);
}

static int on_wait(void *owner, const struct task_request *request, const struct task_wait *wait,
		   json_t **ret_reply, struct berth_error *err)
{
	(void)wait;
	(void)ret_reply;
	(void)err;
	return defer(owner, request);
}

static int on_trigger(void *owner, const struct task_request *request,
		      const struct protocol_trigger *trigger, bool waits, json_t **ret_reply,
		      struct berth_error *err)
{
	(void)trigger;
	(void)waits;
	(void)ret_reply;
	(void)err;
	return defer(owner, request);
}

static bool may_accept(void *owner)
{
	const struct channel_fixture *fixture = owner;

	return !fixture->is_busy;
}

static int on_accepted(void *owner, uint64_t connection, int fd, struct berth_error *err)
{
	struct channel_fixture *fixture = owner;
	int copy;

	(void)err;
	if (!fixture->is_durable)
		return 0;
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	assert_true(copy >= 0 && fixture->kept_count < PROTOCOL_CONNECTIONS_MAX);
	fixture->kept[fixture->kept_count++] = (struct task_channel_connection){connection, copy};
	return 0;
}

static void on_closed(void *owner, uint64_t connection)
{
	struct channel_fixture *fixture = owner;

	fixture->closed_count++;
	for (size_t i = 0; i < fixture->kept_count; i++) {
		if (fixture->kept[i].number != connection)
			continue;
		(void)close(fixture->kept[i].fd);
		fixture->kept[i] = fixture->kept[--fixture->kept_count];
		return;
	}
}

static void on_waiting(void *owner, const struct task_request *request)
{
	struct channel_fixture *fixture = owner;

	fixture->waiting_count++;
	(void)defer(fixture, request);
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
	.checkpoint = on_checkpoint,
	.wait = on_wait,
	.trigger = on_trigger,
	.problem = on_problem,
	.may_accept = may_accept,
	.accepted = on_accepted,
	.closed = on_closed,
	.waiting = on_waiting,
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

static void create_channel(struct channel_fixture *fixture, int listener,
			   const struct task_channel_adoption *adoption)
{
	const struct task_channel_setup setup = {
		.loop = fixture->loop,
		.listen_fd = listener,
		.info = &fixture->info,
		.handlers = &handlers,
		.owner = fixture,
		.is_durable = fixture->is_durable,
		.adoption = adoption,
	};

	assert_int_equal(task_channel_create(&setup, &fixture->channel, NULL), 0);
}

int channel_fixture_set_up_durable(void **state)
{
	struct channel_fixture *fixture;

	(void)channel_fixture_set_up_with(state, NULL);
	fixture = *state;
	task_channel_destroy(fixture->channel);
	(void)unlink(fixture->path);
	fixture->is_durable = true;
	create_channel(fixture, listen_at(fixture->path), NULL);
	return 0;
}

void channel_fixture_hand_over(struct channel_fixture *fixture, bool with_ledger)
{
	struct task_channel_connection connections[PROTOCOL_CONNECTIONS_MAX];
	struct task_channel_adoption adoption = {
		.ledger_fd = with_ledger ? dup(task_channel_ledger(fixture->channel)) : -1,
		.connections = connections,
		.connection_count = fixture->kept_count,
		.next_connection = 100,
	};

	for (size_t i = 0; i < fixture->kept_count; i++)
		connections[i] = (struct task_channel_connection){fixture->kept[i].number,
								  dup(fixture->kept[i].fd)};
	task_channel_destroy(fixture->channel);
	(void)unlink(fixture->path);
	create_channel(fixture, listen_at(fixture->path), &adoption);
}

int channel_fixture_answer(struct channel_fixture *fixture, size_t i)
{
	json_t *reply = json_pack("{s:I}", "n", (json_int_t)i);
	int status;

	assert_true(i < fixture->request_count);
	status = task_channel_answer(fixture->channel, &fixture->requests[i], reply, NULL, NULL);
	json_decref(reply);
	return status;
}

int channel_fixture_unread(const struct channel_fixture *fixture)
{
	int bytes = -1;

	assert_true(fixture->kept_count > 0);
	assert_int_equal(ioctl(fixture->kept[fixture->kept_count - 1].fd, SIOCINQ, &bytes), 0);
	return bytes;
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
	create_channel(fixture, listen_at(fixture->path), NULL);
	*state = fixture;
	return 0;
}

int channel_fixture_tear_down(void **state)
{
	struct channel_fixture *fixture = *state;

	task_channel_destroy(fixture->channel);
	for (size_t i = 0; i < fixture->kept_count; i++)
		(void)close(fixture->kept[i].fd);
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
