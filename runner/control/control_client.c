/* SPDX-License-Identifier: Apache-2.0 */
/* The command line's end of the control socket: blocking, one request at a time. */
#include "runner/control/control_client.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/descriptor.h"
#include "base/json.h"
#include "base/text.h"
#include "runner/control/control_error_table.h"

#define READ_BYTES    ((size_t)64 * 1024)
#define HELLO_SECONDS 30 /* a daemon that is reloaded may take some */

struct control_client {
	int fd;
	char path[CONTROL_PATH_SIZE];
	int64_t id; /* of the last request */
	int status;
	struct text input;
	size_t taken;                             /* bytes of input that were handled */
	size_t scanned;                           /* bytes behind them known to hold no newline */
	int descriptors[CONTROL_DESCRIPTORS_MAX]; /* that came, and were not taken */
	size_t descriptor_count;
};

static int set_path(const char *path, char ret_path[CONTROL_PATH_SIZE], struct berth_error *err)
{
	if (strlen(path) >= CONTROL_PATH_SIZE)
		return berth_fail(err, BERTH_INVALID, 0, "a socket's path has at most %zu bytes",
				  CONTROL_PATH_SIZE - 1);
	(void)snprintf(ret_path, CONTROL_PATH_SIZE, "%s", path);
	return 0;
}

int control_client_find(const char *given, char ret_path[CONTROL_PATH_SIZE],
			struct berth_error *err)
{
	const char *named = given ? given : getenv(CONTROL_SOCKET_VARIABLE);
	const char *runtime = geteuid() == 0 ? NULL : getenv("XDG_RUNTIME_DIR");
	AUTO_FREE char *own = NULL;

	if (named && *named)
		return set_path(named, ret_path, err);
	if (runtime && *runtime) {
		if (asprintf(&own, "%s/berth/control.sock", runtime) < 0) {
			own = NULL;
			return berth_fail(err, BERTH_MEMORY, ENOMEM, "find the daemon");
		}
		if (access(own, F_OK) == 0)
			return set_path(own, ret_path, err);
	}
	return set_path(CONTROL_SOCKET_SYSTEM, ret_path, err);
}

static int fail_connect(const char *path, int errnum, struct berth_error *err)
{
	if (errnum == ENOENT || errnum == ECONNREFUSED || errnum == ENOTSOCK || errnum == ENOTDIR)
		return berth_fail(err, BERTH_NOT_FOUND, 0,
				  "berth serve is not running: nothing listens on %s", path);
	if (errnum == EACCES || errnum == EPERM)
		return berth_fail(err, BERTH_SYSTEM, 0,
				  "you may not connect to %s: only root and the group berth may",
				  path);
	return berth_fail(err, BERTH_SYSTEM, errnum, "connect to %s", path);
}

static int connect_to(struct control_client *client, struct berth_error *err)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int status;

	memcpy(address.sun_path, client->path, sizeof(address.sun_path));
	client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (client->fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "make a socket");
	do {
		status = connect(client->fd, (const struct sockaddr *)&address, sizeof(address));
	} while (status < 0 && errno == EINTR);
	return status < 0 ? fail_connect(client->path, errno, err) : 0;
}

/* How long a read waits; 0: as long as it takes. socket(7) */
static int set_patience(const struct control_client *client, time_t seconds,
			struct berth_error *err)
{
	const struct timeval patience = {.tv_sec = seconds};

	if (setsockopt(client->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "connect to %s", client->path);
	return 0;
}

/* Operations take as long as they take, a greeting does not: whoever is silent is no daemon. */
static int say_hello(struct control_client *client, struct berth_error *err)
{
	AUTO_JSON json_t *fields =
		json_pack("{s:i, s:s}", "protocol", CONTROL_VERSION, "client", "berth");
	AUTO_JSON json_t *result = NULL;

	if (set_patience(client, HELLO_SECONDS, err) < 0 ||
	    control_client_call(client, CONTROL_HELLO, fields, &result, err) < 0)
		return -1;
	return set_patience(client, 0, err);
}

int control_client_open(const char *given, struct control_client **ret_client,
			struct berth_error *err)
{
	struct control_client *client = calloc(1, sizeof(*client));

	if (!client)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "connect to the daemon");
	client->fd = -1;
	client->input.limit = CONTROL_OUTPUT_MAX + READ_BYTES;
	if (control_client_find(given, client->path, err) < 0 || connect_to(client, err) < 0 ||
	    say_hello(client, err) < 0) {
		control_client_close(client);
		return -1;
	}
	*ret_client = client;
	return 0;
}

static void forget_descriptors(struct control_client *client)
{
	while (client->descriptor_count > 0)
		close_fd(&client->descriptors[--client->descriptor_count]);
}

void control_client_close(struct control_client *client)
{
	if (!client)
		return;
	close_fd(&client->fd);
	forget_descriptors(client);
	text_finish(&client->input);
	free(client);
}

/* Descriptors go with the first byte; the rest may need several writes. */
static int send_line(const struct control_client *client, const struct text *line,
		     const int *descriptors, size_t count, struct berth_error *err)
{
	size_t sent = 0;

	if (count > 0) {
		if (descriptor_send(client->fd, line->data, 1, descriptors, count, err) < 0)
			return -1;
		sent = 1;
	}
	while (sent < line->length) {
		ssize_t part =
			send(client->fd, line->data + sent, line->length - sent, MSG_NOSIGNAL);

		if (part < 0 && errno == EINTR)
			continue;
		if (part < 0)
			return berth_fail(err, BERTH_SYSTEM, errno, "send to %s", client->path);
		sent += (size_t)part;
	}
	return 0;
}

