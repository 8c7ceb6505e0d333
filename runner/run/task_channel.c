/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor's end of one run's task channel: accepts connections, bounds what they may cost,
 * and hands each checked message to the run. */
#include "runner/run/task_channel.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "runner/run/task_budget.h"
#include "runner/run/task_connection.h"
#include "runner/run/task_dispatch.h"

#define ACCEPTS_A_TURN  16
#define ACCEPT_RETRY_NS (100 * CLOCK_NS_PER_MS) /* after running out of descriptors */

struct member {
	struct task_connection connection; /* fd -1: the place is free */
	struct task_channel *channel;
	struct loop_source *source;
	uint32_t events;
};

struct task_channel {
	struct loop *loop;
	int listen_fd;
	struct loop_source *listen_source, *timer;
	uint64_t timer_ns; /* when the timer is due; 0: not armed */
	struct task_dispatch dispatch;
	struct task_budget budget;
	bool is_out_of_descriptors;
	struct text cancel_line; /* the event, once there is one */
	struct member members[PROTOCOL_CONNECTIONS_MAX];
};

static int timer_arm(struct task_channel *channel, uint64_t due_ns, struct berth_error *err)
{
	if (channel->timer_ns != 0 && channel->timer_ns <= due_ns)
		return 0;
	channel->timer_ns = due_ns;
	return loop_arm_timer(channel->timer, due_ns, err);
}

static void member_remove(struct member *member)
{
	loop_source_destroy(member->source);
	member->source = NULL;
	task_connection_finish(&member->connection, &member->channel->budget);
}

/* Has the loop wait for what the connection needs next. */
static int member_watch(struct member *member, bool has_work, struct berth_error *err)
{
	struct task_channel *channel = member->channel;
	uint64_t now_ns = clock_boottime_ns();
	uint64_t rest_ns = task_budget_rest_until(&channel->budget, now_ns);
	uint32_t events = task_connection_interest(&member->connection, rest_ns != 0);

	if (events != member->events) {
		if (loop_modify_descriptor(member->source, events, err) < 0)
			return -1;
		member->events = events;
	}
	if (rest_ns != 0)
		return timer_arm(channel, rest_ns, err);
	return has_work ? timer_arm(channel, now_ns, err) : 0;
}

static int member_turn(struct member *member, struct berth_error *err)
{
	struct task_channel *channel = member->channel;
	bool has_work;

	has_work = task_connection_turn(&member->connection, &channel->budget, &channel->dispatch);
	if (!member->connection.is_dead)
		return member_watch(member, has_work, err);
	member_remove(member);
	return 0;
}

static int on_member(void *owner, uint32_t events, struct berth_error *err)
{
	(void)events; /* a turn tries everything */
	return member_turn(owner, err);
}

static struct member *member_find_free(struct task_channel *channel)
{
	for (size_t i = 0; i < PROTOCOL_CONNECTIONS_MAX; i++)
		if (channel->members[i].connection.fd < 0)
			return &channel->members[i];
	return NULL;
}

