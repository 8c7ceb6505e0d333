/* SPDX-License-Identifier: Apache-2.0 */
/* What the run is, as the hello reply tells it. */
#include "extensions/task/info.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>

#include "base/json.h"

static int inputs_init(struct sdk_info *info, struct berth_error *err)
{
	const json_t *inputs = json_object_get(info->reply, "inputs");
	size_t count = json_array_size(inputs);

	info->inputs = calloc(count + 1, sizeof(*info->inputs));
	if (!info->inputs)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "read the list of inputs");
	for (size_t i = 0; i < count; i++) {
		info->inputs[i] = json_string_value(json_array_get(inputs, i));
		if (!info->inputs[i])
			return berth_fail(err, BERTH_PROTOCOL, 0, "input %zu is not a path", i + 1);
	}
	return 0;
}

static int payload_init(struct sdk_info *info, struct berth_error *err)
{
	json_t *payload = json_object_get(info->reply, "payload");
	json_t *null = json_null();

	info->payload = json_format_compact(payload ? payload : null);
	if (!info->payload)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "read the payload");
	return 0;
}

static double cpus_available(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
}

/* A number of attempts, or otherwise when it is none. */
static unsigned attempt_number(const json_t *reply, const char *key, unsigned otherwise)
{
	json_int_t number = json_integer_value(json_object_get(reply, key));

	return number >= 1 && number <= 1000000 ? (unsigned)number : otherwise;
}

int sdk_info_init(struct sdk_info *info, json_t *reply, struct berth_error *err)
{
	struct berth_task_info *view = &info->view;
	json_int_t memory;

	info->reply = json_incref(reply);
	if (inputs_init(info, err) < 0 || payload_init(info, err) < 0)
		return -1;
	memory = json_integer_value(json_object_get(reply, "memory_bytes"));
	view->run = json_string_value(json_object_get(reply, "run"));
	view->attempt = attempt_number(reply, "attempt", 1);
	view->task = json_string_value(json_object_get(reply, "task"));
	view->payload = info->payload;
	view->inputs = info->inputs;
	view->output_path = json_string_value(json_object_get(reply, "output"));
	view->checkpoint_path = json_string_value(json_object_get(reply, "checkpoint"));
	view->cpus = json_number_value(json_object_get(reply, "cpus"));
	if (!(view->cpus > 0)) /* no limit: all there are */
		view->cpus = cpus_available();
	view->memory_bytes = memory > 0 ? (uint64_t)memory : 0;
	view->queue = json_string_value(json_object_get(reply, "queue"));
	view->concurrency_key = json_string_value(json_object_get(reply, "concurrency_key"));
	view->version = json_string_value(json_object_get(reply, "version"));
	view->parent = json_string_value(json_object_get(reply, "parent"));
	view->root = json_string_value(json_object_get(reply, "root"));
	view->batch = json_string_value(json_object_get(reply, "batch"));
	view->max_attempts = attempt_number(reply, "max_attempts", 0);
	if (!view->run)
		return berth_fail(err, BERTH_PROTOCOL, 0, "the hello reply does not name the run");
	return 0;
}

void sdk_info_finish(struct sdk_info *info)
{
	free(info->inputs);
	free(info->payload);
	json_decref(info->reply);
	*info = (struct sdk_info){0};
}
