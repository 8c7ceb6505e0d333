/* SPDX-License-Identifier: Apache-2.0 */
/* One connection of a task: bytes in, lines handled, replies out; never blocks on its peer. */
#include "runner/run/task_connection.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "extensions/task/protocol_table.h"

#define READ_BYTES         ((size_t)64 * 1024)
#define TURN_READ_BYTES    ((size_t)256 * 1024)
#define TURN_NS            (10 * CLOCK_NS_PER_MS)
#define OUTPUT_PAUSE_BYTES ((size_t)64 * 1024) /* no more requests while that much waits */

void task_connection_init(struct task_connection *connection, int fd)
{
	*connection = (struct task_connection){
		.fd = fd,
		/* one line, and what one turn may read behind its beginning */
		.input = {.limit = PROTOCOL_LINE_MAX + TURN_READ_BYTES},
		.output = {.limit = TASK_BUDGET_OUTPUT_MAX},
	};
}

/* Brings the budget up to date with the buffers. */
static void account(struct task_connection *connection, struct task_budget *budget)
{
	task_budget_move(&budget->input_bytes, connection->counted_input,
			 connection->input.capacity);
	task_budget_move(&budget->output_bytes, connection->counted_output,
			 connection->output.capacity);
	connection->counted_input = connection->input.capacity;
	connection->counted_output = connection->output.capacity;
}

static void input_forget(struct task_connection *connection, struct task_budget *budget)
{
	text_finish(&connection->input);
	connection->scanned = 0;
	account(connection, budget);
}

static void output_forget(struct task_connection *connection, struct task_budget *budget)
{
	text_finish(&connection->output);
	connection->head_length = 0;
	connection->body = NULL;
	account(connection, budget);
}

void task_connection_finish(struct task_connection *connection, struct task_budget *budget)
{
	input_forget(connection, budget);
	output_forget(connection, budget);
	close_fd(&connection->fd);
}

static bool output_is_due(const struct task_connection *connection)
{
	return connection->body || connection->output.length > 0;
}

/* The next bytes to send. */
static size_t output_next(const struct task_connection *connection, const char **ret_data)
{
	if (!connection->body || connection->head_length > 0) {
		*ret_data = connection->output.data;
		return connection->body ? connection->head_length : connection->output.length;
	}
	*ret_data = connection->body->data + connection->body_sent;
	return connection->body->length - connection->body_sent;
}

static void output_sent(struct task_connection *connection, struct task_budget *budget,
			size_t length)
{
	if (!connection->body || connection->head_length > 0) {
		text_consume(&connection->output, length);
		if (connection->body)
			connection->head_length -= length;
	} else {
		connection->body_sent += length;
		if (connection->body_sent == connection->body->length)
			connection->body = NULL;
	}
	if (!output_is_due(connection))
		output_forget(connection, budget);
}

static void output_flush(struct task_connection *connection, struct task_budget *budget)
{
	const char *data;
	size_t length;
	ssize_t sent;

	while (output_is_due(connection)) {
		length = output_next(connection, &data);
		sent = send(connection->fd, data, length, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS))
			return;
		if (sent < 0) {
			/* what it said before it left still counts */
			connection->is_gone = true;
			output_forget(connection, budget);
			return;
		}
		output_sent(connection, budget, (size_t)sent);
	}
}

/* Says why, as far as the peer listens, and gives the connection up. */
static void refuse(struct task_connection *connection, struct task_budget *budget,
		   struct task_dispatch *dispatch, const struct berth_error *why)
{
	/* without memory for words the closing has to say it */
	(void)task_dispatch_refuse(dispatch, why, &connection->output, NULL);
	account(connection, budget);
	output_flush(connection, budget);
	connection->is_dead = true;
}

static char *find_newline(struct task_connection *connection)
{
	struct text *input = &connection->input;
	char *newline = NULL;

	if (input->length > connection->scanned)
		newline = memchr(input->data + connection->scanned, '\n',
				 input->length - connection->scanned);
	connection->scanned = newline ? (size_t)(newline - input->data) : input->length;
	return newline;
}

/* Appends what was read, within the limits; -1: over them. */
static int input_take(struct task_connection *connection, struct task_budget *budget,
		      const char *data, size_t length, struct berth_error *err)
{
	int status;

	if (budget->input_bytes + length > TASK_BUDGET_INPUT_MAX &&
	    connection->input.length + length > TASK_BUDGET_INPUT_SHARE)
		return berth_fail(err, BERTH_LIMIT, 0,
				  "all connections together: more than %zu bytes not yet handled",
				  TASK_BUDGET_INPUT_MAX);
	status = text_append(&connection->input, data, length, err);
	account(connection, budget);
	if (status < 0)
		return -1;
	if (!find_newline(connection) && connection->input.length >= PROTOCOL_LINE_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "a line longer than %d bytes",
				  PROTOCOL_LINE_MAX);
	return 0;
}

/* Reads one turn's share. */
static int input_read(struct task_connection *connection, struct task_budget *budget,
		      struct berth_error *err)
{
	char buffer[READ_BYTES];
	size_t total = 0;
	ssize_t got;

