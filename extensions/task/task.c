/* SPDX-License-Identifier: Apache-2.0 */
/* The SDK's calls: each makes one request of the protocol table and takes its answer apart. */
#include "extensions/task/task.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "extensions/task/outcome.h"
#include "extensions/task/protocol_table.h"
#include "extensions/task/request.h"
#include "extensions/task/session.h"

#define PROGRESS_TEXT_MAX 256
#define PROGRESS_UNIT_MAX 32
#define FAIL_NAME_MAX     64
#define FAIL_MESSAGE_MAX  4096

_Static_assert(BERTH_TASK_CHECKPOINT_MAX == PROTOCOL_CHECKPOINT_MAX, "task.h and the table");
_Static_assert(BERTH_TASK_CHECKPOINT_NAME_MAX == PROTOCOL_CHECKPOINT_NAME_MAX, "task.h, table");
_Static_assert(BERTH_TASK_PAYLOAD_MAX == PROTOCOL_PAYLOAD_MAX, "task.h and the table");
_Static_assert(BERTH_TASK_OUTPUT_MAX == PROTOCOL_OUTPUT_MAX, "task.h and the table");
_Static_assert(BERTH_TASK_MESSAGE_MAX == PROTOCOL_MESSAGE_MAX, "task.h and the table");
_Static_assert((int)BERTH_TASK_ERROR == (int)PROTOCOL_ERROR, "levels in the same order");
_Static_assert((int)BERTH_TASK_PERMANENT == (int)PROTOCOL_PERMANENT, "kinds in the same order");

int berth_task_open(struct berth_task **ret_task, struct berth_task_error *err)
{
	static const struct sdk_session_options options = {0};
	struct berth_error why = {0};

	return sdk_outcome(sdk_session_open(&options, ret_task, &why), &why, err);
}

const struct berth_task_info *berth_task_info(const struct berth_task *task)
{
	return &task->info.view;
}

static int log_send(struct berth_task *task, enum berth_task_level level, const char *message,
		    const char *fields, struct berth_error *err)
{
	AUTO_JSON json_t *request = sdk_request_create(PROTOCOL_LOG);

	if ((unsigned)level > BERTH_TASK_ERROR)
		return berth_fail(err, BERTH_INVALID, 0, "there is no level %d", (int)level);
	if (!request || json_object_set_new(request, "level", json_string(protocol_levels[level])))
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "log");
	if (sdk_request_set_text(request, "message", message, PROTOCOL_MESSAGE_MAX, err) < 0)
		return -1;
	if (fields &&
	    sdk_request_set_json(request, "fields", fields, PROTOCOL_FIELDS_MAX, true, err) < 0)
		return -1;
	return sdk_session_send(task, steal_ptr(&request), err);
}

int berth_task_log(struct berth_task *task, enum berth_task_level level, const char *message,
		   const char *fields, struct berth_task_error *err)
{
	struct berth_error why = {0};

	return sdk_outcome(log_send(task, level, message, fields, &why), &why, err);
}

int berth_task_logf(struct berth_task *task, enum berth_task_level level, const char *format, ...)
{
	AUTO_FREE char *message = NULL;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vasprintf(&message, format, arguments);
	va_end(arguments);
	if (length < 0) {
		message = NULL; /* vasprintf(3) leaves it undefined */
		return -1;
	}
	return berth_task_log(task, level, message, NULL, NULL);
}

/* A member only when the number is known; bounded as the table says. */
static int set_number(json_t *request, const char *key, double value, double max)
{
	if (!isfinite(value) || value < 0)
		return 0;
	return json_object_set_new(request, key, json_real(value > max ? max : value));
}

static int progress_send(struct berth_task *task, const struct berth_task_progress *progress,
			 struct berth_error *err)
{
	AUTO_JSON json_t *request = sdk_request_create(PROTOCOL_PROGRESS);

