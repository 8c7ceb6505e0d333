/* SPDX-License-Identifier: Apache-2.0 */
/* One client's connection: bytes in and whole lines out of them, replies in and bytes out; bounded,
 * and never blocking on its peer. */
#include "runner/control/control_connection.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/descriptor.h"
#include "base/json.h"
#include "runner/crash/crash_point.h"

#define READ_BYTES      ((size_t)64 * 1024)
#define TURN_READ_BYTES ((size_t)256 * 1024)
#define EVENT_HEAD_SIZE 48

void control_connection_init(struct control_connection *connection, int fd)
{
	*connection = (struct control_connection){
		.fd = fd,
		/* one line, and what one turn may read behind its beginning */
		.input = {.limit = CONTROL_LINE_MAX + TURN_READ_BYTES},
		.output = {.limit = CONTROL_OUTPUT_MAX},
		.opened_ns = clock_boottime_ns(),
	};
}

static void move(size_t *total, size_t *counted, size_t now)
{
	*total = *total - *counted + now;
	*counted = now;
}

/* Brings the budget up to date with the buffers. */
static void account(struct control_connection *connection)
{
	struct control_budget *budget = connection->budget;

	move(&budget->input_bytes, &connection->counted_input, connection->input.capacity);
	move(&budget->output_bytes, &connection->counted_output, connection->output.capacity);
}

static void input_forget(struct control_connection *connection)
{
	text_finish(&connection->input);
	connection->scanned = 0;
	account(connection);
}

static void output_forget(struct control_connection *connection)
{
	text_finish(&connection->output);
	connection->sent = 0;
	connection->stalled_ns = 0;
	account(connection);
}

static void passed_forget(struct control_connection *connection)
{
	while (connection->passed_count > 0)
		close_fd(&connection->passed[--connection->passed_count]);
}

static void calls_detach(struct control_connection *connection)
{
	struct control_call *call;

	while ((call = connection->calls)) {
		connection->calls = call->next;
		if (call->next)
			call->next->previous = &connection->calls;
		connection->call_count--;
		call->connection = NULL;
		if (call->on_gone)
			call->on_gone(call);
	}
}

void control_connection_finish(struct control_connection *connection)
{
	calls_detach(connection);
	input_forget(connection);
	output_forget(connection);
	while (connection->descriptor_count > 0)
		close_fd(&connection->descriptors[--connection->descriptor_count]);
	passed_forget(connection);
	close_fd(&connection->fd);
}

static size_t line_max(const struct control_connection *connection)
{
	return connection->peer.role == CONTROL_OPERATOR ? CONTROL_LINE_MAX
							 : CONTROL_VIEWER_LINE_MAX;
}

static char *find_newline(struct control_connection *connection)
{
	struct text *input = &connection->input;
	char *newline = NULL;

	if (input->length > connection->scanned)
		newline = memchr(input->data + connection->scanned, '\n',
				 input->length - connection->scanned);
	connection->scanned = newline ? (size_t)(newline - input->data) : input->length;
	return newline;
}

static int input_take(struct control_connection *connection, const char *data, size_t length,
		      struct berth_error *err)
{
	int status;

	if (connection->budget->input_bytes + length > CONTROL_INPUT_MAX &&
	    connection->input.length + length > CONTROL_INPUT_SHARE)
		return berth_fail(err, BERTH_LIMIT, 0,
				  "all clients together: more than %zu bytes not yet handled",
				  CONTROL_INPUT_MAX);
	status = text_append(&connection->input, data, length, err);
	account(connection);
	return status;
}

/* Keeps what came beside the bytes; more than may wait is the client's mistake. */
static int descriptors_take(struct control_connection *connection, const int *fds, size_t count,
			    struct berth_error *err)
{
	size_t room = CONTROL_DESCRIPTORS_MAX - connection->descriptor_count;
	size_t kept = count < room ? count : room;