	while (total < TURN_READ_BYTES) {
		got = recv(connection->fd, buffer, sizeof(buffer), MSG_DONTWAIT);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return 0;
		if (got <= 0) {
			connection->has_ended = true;
			return 0;
		}
		if (input_take(connection, budget, buffer, (size_t)got, err) < 0)
			return -1;
		total += (size_t)got;
		connection->received_bytes += (uint64_t)got;
	}
	return 0;
}

static bool is_paused(const struct task_connection *connection)
{
	return connection->output.length >= OUTPUT_PAUSE_BYTES;
}

/* Handles one line; returns what task_dispatch_line() does. */
static int handle_line(struct task_connection *connection, struct task_budget *budget,
		       struct task_dispatch *dispatch, const char *line, size_t length,
		       struct berth_error *err)
{
	const struct text *body;
	int status;

	if (length >= PROTOCOL_LINE_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "a line longer than %d bytes",
				  PROTOCOL_LINE_MAX);
	status = task_dispatch_line(dispatch, line, length, &connection->is_greeted,
				    &connection->output, &body, err);
	if (body) { /* once per connection: hello is said once */
		connection->body = body;
		connection->body_sent = 0;
		connection->head_length = connection->output.length;
	}
	account(connection, budget);
	if (status == 0 && budget->output_bytes > TASK_BUDGET_OUTPUT_MAX &&
	    connection->output.length > TASK_BUDGET_OUTPUT_SHARE)
		return berth_fail(err, BERTH_LIMIT, 0,
				  "all connections together: more than %zu bytes of replies "
				  "not read",
				  TASK_BUDGET_OUTPUT_MAX);
	return status;
}

/* Handles complete lines until the peer has to read first, or the turn is over. */
static int handle_lines(struct task_connection *connection, struct task_budget *budget,
			struct task_dispatch *dispatch, struct berth_error *err)
{
	uint64_t turn_ns = clock_boottime_ns(), from_ns = turn_ns, to_ns;
	size_t start = 0;
	char *newline;
	int status = 0;

	while (status == 0 && (newline = find_newline(connection))) {
		if (is_paused(connection))
			output_flush(connection, budget);
		if (is_paused(connection) || from_ns - turn_ns >= TURN_NS ||
		    task_budget_rest_until(budget, from_ns) != 0)
			break;
		status = handle_line(connection, budget, dispatch, connection->input.data + start,
				     (size_t)(newline - connection->input.data) - start, err);
		start = connection->scanned + 1;
		connection->scanned = start;
		to_ns = clock_boottime_ns();
		task_budget_spend(budget, from_ns, to_ns);
		from_ns = to_ns;
	}
	connection->scanned -= start;
	text_consume(&connection->input, start);
	if (connection->input.length == 0)
		input_forget(connection, budget);
	if (status == TASK_DISPATCH_CLOSE) {
		output_flush(connection, budget);
		connection->is_dead = true;
	}
	return status < 0 ? -1 : 0;
}

/* A turn up to where it fails; the caller then gives the connection up. */
static int turn(struct task_connection *connection, struct task_budget *budget,
		struct task_dispatch *dispatch, struct berth_error *err)
{
	output_flush(connection, budget);
	if (!connection->has_ended && !is_paused(connection) && !find_newline(connection) &&
	    task_budget_rest_until(budget, clock_boottime_ns()) == 0 &&
	    input_read(connection, budget, err) < 0)
		return -1;
	if (handle_lines(connection, budget, dispatch, err) < 0)
		return -1;
	output_flush(connection, budget);
	return 0;
}

bool task_connection_turn(struct task_connection *connection, struct task_budget *budget,
			  struct task_dispatch *dispatch)
{
	struct berth_error why = {0};
	bool has_line;

	if (!connection->is_dead && turn(connection, budget, dispatch, &why) < 0)
		refuse(connection, budget, dispatch, &why);
	if (connection->is_dead)
		return false;
	has_line = find_newline(connection) != NULL;
	if (connection->has_ended && !has_line && !output_is_due(connection))
		connection->is_dead = true;
	return has_line && !is_paused(connection);
}

void task_connection_tell(struct task_connection *connection, struct task_budget *budget,
			  struct task_dispatch *dispatch, const char *line)
{
	struct berth_error why = {0};

	if (!connection->is_greeted || connection->is_gone || connection->is_dead)
		return;
	if (text_append_string(&connection->output, line, &why) < 0) {
		task_dispatch_report(dispatch, &why);
		connection->is_dead = true;
	}
	account(connection, budget);
	output_flush(connection, budget);
}

uint32_t task_connection_interest(const struct task_connection *connection, bool is_resting)
{
	const struct text *input = &connection->input;
	bool has_line = input->length > connection->scanned &&
			memchr(input->data + connection->scanned, '\n',
			       input->length - connection->scanned);
	uint32_t events = 0;

	if (output_is_due(connection))
		events |= EPOLLOUT;
	if (!is_resting && !connection->has_ended && !has_line && !is_paused(connection))
		events |= EPOLLIN;
	return events;
}
