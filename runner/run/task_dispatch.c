/* SPDX-License-Identifier: Apache-2.0 */
/* One line from a task: parsed, checked against its message's rows, handled and answered. */
#include "runner/run/task_dispatch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/field.h"
#include "base/json.h"

#define PROBLEMS_MAX  16
#define SHOWN_OP_SIZE 48
#define REASON_SIZE   (4 * sizeof(((struct berth_error *)NULL)->message))

struct request {
	json_t *object; /* without "op" and "id" once checked */
	enum protocol_op op;
	bool has_id;
	int64_t id;
};

/* Wire codes; the others are the supervisor's own trouble. */
static const char *const wire_codes[] = {
	[BERTH_INVALID] = "invalid",
	[BERTH_LIMIT] = "limit",
	[BERTH_NOT_FOUND] = "not_found",
	[BERTH_PROTOCOL] = "protocol",
};

static const char *wire_code(enum berth_code code)
{
	size_t count = sizeof(wire_codes) / sizeof(wire_codes[0]);

	return (size_t)code < count && wire_codes[code] ? wire_codes[code] : "system";
}

void task_dispatch_report(struct task_dispatch *dispatch, const struct berth_error *why)
{
	char reason[REASON_SIZE];

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

/* One line {"id":…,"ok":false,…}; id is taken from request unless that is NULL. */
static int append_error(struct text *reply, const struct request *request,
			const struct berth_error *why, struct berth_error *err)
{
	char reason[REASON_SIZE];
	AUTO_JSON json_t *id = request ? json_integer(request->id) : json_null();
	AUTO_JSON json_t *object = NULL;
	AUTO_FREE char *line = NULL;

	(void)text_sanitize(why->message, strlen(why->message), reason, sizeof(reason));
	object = json_pack("{s:O, s:b, s:{s:s, s:s}}", "id", id, "ok", 0, "error", "code",
			   wire_code(why->code), "message", reason);
	line = object ? json_format_compact(object) : NULL;
	if (!line)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "answer a task");
	if (text_append_string(reply, line, err) < 0)
		return -1;
	return text_append(reply, "\n", 1, err);
}

int task_dispatch_refuse(struct task_dispatch *dispatch, const struct berth_error *why,
			 struct text *reply, struct berth_error *err)
{
	task_dispatch_report(dispatch, why);
	return append_error(reply, NULL, why, err);
}

/* members is what belongs between "ok":true and the closing brace, with its leading comma. */
static int append_success(struct text *reply, const struct request *request,
			  const struct text *members, struct berth_error *err)
{
	if (!request->has_id)
		return 0;
	if (text_append_format(reply, err, "{\"id\":%" PRId64 ",\"ok\":true", request->id) < 0 ||
	    text_append(reply, members->data, members->length, err) < 0)
		return -1;
	return text_append_string(reply, "}\n", err);
}

/* Appends the members of an object, each after a comma. */
static int append_members(struct text *members, const json_t *object, struct berth_error *err)
{
	AUTO_FREE char *text = object ? json_format_compact(object) : NULL;
	size_t length;

	if (!text)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "answer a task");
	length = strlen(text);
	if (length <= 2)
		return 0;
	if (text_append_string(members, ",", err) < 0)
		return -1;
	return text_append(members, text + 1, length - 2, err);
}

static int check_json(const json_t *value, size_t max, bool object_only, const char *name,
		      struct berth_error *err)
{
	size_t size;

	if (object_only && !json_is_object(value))
		return berth_fail(err, BERTH_INVALID, 0, "%s: not an object", name);
	size = json_dumpb(value, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY);
	if (size > max)
		return berth_fail(err, BERTH_LIMIT, 0, "%s: %zu bytes of JSON, at most %zu", name,
				  size, max);
	return 0;
}

static int check_name(const char *name, struct berth_error *err)
{
	if (protocol_checkpoint_name_is_valid(name))
		return 0;
	return berth_fail(err, BERTH_INVALID, 0,
			  "name: only A-Z a-z 0-9 . _ - and no dot in front are allowed");
}

static int handle_log(struct task_dispatch *dispatch, const union protocol_record *record,
		      struct text *members, struct berth_error *err)
{
	const struct protocol_log *log = &record->log;

	(void)members;
	if (log->fields && check_json(log->fields, PROTOCOL_FIELDS_MAX, true, "fields", err) < 0)
		return -1;
	return dispatch->handlers->log(dispatch->owner, (enum protocol_level)log->level,
				       log->message, strlen(log->message), log->fields, err);
}

static int handle_progress(struct task_dispatch *dispatch, const union protocol_record *record,
			   struct text *members, struct berth_error *err)
{
	(void)members;
	return dispatch->handlers->progress(dispatch->owner, &record->progress, err);
}

