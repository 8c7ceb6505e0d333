/* SPDX-License-Identifier: Apache-2.0 */
/* kill -9 of a supervisor before and after each of its system calls on a durable channel, and at
 * any time: the next one adopts what a launcher keeps, and nothing is lost. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"
#include "runner/run/task_channel.h"

#define OUTPUT_BYTES 400000 /* more than a socket holds */
#define PATIENCE_MS  20000
#define PENDING_MAX  64

/* ---- a supervisor that is killed at its n-th call; linked with --wrap ---- */

static unsigned calls, kill_at; /* 0: never */
static bool kills_after;

static void on_call(bool is_after)
{
	calls += is_after ? 0 : 1;
	if (kill_at != 0 && calls == kill_at && kills_after == is_after)
		(void)raise(SIGKILL);
}

ssize_t __real_recv(int fd, void *buffer, size_t length, int flags);
ssize_t __wrap_recv(int fd, void *buffer, size_t length, int flags);
ssize_t __wrap_recv(int fd, void *buffer, size_t length, int flags)
{
	ssize_t result;

	on_call(false);
	result = __real_recv(fd, buffer, length, flags);
	on_call(true);
	return result;
}

ssize_t __real_send(int fd, const void *buffer, size_t length, int flags);
ssize_t __wrap_send(int fd, const void *buffer, size_t length, int flags);
ssize_t __wrap_send(int fd, const void *buffer, size_t length, int flags)
{
	ssize_t result;

	on_call(false);
	result = __real_send(fd, buffer, length, flags);
	on_call(true);
	return result;
}

ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
	ssize_t result;

	on_call(false);
	result = __real_sendmsg(fd, message, flags);
	on_call(true);
	return result;
}

int __real_setsockopt(int fd, int level, int name, const void *value, socklen_t length);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t length);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t length)
{
	int result;

	on_call(false);
	result = __real_setsockopt(fd, level, name, value, length);
	on_call(true);
	return result;
}

ssize_t __real_pwrite64(int fd, const void *buffer, size_t length, off_t offset);
ssize_t __wrap_pwrite64(int fd, const void *buffer, size_t length, off_t offset);
ssize_t __wrap_pwrite64(int fd, const void *buffer, size_t length, off_t offset)
{
	ssize_t result;

	on_call(false);
	result = __real_pwrite64(fd, buffer, length, offset);
	on_call(true);
	return result;
}

/* The store: what it says is durable. */
ssize_t __real_write(int fd, const void *buffer, size_t length);
ssize_t __wrap_write(int fd, const void *buffer, size_t length);
ssize_t __wrap_write(int fd, const void *buffer, size_t length)
{
	ssize_t result;

	on_call(false);
	result = __real_write(fd, buffer, length);
	on_call(true);
	return result;
}

/* ---- the supervisor ---- */

struct pending {
	struct task_request request;
	char what[96];
	bool waits, is_noted;
};

struct supervisor {
	struct loop *loop;
	struct loop_source *timer;
	struct task_channel *channel;
	int journal, launcher;
	struct pending pending[PENDING_MAX];
	size_t count;
};

static void note(const struct supervisor *supervisor, const struct task_request *request,
		 const char *what)
{
	char line[256];
	int length = snprintf(line, sizeof(line), "%" PRIu64 " %" PRIu64 " %" PRId64 " %s\n",
			      request->connection, request->sequence, request->id, what);

	if (write(supervisor->journal, line, (size_t)length) != length)
		_exit(10);
}

static int defer(struct supervisor *supervisor, const struct task_request *request, bool waits,
		 const char *what)
{
	struct pending *pending = &supervisor->pending[supervisor->count++];

	if (supervisor->count > PENDING_MAX)
		_exit(11);
	*pending = (struct pending){.request = *request, .waits = waits};
	(void)snprintf(pending->what, sizeof(pending->what), "%s", what);
	return TASK_CHANNEL_DEFERRED;
}

