/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's control socket: accepts, tells who it is, bounds what a client may cost, and has its
 * lines handled. */
#include "runner/control/control_server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/text.h"
#include "runner/control/control_connection.h"
#include "runner/control/control_dispatch.h"
#include "runner/control/control_error_table.h"

#define ACCEPTS_A_TURN    16
#define LINES_A_TURN      32
#define ACCEPT_RETRY_NS   (100 * CLOCK_NS_PER_MS) /* after running out of descriptors */
#define PROBLEMS_A_MINUTE 16

struct control_server {
	struct loop *loop;
	int listen_fd;
	struct loop_source *listen_source, *timer;
	uint64_t timer_ns; /* when the timer is due; 0: not armed */
	bool is_out_of_descriptors;
	struct control_server_options options;
	struct control_dispatch dispatch;
	struct control_budget budget;
	struct control_connection *connections;
	size_t connection_count, viewer_count;
	uint64_t requests, dropped;
	uint64_t problem_minute;
	unsigned problems; /* told in that minute */
};

static void tell_problem(struct control_server *server, const struct control_peer *peer,
			 const char *message)
{
	uint64_t minute = clock_boottime_ns() / (60 * CLOCK_NS_PER_S);
	char line[512], safe[400];

	if (!server->options.problem)
		return;
	if (server->problem_minute != minute)
		server->problems = 0;
	server->problem_minute = minute;
	if (server->problems++ >= PROBLEMS_A_MINUTE)
		return;
	(void)text_sanitize(message, strlen(message), safe, sizeof(safe));
	(void)snprintf(line, sizeof(line), "client of user %u (process %d): %s",
		       (unsigned)peer->uid, (int)peer->pid, safe);
	server->options.problem(server->options.owner, line);
}

static int timer_arm(struct control_server *server, uint64_t due_ns, struct berth_error *err)
{
	if (server->timer_ns != 0 && server->timer_ns <= due_ns)
		return 0;
	server->timer_ns = due_ns;
	return loop_arm_timer(server->timer, due_ns, err);
}

/* An answer was appended, or a request answered: the connection gets a turn soon. A timer, because
 * whoever answers may stand in the middle of something. */
static void on_wake(struct control_connection *connection)
{
	if (connection->is_in_turn)
		return;
	/* without a timer the connection only gets its turn when its socket says something */
	(void)timer_arm(connection->server, clock_boottime_ns(), NULL);
	connection->is_awake = true;
}

static void connection_unlink(struct control_connection *connection)
{
	struct control_server *server = connection->server;

	*connection->previous = connection->next;
	if (connection->next)
		connection->next->previous = connection->previous;
	server->connection_count--;
	if (connection->peer.role < CONTROL_OPERATOR)
		server->viewer_count--;
}

static void connection_destroy(struct control_connection *connection)
{
	connection_unlink(connection);
	loop_source_destroy(connection->source);
	control_connection_finish(connection);
	free(connection);
}

/* Says why, as far as the peer listens, and gives the connection up. */
static void refuse(struct control_connection *connection, const struct berth_error *why)
{
	struct control_server *server = connection->server;
	json_t *error = control_error_format(why);

	tell_problem(server, &connection->peer, why->message);
	server->dropped++;
	/* without memory for words the closing has to say it */
	(void)control_connection_say(
		connection,
		error ? json_pack("{s:n, s:b, s:o}", "id", "ok", 0, "error", error) : NULL, NULL);
	control_connection_flush(connection);
	connection->is_dead = true;
}

static void handle_lines(struct control_connection *connection)
{
	struct control_server *server = connection->server;
	struct berth_error why;
	const char *line;
	size_t length;
	int status = 0;

	for (int i = 0; i < LINES_A_TURN && status == 0 && !connection->is_dead; i++) {
		if (control_connection_is_paused(connection) ||
		    !control_connection_line(connection, &line, &length))
			return;
		server->requests++;
		status = control_dispatch_line(&server->dispatch, connection, line, length, &why);
		control_connection_line_done(connection, length);
	}
	if (status < 0) {
		refuse(connection, &why);
	} else if (status == CONTROL_DISPATCH_CLOSE) {
		control_connection_flush(connection);
		connection->is_dead = true;
	}
}

static bool has_room_for_events(const struct control_connection *connection)
{
	return connection->is_wanted &&
	       control_connection_pending(connection) < CONTROL_EVENT_PAUSE;
}

static void tell_room(struct control_connection *connection)
{
	struct control_call *call = connection->calls, *next;

	if (!has_room_for_events(connection))
		return;
	connection->is_wanted = false; /* who finds it full again says so again */
	for (; call && control_connection_pending(connection) < CONTROL_EVENT_PAUSE; call = next) {
		next = call->next;
		if (call->on_room)
			call->on_room(call);
	}
}