	memcpy(connection->descriptors + connection->descriptor_count, fds, kept * sizeof(*fds));
	connection->descriptor_count += kept;
	for (size_t i = kept; i < count; i++)
		(void)close(fds[i]);
	if (kept < count)
		return berth_fail(err, BERTH_PROTOCOL, 0,
				  "more than %d descriptors before a request that takes them",
				  CONTROL_DESCRIPTORS_MAX);
	return 0;
}

/* 1: nothing more is there, now or ever. */
static int read_once(struct control_connection *connection, size_t *total, struct berth_error *err)
{
	int fds[DESCRIPTOR_PASS_MAX];
	size_t length, count = 0;
	char buffer[READ_BYTES];

	if (descriptor_receive(connection->fd, buffer, sizeof(buffer), &length, fds,
			       DESCRIPTOR_PASS_MAX, &count, err) < 0) {
		if (err->errnum == EAGAIN)
			return 1;
		if (err->code == BERTH_PROTOCOL)
			return -1;
		connection->has_ended = true; /* reset by its peer */
		return 1;
	}
	if (descriptors_take(connection, fds, count, err) < 0)
		return -1;
	if (length == 0) {
		connection->has_ended = true;
		return 1;
	}
	*total += length;
	return input_take(connection, buffer, length, err);
}

int control_connection_read(struct control_connection *connection, struct berth_error *err)
{
	struct berth_error why = {0};
	size_t total = 0;
	int status = 0;

	while (status == 0 && !connection->has_ended && total < TURN_READ_BYTES)
		status = read_once(connection, &total, &why);
	if (status >= 0 && !find_newline(connection) &&
	    connection->input.length >= line_max(connection))
		status = berth_fail(&why, BERTH_LIMIT, 0, "a request longer than %zu bytes",
				    line_max(connection));
	if (status >= 0)
		return 0;
	if (err)
		*err = why;
	return -1;
}

bool control_connection_line(struct control_connection *connection, const char **ret_line,
			     size_t *ret_length)
{
	const char *newline = find_newline(connection);

	if (!newline)
		return false;
	*ret_line = connection->input.data;
	*ret_length = (size_t)(newline - connection->input.data);
	return true;
}

void control_connection_line_done(struct control_connection *connection, size_t length)
{
	text_consume(&connection->input, length + 1);
	connection->scanned = 0;
	if (connection->input.length == 0)
		input_forget(connection);
}

size_t control_connection_pending(const struct control_connection *connection)
{
	return connection->output.length - connection->sent;
}

bool control_connection_is_paused(const struct control_connection *connection)
{
	return control_connection_pending(connection) >= CONTROL_OUTPUT_PAUSE ||
	       connection->call_count >= CONTROL_PENDING_MAX;
}

/* What was sent goes when it is the larger part: each byte is moved once at most. */
static void output_compact(struct control_connection *connection)
{
	if (connection->sent == connection->output.length) {
		output_forget(connection);
	} else if (connection->sent > connection->output.length / 2) {
		text_consume(&connection->output, connection->sent);
		if (connection->passed_count > 0)
			connection->passed_at -= connection->sent;
		connection->sent = 0;
	}
}

