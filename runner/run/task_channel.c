/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor's end of one run's task channel: accepts connections, bounds what they may cost,
 * and hands each checked message to the run. */
#include "runner/run/task_channel.h"

#include <assert.h>
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
#include "runner/run/task_reply.h"

#define ACCEPTS_A_TURN  16
#define ACCEPT_RETRY_NS (100 * CLOCK_NS_PER_MS) /* after running out of descriptors */
#define ACCEPT_BUSY_NS  (10 * CLOCK_NS_PER_MS)  /* while the owner cannot take a connection */

struct member {
	struct task_connection connection; /* fd -1: the place is free */
	struct task_channel *channel;
	struct loop_source *source;
	uint32_t events;
	bool is_due; /* for a turn with the timer */
};

struct task_channel {
	struct loop *loop;
	int listen_fd;
	struct loop_source *listen_source, *timer;
	uint64_t timer_ns; /* when the timer is due; 0: not armed */
	struct task_run run;
	uint64_t next_connection; /* not durable: the ledger has it */
	uint64_t accept_pause_ns; /* until the listener is looked at again; 0: none */
	bool has_waits_to_tell;   /* committed under an earlier supervisor */
	struct text cancel_line;  /* the event, once there is one */
	struct member members[PROTOCOL_CONNECTIONS_MAX];
};

static int timer_arm(struct task_channel *channel, uint64_t due_ns, struct berth_error *err)
{
	if (channel->timer_ns != 0 && channel->timer_ns <= due_ns)
		return 0;
	channel->timer_ns = due_ns;
	return loop_arm_timer(channel->timer, due_ns, err);
}

/* Lets go of the connection without ending it. */
static void member_finish(struct member *member)
{
	loop_source_destroy(member->source);
	member->source = NULL;
	member->is_due = false;
	task_connection_finish(&member->connection, &member->channel->run);
}

static void member_remove(struct member *member)
{
	struct task_channel *channel = member->channel;
	const struct task_dispatch *dispatch = &channel->run.dispatch;
	uint64_t number = member->connection.number;
	struct task_ledger_slot *slot = member->connection.intake.slot;

	if (slot) /* somebody else may have a copy of the socket */
		(void)shutdown(member->connection.fd, SHUT_RDWR);
	task_held_forget(&channel->run.dispatch.held, number);
	member_finish(member);
	if (dispatch->handlers->closed)
		dispatch->handlers->closed(dispatch->owner, number);
	if (slot) /* last: until the owner has let go of its copy it may be taken over */
		task_ledger_release(&channel->run.ledger, slot);
}

/* Has the loop wait for what the connection needs next. */
static int member_watch(struct member *member, bool has_work, struct berth_error *err)
{
	struct task_channel *channel = member->channel;
	uint64_t now_ns = clock_boottime_ns();
	uint64_t rest_ns = task_budget_rest_until(&channel->run.budget, now_ns);
	uint32_t events =
		task_connection_interest(&member->connection, &channel->run, rest_ns != 0);

	if (events != member->events) {
		if (loop_modify_descriptor(member->source, events, err) < 0)
			return -1;
		member->events = events;
	}
	member->is_due = has_work || rest_ns != 0;
	if (rest_ns != 0)
		return timer_arm(channel, rest_ns, err);
	return has_work ? timer_arm(channel, now_ns, err) : 0;
}

/* Hands the owner what an earlier supervisor had noted as waiting. */
static void tell_waits(struct task_channel *channel)
{
	const struct task_dispatch *dispatch = &channel->run.dispatch;
	const struct task_request *request;

	channel->has_waits_to_tell = false;
	for (size_t i = 0; dispatch->handlers->waiting && i < PROTOCOL_WAITS_MAX; i++) {
		request = task_ledger_wait(&channel->run.ledger, i);
		if (request)
			dispatch->handlers->waiting(dispatch->owner, request);
	}
}

/* Has the timer end the next of the waits that nobody notes. */
static int held_arm(struct task_channel *channel, struct berth_error *err)
{
	uint64_t due_ns = task_held_due_ns(&channel->run.dispatch.held);

	return due_ns != 0 ? timer_arm(channel, due_ns, err) : 0;
}

