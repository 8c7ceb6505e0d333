/* SPDX-License-Identifier: Apache-2.0 */
/* The task's end of the task channel: lines over a Unix socket, replies matched by id. */
#include "extensions/task/connection.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"
#include "extensions/task/protocol_table.h"

#define READ_BYTES 65536

struct sdk_connection {
	struct sdk_transport transport;
	int fd;
	struct text input;
	size_t scanned; /* bytes of input known to hold no newline */
	int64_t next_id;
	struct berth_error broken; /* why the connection is unusable; code BERTH_NONE: it is not */
};

/* The reply or event a line holds, owned; NULL reply: it was an event and has been acted on. */
static int line_take(struct sdk_connection *connection, const char *line, size_t length,
		     json_t **ret_reply, struct berth_error *err)
{
	AUTO_JSON json_t *message = NULL;
	const char *event;

	if (json_parse(line, length, &message, err) < 0)
		return berth_fail_context(err, "the supervisor's answer");
	if (!json_is_object(message))
		return berth_fail(err, BERTH_PROTOCOL, 0, "the supervisor's answer is no object");
	event = json_string_value(json_object_get(message, "event"));
	if (!event) {
		*ret_reply = steal_ptr(&message);
		return 0;
	}
	/* events of a newer berth are none of this program's business */
	if (strcmp(event, protocol_messages[PROTOCOL_CANCEL].name) == 0)
		connection->transport.cancelled = true;
	*ret_reply = NULL;
	return 0;
}

/* Takes one complete line out of the input; 1 when there is none. */
static int input_take(struct sdk_connection *connection, json_t **ret_reply,
		      struct berth_error *err)
{
	struct text *input = &connection->input;
	size_t length;
	char *newline;
	int status;

	newline = input->length > connection->scanned
			  ? memchr(input->data + connection->scanned, '\n',
				   input->length - connection->scanned)
			  : NULL;
	if (!newline) {
		connection->scanned = input->length;
		return 1;
	}
	length = (size_t)(newline - input->data);
	status = line_take(connection, input->data, length, ret_reply, err);
	text_consume(input, length + 1);
	connection->scanned = 0;
	return status;
}

/* Reads what is there; 1 when nothing is and flags say not to wait. */
static int input_read(struct sdk_connection *connection, int flags, struct berth_error *err)
{
	char buffer[READ_BYTES];
	ssize_t got;

	do {
		got = recv(connection->fd, buffer, sizeof(buffer), flags);
	} while (got < 0 && errno == EINTR);
	if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 1;
	if (got < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "read from the supervisor");
	if (got == 0)
		return berth_fail(err, BERTH_SYSTEM, EPIPE, "the supervisor closed the connection");
	return text_append(&connection->input, buffer, (size_t)got, err);
}

static const char *const code_names[] = {
	[BERTH_INVALID] = "invalid",
	[BERTH_LIMIT] = "limit",
	[BERTH_NOT_FOUND] = "not_found",
	[BERTH_PROTOCOL] = "protocol",
};

static int refusal_fail(const json_t *reply, struct berth_error *err)
{
	const json_t *error = json_object_get(reply, "error");
	const char *code = json_string_value(json_object_get(error, "code"));
	const char *message = json_string_value(json_object_get(error, "message"));
	enum berth_code found = BERTH_SYSTEM;

	for (size_t i = 0; code && i < sizeof(code_names) / sizeof(code_names[0]); i++)
		if (code_names[i] && strcmp(code, code_names[i]) == 0)
			found = (enum berth_code)i;
	return berth_fail(err, found, 0, "%s", message ? message : "refused without a reason");
}

/* Reads until the reply with that id, which the caller then owns. */
static int reply_wait(struct sdk_connection *connection, int64_t id, json_t **ret_reply,
		      struct berth_error *err)
{
	json_t *reply, *reply_id;
	int status;

	for (;;) {
		status = input_take(connection, &reply, err);
		if (status < 0)
			return -1;
		if (status > 0) {
			if (input_read(connection, 0, err) < 0)
				return -1;
			continue;
		}
		if (!reply)
			continue;
		reply_id = json_object_get(reply, "id");
		if (json_is_integer(reply_id) && json_integer_value(reply_id) == id) {
			*ret_reply = reply;
			return 0;
		}
		if (json_is_null(reply_id)) {
			(void)refusal_fail(reply, err);
			json_decref(reply);
			return -1;
		}
		json_decref(reply); /* nobody waits for it any more */
	}
}

/* After a failed write: the supervisor may have said why before it closed. */
static int write_fail(struct sdk_connection *connection, int errnum, struct berth_error *err)
{
	json_t *reply = NULL;

	if ((errnum == EPIPE || errnum == ECONNRESET) &&
	    reply_wait(connection, -1, &reply, err) < 0)
		return -1;
	json_decref(reply);
	return berth_fail(err, BERTH_SYSTEM, errnum, "write to the supervisor");
}

