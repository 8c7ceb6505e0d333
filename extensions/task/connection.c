/* SPDX-License-Identifier: Apache-2.0 */
/* The task's end of the task channel: lines over a Unix socket, replies matched by id. */
#include "extensions/task/connection.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "extensions/task/protocol_table.h"

#define READ_BYTES           65536
/* How long a lost supervisor is waited for: its successor needs a moment, an upgrade a few. */
#define RECONNECT_NS         (30 * CLOCK_NS_PER_S)
#define RECONNECT_ENDING_NS  (5 * CLOCK_NS_PER_S) /* once a signal has asked to end */
#define RECONNECT_FIRST_NS   (10 * CLOCK_NS_PER_MS)
#define RECONNECT_LONGEST_NS CLOCK_NS_PER_S

struct sdk_connection {
	struct sdk_transport transport;
	struct sockaddr_un address;
	int fd;
	bool is_lost;  /* the supervisor went away without a word */
	json_t *hello; /* what to say on another connection; NULL before the first was answered */
	struct text input;
	size_t scanned; /* bytes of input known to hold no newline */
	int64_t next_id;
	struct berth_error broken; /* why the connection is unusable; code BERTH_NONE: it is not */
};

static void cancel_note(struct sdk_transport *transport, const json_t *event)
{
	json_int_t grace_ms = json_integer_value(json_object_get(event, "grace_ms"));

	if (!transport->cancelled && grace_ms > 0)
		transport->grace_end_ns =
			clock_boottime_ns() + (uint64_t)grace_ms * CLOCK_NS_PER_MS;
	transport->cancelled = true;
}

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
		cancel_note(&connection->transport, message);
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
	if (got < 0) {
		connection->is_lost = errno == ECONNRESET;
		return berth_fail(err, BERTH_SYSTEM, errno, "read from the supervisor");
	}
	connection->is_lost = got == 0;
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

/* Reads until the reply with that id, which the caller then owns. 1: it waits, and the run is asked
 * to end. */
static int reply_wait(struct sdk_connection *connection, int64_t id, bool waits, json_t **ret_reply,
		      struct berth_error *err)
{
	json_t *reply, *reply_id;
	int status;

	for (;;) {
		if (waits && connection->transport.cancelled)
			return 1;
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
	    reply_wait(connection, -1, false, &reply, err) < 0)
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

/* A request as it is sent, and what is to be known of it meanwhile. */
struct request_line {
	char *data; /* owned */
	size_t length;
	enum protocol_op op;
	bool waits;
};

static int line_format(const json_t *request, struct request_line *line, struct berth_error *err)
{
	const char *name = json_string_value(json_object_get(request, "op"));
	AUTO_FREE char *data = json_format_compact(request);
	size_t length;

	if (!data)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "write to the supervisor");
	length = strlen(data);
	if (length >= PROTOCOL_LINE_MAX)
		return berth_fail(err, BERTH_LIMIT, 0,
				  "%zu bytes are more than the %d of one message", length + 1,
				  PROTOCOL_LINE_MAX);
	data[length] = '\n'; /* in the place of the NUL */
	*line = (struct request_line){
		.data = steal_ptr(&data),
		.length = length + 1,
		.op = protocol_find(PROTOCOL_FROM_TASK, name ? name : ""),
	};
	line->waits = line->op != PROTOCOL_OP_COUNT && protocol_messages[line->op].waits;
	return 0;
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

static int socket_connect(const struct sockaddr_un *address, int *ret_fd, struct berth_error *err)
{
	AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "create a socket");
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		return berth_fail(
			err, errno == ENOENT || errno == ENOTDIR ? BERTH_NOT_FOUND : BERTH_SYSTEM,
			errno, "connect to %s", address->sun_path);
	*ret_fd = steal_fd(&fd);
	return 0;
}

/* One request and its answer on the connection as it is. 1: see reply_wait(). */
static int ask(struct sdk_connection *connection, const struct request_line *line, int64_t id,
	       json_t **ret_reply, struct berth_error *err)
{
	if (line->waits && connection->transport.cancelled)
		return 1;
	if (line_write(connection, line->data, line->length, err) < 0)
		return -1;
	return reply_wait(connection, id, line->waits, ret_reply, err);
}

/* The hello of the first connection, said again. */
static int greet_again(struct sdk_connection *connection, struct berth_error *err)
{
	AUTO_JSON json_t *reply = NULL;
	struct request_line line;
	int64_t id = connection->next_id++;
	int status;

	if (json_object_set_new(connection->hello, "id", json_integer(id)) < 0)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "connect again");
	if (line_format(connection->hello, &line, err) < 0)
		return -1;
	status = ask(connection, &line, id, &reply, err);
	free(line.data);
	if (status < 0)
		return -1;
	if (!json_is_true(json_object_get(reply, "ok")))
		return refusal_fail(reply, err);
	if (json_is_true(json_object_get(reply, "cancelled")))
		connection->transport.cancelled = true;
	return 0;
}

static int connect_again(struct sdk_connection *connection, struct berth_error *err)
{
	close_fd(&connection->fd);
	text_finish(&connection->input);
	connection->scanned = 0;
	connection->is_lost = true;
	if (socket_connect(&connection->address, &connection->fd, err) < 0)
		return -1;
	connection->is_lost = false;
	/* without an answered hello it is the hello that is asked again */
	return connection->hello ? greet_again(connection, err) : 0;
}