	if (!request || set_number(request, "percent", progress->percent, 100) < 0 ||
	    set_number(request, "eta_s", progress->eta_s, 1e9) < 0 ||
	    set_number(request, "rate", progress->rate, 1e15) < 0)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "progress");
	if (progress->rate_unit && sdk_request_set_text(request, "rate_unit", progress->rate_unit,
							PROGRESS_UNIT_MAX, err) < 0)
		return -1;
	if (progress->message &&
	    sdk_request_set_text(request, "message", progress->message, PROGRESS_TEXT_MAX, err) < 0)
		return -1;
	sdk_progress_offer(&task->progress, steal_ptr(&request));
	request = sdk_progress_take_due(&task->progress, clock_boottime_ns());
	return request ? sdk_session_send(task, steal_ptr(&request), err) : 0;
}

int berth_task_progress(struct berth_task *task, const struct berth_task_progress *progress,
			struct berth_task_error *err)
{
	struct berth_error why = {0};

	return sdk_outcome(progress_send(task, progress, &why), &why, err);
}

static int metadata_call(struct berth_task *task, const char *object, struct berth_error *err)
{
	AUTO_JSON json_t *request = sdk_request_create(PROTOCOL_METADATA);

	if (!request)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "metadata");
	if (sdk_request_set_json(request, "set", object, PROTOCOL_METADATA_MAX, true, err) < 0)
		return -1;
	return sdk_session_call(task, steal_ptr(&request), NULL, err);
}

int berth_task_metadata(struct berth_task *task, const char *object, struct berth_task_error *err)
{
	struct berth_error why = {0};

	return sdk_outcome(metadata_call(task, object, &why), &why, err);
}

/* A request that names a checkpoint; owned. NULL after a failure. */
static json_t *named_request(enum protocol_op op, const char *name, struct berth_error *err)
{
	json_t *request;

	if (!protocol_checkpoint_name_is_valid(name)) {
		(void)berth_fail(err, BERTH_INVALID, 0,
				 "checkpoint name \"%.80s\": use 1 to %d of A-Z a-z 0-9 . _ - and "
				 "do not start with a dot",
				 name, PROTOCOL_CHECKPOINT_NAME_MAX);
		return NULL;
	}
	request = json_pack("{s:s, s:s}", "op", protocol_messages[op].name, "name", name);
	if (!request)
		(void)berth_fail(err, BERTH_MEMORY, ENOMEM, "checkpoint %s", name);
	return request;
}

static int checkpoint_call(struct berth_task *task, const char *name, const char *data,
			   struct berth_error *err)
{
	AUTO_JSON json_t *request = named_request(PROTOCOL_CHECKPOINT, name, err);

	if (!request ||
	    sdk_request_set_json(request, "data", data, PROTOCOL_CHECKPOINT_MAX, false, err) < 0)
		return -1;
	return sdk_session_call(task, steal_ptr(&request), NULL, err);
}

int berth_task_checkpoint(struct berth_task *task, const char *name, const char *data,
			  struct berth_task_error *err)
{
	struct berth_error why = {0};

	return sdk_outcome(checkpoint_call(task, name, data, &why), &why, err);
}

static int restore_call(struct berth_task *task, const char *name, char **ret_data,
			struct berth_error *err)
{
	AUTO_JSON json_t *request = named_request(PROTOCOL_RESTORE, name, err), *reply = NULL;
	json_t *data;
	char *text;

	if (!request || sdk_session_call(task, steal_ptr(&request), &reply, err) < 0)
		return -1;
	if (!json_is_true(json_object_get(reply, "found"))) {
		*ret_data = NULL;
		return 0;
	}
	data = json_object_get(reply, "data");
	if (!data)
		return berth_fail(err, BERTH_PROTOCOL, 0, "a found checkpoint without data");
	text = json_format_compact(data);
	if (!text)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "restore %s", name);
	*ret_data = text;
	return 0;
}

int berth_task_restore(struct berth_task *task, const char *name, char **ret_data,
		       struct berth_task_error *err)
{
	struct berth_error why = {0};

