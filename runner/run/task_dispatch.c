/* SPDX-License-Identifier: Apache-2.0 */
/* One line from a task: parsed, checked against its message's rows, handled and answered. */
#include "runner/run/task_dispatch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/field.h"
#include "base/json.h"
#include "runner/run/task_handlers.h"
#include "runner/run/task_reply.h"

#define PROBLEMS_MAX  16
#define SHOWN_OP_SIZE 48

void task_dispatch_report(struct task_dispatch *dispatch, const struct berth_error *why)
{
	char reason[TASK_REPLY_REASON_SIZE];

	if (!dispatch->handlers->problem || dispatch->problem_count > PROBLEMS_MAX)
		return;
	if (dispatch->problem_count++ == PROBLEMS_MAX) {
		dispatch->handlers->problem(dispatch->owner,
					    "further problems on the task channel are not told");
		return;
	}
	(void)text_sanitize(why->message, strlen(why->message), reason, sizeof(reason));
	dispatch->handlers->problem(dispatch->owner, reason);
}

int task_dispatch_refuse(struct task_dispatch *dispatch, const struct berth_error *why,
			 struct text *reply, struct berth_error *err)
{
	task_dispatch_report(dispatch, why);
	return task_reply_append_error(reply, -1, why, err);
}

static bool handler_is_missing(const struct task_dispatch *dispatch,
			       const struct task_handler_row *row)
{
	void (*handler)(void);

	if (!row->handle)
		return true;
	if (row->offset == TASK_HANDLER_NONE)
		return false;
	memcpy(&handler, (const char *)dispatch->handlers + row->offset, sizeof(handler));
	return !handler;
}

/* What is not known until a field says it. */
static void preset_record(enum protocol_op op, union protocol_record *record)
{
	*record = (union protocol_record){0};
	if (op == PROTOCOL_PROGRESS)
		record->progress = (struct protocol_progress){
			.percent = -1,
			.eta_s = -1,
			.rate = -1,
		};
}

static int parse_record(const json_t *object, enum protocol_op op, union protocol_record *record,
			struct berth_error *err)
{
	const struct protocol_message *message = &protocol_messages[op];

	preset_record(op, record);
	if (field_set_defaults(message->fields, message->field_count, record, err) < 0)
		return -1;
	return field_parse_object(object, message->fields, message->field_count, record, err);
}

/* The name that the task gave its request, NULL when it gave none. */
static const char *record_name(enum protocol_op op, const union protocol_record *record)
{
	switch ((int)op) {
	case PROTOCOL_WAIT:
		return record->wait.name;
	case PROTOCOL_TRIGGER:
	case PROTOCOL_TRIGGER_AND_WAIT:
		return record->trigger.name;
	case PROTOCOL_BATCH:
	case PROTOCOL_BATCH_AND_WAIT:
		return record->batch.name;
	case PROTOCOL_TOKEN_CREATE:
		return record->token_create.name;
	default:
		return NULL;
	}
}

/* Names the request as the task did, and those that wait in any case. */
static int name_request(struct task_request *request, const char *name, bool waits,
			struct berth_error *err)
{
	if (name && !protocol_request_name_is_valid(name))
		return berth_fail(err, BERTH_INVALID, 0,
				  "%s: only A-Z a-z 0-9 . _ - and no dot in front are allowed",
				  waits ? "wait" : "once");
	if (name)
		(void)snprintf(request->name, sizeof(request->name), "%s", name);
	else if (waits) /* a name that no task can give */
		(void)snprintf(request->name, sizeof(request->name), ".%" PRIu64 ".%" PRId64,
			       request->connection, request->id);
	return 0;
}

static int check_wait(const struct task_dispatch *dispatch, const struct task_request *request,
		      struct berth_error *err)
{
	if (request->id < 0)
		return berth_fail(err, BERTH_INVALID, 0, "without an id nobody hears of its end");
	if (dispatch->wait_count >= PROTOCOL_WAITS_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "more than %d requests of a run that wait",
				  PROTOCOL_WAITS_MAX);
	return 0;
}

static int call_handler(const struct task_call *call, struct berth_error *err)
{
	bool waits = protocol_messages[call->op].waits;

	if (waits && check_wait(call->dispatch, call->request, err) < 0)
		return -1;
	if (name_request(call->request, record_name(call->op, call->record), waits, err) < 0)
		return -1;
	return task_handler_rows[call->op].handle(call, err);
}

static int handle_request(struct task_dispatch *dispatch, struct task_line *line,
			  const json_t *object, enum protocol_op op, struct text *members,
			  struct berth_error *err)
{
	const struct protocol_message *message = &protocol_messages[op];
	const struct task_handler_row *row = &task_handler_rows[op];
	union protocol_record record;
	const struct task_call call = {dispatch, op, &line->request, &record, members};
	int status;

	if (handler_is_missing(dispatch, row))
		return berth_fail(err, BERTH_NOT_FOUND, 0, "%s: %s", message->name,
				  row->needs_serve ? "needs berth serve"
						   : "not offered to this run");
	line->waits = message->waits;
	status = parse_record(object, op, &record, err);
	if (status == 0)
		status = call_handler(&call, err);
	field_finish(message->fields, message->field_count, &record);
	if (status == TASK_CHANNEL_OVER_LIMIT)
		(void)berth_fail(err, BERTH_LIMIT, 0, "the run is over its limit");
	else if (status < 0)
		(void)berth_fail_context(err, "%s", message->name);
	return status;
}