/* The instant at which the client has been slow for too long; 0: nobody waits for it. */
static uint64_t patience_ends_ns(const struct control_connection *connection)
{
	const struct control_server_options *options = &connection->server->options;

	if (control_connection_pending(connection) > 0)
		return connection->stalled_ns + options->slow_ms * CLOCK_NS_PER_MS;
	if (!connection->is_greeted)
		return connection->opened_ns + options->silent_ms * CLOCK_NS_PER_MS;
	return 0;
}

static void check_patience(struct control_connection *connection)
{
	uint64_t end_ns = patience_ends_ns(connection);
	struct berth_error why;

	if (end_ns == 0 || clock_boottime_ns() < end_ns)
		return;
	if (connection->is_greeted)
		(void)berth_fail(&why, BERTH_LIMIT, 0,
				 "reads nothing of what it asked for: dropped");
	else
		(void)berth_fail(&why, BERTH_PROTOCOL, 0, "no hello in time");
	refuse(connection, &why);
}

/* Nothing more will come of it. */
static bool is_over(struct control_connection *connection)
{
	const char *line;
	size_t length;

	if (connection->is_dead)
		return true;
	return connection->has_ended && !control_connection_line(connection, &line, &length) &&
	       (connection->is_gone ||
		(connection->call_count == 0 && control_connection_pending(connection) == 0));
}

/* Has the loop wait for what the connection needs next. */
static int connection_watch(struct control_connection *connection, struct berth_error *err)
{
	uint32_t events = control_connection_interest(connection);
	uint64_t end_ns = patience_ends_ns(connection);
	const char *line;
	size_t length;

	if (events != connection->events &&
	    loop_modify_descriptor(connection->source, events, err) < 0)
		return -1;
	connection->events = events;
	if (end_ns != 0 && timer_arm(connection->server, end_ns, err) < 0)
		return -1;
	/* what was sent last may have made room that no event of the socket tells of */
	if (has_room_for_events(connection) ||
	    (!control_connection_is_paused(connection) &&
	     control_connection_line(connection, &line, &length)))
		on_wake(connection);
	return 0;
}

/* Sends, reads and handles what is possible. */
static int connection_turn(struct control_connection *connection, struct berth_error *err)
{
	struct berth_error why;

	connection->is_awake = false;
	connection->is_in_turn = true;
	control_connection_flush(connection);
	if (!connection->has_ended && !control_connection_is_paused(connection) &&
	    control_connection_read(connection, &why) < 0)
		refuse(connection, &why);
	if (!connection->is_dead)
		handle_lines(connection);
	if (!connection->is_dead)
		tell_room(connection);
	control_connection_flush(connection);
	if (!connection->is_dead)
		check_patience(connection);
	connection->is_in_turn = false;
	if (!is_over(connection))
		return connection_watch(connection, err);
	connection_destroy(connection);
	return 0;
}

static int on_connection(void *owner, uint32_t events, struct berth_error *err)
{
	struct control_connection *connection = owner;

	/* closed on both sides; what it had asked before is still read and done */
	if (events & (EPOLLHUP | EPOLLERR))
		connection->is_gone = true;
	return connection_turn(connection, err);
}

/* Tells a client that there is no place for it; what the kernel does not take is lost. */
static void turn_away(struct control_server *server, int fd, const struct control_peer *peer)
{
	static const char line[] =
		"{\"id\":null,\"ok\":false,\"error\":{\"code\":\"limit\",\"message\":\"too many "
		"clients at once\",\"status\":422}}\n";

	server->dropped++;
	tell_problem(server, peer, "too many clients at once");
	(void)send(fd, line, sizeof(line) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static bool has_room(const struct control_server *server, const struct control_peer *peer)
{
	if (peer->role < CONTROL_OPERATOR && server->viewer_count >= CONTROL_VIEWERS_MAX)
		return false;
	return server->connection_count < CONTROL_CONNECTIONS_MAX;
}

static void connection_link(struct control_server *server, struct control_connection *connection)
{
	connection->server = server;
	connection->wake = on_wake;
	connection->budget = &server->budget;
	connection->next = server->connections;
	connection->previous = &server->connections;
	if (connection->next)
		connection->next->previous = &connection->next;
	server->connections = connection;
	server->connection_count++;
	if (connection->peer.role < CONTROL_OPERATOR)
		server->viewer_count++;
}

/* Takes *fd over when there is a place for it. Its own troubles are nobody else's. */
static void connection_add(struct control_server *server, int *fd)
{
	struct control_credentials credentials;
	struct control_peer peer = {.uid = (uid_t)-1};
	struct control_connection *connection;
	struct berth_error why;

	if (control_credentials_read(*fd, &server->options.policy, &credentials, &why) < 0) {
		tell_problem(server, &peer, why.message);
		return;
	}
	peer = (struct control_peer){
		.uid = credentials.uid,
		.pid = credentials.pid,
		.role = control_role_of(&credentials, &server->options.policy),
	};
	connection = has_room(server, &peer) ? calloc(1, sizeof(*connection)) : NULL;
	if (!connection) {
		turn_away(server, *fd, &peer);
		return;
	}
	control_connection_init(connection, -1);
	connection->peer = peer;
	connection_link(server, connection);
	if (loop_add_descriptor(server->loop, *fd, EPOLLIN, on_connection, connection,
				&connection->source, &why) < 0) {
		tell_problem(server, &peer, why.message);
		connection_destroy(connection);
		return;
	}
	connection->fd = steal_fd(fd);
	connection->events = EPOLLIN;
	(void)timer_arm(server, patience_ends_ns(connection), NULL);
}

/* What a peer, or a host short of something, may do to accept4(2). */
static bool accept_may_fail(struct control_server *server, int errnum)
{
	if (errnum == EMFILE || errnum == ENFILE || errnum == ENOBUFS || errnum == ENOMEM)
		server->is_out_of_descriptors = true;
	return server->is_out_of_descriptors || errnum == EAGAIN || errnum == EWOULDBLOCK ||
	       errnum == ECONNABORTED || errnum == EINTR;
}

static int on_listen(void *owner, uint32_t events, struct berth_error *err)
{
	struct control_server *server = owner;

	(void)events;
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		AUTO_CLOSE int fd = -1;

		/* cppcheck-suppress nullPointer; accept4(2): the address may be NULL */
		fd = accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0 && !accept_may_fail(server, errno))
			return berth_fail(err, BERTH_SYSTEM, errno, "accept a client");
		if (fd < 0)
			break;
		connection_add(server, &fd);
	}
	if (!server->is_out_of_descriptors)
		return 0;
	if (loop_modify_descriptor(server->listen_source, 0, err) < 0)
		return -1;
	return timer_arm(server, clock_boottime_ns() + ACCEPT_RETRY_NS, err);
}