int control_client_send(struct control_client *client, enum control_op op, const json_t *fields,
			const int *descriptors, size_t descriptor_count, struct berth_error *err)
{
	AUTO_JSON json_t *request = json_pack("{s:s, s:I}", "op", control_operations[op].name, "id",
					      (json_int_t)++client->id);
	AUTO_TEXT struct text line = {.limit = 4 * CONTROL_LINE_MAX};
	AUTO_FREE char *text = NULL;

	client->status = 0;
	/* jansson does not change what it copies from, its type says so all the same */
	if (!request || (fields && json_object_update(request, (json_t *)(uintptr_t)fields) < 0))
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "ask the daemon");
	text = json_format_compact(request);
	if (!text)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "ask the daemon");
	if (strlen(text) >= CONTROL_LINE_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "%s: a request has at most %zu bytes",
				  control_operations[op].name, CONTROL_LINE_MAX);
	if (text_append_format(&line, err, "%s\n", text) < 0)
		return -1;
	return send_line(client, &line, descriptors, descriptor_count, err);
}

/* What the daemon says next, and the descriptors that come with it. */
static int receive(struct control_client *client, char *buffer, size_t size, size_t *ret_length,
		   struct berth_error *err)
{
	struct berth_error why;
	size_t count = 0;
	int status = descriptor_receive(client->fd, buffer, size, ret_length,
					client->descriptors + client->descriptor_count,
					CONTROL_DESCRIPTORS_MAX - client->descriptor_count, &count,
					&why);

	if (status == 0 && *ret_length > 0) {
		client->descriptor_count += count;
		return 0;
	}
	if (status < 0 && why.errnum == EAGAIN)
		return berth_fail(err, BERTH_SYSTEM, 0,
				  "%s does not answer: it is connected to, but silent",
				  client->path);
	return berth_fail(err, BERTH_SYSTEM, status < 0 ? why.errnum : 0,
			  "the daemon broke off before it answered; what was asked for may have "
			  "been done");
}

/* The next line, without its newline; valid until the next call. */
static int next_line(struct control_client *client, const char **ret_line, size_t *ret_length,
		     struct berth_error *err)
{
	struct text *input = &client->input;
	char buffer[READ_BYTES], *start, *newline;
	size_t got;

	for (;;) {
		start = input->data ? input->data + client->taken : NULL;
		newline = start ? memchr(start + client->scanned, '\n',
					 input->length - client->taken - client->scanned)
				: NULL;
		if (newline) {
			*ret_line = start;
			*ret_length = (size_t)(newline - start);
			client->taken += *ret_length + 1;
			client->scanned = 0;
			return 0;
		}
		text_consume(input, client->taken);
		client->taken = 0;
		client->scanned = input->length;
		if (receive(client, buffer, sizeof(buffer), &got, err) < 0 ||
		    text_append(input, buffer, got, err) < 0)
			return -1;
	}
}

static int take_value(json_t *line, const char *name, json_t **ret_value, struct berth_error *err)
{
	json_t *value = json_object_get(line, name);

	if (!value)
		return berth_fail(err, BERTH_PROTOCOL, 0, "the daemon's answer has no %s", name);
	*ret_value = json_incref(value);
	return 0;
}

int control_client_receive(struct control_client *client, json_t **ret_value,
			   struct berth_error *err)
{
	AUTO_JSON json_t *line = NULL;
	const char *text;
	json_t *error;
	size_t length;

	client->status = 0;
	if (next_line(client, &text, &length, err) < 0)
		return -1;
	/* the daemon is trusted with more than json_parse() takes from a stranger */
	line = json_loadb(text, length, 0, NULL);
	if (!json_is_object(line))
		return berth_fail(err, BERTH_PROTOCOL, 0, "%s does not speak berth's protocol",
				  client->path);
	if (json_object_get(line, "event"))
		return take_value(line, "event", ret_value, err) < 0 ? -1 : CONTROL_CLIENT_EVENT;
	error = json_object_get(line, "error");
	if (error)
		return control_error_parse(error, &client->status, err);
	return take_value(line, "result", ret_value, err);
}

int control_client_call(struct control_client *client, enum control_op op, const json_t *fields,
			json_t **ret_result, struct berth_error *err)
{
	int status;

	if (control_client_send(client, op, fields, NULL, 0, err) < 0)
		return -1;
	status = control_client_receive(client, ret_result, err);
	if (status == CONTROL_CLIENT_EVENT) {
		json_decref(*ret_result);
		*ret_result = NULL;
		return berth_fail(err, BERTH_PROTOCOL, 0, "the daemon sent an unexpected event");
	}
	return status;
}

size_t control_client_take_descriptors(struct control_client *client,
				       int ret_descriptors[CONTROL_DESCRIPTORS_MAX])
{
	size_t count = client->descriptor_count;

	memcpy(ret_descriptors, client->descriptors, sizeof(client->descriptors));
	client->descriptor_count = 0;
	return count;
}

int control_client_status(const struct control_client *client)
{
	return client->status;
}

int control_client_descriptor(const struct control_client *client)
{
	return client->fd;
}