/* Tells a connection that there is no place for it; what the kernel does not take is lost. */
static void connection_turn_away(struct task_channel *channel, int fd)
{
	AUTO_TEXT struct text line = {0};
	struct berth_error why = {0};

	(void)berth_fail(&why, BERTH_LIMIT, 0, "more than %d connections at once",
			 PROTOCOL_CONNECTIONS_MAX);
	if (task_dispatch_refuse(&channel->dispatch, &why, &line, NULL) == 0)
		(void)send(fd, line.data, line.length, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Takes *fd over when there is a place for it. */
static void member_add(struct task_channel *channel, int *fd)
{
	struct berth_error why = {0};
	struct member *member = member_find_free(channel);

	if (!member) {
		connection_turn_away(channel, *fd);
		return;
	}
	if (loop_add_descriptor(channel->loop, *fd, EPOLLIN, on_member, member, &member->source,
				&why) < 0) {
		task_dispatch_report(&channel->dispatch, &why);
		return;
	}
	member->events = EPOLLIN;
	task_connection_init(&member->connection, steal_fd(fd));
}

/* What a peer, or a host short of something, may do to accept4(2). */
static bool accept_may_fail(struct task_channel *channel, int errnum)
{
	if (errnum == EMFILE || errnum == ENFILE || errnum == ENOBUFS || errnum == ENOMEM)
		channel->is_out_of_descriptors = true;
	return channel->is_out_of_descriptors || errnum == EAGAIN || errnum == EWOULDBLOCK ||
	       errnum == ECONNABORTED || errnum == EINTR;
}

/* Takes in one connection; 1 when there is none. */
static int accept_one(struct task_channel *channel, struct berth_error *err)
{
	AUTO_CLOSE int fd = -1;

	/* cppcheck-suppress nullPointer; accept4(2): the address may be NULL */
	fd = accept4(channel->listen_fd, NULL, NULL, SOCK_CLOEXEC);
	if (fd < 0)
		return accept_may_fail(channel, errno)
			       ? 1
			       : berth_fail(err, BERTH_SYSTEM, errno, "accept a task's connection");
	member_add(channel, &fd);
	return 0;
}

/* Pauses or resumes the listening socket. */
static int listen_watch(struct task_channel *channel, struct berth_error *err)
{
	uint64_t now_ns = clock_boottime_ns();
	uint64_t later_ns = task_budget_rest_until(&channel->budget, now_ns);

	if (channel->is_out_of_descriptors)
		later_ns = now_ns + ACCEPT_RETRY_NS;
	if (loop_modify_descriptor(channel->listen_source, later_ns != 0 ? 0 : EPOLLIN, err) < 0)
		return -1;
	return later_ns != 0 ? timer_arm(channel, later_ns, err) : 0;
}

static int on_listen(void *owner, uint32_t events, struct berth_error *err)
{
	struct task_channel *channel = owner;
	uint64_t from_ns = clock_boottime_ns();
	int status = 0;

	(void)events;
	for (int i = 0; status == 0 && i < ACCEPTS_A_TURN; i++)
		status = accept_one(channel, err);
	if (status < 0)
		return -1;
	task_budget_spend(&channel->budget, from_ns, clock_boottime_ns());
	return listen_watch(channel, err);
}

/* Gives everyone the turn that was put off. */
static int on_timer(void *owner, struct berth_error *err)
{
	struct task_channel *channel = owner;

	channel->timer_ns = 0;
	channel->is_out_of_descriptors = false;
	for (size_t i = 0; i < PROTOCOL_CONNECTIONS_MAX; i++)
		if (channel->members[i].connection.fd >= 0 &&
		    member_turn(&channel->members[i], err) < 0)
			return -1;
	return listen_watch(channel, err);
}

static int channel_watch(struct task_channel *channel, int listen_fd, struct berth_error *err)
{
	int flags = fcntl(listen_fd, F_GETFL);

	if (flags < 0 || fcntl(listen_fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "prepare the task socket");
	if (loop_add_timer(channel->loop, on_timer, channel, &channel->timer, err) < 0)
		return -1;
	return loop_add_descriptor(channel->loop, listen_fd, EPOLLIN, on_listen, channel,
				   &channel->listen_source, err);
}

int task_channel_create(struct loop *loop, int listen_fd, const struct task_channel_info *info,
			const struct task_channel_handlers *handlers, void *owner,
			struct task_channel **ret_channel, struct berth_error *err)
{
	struct task_channel *channel = calloc(1, sizeof(*channel));

	if (!channel)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "create a task channel");
	channel->loop = loop;
	channel->listen_fd = -1;
	for (size_t i = 0; i < PROTOCOL_CONNECTIONS_MAX; i++) {
		channel->members[i].channel = channel;
		channel->members[i].connection.fd = -1;
	}
	if (task_dispatch_init(&channel->dispatch, info, handlers, owner, err) < 0 ||
	    channel_watch(channel, listen_fd, err) < 0) {
		task_channel_destroy(channel);
		return -1;
	}
	channel->listen_fd = listen_fd;
	*ret_channel = channel;
	return 0;
}

static int format_cancel(struct text *line, const char *reason, uint64_t grace_ms,
			 struct berth_error *err)
{
	AUTO_JSON json_t *event =
		json_pack("{s:s, s:s, s:I}", "event", protocol_messages[PROTOCOL_CANCEL].name,
			  "reason", reason, "grace_ms", (json_int_t)grace_ms);
	AUTO_FREE char *text = event ? json_format_compact(event) : NULL;

	if (!text)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "prepare the cancel event");
	return text_append_format(line, err, "%s\n", text);
}

int task_channel_cancel(struct task_channel *channel, const char *reason, uint64_t grace_ms,
			struct berth_error *err)
{
	struct member *member;

	if (channel->dispatch.is_cancelled)
		return 0;
	if (format_cancel(&channel->cancel_line, reason, grace_ms, err) < 0)
		return -1;
	channel->dispatch.is_cancelled = true;
	for (size_t i = 0; i < PROTOCOL_CONNECTIONS_MAX; i++) {
		member = &channel->members[i];
		if (member->connection.fd < 0)
			continue;
		task_connection_tell(&member->connection, &channel->budget, &channel->dispatch,
				     channel->cancel_line.data);
	}
	/* the next turn removes those it failed for, and waits for those that were not ready */
	return timer_arm(channel, clock_boottime_ns(), err);
}

/* One round of accepting and turns; whether anything moved. */
static bool drain_once(struct task_channel *channel)
{
	struct task_connection *connection;
	bool has_moved = false;
	uint64_t before;

	channel->budget.busy_ns = 0; /* the task is over: nothing is left to flood */
	while (accept_one(channel, NULL) == 0)
		has_moved = true;
	for (size_t i = 0; i < PROTOCOL_CONNECTIONS_MAX; i++) {
		connection = &channel->members[i].connection;
		if (connection->fd < 0)
			continue;
		before = connection->received_bytes;
		has_moved |= task_connection_turn(connection, &channel->budget, &channel->dispatch);
		has_moved |= connection->received_bytes != before || connection->is_dead;
		if (connection->is_dead)
			member_remove(&channel->members[i]);
	}
	return has_moved;
}

void task_channel_drain(struct task_channel *channel, uint64_t max_ms)
{
	uint64_t end_ns = clock_boottime_ns() + max_ms * CLOCK_NS_PER_MS;

	while (drain_once(channel) && clock_boottime_ns() < end_ns)
		continue;
}

void task_channel_destroy(struct task_channel *channel)
{
	if (!channel)
		return;
	for (size_t i = 0; i < PROTOCOL_CONNECTIONS_MAX; i++)
		if (channel->members[i].connection.fd >= 0)
			member_remove(&channel->members[i]);
	loop_source_destroy(channel->listen_source);
	loop_source_destroy(channel->timer);
	close_fd(&channel->listen_fd);
	text_finish(&channel->cancel_line);
	task_dispatch_finish(&channel->dispatch);
	free(channel);
}