static int on_log(void *owner, const struct task_request *request, const struct protocol_log *log,
		  struct berth_error *err)
{
	char what[64];

	(void)err;
	(void)snprintf(what, sizeof(what), "log %s", log->message);
	note(owner, request, what);
	return 0;
}

static int on_checkpoint(void *owner, const struct task_request *request, const char *name,
			 const char *data, struct berth_error *err)
{
	char what[80];

	(void)data;
	(void)err;
	(void)snprintf(what, sizeof(what), "checkpoint %s", name);
	return defer(owner, request, false, what);
}

static int on_output(void *owner, const struct task_request *request, json_t *data,
		     struct berth_error *err)
{
	const char *text = json_string_value(data);
	char what[64];

	(void)err;
	(void)snprintf(what, sizeof(what), "output %zu", text ? strspn(text, "x") : 0);
	return defer(owner, request, false, what);
}

static int on_wait(void *owner, const struct task_request *request, const struct task_wait *wait,
		   json_t **ret_reply, struct berth_error *err)
{
	char what[96];

	(void)ret_reply;
	(void)err;
	(void)snprintf(what, sizeof(what), "wait %s %s", request->name, wait->tokens[0]);
	return defer(owner, request, true, what);
}

static void on_waiting(void *owner, const struct task_request *request)
{
	struct supervisor *supervisor = owner;

	(void)defer(supervisor, request, true, "");
	supervisor->pending[supervisor->count - 1].is_noted = true;
}

static void tell_launcher(const struct supervisor *supervisor, uint64_t number, int fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr head;
	} control = {0};
	struct iovec part = {&number, sizeof(number)};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

	if (fd >= 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = sizeof(control.bytes);
		control.head = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	}
	if (sendmsg(supervisor->launcher, &message, MSG_NOSIGNAL) < 0)
		_exit(12);
}

static int on_accepted(void *owner, uint64_t connection, int fd, struct berth_error *err)
{
	(void)err;
	tell_launcher(owner, connection, fd);
	return 0;
}

static void on_closed(void *owner, uint64_t connection)
{
	tell_launcher(owner, connection, -1);
}

static const struct task_channel_handlers handlers = {
	.log = on_log,
	.checkpoint = on_checkpoint,
	.output = on_output,
	.wait = on_wait,
	.accepted = on_accepted,
	.closed = on_closed,
	.waiting = on_waiting,
};

/* One commit a millisecond, in order; a wait is over a while after its own. */
static int on_timer(void *owner, struct berth_error *err)
{
	struct supervisor *supervisor = owner;
	struct pending next = supervisor->pending[0];
	json_t *reply;
	int status = 0;

	if (supervisor->count > 0) {
		memmove(supervisor->pending, supervisor->pending + 1,
			--supervisor->count * sizeof(next));
		if (!next.is_noted)
			note(supervisor, &next.request, next.what);
		reply = json_pack("{s:[]}", "results");
		if (next.waits && !next.is_noted) {
			(void)task_channel_commit(supervisor->channel, &next.request);
			next.is_noted = true;
			supervisor->pending[supervisor->count++] = next;
		} else {
			status = task_channel_answer(supervisor->channel, &next.request,
						     next.waits ? reply : NULL, NULL, err);
		}
		json_decref(reply);
	}
	if (status < 0)
		return -1;
	return loop_arm_timer(supervisor->timer, clock_boottime_ns() + CLOCK_NS_PER_MS, err);
}

/* ---- the launcher and the task, in the test's own process ---- */

struct world {
	char directory[64], path[96];
	int listener, ledger, journal, control; /* ledger -1: there has been no channel yet */
	struct task_channel_connection kept[PROTOCOL_CONNECTIONS_MAX];
	size_t kept_count;
	pid_t supervisor;
	unsigned deaths;
	/* the task */
	int client;
	const char *script;
	size_t length, said;
	struct text heard;
	unsigned answered; /* a bit an id */
	unsigned breaks;
};