/* Until when it makes sense to look for another supervisor. */
static uint64_t reconnect_end_ns(const struct sdk_transport *transport, uint64_t from_ns)
{
	uint64_t end_ns = from_ns + RECONNECT_NS;

	if (transport->cancelled || (transport->is_ending && transport->is_ending()))
		end_ns = transport->grace_end_ns != 0 ? transport->grace_end_ns
						      : from_ns + RECONNECT_ENDING_NS;
	return end_ns < from_ns + RECONNECT_NS ? end_ns : from_ns + RECONNECT_NS;
}

/* After the supervisor was lost: waits for the next one. Fails at once when it was not lost but
 * said why. */
static int reconnect(struct sdk_connection *connection, struct berth_error *err)
{
	uint64_t from_ns = clock_boottime_ns(), pause_ns = RECONNECT_FIRST_NS;

	while (connection->is_lost) {
		const struct timespec pause = {.tv_sec = (time_t)(pause_ns / CLOCK_NS_PER_S),
					       .tv_nsec = (long)(pause_ns % CLOCK_NS_PER_S)};

		if (clock_boottime_ns() >= reconnect_end_ns(&connection->transport, from_ns))
			return -1;
		if (connect_again(connection, err) == 0)
			return 0;
		if (!connection->hello && err->errnum == ECONNREFUSED)
			return -1;             /* nobody will come who was not there yet */
		(void)nanosleep(&pause, NULL); /* a signal may shorten it */
		pause_ns =
			pause_ns * 2 < RECONNECT_LONGEST_NS ? pause_ns * 2 : RECONNECT_LONGEST_NS;
	}
	return -1;
}

static int connection_send(struct sdk_transport *transport, json_t *request,
			   struct berth_error *err)
{
	struct sdk_connection *connection = (struct sdk_connection *)transport;
	struct berth_error why = {0};
	struct request_line line;
	int status;

	if (connection->broken.code != BERTH_NONE)
		return connection_break(connection, &connection->broken, err);
	if (line_format(request, &line, err) < 0)
		return -1;
	while ((status = line_write(connection, line.data, line.length, &why)) < 0) {
		/* progress is not worth looking for another supervisor */
		if (connection->is_lost && line.op == PROTOCOL_PROGRESS)
			break;
		if (reconnect(connection, &why) < 0) {
			(void)connection_break(connection, &why, NULL);
			break;
		}
	}
	free(line.data);
	if (status < 0 && err)
		*err = why;
	return status;
}

/* Remembers what to say on another connection, without asking for the payload again. */
static int hello_keep(struct sdk_connection *connection, const json_t *request,
		      struct berth_error *err)
{
	connection->hello = json_deep_copy(request);
	if (!connection->hello ||
	    json_object_set_new(connection->hello, "payload", json_false()) < 0)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "ask the supervisor");
	return 0;
}

/* Asks until it is answered: with the same id and name on every connection, so that an answer that
 * comes twice is ignored, and what was done is not done again. */
static int ask_until_answered(struct sdk_connection *connection, const struct request_line *line,
			      int64_t id, json_t **ret_reply, struct berth_error *err)
{
	struct berth_error why = {0};
	int status;

	while ((status = ask(connection, line, id, ret_reply, &why)) < 0)
		if (reconnect(connection, &why) < 0)
			return connection_break(connection, &why, err);
	return status > 0 ? berth_fail(err, BERTH_SYSTEM, ECANCELED, "the run is asked to end") : 0;
}

static int connection_call(struct sdk_transport *transport, json_t *request, json_t **ret_reply,
			   struct berth_error *err)
{
	struct sdk_connection *connection = (struct sdk_connection *)transport;
	AUTO_JSON json_t *reply = NULL;
	struct request_line line;
	int64_t id = connection->next_id++;
	int status;

	if (connection->broken.code != BERTH_NONE)
		return connection_break(connection, &connection->broken, err);
	if (json_object_set_new(request, "id", json_integer(id)) < 0)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "ask the supervisor");
	if (line_format(request, &line, err) < 0)
		return -1;
	status = ask_until_answered(connection, &line, id, &reply, err);
	free(line.data);
	if (status < 0)
		return -1;
	if (!json_is_true(json_object_get(reply, "ok")))
		return refusal_fail(reply, err);
	if (line.op == PROTOCOL_HELLO && hello_keep(connection, request, err) < 0)
		return -1;
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
	/* one that was lost is looked for by the next request */
	if (why.code != BERTH_NONE && !connection->is_lost)
		connection->broken = why;
}

static void connection_destroy(struct sdk_transport *transport)
{
	struct sdk_connection *connection = (struct sdk_connection *)transport;

	close_fd(&connection->fd);
	text_finish(&connection->input);
	json_decref(connection->hello);
	free(connection);
}

static int address_init(struct sockaddr_un *address, const char *path, struct berth_error *err)
{
	size_t length = strlen(path);

	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (length >= sizeof(address->sun_path))
		return berth_fail(err, BERTH_INVALID, 0, "socket path %.64s… is too long", path);
	memcpy(address->sun_path, path, length);
	return 0;
}

int sdk_connection_open(const char *path, struct sdk_transport **ret_transport,
			struct berth_error *err)
{
	struct sdk_connection *connection;
	struct sockaddr_un address;
	int fd = -1;

	if (address_init(&address, path, err) < 0 || socket_connect(&address, &fd, err) < 0)
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
	connection->address = address;
	connection->fd = fd;
	connection->next_id = 1;
	/* the longest line and one read beyond it */
	connection->input.limit = PROTOCOL_LINE_MAX + READ_BYTES;
	*ret_transport = &connection->transport;
	return 0;
}
