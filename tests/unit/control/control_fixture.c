/* SPDX-License-Identifier: Apache-2.0 */
/* A control server with handlers of its own, in a thread of its own. */
#include "control_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "runner/control/control_operations.h"

static struct control_fixture *fixture_of(const struct control_call *call)
{
	return call->backend->owner;
}

static void on_held_gone(struct control_call *call)
{
	fixture_of(call)->gone++;
}

static int hold(struct control_call *call, struct berth_error *err)
{
	struct control_fixture *fixture = fixture_of(call);

	(void)err;
	call->on_gone = on_held_gone;
	fixture->held_calls[fixture->held++] = call;
	return 0;
}

static int release(struct control_call *call, struct berth_error *err)
{
	struct control_fixture *fixture = fixture_of(call);

	(void)err;
	while (fixture->held > 0)
		control_call_answer(fixture->held_calls[--fixture->held], json_string("released"));
	control_call_answer(call, json_null());
	return 0;
}

static void stream_on(struct control_call *call)
{
	char payload[1001];
	int status = 0;

	memset(payload, 'x', sizeof(payload) - 1);
	payload[sizeof(payload) - 1] = '\0';
	while (status == 0 && call->record.run_follow.position-- > 0)
		status = control_call_event(call, json_pack("{s:s}", "log", payload));
	if (status == CONTROL_CALL_FULL)
		return;
	if (status == CONTROL_CALL_GONE)
		fixture_of(call)->stopped_streams++;
	control_call_answer(call, json_string("streamed"));
}

static int stream(struct control_call *call, struct berth_error *err)
{
	(void)err;
	call->on_room = stream_on;
	call->on_gone = stream_on;
	stream_on(call);
	return 0;
}

static int work_trigger(struct engine *engine, struct control_call *call, struct berth_error *err)
{
	(void)engine;
	(void)err;
	call->result = json_pack("{s:s}", "task", call->record.trigger.task);
	return 0;
}

static int read_nothing(struct store *store, struct control_call *call, struct berth_error *err)
{
	(void)store;
	return berth_fail(err, BERTH_NOT_FOUND, 0, "there is no run %s", call->record.run_get.run);
}

static int deploy(struct control_call *call, struct berth_error *err)
{
	struct stat status;

	if (fstat(call->descriptors[0], &status) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "fstat");
	control_call_answer(call, json_pack("{s:I}", "bytes", (json_int_t)status.st_size));
	return 0;
}

static const struct control_handler_row handlers[CONTROL_OP_COUNT] = {
	[CONTROL_HELLO] = {.handle = control_hello}, [CONTROL_PING] = {.handle = control_ping},
	[CONTROL_STATUS] = {.handle = hold},         [CONTROL_DRAIN] = {.handle = release},
	[CONTROL_RUN_FOLLOW] = {.handle = stream},   [CONTROL_TRIGGER] = {.work = work_trigger},
	[CONTROL_RUN_GET] = {.read = read_nothing},  [CONTROL_DEPLOY] = {.handle = deploy},
};

static void submit(void *owner, struct engine_job *job, bool may_wait)
{
	struct berth_error err = {0};
	int result;

	(void)owner;
	(void)may_wait;
	result = job->work ? job->work(NULL, job, &err) : job->read(NULL, job, &err);
	job->done(job, result, &err);
}

static bool is_draining(void *owner)
{
	struct control_fixture *fixture = owner;

	return fixture->is_draining;
}

static void on_problem(void *owner, const char *message)
{
	struct control_fixture *fixture = owner;

	(void)message;
	fixture->problems++;
}

void fixture_init(struct control_fixture *fixture)
{
	memset(fixture, 0, sizeof(*fixture));
	assert_int_equal(scratch_make("control", fixture->directory), 0);
	(void)snprintf(fixture->path, sizeof(fixture->path), "%s/socket", fixture->directory);
	fixture->backend = (struct control_backend){
		.owner = fixture,
		.submit = submit,
		.is_draining = is_draining,
	};
	fixture->options = (struct control_server_options){
		.backend = &fixture->backend,
		.handlers = handlers,
		.policy = {.daemon_uid = geteuid(), .operator_group = CONTROL_NO_GROUP},
		.problem = on_problem,
		.owner = fixture,
	};
}

static int on_stop(void *owner, uint32_t events, struct berth_error *err)
{
	(void)events;
	(void)err;
	loop_stop(((struct control_fixture *)owner)->loop);
	return 0;
}

static void *run_loop(void *argument)
{
	struct control_fixture *fixture = argument;
	struct berth_error err = {0};

	if (loop_run(fixture->loop, &err) < 0)
		(void)fprintf(stderr, "the loop failed: %s\n", err.message);
	return NULL;
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 128), 0);
	return fd;
}

void fixture_start(struct control_fixture *fixture)
{
	struct loop_source *source;

	assert_int_equal(pipe(fixture->stop), 0);
	assert_int_equal(loop_create(&fixture->loop, NULL), 0);
	assert_int_equal(loop_add_descriptor(fixture->loop, fixture->stop[0], EPOLLIN, on_stop,
					     fixture, &source, NULL),
			 0);
	assert_int_equal(control_server_create(fixture->loop, listen_at(fixture->path),
					       &fixture->options, &fixture->server, NULL),
			 0);
	assert_int_equal(pthread_create(&fixture->thread, NULL, run_loop, fixture), 0);
}

void fixture_finish(struct control_fixture *fixture)
{
	assert_int_equal(write(fixture->stop[1], "x", 1), 1);
	assert_int_equal(pthread_join(fixture->thread, NULL), 0);
	control_server_destroy(fixture->server);
	while (fixture->held > 0)
		control_call_answer(fixture->held_calls[--fixture->held], json_null());
	loop_destroy(fixture->loop);
	(void)close(fixture->stop[0]);
	(void)close(fixture->stop[1]);
	assert_int_equal(scratch_remove(fixture->directory), 0);
}

int fixture_connect(const struct control_fixture *fixture)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct timeval patience = {.tv_sec = 20};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", fixture->path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	return fd;
}

void fixture_say(int fd, const char *text)
{
	size_t length = strlen(text);

	while (length > 0) {
		ssize_t sent = send(fd, text, length, MSG_NOSIGNAL);

		assert_true(sent > 0);
		text += sent;
		length -= (size_t)sent;
	}
}

const char *fixture_hear(int fd)
{
	static char line[16384];
	size_t length = 0;
	ssize_t got;

	while ((got = recv(fd, line + length, 1, 0)) == 1) {
		if (line[length] == '\n') {
			line[length] = '\0';
			return line;
		}
		length++;
		assert_true(length < sizeof(line));
	}
	assert_true(got == 0 || errno == ECONNRESET); /* else it took too long */
	return NULL;
}