static _Noreturn void supervise(struct world *world)
{
	static const struct task_channel_info info = {
		.run = "run_1", .attempt = 1, .attempt_id = "a"};
	struct supervisor supervisor = {.journal = world->journal, .launcher = world->control};
	const struct task_channel_adoption adoption = {
		.ledger_fd = world->ledger,
		.connections = world->kept,
		.connection_count = world->kept_count,
	};
	struct task_channel_setup setup = {
		.listen_fd = world->listener,
		.info = &info,
		.handlers = &handlers,
		.owner = &supervisor,
		.is_durable = true,
		.adoption = world->ledger >= 0 ? &adoption : NULL,
	};

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)close(world->client);
	if (loop_create(&supervisor.loop, NULL) < 0 ||
	    loop_add_timer(supervisor.loop, on_timer, &supervisor, &supervisor.timer, NULL) < 0 ||
	    loop_arm_timer(supervisor.timer, clock_boottime_ns() + 1, NULL) < 0)
		_exit(13);
	calls = 0;
	setup.loop = supervisor.loop;
	if (task_channel_create(&setup, &supervisor.channel, NULL) < 0)
		_exit(14);
	if (world->ledger < 0)
		tell_launcher(&supervisor, 0, task_channel_ledger(supervisor.channel));
	(void)loop_run(supervisor.loop, NULL);
	_exit(15);
}

static void start_supervisor(struct world *world)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	world->supervisor = fork();
	assert_true(world->supervisor >= 0);
	if (world->supervisor == 0) {
		world->control = ends[1];
		(void)close(ends[0]);
		supervise(world);
	}
	world->control = ends[0];
	(void)close(ends[1]);
}

static void forget(struct world *world, uint64_t number)
{
	for (size_t i = 0; i < world->kept_count; i++) {
		if (world->kept[i].number != number)
			continue;
		(void)close(world->kept[i].fd);
		world->kept[i] = world->kept[--world->kept_count];
		return;
	}
}

/* One message of the supervisor; false: there is none, or it is gone. */
static bool hear_supervisor(struct world *world)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr head;
	} control;
	uint64_t number = 0;
	struct iovec part = {&number, sizeof(number)};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = control.bytes,
				 .msg_controllen = sizeof(control.bytes)};
	int fd = -1;

	if (recvmsg(world->control, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) !=
	    (ssize_t)sizeof(number))
		return false;
	if (message.msg_controllen > 0)
		memcpy(&fd, CMSG_DATA(&control.head), sizeof(fd));
	if (fd < 0)
		forget(world, number);
	else if (number == 0)
		world->ledger = fd;
	else
		world->kept[world->kept_count++] = (struct task_channel_connection){number, fd};
	return true;
}

/* After a death everything that was said still counts; then the next one begins. */
static void replace_supervisor(struct world *world)
{
	int status;

	if (waitpid(world->supervisor, &status, WNOHANG) != world->supervisor)
		return;
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		fail_msg("the supervisor ended with %d", status);
	world->deaths++;
	while (hear_supervisor(world))
		continue;
	(void)close(world->control);
	kill_at = 0;
	start_supervisor(world);
}

static void connect_task(struct world *world)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	world->client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", world->path);
	assert_int_equal(connect(world->client, (struct sockaddr *)&address, sizeof(address)), 0);
	world->said = 0;
	text_finish(&world->heard);
}

/* The connection broke: the task says everything again on another. */
static void reconnect_task(struct world *world)
{
	(void)close(world->client);
	world->breaks++;
	world->answered = 0;
	connect_task(world);
}

static void hear_answers(struct world *world)
{
	char *newline;
	int id;

	while (world->heard.length > 0 &&
	       (newline = memchr(world->heard.data, '\n', world->heard.length))) {
		*newline = '\0';
		if (sscanf(world->heard.data, "{\"id\":%d,\"ok\":true", &id) != 1)
			fail_msg("the task was told %s", world->heard.data);
		world->answered |= 1U << id;
		text_consume(&world->heard, (size_t)(newline - world->heard.data) + 1);
	}
}