static int member_turn(struct member *member, struct berth_error *err)
{
	struct task_channel *channel = member->channel;
	bool has_work;

	if (channel->has_waits_to_tell)
		tell_waits(channel);
	has_work = task_connection_turn(&member->connection, &channel->run);
	if (held_arm(channel, err) < 0)
		return -1;
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
	if (task_dispatch_refuse(&channel->run.dispatch, &why, &line, NULL) == 0)
		(void)send(fd, line.data, line.length, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Makes *fd a member, which is taken over. -1: it cannot be one; the loop can go on. */
static int member_init(struct member *member, uint64_t number, int *fd, struct berth_error *err)
{
	struct task_channel *channel = member->channel;
	struct task_connection *connection = &member->connection;

	if (task_connection_init(connection, &channel->run, number, steal_fd(fd), err) < 0)
		return -1;
	member->events = task_connection_interest(connection, &channel->run, false);
	if (loop_add_descriptor(channel->loop, connection->fd, member->events, on_member, member,
				&member->source, err) == 0)
		return 0;
	task_connection_finish(connection, &channel->run);
	return -1;
}

static void ledger_forget(struct task_channel *channel, uint64_t number)
{
	struct task_ledger *ledger = &channel->run.ledger;
	struct task_ledger_slot *slot = ledger->fd >= 0 ? task_ledger_slot(ledger, number) : NULL;

	if (slot)
		task_ledger_release(ledger, slot);
}

/* Takes *fd over when there is a place for it. Nothing of it is read before the owner has it. */
static int member_add(struct task_channel *channel, int *fd, struct berth_error *err)
{
	const struct task_channel_handlers *handlers = channel->run.dispatch.handlers;
	struct member *member = member_find_free(channel);
	struct berth_error why = {0};
	uint64_t number;

	if (!member) {
		connection_turn_away(channel, *fd);
		return 0;
	}
	number = channel->run.ledger.fd >= 0 ? task_ledger_next(&channel->run.ledger)
					     : channel->next_connection++;
	if (member_init(member, number, fd, &why) < 0) {
		task_dispatch_report(&channel->run.dispatch, &why);
		ledger_forget(channel, number);
		return 0;
	}
	if (!handlers->accepted)
		return 0;
	return handlers->accepted(channel->run.dispatch.owner, number, member->connection.fd, err);
}

/* What a peer, or a host short of something, may do to accept4(2). */
static bool accept_may_fail(struct task_channel *channel, int errnum)
{
	if (errnum == EMFILE || errnum == ENFILE || errnum == ENOBUFS || errnum == ENOMEM)
		channel->accept_pause_ns = ACCEPT_RETRY_NS;
	return channel->accept_pause_ns != 0 || errnum == EAGAIN || errnum == EWOULDBLOCK ||
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
	return member_add(channel, &fd, err);
}

/* Pauses or resumes the listening socket. */
static int listen_watch(struct task_channel *channel, struct berth_error *err)
{
	uint64_t now_ns = clock_boottime_ns();
	uint64_t later_ns = task_budget_rest_until(&channel->run.budget, now_ns);

	if (channel->accept_pause_ns != 0)
		later_ns = now_ns + channel->accept_pause_ns;
	if (loop_modify_descriptor(channel->listen_source, later_ns != 0 ? 0 : EPOLLIN, err) < 0)
		return -1;
	return later_ns != 0 ? timer_arm(channel, later_ns, err) : 0;
}

/* What is not accepted waits in the listener, which outlives this process. */
static bool may_accept(struct task_channel *channel)
{
	const struct task_dispatch *dispatch = &channel->run.dispatch;

	if (dispatch->handlers->may_accept && !dispatch->handlers->may_accept(dispatch->owner))
		channel->accept_pause_ns = ACCEPT_BUSY_NS;
	return channel->accept_pause_ns == 0;
}

static int on_listen(void *owner, uint32_t events, struct berth_error *err)
{
	struct task_channel *channel = owner;
	uint64_t from_ns = clock_boottime_ns();
	int status = 0;

	(void)events;
	for (int i = 0; status == 0 && i < ACCEPTS_A_TURN && may_accept(channel); i++)
		status = accept_one(channel, err);
	if (status < 0)
		return -1;
	task_budget_spend(&channel->run.budget, from_ns, clock_boottime_ns());
	return listen_watch(channel, err);
}

/* Ends the waits whose time has come. */
static int answer_held(struct task_channel *channel, struct berth_error *err)
{
	struct task_request request;
	int status = 0;

	while (status >= 0 &&
	       task_held_take(&channel->run.dispatch.held, clock_boottime_ns(), &request)) {
		AUTO_JSON json_t *results = task_held_results();

		if (!results)
			return berth_fail(err, BERTH_MEMORY, ENOMEM, "end a wait");
		status = task_channel_answer(channel, &request, results, NULL, err);
	}
	return status < 0 ? -1 : 0;
}

/* Gives those that are due the turn that was put off. */
static int on_timer(void *owner, struct berth_error *err)
{
	struct task_channel *channel = owner;

	channel->timer_ns = 0;
	channel->accept_pause_ns = 0;
	if (answer_held(channel, err) < 0)
		return -1;
	for (size_t i = 0; i < PROTOCOL_CONNECTIONS_MAX; i++) {
		struct member *member = &channel->members[i];

		if (!member->is_due)
			continue;
		member->is_due = false;
		if (member_turn(member, err) < 0)
			return -1;
	}
	if (held_arm(channel, err) < 0)
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

/* One connection that an earlier supervisor had. When it cannot go on it is closed: its peer
 * connects again. */
static void adopt_connection(struct task_channel *channel, uint64_t number, int fd, bool has_ledger)
{
	struct member *member = member_find_free(channel);
	struct berth_error why = {0};

	if (member_init(member, number, &fd, &why) < 0) {
		task_dispatch_report(&channel->run.dispatch, &why);
		if (channel->run.dispatch.handlers->closed)
			channel->run.dispatch.handlers->closed(channel->run.dispatch.owner, number);
		ledger_forget(channel, number);
		return;
	}
	if (!has_ledger)
		member->connection.is_greeted = true;
	member->is_due = true;
}

static void adopt_connections(struct task_channel *channel,
			      const struct task_channel_adoption *adoption)
{
	const struct task_channel_connection *connections = adoption->connections;
	struct task_ledger *ledger = &channel->run.ledger;

	task_ledger_keep(ledger, connections, adoption->connection_count);
	task_ledger_start_at(ledger, adoption->next_connection);
	for (size_t i = 0; i < adoption->connection_count; i++) {
		task_ledger_start_at(ledger, connections[i].number + 1);
		adopt_connection(channel, connections[i].number, connections[i].fd,
				 adoption->ledger_fd >= 0);
	}
	channel->has_waits_to_tell = true;
}

static int ledger_prepare(struct task_channel *channel, const struct task_channel_setup *setup,
			  struct berth_error *err)
{
	const struct task_channel_adoption *adoption = setup->adoption;
	struct task_ledger *ledger = &channel->run.ledger;

	if (!setup->is_durable)
		return 0;
	if (!adoption || adoption->ledger_fd < 0)
		return task_ledger_create(ledger, err);
	if (task_ledger_open(ledger, adoption->ledger_fd, err) == 0)
		return 0;
	ledger->fd = -1; /* the caller's still */
	return -1;
}

/* All that can fail. */
static int channel_prepare(struct task_channel *channel, const struct task_channel_setup *setup,
			   struct berth_error *err)
{
	if (setup->adoption && setup->adoption->connection_count > PROTOCOL_CONNECTIONS_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "more than %d connections to adopt",
				  PROTOCOL_CONNECTIONS_MAX);
	if (task_dispatch_init(&channel->run.dispatch, setup->info, setup->handlers, setup->owner,
			       err) < 0 ||
	    channel_watch(channel, setup->listen_fd, err) < 0 ||
	    timer_arm(channel, clock_boottime_ns(), err) < 0)
		return -1;
	return ledger_prepare(channel, setup, err);
}

int task_channel_create(const struct task_channel_setup *setup, struct task_channel **ret_channel,
			struct berth_error *err)
{
	struct task_channel *channel = calloc(1, sizeof(*channel));

	assert(!setup->adoption || setup->is_durable);
	if (!channel)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "create a task channel");
	channel->loop = setup->loop;
	channel->listen_fd = -1;
	channel->run.ledger.fd = -1;
	channel->next_connection = 1;
	for (size_t i = 0; i < PROTOCOL_CONNECTIONS_MAX; i++) {
		channel->members[i].channel = channel;
		channel->members[i].connection.fd = -1;
	}
	if (channel_prepare(channel, setup, err) < 0) {
		task_channel_destroy(channel);
		return -1;
	}
	channel->listen_fd = setup->listen_fd;
	if (setup->adoption)
		adopt_connections(channel, setup->adoption);
	*ret_channel = channel;
	return 0;
}

int task_channel_ledger(const struct task_channel *channel)
{
	return channel->run.ledger.fd;
}

static struct member *member_find(struct task_channel *channel, uint64_t number)
{
	for (size_t i = 0; i < PROTOCOL_CONNECTIONS_MAX; i++)
		if (channel->members[i].connection.fd >= 0 &&
		    channel->members[i].connection.number == number)
			return &channel->members[i];
	return NULL;
}

/* The line that answers a request. */
static int format_answer(const struct task_request *request, const json_t *reply,
			 const struct berth_error *why, struct text *line, struct berth_error *err)
{
	AUTO_TEXT struct text members = {0};

	if (request->id < 0)
		return 0;
	if (why)
		return task_reply_append_error(line, request->id, why, err);
	if (reply && task_reply_append_members(&members, reply, err) < 0)
		return -1;
	return task_reply_append_success(line, request->id, &members, err);
}

/* Has the member do its next turn from within the loop; all of them when the run was at its limit.
 */
static int members_wake(struct task_channel *channel, struct member *member,
			struct berth_error *err)
{
	bool was_full = channel->run.dispatch.deferred_count + 1 >= TASK_DEFERRED_RUN_MAX;

	for (size_t i = 0; was_full && i < PROTOCOL_CONNECTIONS_MAX; i++)
		channel->members[i].is_due |= channel->members[i].connection.fd >= 0;
	member->is_due = true;
	return timer_arm(channel, clock_boottime_ns(), err);
}

int task_channel_answer(struct task_channel *channel, const struct task_request *request,
			const json_t *reply, const struct berth_error *why, struct berth_error *err)
{
	struct member *member = member_find(channel, request->connection);
	AUTO_TEXT struct text line = {0};

	if (!member)
		return TASK_CHANNEL_GONE;
	if (why && request->id < 0)
		task_dispatch_report(&channel->run.dispatch, why);
	if (format_answer(request, reply, why, &line, err) < 0)
		return -1;
	if (task_connection_answer(&member->connection, &channel->run, request->sequence, &line) !=
	    0)
		return TASK_CHANNEL_GONE;
	return members_wake(channel, member, err);
}

int task_channel_commit(struct task_channel *channel, const struct task_request *request)
{
	struct member *member = member_find(channel, request->connection);

	if (!member)
		return TASK_CHANNEL_GONE;
	if (task_connection_commit(&member->connection, &channel->run, request->sequence) != 0)
		return TASK_CHANNEL_GONE;
	/* in vain at worst: its line then leaves the socket with the next turn */
	(void)members_wake(channel, member, NULL);
	return 0;
}

size_t task_channel_pending(const struct task_channel *channel)
{
	return channel->run.dispatch.deferred_count;
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

	if (channel->run.dispatch.is_cancelled)
		return 0;
	if (format_cancel(&channel->cancel_line, reason, grace_ms, err) < 0)
		return -1;
	channel->run.dispatch.is_cancelled = true;
	for (size_t i = 0; i < PROTOCOL_CONNECTIONS_MAX; i++) {
		member = &channel->members[i];
		if (member->connection.fd < 0)
			continue;
		task_connection_tell(&member->connection, &channel->run, channel->cancel_line.data);
		member->is_due = true;
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

	channel->run.budget.busy_ns = 0; /* the task is over: nothing is left to flood */
	while (accept_one(channel, NULL) == 0)
		has_moved = true;
	for (size_t i = 0; i < PROTOCOL_CONNECTIONS_MAX; i++) {
		connection = &channel->members[i].connection;
		if (connection->fd < 0)
			continue;
		before = connection->intake.received_bytes;
		has_moved |= task_connection_turn(connection, &channel->run);
		has_moved |= connection->intake.received_bytes != before || connection->is_dead;
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
			member_finish(&channel->members[i]);
	loop_source_destroy(channel->listen_source);
	loop_source_destroy(channel->timer);
	close_fd(&channel->listen_fd);
	text_finish(&channel->cancel_line);
	task_ledger_finish(&channel->run.ledger);
	task_dispatch_finish(&channel->run.dispatch);
	free(channel);
}
