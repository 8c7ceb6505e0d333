/* SPDX-License-Identifier: Apache-2.0 */
/* What a task writes to its channel, through the connection's line reader and the dispatch. Every
 * reply has to be one line of JSON with "id" and "ok", and nothing may stay held afterwards. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "runner/run/task_connection.h"
#include "runner/run/task_dispatch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_log(void *owner, enum protocol_level level, const char *message, size_t length,
		  const json_t *fields, struct berth_error *err)
{
	(void)owner;
	(void)fields;
	if (level > PROTOCOL_ERROR || strlen(message) != length || length > PROTOCOL_MESSAGE_MAX)
		abort();
	if (length == 7)
		return TASK_CHANNEL_OVER_LIMIT;
	return length == 5 ? berth_fail(err, BERTH_SYSTEM, 5, "\"%s\"\n\xff", message) : 0;
}

static int on_progress(void *owner, const struct protocol_progress *progress,
		       struct berth_error *err)
{
	(void)owner;
	(void)err;
	if (!(progress->percent <= 100))
		abort();
	return 0;
}

static int on_metadata(void *owner, const json_t *set, struct berth_error *err)
{
	(void)owner;
	(void)err;
	if (!json_is_object(set))
		abort();
	return 0;
}

static int on_checkpoint(void *owner, const char *name, const char *data, size_t length,
			 struct berth_error *err)
{
	(void)owner;
	(void)err;
	if (strchr(name, '/') || name[0] == '.' || strlen(data) != length ||
	    length > PROTOCOL_CHECKPOINT_MAX || memchr(data, '\n', length))
		abort();
	return 0;
}

static int on_restore(void *owner, const char *name, char **ret_data, struct berth_error *err)
{
	(void)owner;
	(void)err;
	*ret_data = name[0] == 'a' ? strdup("{\"k\":[1]}") : NULL;
	return 0;
}

static int on_output(void *owner, json_t *data, struct berth_error *err)
{
	(void)owner;
	(void)data;
	(void)err;
	return 0;
}

static int on_fail(void *owner, enum protocol_failure kind, const char *name, const char *message,
		   struct berth_error *err)
{
	(void)owner;
	(void)err;
	if (kind > PROTOCOL_PERMANENT || strlen(name) > 64 || strlen(message) > 4096)
		abort();
	return 0;
}

static int on_usage(void *owner, struct protocol_usage_reply *ret_usage, struct berth_error *err)
{
	(void)owner;
	(void)err;
	*ret_usage = (struct protocol_usage_reply){1, 2, 3, 4};
	return 0;
}

static void on_problem(void *owner, const char *message)
{
	(void)owner;
	if (!text_is_utf8(message, strlen(message)) || strchr(message, '\n'))
		abort();
}

static const struct task_channel_handlers handlers = {
	.log = on_log,
	.progress = on_progress,
	.metadata = on_metadata,
	.checkpoint = on_checkpoint,
	.restore = on_restore,
	.output = on_output,
	.fail = on_fail,
	.usage = on_usage,
	.problem = on_problem,
};

static void check_reply(const char *line, size_t length)
{
	AUTO_JSON json_t *reply = NULL;
	const json_t *ok;

	if (json_parse(line, length, &reply, NULL) < 0)
		abort();
	ok = json_object_get(reply, "ok");
	if (!json_object_get(reply, "id") || !json_is_boolean(ok) ||
	    json_is_false(ok) != (json_object_get(reply, "error") != NULL))
		abort();
}

/* Takes what the connection has sent and checks every whole line of it. */
static void take_replies(int peer, struct text *replies)
{
	static char buffer[65536];
	char *newline;
	ssize_t got;

	while ((got = recv(peer, buffer, sizeof(buffer), MSG_DONTWAIT)) > 0)
		if (text_append(replies, buffer, (size_t)got, NULL) < 0)
			abort();
	while (replies->length > 0 && (newline = memchr(replies->data, '\n', replies->length))) {
		check_reply(replies->data, (size_t)(newline - replies->data));
		text_consume(replies, (size_t)(newline - replies->data) + 1);
	}
}

/* The stream in pieces of one size to a connection that has or has not said hello. */
static void play(struct task_dispatch *dispatch, const uint8_t *data, size_t size, size_t piece,
		 bool is_greeted)
{
	struct task_connection connection;
	struct task_budget budget = {0};
	struct text replies = {0};
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		abort();
	dispatch->problem_count = 0;
	task_connection_init(&connection, ends[0]);
	connection.is_greeted = is_greeted;
	for (size_t at = 0; at < size && !connection.is_dead; at += piece) {
		size_t length = size - at < piece ? size - at : piece;

		if (send(ends[1], data + at, length, MSG_NOSIGNAL | MSG_DONTWAIT) !=
		    (ssize_t)length)
			abort();
		budget.busy_ns = 0;
		while (task_connection_turn(&connection, &budget, dispatch)) {
			take_replies(ends[1], &replies);
			budget.busy_ns = 0;
		}
		take_replies(ends[1], &replies);
	}
	if (replies.length > 0 && !connection.is_dead)
		abort(); /* half a line */
	task_connection_finish(&connection, &budget);
	if (budget.input_bytes != 0 || budget.output_bytes != 0)
		abort();
	text_finish(&replies);
	(void)close(ends[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct task_channel_info info = {
		.run = "run_1",
		.attempt = 1,
		.attempt_id = "attempt_1",
		.payload = "{\"a\":1}",
	};
	struct task_dispatch dispatch;

	if (task_dispatch_init(&dispatch, &info, &handlers, NULL, NULL) < 0)
		abort();
	play(&dispatch, data, size, 16384, true);
	play(&dispatch, data, size, size < 512 ? 1 : 500, false);
	task_dispatch_finish(&dispatch);
	return 0;
}