	return sdk_outcome(restore_call(task, name, ret_data, &why), &why, err);
}

static int output_call(struct berth_task *task, const char *json, struct berth_error *err)
{
	AUTO_JSON json_t *request = sdk_request_create(PROTOCOL_OUTPUT);

	if (!request)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "output");
	if (sdk_request_set_json(request, "data", json, PROTOCOL_OUTPUT_MAX, false, err) < 0)
		return -1;
	return sdk_session_call(task, steal_ptr(&request), NULL, err);
}

int berth_task_output(struct berth_task *task, const char *json, struct berth_task_error *err)
{
	struct berth_error why = {0};

	return sdk_outcome(output_call(task, json, &why), &why, err);
}

/* A fail request; owned. NULL after a failure. */
static json_t *fail_request(enum berth_task_failure kind, const char *name, const char *message,
			    struct berth_error *err)
{
	AUTO_JSON json_t *request = sdk_request_create(PROTOCOL_FAIL);

	if ((unsigned)kind > BERTH_TASK_PERMANENT) {
		(void)berth_fail(err, BERTH_INVALID, 0, "there is no failure %d", (int)kind);
		return NULL;
	}
	if (!request ||
	    json_object_set_new(request, "kind", json_string(protocol_failures[kind])) < 0) {
		(void)berth_fail(err, BERTH_MEMORY, ENOMEM, "fail");
		return NULL;
	}
	if (sdk_request_set_text(request, "name", name, FAIL_NAME_MAX, err) < 0 ||
	    sdk_request_set_text(request, "message", message, FAIL_MESSAGE_MAX, err) < 0)
		return NULL;
	return steal_ptr(&request);
}

int berth_task_fail(struct berth_task *task, enum berth_task_failure kind, const char *name,
		    const char *message, struct berth_task_error *err)
{
	struct berth_error why = {0};
	json_t *request = fail_request(kind, name, message, &why);

	return sdk_outcome(request ? sdk_session_call(task, request, NULL, &why) : -1, &why, err);
}

int berth_task_retry(struct berth_task *task, const char *name, const char *message, uint64_t in_ms,
		     struct berth_task_error *err)
{
	struct berth_error why = {0};
	json_t *request = fail_request(BERTH_TASK_RETRYABLE, name, message, &why);

	if (!request)
		return sdk_outcome(-1, &why, err);
	if (in_ms > PROTOCOL_FOREVER_MS)
		in_ms = PROTOCOL_FOREVER_MS;
	if (json_object_set_new(request, "retry_in_ms", json_integer((json_int_t)in_ms)) < 0) {
		json_decref(request);
		return sdk_outcome(berth_fail(&why, BERTH_MEMORY, ENOMEM, "retry"), &why, err);
	}
	return sdk_outcome(sdk_session_call(task, request, NULL, &why), &why, err);
}

static uint64_t member_count(const json_t *reply, const char *key)
{
	json_int_t value = json_integer_value(json_object_get(reply, key));

	return value > 0 ? (uint64_t)value : 0;
}

int berth_task_usage(struct berth_task *task, struct berth_task_usage *ret_usage,
		     struct berth_task_error *err)
{
	AUTO_JSON json_t *reply = NULL;
	struct berth_error why = {0};

	if (sdk_session_call(task, sdk_request_create(PROTOCOL_USAGE), &reply, &why) < 0)
		return sdk_outcome(-1, &why, err);
	*ret_usage = (struct berth_task_usage){
		.cpu_ns = member_count(reply, "cpu_ns"),
		.memory_bytes = member_count(reply, "memory_bytes"),
		.memory_peak_bytes = member_count(reply, "memory_peak_bytes"),
		.pids = member_count(reply, "pids"),
	};
	return 0;
}

bool berth_task_cancelled(struct berth_task *task)
{
	sdk_session_flush_due(task);
	if (!task->transport->cancelled && !sdk_session_terminated())
		task->transport->poll(task->transport);
	return task->transport->cancelled || sdk_session_terminated();
}