static int handle_hello(struct task_dispatch *dispatch, struct task_line *line,
			const json_t *object, struct berth_error *err)
{
	const struct protocol_message *message = &protocol_messages[PROTOCOL_HELLO];
	const struct task_hello *hello = &dispatch->hello;
	union protocol_record record;
	int status;

	if (line->is_greeted)
		return berth_fail(err, BERTH_INVALID, 0, "hello: said before");
	status = parse_record(object, PROTOCOL_HELLO, &record, err);
	if (status < 0)
		(void)berth_fail_context(err, "hello");
	if (status == 0 && line->request.id >= 0) {
		status = task_hello_append(line->reply, line->request.id, record.hello.protocol,
					   dispatch->is_cancelled, err);
		if (status == 0)
			line->body = record.hello.payload ? &hello->with_payload
							  : &hello->without_payload;
	}
	field_finish(message->fields, message->field_count, &record);
	return status;
}

/* Takes "op" and "id" out of a request's object; -1: the line is broken. */
static int check_envelope(json_t *object, struct task_request *request, const char **ret_op,
			  struct berth_error *err)
{
	json_t *id, *op;

	if (!json_is_object(object))
		return berth_fail(err, BERTH_PROTOCOL, 0, "a line that is not a JSON object");
	id = json_object_get(object, "id");
	if (id && (!json_is_integer(id) || json_integer_value(id) < 0 ||
		   json_integer_value(id) > PROTOCOL_ID_MAX))
		return berth_fail(err, BERTH_PROTOCOL, 0, "id: not an integer from 0 to 2^53");
	op = json_object_get(object, "op");
	if (!json_is_string(op))
		return berth_fail(err, BERTH_PROTOCOL, 0, "op: missing, or not a text");
	if (id)
		request->id = json_integer_value(id);
	*ret_op = json_string_value(op);
	return 0;
}

static int find_op(json_t *object, const char *name, bool greeted, enum protocol_op *ret_op,
		   struct berth_error *err)
{
	char shown[SHOWN_OP_SIZE];
	enum protocol_op op = protocol_find(PROTOCOL_FROM_TASK, name);

	if (!greeted && op != PROTOCOL_HELLO)
		return berth_fail(err, BERTH_PROTOCOL, 0, "the first request has to be hello");
	(void)text_sanitize(name, strlen(name), shown, sizeof(shown));
	if (op == PROTOCOL_OP_COUNT)
		return berth_fail(err, BERTH_INVALID, 0, "op: there is no \"%s\"", shown);
	*ret_op = op;
	(void)json_object_del(object, "id");
	(void)json_object_del(object, "op");
	return 0;
}

/* Answers a request that failed; without an id only the owner learns of it. */
static int answer_failure(struct task_dispatch *dispatch, struct task_line *line,
			  const struct berth_error *why, bool closes, struct berth_error *err)
{
	int64_t id = line->request.id;

	if (closes || id < 0)
		task_dispatch_report(dispatch, why);
	if ((closes || id >= 0) && task_reply_append_error(line->reply, id, why, err) < 0)
		return -1;
	return closes ? TASK_DISPATCH_CLOSE : 0;
}

static int dispatch_object(struct task_dispatch *dispatch, struct task_line *line, json_t *object,
			   struct berth_error *err)
{
	AUTO_TEXT struct text members = {0};
	struct berth_error why = {0};
	enum protocol_op op = PROTOCOL_OP_COUNT;
	const char *name = NULL;
	bool was_greeted = line->is_greeted;
	int status;

	if (check_envelope(object, &line->request, &name, &why) < 0)
		return answer_failure(dispatch, line, &why, true, err);
	if (find_op(object, name, was_greeted, &op, &why) < 0)
		return answer_failure(dispatch, line, &why, !was_greeted, err);
	if (op == PROTOCOL_HELLO) {
		status = handle_hello(dispatch, line, object, &why);
		line->is_greeted = was_greeted || status == 0;
		return status < 0 ? answer_failure(dispatch, line, &why, !was_greeted, err) : 0;
	}
	status = handle_request(dispatch, line, object, op, &members, &why);
	if (status == TASK_CHANNEL_DEFERRED)
		return TASK_DISPATCH_DEFERRED;
	if (status != 0)
		return answer_failure(dispatch, line, &why, status > 0, err);
	return task_reply_append_success(line->reply, line->request.id, &members, err);
}

int task_dispatch_line(struct task_dispatch *dispatch, struct task_line *line,
		       struct berth_error *err)
{
	AUTO_JSON json_t *object = NULL;
	struct berth_error why = {0};

	line->request.id = -1;
	line->request.name[0] = '\0';
	line->waits = false;
	line->body = NULL;
	if (json_parse(line->data, line->length, &object, &why) < 0) {
		if (why.code == BERTH_INVALID)
			why.code = BERTH_PROTOCOL;
		return answer_failure(dispatch, line, &why, true, err);
	}
	return dispatch_object(dispatch, line, object, err);
}

int task_dispatch_init(struct task_dispatch *dispatch, const struct task_channel_info *info,
		       const struct task_channel_handlers *handlers, void *owner,
		       struct berth_error *err)
{
	*dispatch = (struct task_dispatch){.handlers = handlers, .owner = owner};
	return task_hello_init(&dispatch->hello, info, err);
}

void task_dispatch_finish(struct task_dispatch *dispatch)
{
	task_hello_finish(&dispatch->hello);
}