static int handle_metadata(struct task_dispatch *dispatch, const union protocol_record *record,
			   struct text *members, struct berth_error *err)
{
	(void)members;
	if (check_json(record->metadata.set, PROTOCOL_METADATA_MAX, true, "set", err) < 0)
		return -1;
	return dispatch->handlers->metadata(dispatch->owner, record->metadata.set, err);
}

static int handle_checkpoint(struct task_dispatch *dispatch, const union protocol_record *record,
			     struct text *members, struct berth_error *err)
{
	const struct protocol_checkpoint *checkpoint = &record->checkpoint;
	AUTO_FREE char *data = NULL;

	(void)members;
	if (check_name(checkpoint->name, err) < 0 ||
	    check_json(checkpoint->data, PROTOCOL_CHECKPOINT_MAX, false, "data", err) < 0)
		return -1;
	data = json_format_compact(checkpoint->data);
	if (!data)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "save a checkpoint");
	return dispatch->handlers->checkpoint(dispatch->owner, checkpoint->name, data, strlen(data),
					      err);
}

static int handle_restore(struct task_dispatch *dispatch, const union protocol_record *record,
			  struct text *members, struct berth_error *err)
{
	AUTO_FREE char *data = NULL;

	if (check_name(record->restore.name, err) < 0 ||
	    dispatch->handlers->restore(dispatch->owner, record->restore.name, &data, err) < 0)
		return -1;
	if (!data)
		return text_append_string(members, ",\"found\":false", err);
	if (strchr(data, '\n'))
		return berth_fail(err, BERTH_SYSTEM, 0, "the checkpoint is not one line of JSON");
	if (text_append_string(members, ",\"found\":true,\"data\":", err) < 0)
		return -1;
	return text_append_string(members, data, err);
}

static int handle_output(struct task_dispatch *dispatch, const union protocol_record *record,
			 struct text *members, struct berth_error *err)
{
	(void)members;
	if (check_json(record->output.data, PROTOCOL_OUTPUT_MAX, false, "data", err) < 0)
		return -1;
	return dispatch->handlers->output(dispatch->owner, record->output.data, err);
}

static int handle_fail(struct task_dispatch *dispatch, const union protocol_record *record,
		       struct text *members, struct berth_error *err)
{
	const struct protocol_fail *fail = &record->fail;

	(void)members;
	return dispatch->handlers->fail(dispatch->owner, (enum protocol_failure)fail->kind,
					fail->name, fail->message, err);
}

static int handle_usage(struct task_dispatch *dispatch, const union protocol_record *record,
			struct text *members, struct berth_error *err)
{
	const struct protocol_message *message = &protocol_messages[PROTOCOL_USAGE];
	struct protocol_usage_reply usage = {0};
	AUTO_JSON json_t *object = NULL;

	(void)record;
	if (dispatch->handlers->usage(dispatch->owner, &usage, err) < 0)
		return -1;
	object = field_format_object(message->reply, message->reply_count, &usage);
	return append_members(members, object, err);
}

/* hello is not here: it is about the connection, and it may be said once. */
struct handler_row {
	int (*handle)(struct task_dispatch *dispatch, const union protocol_record *record,
		      struct text *members, struct berth_error *err);
	size_t handler_offset; /* in struct task_channel_handlers: refused where that is NULL */
};

static const struct handler_row handler_rows[PROTOCOL_OP_COUNT] = {
	[PROTOCOL_LOG] = {handle_log,        offsetof(struct task_channel_handlers, log)       },
	[PROTOCOL_PROGRESS] = {handle_progress,   offsetof(struct task_channel_handlers, progress)  },
	[PROTOCOL_METADATA] = {handle_metadata,   offsetof(struct task_channel_handlers, metadata)  },
	[PROTOCOL_CHECKPOINT] = {handle_checkpoint,
                          offsetof(struct task_channel_handlers,                    checkpoint)},
	[PROTOCOL_RESTORE] = {handle_restore,    offsetof(struct task_channel_handlers, restore)   },
	[PROTOCOL_OUTPUT] = {handle_output,     offsetof(struct task_channel_handlers, output)    },
	[PROTOCOL_FAIL] = {handle_fail,       offsetof(struct task_channel_handlers, fail)      },
	[PROTOCOL_USAGE] = {handle_usage,      offsetof(struct task_channel_handlers, usage)     },
};

