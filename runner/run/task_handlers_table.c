/* SPDX-License-Identifier: Apache-2.0 */
/* From a checked record to the run's handler: one row per operation, and what single records need.
 */
#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/field.h"
#include "base/json.h"
#include "runner/run/task_handlers.h"
#include "runner/run/task_reply.h"
#include "runner/run/task_subtasks.h"

int task_check_json(const json_t *value, size_t max, bool object_only, const char *name,
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

static int handle_log(const struct task_call *call, struct berth_error *err)
{
	const struct protocol_log *log = &call->record->log;

	if (log->fields &&
	    task_check_json(log->fields, PROTOCOL_FIELDS_MAX, true, "fields", err) < 0)
		return -1;
	return call->dispatch->handlers->log(call->dispatch->owner, call->request, log, err);
}

static int handle_progress(const struct task_call *call, struct berth_error *err)
{
	return call->dispatch->handlers->progress(call->dispatch->owner, call->request,
						  &call->record->progress, err);
}

static int handle_metadata(const struct task_call *call, struct berth_error *err)
{
	const json_t *set = call->record->metadata.set;

	if (task_check_json(set, PROTOCOL_METADATA_MAX, true, "set", err) < 0)
		return -1;
	return call->dispatch->handlers->metadata(call->dispatch->owner, call->request, set, err);
}

static int handle_checkpoint(const struct task_call *call, struct berth_error *err)
{
	const struct protocol_checkpoint *checkpoint = &call->record->checkpoint;
	AUTO_FREE char *data = NULL;

	if (check_name(checkpoint->name, err) < 0 ||
	    task_check_json(checkpoint->data, PROTOCOL_CHECKPOINT_MAX, false, "data", err) < 0)
		return -1;
	data = json_format_compact(checkpoint->data);
	if (!data)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "save a checkpoint");
	return call->dispatch->handlers->checkpoint(call->dispatch->owner, call->request,
						    checkpoint->name, data, err);
}

static int handle_restore(const struct task_call *call, struct berth_error *err)
{
	const char *name = call->record->restore.name;
	AUTO_FREE char *data = NULL;
	int status;

	if (check_name(name, err) < 0)
		return -1;
	status = call->dispatch->handlers->restore(call->dispatch->owner, call->request, name,
						   &data, err);
	if (status != 0)
		return status;
	if (!data)
		return text_append_string(call->members, ",\"found\":false", err);
	if (strchr(data, '\n'))
		return berth_fail(err, BERTH_SYSTEM, 0, "the checkpoint is not one line of JSON");
	if (text_append_string(call->members, ",\"found\":true,\"data\":", err) < 0)
		return -1;
	return text_append_string(call->members, data, err);
}

static int handle_output(const struct task_call *call, struct berth_error *err)
{
	json_t *data = call->record->output.data;

	if (task_check_json(data, PROTOCOL_OUTPUT_MAX, false, "data", err) < 0)
		return -1;
	return call->dispatch->handlers->output(call->dispatch->owner, call->request, data, err);
}

/* When the task wants its next attempt; 0: it does not say. */
static int retry_at(const struct protocol_fail *fail, uint64_t *ret_at_ns, struct berth_error *err)
{
	uint64_t at_ns = 0;

	if (fail->retry_at && fail->retry_in_ms >= 0)
		return berth_fail(err, BERTH_INVALID, 0, "retry_at and retry_in_ms: one of them");
	if ((fail->retry_at || fail->retry_in_ms >= 0) && fail->kind == PROTOCOL_PERMANENT)
		return berth_fail(err, BERTH_INVALID, 0, "a permanent failure is not retried");
	if (fail->retry_at && clock_parse_rfc3339(fail->retry_at, &at_ns, err) < 0)
		return berth_fail_context(err, "retry_at");
	if (fail->retry_in_ms >= 0)
		at_ns = clock_realtime_ns() + (uint64_t)fail->retry_in_ms * CLOCK_NS_PER_MS;
	*ret_at_ns = at_ns;
	return 0;
}

static int handle_fail(const struct task_call *call, struct berth_error *err)
{
	const struct protocol_fail *fail = &call->record->fail;
	uint64_t at_ns = 0;

	if (retry_at(fail, &at_ns, err) < 0)
		return -1;
	return call->dispatch->handlers->fail(call->dispatch->owner, call->request, fail, at_ns,
					      err);
}

static int handle_usage(const struct task_call *call, struct berth_error *err)
{
	const struct protocol_message *message = &protocol_messages[PROTOCOL_USAGE];
	struct protocol_usage_reply usage = {0};
	AUTO_JSON json_t *object = NULL;

	if (call->dispatch->handlers->usage(call->dispatch->owner, call->request, &usage, err) < 0)
		return -1;
	object = field_format_object(message->reply, message->reply_count, &usage);
	return task_reply_append_members(call->members, object, err);
}

#define HANDLER(member) offsetof(struct task_channel_handlers, member)

/* one line per row */
/* clang-format off */
const struct task_handler_row task_handler_rows[PROTOCOL_OP_COUNT] = {
	[PROTOCOL_LOG] = {handle_log, HANDLER(log), false},
	[PROTOCOL_PROGRESS] = {handle_progress, HANDLER(progress), false},
	[PROTOCOL_METADATA] = {handle_metadata, HANDLER(metadata), false},
	[PROTOCOL_CHECKPOINT] = {handle_checkpoint, HANDLER(checkpoint), false},
	[PROTOCOL_RESTORE] = {handle_restore, HANDLER(restore), false},
	[PROTOCOL_OUTPUT] = {handle_output, HANDLER(output), false},
	[PROTOCOL_FAIL] = {handle_fail, HANDLER(fail), false},
	[PROTOCOL_USAGE] = {handle_usage, HANDLER(usage), false},
	[PROTOCOL_WAIT] = {task_handle_wait, TASK_HANDLER_NONE, false}, /* a time needs nobody */
	[PROTOCOL_TRIGGER] = {task_handle_trigger, HANDLER(trigger), true},
	[PROTOCOL_TRIGGER_AND_WAIT] = {task_handle_trigger, HANDLER(trigger), true},
	[PROTOCOL_BATCH] = {task_handle_batch, HANDLER(batch), true},
	[PROTOCOL_BATCH_AND_WAIT] = {task_handle_batch, HANDLER(batch), true},
	[PROTOCOL_TOKEN_CREATE] = {task_handle_token_create, HANDLER(token_create), true},
	[PROTOCOL_TOKEN_COMPLETE] = {task_handle_token_complete, HANDLER(token_complete), true},
	[PROTOCOL_RUN_GET] = {task_handle_run_get, HANDLER(run_get), true},
};
/* clang-format on */
