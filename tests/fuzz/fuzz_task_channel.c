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

static int on_log(void *owner, const struct task_request *request, const struct protocol_log *log,
		  struct berth_error *err)
{
	size_t length = strlen(log->message);

	(void)request;
	(void)owner;
	if (log->level > PROTOCOL_ERROR || length > PROTOCOL_MESSAGE_MAX)
		abort();
	if (length == 7)
		return TASK_CHANNEL_OVER_LIMIT;
	return length == 5 ? berth_fail(err, BERTH_SYSTEM, 5, "\"%s\"\n\xff", log->message) : 0;
}

static int on_progress(void *owner, const struct task_request *request,
		       const struct protocol_progress *progress, struct berth_error *err)
{
	(void)request;
	(void)owner;
	(void)err;
	if (!(progress->percent <= 100))
		abort();
	return 0;
}

static int on_metadata(void *owner, const struct task_request *request, const json_t *set,
		       struct berth_error *err)
{
	(void)request;
	(void)owner;
	(void)err;
	if (!json_is_object(set))
		abort();
	return 0;
}

static int on_checkpoint(void *owner, const struct task_request *request, const char *name,
			 const char *data, struct berth_error *err)
{
	(void)request;
	(void)owner;
	(void)err;
	if (strchr(name, '/') || name[0] == '.' || strlen(data) > PROTOCOL_CHECKPOINT_MAX ||
	    strchr(data, '\n'))
		abort();
	return 0;
}

static int on_restore(void *owner, const struct task_request *request, const char *name,
		      char **ret_data, struct berth_error *err)
{
	(void)request;
	(void)owner;
	(void)err;
	*ret_data = name[0] == 'a' ? strdup("{\"k\":[1]}") : NULL;
	return 0;
}

static int on_output(void *owner, const struct task_request *request, json_t *data,
		     struct berth_error *err)
{
	(void)request;
	(void)owner;
	(void)data;
	(void)err;
	return 0;
}

static int on_fail(void *owner, const struct task_request *request,
		   const struct protocol_fail *fail, uint64_t retry_at_ns, struct berth_error *err)
{
	(void)request;
	(void)owner;
	(void)err;
	if (fail->kind > PROTOCOL_PERMANENT || strlen(fail->name) > 64 ||
	    strlen(fail->message) > 4096 || (retry_at_ns != 0 && fail->kind == PROTOCOL_PERMANENT))
		abort();
	return 0;
}

static int on_usage(void *owner, const struct task_request *request,
		    struct protocol_usage_reply *ret_usage, struct berth_error *err)
{
	(void)request;
	(void)owner;
	(void)err;
	*ret_usage = (struct protocol_usage_reply){1, 2, 3, 4};
	return 0;
}

static int on_wait(void *owner, const struct task_request *request, const struct task_wait *wait,
		   json_t **ret_reply, struct berth_error *err)
{
	(void)owner;
	(void)err;
	if (request->id < 0 || request->name[0] == '\0' ||
	    wait->token_count + wait->run_count > PROTOCOL_WAIT_ITEMS_MAX ||
	    (wait->until_ns == 0 && wait->token_count + wait->run_count == 0 && !wait->batch))
		abort();
	for (size_t i = 0; i < wait->token_count; i++)
		if (!wait->tokens[i])
			abort();
	if (wait->run_count > 0)
		return TASK_CHANNEL_DEFERRED;
	*ret_reply = json_pack("{s:[]}", "results");
	return 0;
}

static int on_trigger(void *owner, const struct task_request *request,
		      const struct protocol_trigger *trigger, bool waits, json_t **ret_reply,
		      struct berth_error *err)
{
	(void)owner;
	(void)err;
	if (waits && (request->id < 0 || request->name[0] == '\0'))
		abort();
	if (trigger->max_attempts == 7)
		return TASK_CHANNEL_DEFERRED;
	*ret_reply = json_pack("{s:s}", "run", trigger->task);
	return 0;
}

static int on_batch(void *owner, const struct task_request *request, const struct task_batch *batch,
		    json_t **ret_reply, struct berth_error *err)
{
	(void)owner;
	(void)request;
	(void)err;
	(void)ret_reply;
	if (batch->count == 0 || batch->count > PROTOCOL_BATCH_MAX)
		abort();
	for (size_t i = 0; i < batch->count; i++)
		if (!batch->items[i].task || batch->items[i].name)
			abort();
	return TASK_CHANNEL_DEFERRED;
}

static int on_token_create(void *owner, const struct task_request *request,
			   const struct protocol_token_create *token, json_t **ret_reply,
			   struct berth_error *err)
{
	(void)owner;
	(void)request;
	(void)err;
	if (token->timeout_ms < 0)
		abort();
	*ret_reply = json_pack("{s:s}", "token", "token_1");
	return 0;
}

static int on_token_complete(void *owner, const struct task_request *request,
			     const struct protocol_token_complete *token, struct berth_error *err)
{
	(void)owner;
	(void)request;
	return token->output ? 0 : berth_fail(err, BERTH_DENIED, 0, "stale");
}

static int on_run_get(void *owner, const struct task_request *request, const char *run,
		      json_t **ret_reply, struct berth_error *err)
{
	(void)owner;
	(void)request;
	(void)run;
	(void)ret_reply;
	return berth_fail(err, BERTH_NOT_FOUND, 0, "no such run");
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
	.wait = on_wait,
	.trigger = on_trigger,
	.batch = on_batch,
	.token_create = on_token_create,
	.token_complete = on_token_complete,
	.run_get = on_run_get,
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

/* Sends one piece and has the connection handle it. */
static void feed(struct task_connection *connection, struct task_run *run, int peer,
		 const uint8_t *data, size_t length, struct text *replies)
{
	if (send(peer, data, length, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)length)
		abort();
	run->budget.busy_ns = 0;
	while (task_connection_turn(connection, run)) {
		take_replies(peer, replies);
		run->budget.busy_ns = 0;
	}
	take_replies(peer, replies);
}

/* The stream in pieces of one size to a connection that has or has not said hello. */
static void play(struct task_run *run, const uint8_t *data, size_t size, size_t piece,
		 bool is_greeted)
{
	struct task_connection connection;
	struct text replies = {0};
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
		abort();
	run->dispatch.problem_count = 0;
	if (task_connection_init(&connection, run, 1, ends[0], NULL) < 0)
		abort();
	connection.is_greeted |= is_greeted;
	for (size_t at = 0; at < size && !connection.is_dead; at += piece)
		feed(&connection, run, ends[1], data + at, size - at < piece ? size - at : piece,
		     &replies);
	if (replies.length > 0 && !connection.is_dead)
		abort(); /* half a line */
	if (connection.intake.slot)
		task_ledger_release(&run->ledger, connection.intake.slot);
	task_connection_finish(&connection, run);
	run->dispatch.held.count = 0;
	if (run->budget.input_bytes != 0 || run->budget.output_bytes != 0 ||
	    run->dispatch.wait_count != 0 || run->dispatch.deferred_count != 0)
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
	struct task_run run = {.ledger.fd = -1};

	if (task_dispatch_init(&run.dispatch, &info, &handlers, NULL, NULL) < 0)
		abort();
	play(&run, data, size, 16384, true);
	play(&run, data, size, size < 512 ? 1 : 500, false);
	if (task_ledger_create(&run.ledger, NULL) < 0)
		abort();
	play(&run, data, size, size < 512 ? 7 : 500, true);
	task_ledger_finish(&run.ledger);
	task_dispatch_finish(&run.dispatch);
	return 0;
}