/* Gives those a turn that were put off, and drops those that were waited for too long. */
static int on_timer(void *owner, struct berth_error *err)
{
	struct control_server *server = owner;
	struct control_connection *connection, *next;
	uint64_t now_ns = clock_boottime_ns();

	server->timer_ns = 0;
	if (server->is_out_of_descriptors) {
		server->is_out_of_descriptors = false;
		if (loop_modify_descriptor(server->listen_source, EPOLLIN, err) < 0)
			return -1;
	}
	for (connection = server->connections; connection; connection = next) {
		uint64_t end_ns = patience_ends_ns(connection);

		next = connection->next;
		if (connection->is_awake || (end_ns != 0 && end_ns <= now_ns)) {
			if (connection_turn(connection, err) < 0)
				return -1;
		} else if (end_ns != 0 && timer_arm(server, end_ns, err) < 0) {
			return -1;
		}
	}
	return 0;
}

static int server_watch(struct control_server *server, int listen_fd, struct berth_error *err)
{
	int flags = fcntl(listen_fd, F_GETFL);

	if (flags < 0 || fcntl(listen_fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "prepare the control socket");
	if (loop_add_timer(server->loop, on_timer, server, &server->timer, err) < 0)
		return -1;
	return loop_add_descriptor(server->loop, listen_fd, EPOLLIN, on_listen, server,
				   &server->listen_source, err);
}

int control_server_create(struct loop *loop, int listen_fd,
			  const struct control_server_options *options,
			  struct control_server **ret_server, struct berth_error *err)
{
	struct control_server *server = calloc(1, sizeof(*server));

	if (!server)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "create the control server");
	server->loop = loop;
	server->listen_fd = -1;
	server->options = *options;
	server->options.slow_ms = options->slow_ms ? options->slow_ms : CONTROL_SLOW_MS;
	server->options.silent_ms = options->silent_ms ? options->silent_ms : CONTROL_SILENT_MS;
	server->dispatch = (struct control_dispatch){
		.backend = options->backend,
		.handlers = options->handlers,
	};
	if (server_watch(server, listen_fd, err) < 0) {
		control_server_destroy(server);
		return -1;
	}
	server->listen_fd = listen_fd;
	*ret_server = server;
	return 0;
}

void control_server_flush(struct control_server *server)
{
	if (!server)
		return;
	for (struct control_connection *one = server->connections; one; one = one->next)
		control_connection_flush(one);
}

void control_server_destroy(struct control_server *server)
{
	struct control_connection *next;

	if (!server)
		return;
	for (struct control_connection *one = server->connections; one; one = next) {
		next = one->next;
		connection_destroy(one);
	}
	loop_source_destroy(server->listen_source);
	loop_source_destroy(server->timer);
	close_fd(&server->listen_fd);
	free(server);
}

void control_server_count(const struct control_server *server,
			  struct control_server_counts *ret_counts)
{
	*ret_counts = (struct control_server_counts){
		.connections = server->connection_count,
		.requests = server->requests,
		.dropped = server->dropped,
	};
	for (const struct control_connection *connection = server->connections; connection;
	     connection = connection->next)
		ret_counts->calls += connection->call_count;
}