static bool handler_is_missing(const struct task_dispatch *dispatch, const struct handler_row *row)
{
	void (*handler)(void);

	if (!row->handle)
		return true;
	memcpy(&handler, (const char *)dispatch->handlers + row->handler_offset, sizeof(handler));
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

static int parse_record(const struct request *request, union protocol_record *record,
			struct berth_error *err)
{
	const struct protocol_message *message = &protocol_messages[request->op];

	preset_record(request->op, record);
	if (field_set_defaults(message->fields, message->field_count, record, err) < 0)
		return -1;
	return field_parse_object(request->object, message->fields, message->field_count, record,
				  err);
}

static int handle_request(struct task_dispatch *dispatch, const struct request *request,
			  struct text *members, struct berth_error *err)
{
	const struct protocol_message *message = &protocol_messages[request->op];
	const struct handler_row *row = &handler_rows[request->op];
	union protocol_record record;
	int status;

	if (handler_is_missing(dispatch, row))
		return berth_fail(err, BERTH_NOT_FOUND, 0, "%s: not offered to this run",
				  message->name);
	status = parse_record(request, &record, err);
	if (status == 0)
		status = row->handle(dispatch, &record, members, err);
	field_finish(message->fields, message->field_count, &record);
	if (status == TASK_CHANNEL_OVER_LIMIT)
		(void)berth_fail(err, BERTH_LIMIT, 0, "the run is over its limit");
	else if (status < 0)
		(void)berth_fail_context(err, "%s", message->name);
	return status;
}

static int answer_hello(const struct task_dispatch *dispatch, const struct request *request,
			struct text *reply, struct berth_error *err)
{
	if (!request->has_id)
		return 0;
	return text_append_format(reply, err, "{\"id\":%" PRId64 ",\"ok\":true,\"cancelled\":%s,",
				  request->id, dispatch->is_cancelled ? "true" : "false");
}

static int handle_hello(struct task_dispatch *dispatch, const struct request *request,
			bool *greeted, struct text *reply, const struct text **ret_body,
			struct berth_error *err)
{
	const struct protocol_message *message = &protocol_messages[PROTOCOL_HELLO];
	union protocol_record record;
	int status;

	if (*greeted)
		return berth_fail(err, BERTH_INVALID, 0, "hello: said before");
	status = parse_record(request, &record, err);
	if (status < 0)
		(void)berth_fail_context(err, "hello");
	if (status == 0)
		status = answer_hello(dispatch, request, reply, err);
	if (status == 0 && request->has_id)
		*ret_body = record.hello.payload ? &dispatch->body_with_payload
						 : &dispatch->body_without_payload;
	field_finish(message->fields, message->field_count, &record);
	*greeted = status == 0;
	return status;
}

/* Takes "op" and "id" out of a request's object; -1: the line is broken. */
static int check_envelope(struct request *request, const char **ret_op, struct berth_error *err)
{
	json_t *id, *op;

	if (!json_is_object(request->object))
		return berth_fail(err, BERTH_PROTOCOL, 0, "a line that is not a JSON object");
	id = json_object_get(request->object, "id");
	request->has_id = id != NULL;
	if (id) {
		request->id = json_is_integer(id) ? json_integer_value(id) : -1;
		if (request->id < 0 || request->id > PROTOCOL_ID_MAX)
			return berth_fail(err, BERTH_PROTOCOL, 0,
					  "id: not an integer from 0 to 2^53");
	}
	op = json_object_get(request->object, "op");
	if (!json_is_string(op))
		return berth_fail(err, BERTH_PROTOCOL, 0, "op: missing, or not a text");
	*ret_op = json_string_value(op);
	return 0;
}

static int find_op(struct request *request, const char *name, bool greeted, struct berth_error *err)
{
	char shown[SHOWN_OP_SIZE];

	request->op = protocol_find(PROTOCOL_FROM_TASK, name);
	if (!greeted && request->op != PROTOCOL_HELLO)
		return berth_fail(err, BERTH_PROTOCOL, 0, "the first request has to be hello");
	(void)text_sanitize(name, strlen(name), shown, sizeof(shown));
	if (request->op == PROTOCOL_OP_COUNT)
		return berth_fail(err, BERTH_INVALID, 0, "op: there is no \"%s\"", shown);
	(void)json_object_del(request->object, "id");
	(void)json_object_del(request->object, "op");
	return 0;
}

/* Answers a request that failed; without an id only the owner learns of it. */
static int answer_failure(struct task_dispatch *dispatch, const struct request *request,
			  const struct berth_error *why, bool closes, struct text *reply,
			  struct berth_error *err)
{
	if (closes || !request->has_id)
		task_dispatch_report(dispatch, why);
	if ((closes || request->has_id) &&
	    append_error(reply, request->has_id ? request : NULL, why, err) < 0)
		return -1;
	return closes ? TASK_DISPATCH_CLOSE : 0;
}

static int dispatch_request(struct task_dispatch *dispatch, struct request *request, bool *greeted,
			    struct text *reply, const struct text **ret_body,
			    struct berth_error *err)
{
	AUTO_TEXT struct text members = {0};
	struct berth_error why = {0};
	const char *name = NULL;
	int status;

	if (check_envelope(request, &name, &why) < 0) {
		request->has_id = false;
		return answer_failure(dispatch, request, &why, true, reply, err);
	}
	if (find_op(request, name, *greeted, &why) < 0)
		return answer_failure(dispatch, request, &why, !*greeted, reply, err);
	if (request->op == PROTOCOL_HELLO) {
		status = handle_hello(dispatch, request, greeted, reply, ret_body, &why);
		return status < 0 ? answer_failure(dispatch, request, &why, !*greeted, reply, err)
				  : 0;
	}
	status = handle_request(dispatch, request, &members, &why);
	if (status != 0)
		return answer_failure(dispatch, request, &why, status > 0, reply, err);
	return append_success(reply, request, &members, err);
}

int task_dispatch_line(struct task_dispatch *dispatch, const char *line, size_t length,
		       bool *greeted, struct text *reply, const struct text **ret_body,
		       struct berth_error *err)
{
	struct request request = {.op = PROTOCOL_OP_COUNT};
	struct berth_error why = {0};
	int status;

	*ret_body = NULL;
	if (json_parse(line, length, &request.object, &why) < 0) {
		if (why.code == BERTH_INVALID)
			why.code = BERTH_PROTOCOL;
		return answer_failure(dispatch, &request, &why, true, reply, err);
	}
	status = dispatch_request(dispatch, &request, greeted, reply, ret_body, err);
	json_decref(request.object);
	return status;
}

static json_t *inputs_array(const char *const *inputs)
{
	AUTO_JSON json_t *array = json_array();

	for (size_t i = 0; array && inputs && inputs[i]; i++)
		if (json_array_append_new(array, json_string(inputs[i])) < 0)
			return NULL;
	return steal_ptr(&array);
}

/* The members of the hello reply that never change, then the end of the line. */
static int format_body(const json_t *object, struct text *body, struct berth_error *err)
{
	AUTO_FREE char *text = json_format_compact(object);

	if (!text)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "prepare the hello reply");
	if (text_append_string(body, text + 1, err) < 0)
		return -1;
	return text_append(body, "\n", 1, err);
}