/* As much as the peer takes, but not beyond where descriptors go: errno, or how many bytes. */
static ssize_t send_some(struct control_connection *connection)
{
	const char *data = connection->output.data + connection->sent;
	size_t length = control_connection_pending(connection);
	struct berth_error err;

	if (connection->passed_count > 0 && connection->passed_at == connection->sent) {
		if (descriptor_send(connection->fd, data, 1, connection->passed,
				    connection->passed_count, &err) < 0) {
			errno = err.errnum;
			return -1;
		}
		passed_forget(connection);
		return 1;
	}
	if (connection->passed_count > 0)
		length = connection->passed_at - connection->sent;
	return send(connection->fd, data, length, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int control_connection_pass(struct control_connection *connection, int *descriptors, size_t count,
			    struct berth_error *err)
{
	if (connection->passed_count > 0)
		return berth_fail(err, BERTH_LIMIT, 0,
				  "an earlier answer with descriptors was not read yet");
	for (size_t i = 0; i < count; i++)
		connection->passed[connection->passed_count++] = steal_fd(&descriptors[i]);
	connection->passed_at = connection->output.length;
	return 0;
}

void control_connection_flush(struct control_connection *connection)
{
	ssize_t sent;

	while (control_connection_pending(connection) > 0) {
		sent = send_some(connection);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS))
			return;
		if (sent < 0) {
			/* what it asked before it left still counts */
			connection->is_gone = true;
			output_forget(connection);
			return;
		}
		crash_point(CRASH_CALL_AFTER_ANSWER);
		connection->sent += (size_t)sent;
		connection->stalled_ns = clock_boottime_ns();
		output_compact(connection);
	}
}

/* Room for so many bytes more. */
static int check_budget(const struct control_connection *connection, size_t length,
			struct berth_error *err)
{
	if (connection->budget->output_bytes + length > CONTROL_OUTPUT_ALL &&
	    connection->output.length + length > CONTROL_OUTPUT_PAUSE)
		return berth_fail(err, BERTH_LIMIT, 0,
				  "all clients together: more than %zu bytes of replies not read",
				  CONTROL_OUTPUT_ALL);
	return 0;
}

static int append_line(struct control_connection *connection, const char *line,
		       struct berth_error *err)
{
	struct text *output = &connection->output;
	size_t length = strlen(line);

	if (check_budget(connection, length, err) < 0)
		return -1;
	if (text_append(output, line, length, err) < 0 || text_append(output, "\n", 1, err) < 0)
		return -1;
	if (connection->stalled_ns == 0)
		connection->stalled_ns = clock_boottime_ns();
	return 0;
}

int control_connection_say(struct control_connection *connection, json_t *object,
			   struct berth_error *err)
{
	AUTO_FREE char *line = object ? json_format_compact(object) : NULL;
	int status;

	json_decref(object);
	if (!line)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "answer a client");
	if (connection->is_gone)
		return 0;
	status = append_line(connection, line, err);
	account(connection);
	return status;
}

static int append_events(struct control_connection *connection, int64_t id,
			 const struct text *lines, struct berth_error *err)
{
	struct text *output = &connection->output;
	const char *line = lines->data, *end = lines->data + lines->length, *newline;
	char head[EVENT_HEAD_SIZE];
	size_t head_length =
		(size_t)snprintf(head, sizeof(head), "{\"id\":%lld,\"event\":", (long long)id);

	for (; line < end; line = newline + 1) {
		newline = memchr(line, '\n', (size_t)(end - line));
		if (!newline) /* each is a line */
			newline = end;
		if (text_append(output, head, head_length, err) < 0 ||
		    text_append(output, line, (size_t)(newline - line), err) < 0 ||
		    text_append(output, "}\n", 2, err) < 0)
			return -1;
	}
	return 0;
}

int control_connection_say_events(struct control_connection *connection, int64_t id,
				  const struct text *lines, struct berth_error *err)
{
	int status;

	if (connection->is_gone)
		return 0;
	if (check_budget(connection, lines->length, err) < 0)
		return -1;
	status = append_events(connection, id, lines, err);
	if (connection->stalled_ns == 0)
		connection->stalled_ns = clock_boottime_ns();
	account(connection);
	return status;
}

uint32_t control_connection_interest(const struct control_connection *connection)
{
	uint32_t events = 0;

	if (control_connection_pending(connection) > 0)
		events |= EPOLLOUT;
	if (!connection->has_ended && !control_connection_is_paused(connection))
		events |= EPOLLIN;
	/* so that EPOLLHUP is told: nothing is urgent on this kind of socket */
	if (events == 0 && !connection->is_gone)
		events = EPOLLPRI;
	return events;
}
