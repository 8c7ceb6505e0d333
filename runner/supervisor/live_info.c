/* SPDX-License-Identifier: Apache-2.0 */
/* What a task is told of itself when it says hello. */
#include <stdlib.h>

#include "runner/run/run_plan.h"
#include "runner/supervisor/live_state.h"

static const char *format_number(const char *prefix, int64_t number,
				 char text[IDENTIFIER_NUMBER_SIZE])
{
	if (number == 0)
		return NULL;
	identifier_format_number(prefix, number, text);
	return text;
}

static const char *text_or_null(const char *text)
{
	return text && *text ? text : NULL;
}

void live_info_init(const struct live *live, struct live_info *ret_info)
{
	const struct run_plan *plan = live->template->plan;
	const struct engine_launch *launch = &live->launch;

	ret_info->info = (struct task_channel_info){
		.run = live->id,
		.attempt = (unsigned)launch->attempt,
		.attempt_id = live->token,
		.task = launch->task,
		.payload = launch->payload,
		.inputs = (const char *const *)live->inputs.items,
		.output_path = live_has_output(live) ? RUN_OUTPUT_PATH : NULL,
		.checkpoint_path = plan->checkpoint != RUN_VOLUME_NONE ? RUN_CHECKPOINT_PATH : NULL,
		.cpu_millis = plan->limits.cpu_millis,
		.memory_bytes = plan->limits.memory_bytes,
		.queue = text_or_null(launch->queue),
		.concurrency_key = text_or_null(launch->concurrency_key),
		.version = text_or_null(launch->version),
		.parent = format_number("run", launch->parent_id, ret_info->parent),
		.root = format_number("run", launch->root_id, ret_info->root),
		.batch = format_number("batch", launch->batch_id, ret_info->batch),
		.max_attempts = (unsigned)launch->max_attempts,
	};
}