static int line_write(struct sdk_connection *connection, const char *line, size_t length,
		      struct berth_error *err)
{
	ssize_t sent;

	while (length > 0) {
		sent = send(connection->fd, line, length, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return write_fail(connection, errno, err);
		line += sent;
		length -= (size_t)sent;
	}
	return 0;
}

static int request_write(struct sdk_connection *connection, json_t *request,
			 struct berth_error *err)
{
	AUTO_FREE char *line = json_format_compact(request);
	size_t length;

	if (!line)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "write to the supervisor");
	length = strlen(line);
	if (length >= PROTOCOL_LINE_MAX)
		return berth_fail(err, BERTH_LIMIT, 0,
				  "%zu bytes are more than the %d of one message", length + 1,
				  PROTOCOL_LINE_MAX);
	line[length] = '\n'; /* in the place of the NUL */
	return line_write(connection, line, length + 1, err);
}

/* Remembers why the connection is unusable, and says so. */
static int connection_break(struct sdk_connection *connection, const struct berth_error *why,
			    struct berth_error *err)
{
	connection->broken = *why;
	if (err)
		*err = *why;
	return -1;
}

static int connection_send(struct sdk_transport *transport, json_t *request,
			   struct berth_error *err)
{
	struct sdk_connection *connection = (struct sdk_connection *)transport;
	struct berth_error why = {0};

	if (connection->broken.code != BERTH_NONE)
		return connection_break(connection, &connection->broken, err);
	if (request_write(connection, request, &why) == 0)
		return 0;
	if (why.code != BERTH_LIMIT && why.code != BERTH_MEMORY)
		return connection_break(connection, &why, err);
	if (err)
		*err = why;
	return -1;
}

static int connection_call(struct sdk_transport *transport, json_t *request, json_t **ret_reply,
			   struct berth_error *err)
{
	struct sdk_connection *connection = (struct sdk_connection *)transport;
	AUTO_JSON json_t *reply = NULL;
	struct berth_error why = {0};
	int64_t id = connection->next_id++;

	if (json_object_set_new(request, "id", json_integer(id)) < 0)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "ask the supervisor");
	if (connection_send(transport, request, err) < 0)
		return -1;
	if (reply_wait(connection, id, &reply, &why) < 0)
		return connection_break(connection, &why, err);
	if (!json_is_true(json_object_get(reply, "ok")))
		return refusal_fail(reply, err);
	*ret_reply = steal_ptr(&reply);
	return 0;
}

static void connection_poll(struct sdk_transport *transport)
{
	struct sdk_connection *connection = (struct sdk_connection *)transport;
	struct berth_error why = {0};
	json_t *reply = NULL;
	int status = 0;

	if (connection->broken.code != BERTH_NONE || input_read(connection, MSG_DONTWAIT, &why) > 0)
		return;
	while (why.code == BERTH_NONE && status == 0) {
		status = input_take(connection, &reply, &why);
		if (status == 0 && reply && json_is_null(json_object_get(reply, "id")))
			(void)refusal_fail(reply, &why);
		if (status == 0)
			json_decref(reply);
	}
	if (why.code != BERTH_NONE)
		connection->broken = why;
}

static void connection_destroy(struct sdk_transport *transport)
{
	struct sdk_connection *connection = (struct sdk_connection *)transport;

	close_fd(&connection->fd);
	text_finish(&connection->input);
	free(connection);
}

static int socket_connect(const char *path, int *ret_fd, struct berth_error *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	AUTO_CLOSE int fd = -1;
	size_t length = strlen(path);

	if (length >= sizeof(address.sun_path))
		return berth_fail(err, BERTH_INVALID, 0, "socket path %.64s… is too long", path);
	memcpy(address.sun_path, path, length);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "create a socket");
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return berth_fail(
			err, errno == ENOENT || errno == ENOTDIR ? BERTH_NOT_FOUND : BERTH_SYSTEM,
			errno, "connect to %s", path);
	*ret_fd = steal_fd(&fd);
	return 0;
}

int sdk_connection_open(const char *path, struct sdk_transport **ret_transport,
			struct berth_error *err)
{
	struct sdk_connection *connection;
	int fd = -1;

	if (socket_connect(path, &fd, err) < 0)
		return -1;
	connection = calloc(1, sizeof(*connection));
	if (!connection) {
		close_fd(&fd);
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "connect to %s", path);
	}
	connection->transport = (struct sdk_transport){
		.send = connection_send,
		.call = connection_call,
		.poll = connection_poll,
		.destroy = connection_destroy,
	};
	connection->fd = fd;
	connection->next_id = 1;
	/* the longest line and one read beyond it */
	connection->input.limit = PROTOCOL_LINE_MAX + READ_BYTES;
	*ret_transport = &connection->transport;
	return 0;
}
