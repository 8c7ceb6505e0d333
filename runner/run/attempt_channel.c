/* SPDX-License-Identifier: Apache-2.0 */
/* What the messages of the task channel do to an attempt and its run. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"
#include "runner/run/attempt_state.h"
#include "runner/run/checkpoint_place.h"
#include "runner/run/checkpoint_store.h"
#include "runner/run/log_sink.h"

#define PROBLEMS_MAX 16

_Static_assert((int)LOG_TRACE == (int)PROTOCOL_TRACE && (int)LOG_DEBUG == (int)PROTOCOL_DEBUG &&
		       (int)LOG_LOG == (int)PROTOCOL_PLAIN && (int)LOG_INFO == (int)PROTOCOL_INFO &&
		       (int)LOG_WARN == (int)PROTOCOL_WARN && (int)LOG_ERROR == (int)PROTOCOL_ERROR,
	       "the log's levels are the protocol's");

static int on_log(void *owner, const struct task_request *request, const struct protocol_log *log,
		  struct berth_error *err)
{
	struct attempt *attempt = owner;
	size_t counted = strlen(log->message) + 1;

	(void)request;
	if (log->fields && json_object_size(log->fields))
		counted += json_dumpb(log->fields, NULL, 0, JSON_COMPACT);
	if (!attempt_count_log(attempt, counted))
		return TASK_CHANNEL_OVER_LIMIT;
	return log_sink_log(attempt->context.log, (enum log_level)log->level, log->message,
			    log->fields, err);
}

static int on_progress(void *owner, const struct task_request *request,
		       const struct protocol_progress *progress, struct berth_error *err)
{
	struct attempt *attempt = owner;
	const char *unit = progress->rate_unit ?: "", *message = progress->message ?: "";
	struct run_progress shown = {
		.percent = progress->percent,
		.eta_s = progress->eta_s,
		.rate = progress->rate,
	};

	(void)request;
	(void)text_sanitize(unit, strlen(unit), shown.rate_unit, sizeof(shown.rate_unit));
	(void)text_sanitize(message, strlen(message), shown.message, sizeof(shown.message));
	return log_sink_progress(attempt->context.log, &shown, err);
}

static int on_metadata(void *owner, const struct task_request *request, const json_t *set,
		       struct berth_error *err)
{
	struct attempt *attempt = owner;
	struct run_record *record = attempt->context.record;
	AUTO_JSON json_t *merged = record->metadata ? json_copy(record->metadata) : json_object();

	(void)request;
	if (!merged || json_object_update(merged, (json_t *)(uintptr_t)set) < 0)
		return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
	if (json_dumpb(merged, NULL, 0, JSON_COMPACT) > PROTOCOL_METADATA_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "the metadata is larger than %d bytes",
				  PROTOCOL_METADATA_MAX);
	json_decref(record->metadata);
	record->metadata = json_incref(merged);
	return 0;
}

static int on_checkpoint(void *owner, const struct task_request *request, const char *name,
			 const char *data, struct berth_error *err)
{
	struct attempt *attempt = owner;

	(void)request;
	return checkpoint_place_save(attempt->context.checkpoints, name, data, strlen(data), err);
}

static int on_restore(void *owner, const struct task_request *request, const char *name,
		      char **ret_data, struct berth_error *err)
{
	struct attempt *attempt = owner;
	struct berth_error damage;
	int result = checkpoint_place_load(attempt->context.checkpoints, name, ret_data, &damage);

	(void)request;
	if (result == CHECKPOINT_STORE_DAMAGED) {
		log_sink_notice(attempt->context.log, LOG_WARN, "%s; %s", damage.message,
				*ret_data ? "the one before it is used"
					  : "there is none before it");
		return 0;
	}
	if (result < 0 && err)
		*err = damage;
	return result;
}

static int on_output(void *owner, const struct task_request *request, json_t *data,
		     struct berth_error *err)
{
	struct attempt *attempt = owner;

	(void)request;
	(void)err;
	json_decref(attempt->context.record->output);
	attempt->context.record->output = json_incref(data);
	return 0;
}

static int on_fail(void *owner, const struct task_request *request,
		   const struct protocol_fail *fail, uint64_t retry_at_ns, struct berth_error *err)
{
	struct attempt *attempt = owner;
	struct fail_record *record = &attempt->context.record->fail;
	AUTO_FREE char *name = strdup(fail->name);
	AUTO_FREE char *message = strdup(fail->message);

	(void)request;
	if (!name || !message)
		return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
	free(record->name);
	free(record->message);
	record->kind = fail->kind == PROTOCOL_PERMANENT ? RUN_FAIL_PERMANENT : RUN_FAIL_RETRYABLE;
	record->name = steal_ptr(&name);
	record->message = steal_ptr(&message);
	record->retry_at_ns = retry_at_ns;
	return 0;
}

static int on_usage(void *owner, const struct task_request *request,
		    struct protocol_usage_reply *ret_usage, struct berth_error *err)
{
	struct attempt *attempt = owner;
	struct sandbox_usage usage;

	(void)request;
	if (sandbox_read_usage(attempt->sandbox, &usage, err) < 0)
		return -1;
	ret_usage->cpu_ns = (int64_t)sandbox_usage_known(usage.cpu_ns);
	ret_usage->memory_bytes = (int64_t)sandbox_usage_known(usage.memory_bytes);
	ret_usage->memory_peak_bytes = (int64_t)sandbox_usage_known(usage.memory_peak_bytes);
	ret_usage->pids = (int64_t)sandbox_usage_known(usage.pids);
	return 0;
}

static void on_problem(void *owner, const char *message)
{
	struct attempt *attempt = owner;
	struct string_list *problems = &attempt->context.record->channel_problems;

	log_sink_notice(attempt->context.log, LOG_WARN, "task channel: %s", message);
	if (problems->count < PROBLEMS_MAX)
		(void)string_list_add_format(problems, NULL, "%s", message); /* was said already */
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

int attempt_open_channel(struct attempt *attempt, struct berth_error *err)
{
	const struct run_plan *plan = attempt->context.plan;
	AUTO_CLOSE int listener = sandbox_take_channel(attempt->sandbox);
	const struct task_channel_info info = {
		.run = plan->id,
		.attempt = attempt->record->number,
		.attempt_id = attempt->record->id,
		.task = plan->task ? plan->task->id : NULL,
		.payload = plan->payload,
		.inputs = (const char *const *)plan->inputs.items,
		.output_path = attempt->output ? RUN_OUTPUT_PATH : NULL,
		.checkpoint_path = checkpoint_place_volume(attempt->context.checkpoints)
					   ? RUN_CHECKPOINT_PATH
					   : NULL,
		.cpu_millis = plan->limits.cpu_millis,
		.memory_bytes = plan->limits.memory_bytes,
	};
	const struct task_channel_setup setup = {
		.loop = attempt->context.loop,
		.listen_fd = listener,
		.info = &info,
		.handlers = &handlers,
		.owner = attempt,
	};

	if (listener < 0)
		return 0;
	if (task_channel_create(&setup, &attempt->channel, err) < 0)
		return berth_fail_context(err, "task channel");
	(void)steal_fd(&listener);
	return 0;
}