static void play_task(struct world *world)
{
	static char buffer[65536];
	ssize_t moved = 0;

	if (world->said < world->length)
		moved = __real_send(world->client, world->script + world->said,
				    world->length - world->said, MSG_NOSIGNAL);
	if (moved < 0 && errno != EAGAIN) {
		reconnect_task(world);
		return;
	}
	world->said += moved > 0 ? (size_t)moved : 0;
	moved = __real_recv(world->client, buffer, sizeof(buffer), 0);
	if (moved == 0 || (moved < 0 && errno != EAGAIN)) {
		reconnect_task(world);
		return;
	}
	if (moved > 0)
		assert_int_equal(text_append(&world->heard, buffer, (size_t)moved, NULL), 0);
	hear_answers(world);
}

static const char *const parts[] = {
	"{\"op\":\"hello\",\"protocol\":2,\"id\":0}\n",
	"{\"op\":\"log\",\"message\":\"a\"}\n",
	"{\"op\":\"checkpoint\",\"name\":\"one\",\"data\":1,\"id\":1}\n",
	"{\"op\":\"log\",\"message\":\"b\"}\n",
	"{\"op\":\"wait\",\"wait\":\"w\",\"token\":\"t\",\"id\":2}\n",
	"{\"op\":\"checkpoint\",\"name\":\"two\",\"data\":2,\"id\":3}\n",
	NULL, /* the output, id 4 */
	"{\"op\":\"log\",\"message\":\"c\"}\n",
	"{\"op\":\"checkpoint\",\"name\":\"three\",\"data\":3}\n",
	"{\"op\":\"wait\",\"token\":\"u\",\"id\":5}\n",
	"{\"op\":\"log\",\"message\":\"d\"}\n",
	"{\"op\":\"checkpoint\",\"name\":\"four\",\"data\":4,\"id\":6}\n",
};
#define PARTS       (sizeof(parts) / sizeof(parts[0]))
#define ALL_ANSWERS 0x7fU

static const char *const notes[PARTS] = {
	NULL,
	"-1 log a",
	"1 checkpoint one",
	"-1 log b",
	"2 wait w t",
	"3 checkpoint two",
	"4 output 400000",
	"-1 log c",
	"-1 checkpoint three",
	NULL, /* named after its connection: not compared */
	"-1 log d",
	"6 checkpoint four",
};

static char *make_script(void)
{
	char *script = malloc(OUTPUT_BYTES + 4096), *end = script;

	assert_non_null(script);
	for (size_t i = 0; i < PARTS; i++) {
		if (parts[i]) {
			end = stpcpy(end, parts[i]);
			continue;
		}
		end = stpcpy(end, "{\"op\":\"output\",\"id\":4,\"data\":\"");
		memset(end, 'x', OUTPUT_BYTES);
		end = stpcpy(end + OUTPUT_BYTES, "\"}\n");
	}
	return script;
}

/* What the journal has of the connection that came through: every line, and the same each time. */
static void check_journal(struct world *world)
{
	FILE *journal = fdopen(dup(world->journal), "r");
	unsigned seen[PARTS] = {0};
	uint64_t connection, sequence, last = 0;
	char what[200];

	assert_non_null(journal);
	for (int pass = 0; pass < 2; pass++) {
		rewind(journal);
		while (fscanf(journal, "%" SCNu64 " %" SCNu64 " %199[^\n]", &connection, &sequence,
			      what) == 3) {
			last = connection > last ? connection : last;
			if (pass == 0 || connection != last)
				continue;
			assert_true(sequence < PARTS);
			seen[sequence]++;
			if (notes[sequence])
				assert_string_equal(what, notes[sequence]);
		}
	}
	(void)fclose(journal);
	for (size_t i = 1; i < PARTS; i++)
		if (seen[i] == 0 || seen[i] > world->deaths + 1)
			fail_msg("line %zu was noted %u times", i, seen[i]);
}