static int format_bodies(struct task_dispatch *dispatch, const struct task_channel_info *info,
			 json_t *payload, struct berth_error *err)
{
	const struct protocol_message *message = &protocol_messages[PROTOCOL_HELLO];
	AUTO_JSON json_t *inputs = inputs_array(info->inputs);
	AUTO_JSON json_t *object = NULL;
	struct protocol_hello_reply reply = {
		.protocol = PROTOCOL_VERSION,
		.attempt = info->attempt,
		.payload = payload,
		.inputs = inputs,
		.cpu_millis = info->cpu_millis,
		.memory_bytes = info->memory_bytes,
	};

	if (!inputs)
		return berth_fail(err, BERTH_INVALID, 0, "an input's path is not UTF-8");
	object = field_format_object(message->reply, message->reply_count, &reply);
	if (!object || json_object_del(object, "cancelled") < 0)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "prepare the hello reply");
	/* the record's texts are owned by definition, these are not: set here */
	if (json_object_update_new(
		    object, json_pack("{s:s, s:s?, s:s?, s:s?, s:s?}", "run", info->run,
				      "attempt_id", info->attempt_id, "task", info->task, "output",
				      info->output_path, "checkpoint", info->checkpoint_path)) < 0)
		return berth_fail(err, BERTH_INVALID, 0, "a fact of the hello reply is not UTF-8");
	if (format_body(object, &dispatch->body_with_payload, err) < 0)
		return -1;
	(void)json_object_del(object, "payload");
	return format_body(object, &dispatch->body_without_payload, err);
}

int task_dispatch_init(struct task_dispatch *dispatch, const struct task_channel_info *info,
		       const struct task_channel_handlers *handlers, void *owner,
		       struct berth_error *err)
{
	const char *text = info->payload ? info->payload : "null";
	AUTO_JSON json_t *payload = NULL;
	size_t length = strlen(text);

	*dispatch = (struct task_dispatch){.handlers = handlers, .owner = owner};
	if (length > PROTOCOL_PAYLOAD_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "payload: %zu bytes, at most %d", length,
				  PROTOCOL_PAYLOAD_MAX);
	if (json_parse(text, length, &payload, err) < 0)
		return berth_fail_context(err, "payload");
	if (check_json(payload, PROTOCOL_PAYLOAD_MAX, false, "payload", err) < 0 ||
	    format_bodies(dispatch, info, payload, err) < 0) {
		task_dispatch_finish(dispatch);
		return -1;
	}
	return 0;
}

void task_dispatch_finish(struct task_dispatch *dispatch)
{
	text_finish(&dispatch->body_with_payload);
	text_finish(&dispatch->body_without_payload);
}