static void open_world(struct world *world)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char path[128];

	*world = (struct world){.ledger = -1, .client = -1, .script = make_script()};
	world->length = strlen(world->script);
	(void)snprintf(world->directory, sizeof(world->directory), "/tmp/berth-test-XXXXXX");
	assert_non_null(mkdtemp(world->directory));
	(void)snprintf(world->path, sizeof(world->path), "%s/s", world->directory);
	(void)snprintf(path, sizeof(path), "%s/journal", world->directory);
	world->journal = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	world->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", world->path);
	assert_int_equal(bind(world->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(world->listener, 8), 0);
	(void)unlink(path);
}

static void close_world(struct world *world)
{
	(void)kill(world->supervisor, SIGKILL);
	(void)waitpid(world->supervisor, NULL, 0);
	for (size_t i = 0; i < world->kept_count; i++)
		(void)close(world->kept[i].fd);
	(void)close(world->listener);
	(void)close(world->ledger);
	(void)close(world->journal);
	(void)close(world->control);
	(void)close(world->client);
	text_finish(&world->heard);
	(void)unlink(world->path);
	(void)rmdir(world->directory);
	free((void *)(uintptr_t)world->script);
}

/* Kills now and then when kill_every_us is not 0. */
static void live(struct world *world, unsigned kill_every_us)
{
	uint64_t end_ns = clock_boottime_ns() + PATIENCE_MS * CLOCK_NS_PER_MS, kill_ns = 0;

	start_supervisor(world);
	connect_task(world);
	while (world->answered != ALL_ANSWERS || world->said < world->length) {
		struct pollfd polled[] = {
			{.fd = world->control, .events = POLLIN                                 },
			{.fd = world->client,
			 .events = (short)(POLLIN | (world->said < world->length ? POLLOUT : 0))},
		};

		if (clock_boottime_ns() > end_ns)
			fail_msg("only answers %#x, %zu bytes said", world->answered, world->said);
		(void)poll(polled, 2, 1);
		while (hear_supervisor(world))
			continue;
		replace_supervisor(world);
		play_task(world);
		if (kill_every_us == 0 || world->deaths >= 20)
			continue;
		if (kill_ns != 0 && clock_boottime_ns() >= kill_ns)
			(void)kill(world->supervisor, SIGKILL);
		if (kill_ns == 0 || clock_boottime_ns() >= kill_ns)
			kill_ns = clock_boottime_ns() +
				  (uint64_t)(random() % kill_every_us) * 1000 + 1;
	}
}

/* One life with a death at that call; false: there are fewer calls. Counts broken connections. */
static bool die_at(unsigned call, bool after, unsigned *breaks)
{
	struct world world;
	bool has_died;

	open_world(&world);
	kill_at = call;
	kills_after = after;
	live(&world, 0);
	kill_at = 0;
	check_journal(&world);
	has_died = world.deaths > 0;
	*breaks += world.breaks;
	close_world(&world);
	return has_died;
}

static void test_at_every_call(void **state)
{
	unsigned call = 1, breaks = 0;

	(void)state;
	while (die_at(call, false, &breaks) && die_at(call, true, &breaks))
		call++;
	print_message("%u calls\n", call);
	assert_in_range(call, 40, 2000);
	/* between accept4(2) and the launcher's copy */
	assert_in_range(breaks, 1, 4);
}

static void test_at_any_time(void **state)
{
	unsigned deaths = 0;

	(void)state;
	srandom(7);
	for (int i = 0; i < 60; i++) {
		struct world world;

		open_world(&world);
		live(&world, 6000);
		check_journal(&world);
		deaths += world.deaths;
		close_world(&world);
	}
	print_message("%u deaths\n", deaths);
	assert_true(deaths > 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_at_every_call),
		cmocka_unit_test(test_at_any_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
