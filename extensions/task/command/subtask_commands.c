/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands about other runs do: triggers, batches and tokens. */
#include "extensions/task/command/subtask_commands.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/amount.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "extensions/task/command/answer.h"
#include "extensions/task/command/command_table.h"
#include "extensions/task/command/values.h"
#include "extensions/task/protocol_table.h"
#include "extensions/task/task.h"

#define DELAY_SIZE 32 /* of whole seconds and their unit */

/* What a trigger's options stand for. */
struct trigger {
	struct berth_task_trigger_options options;
	char *payload, *tags; /* owned; NULL: not given */
	char delay[DELAY_SIZE];
};

static void trigger_finish(struct trigger *trigger)
{
	free(trigger->payload);
	free(trigger->tags);
}
#define AUTO_TRIGGER __attribute__((cleanup(trigger_finish)))

/* A list as the SDK takes it; NULL when none was given. */
static int tags_format(const json_t *tags, char **ret_text, struct berth_error *err)
{
	char *text = tags ? json_format_compact(tags) : NULL;

	if (tags && !text)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "tag");
	*ret_text = text;
	return 0;
}

/* A delay counts in whole seconds and never ends early. What is no duration is left to the
 * supervisor to read as a date. */
static const char *delay_format(const char *text, char target[DELAY_SIZE])
{
	uint64_t ms;

	if (!text || amount_parse_duration_ms(text, &ms, NULL) < 0)
		return text;
	(void)snprintf(target, DELAY_SIZE, "%" PRIu64 "s", (ms + 999) / 1000);
	return target;
}

/* The trigger is to be finished also after a failure; its options point into it and the line. */
static int trigger_init(struct trigger *trigger, const struct command_line *line,
			struct berth_error *err)
{
	const struct command_options *options = &line->options;

	if ((options->once && values_check_name("once", options->once, err) < 0) ||
	    (options->name && values_check_name("name", options->name, err) < 0) ||
	    (options->payload && values_read_data(options->payload, BERTH_TASK_PAYLOAD_MAX,
						  &trigger->payload, err) < 0) ||
	    tags_format(options->tags, &trigger->tags, err) < 0)
		return -1;
	trigger->options = (struct berth_task_trigger_options){
		.payload = trigger->payload,
		.tags = trigger->tags,
		.queue = options->queue,
		.concurrency_key = options->concurrency_key,
		.machine = options->machine,
		.delay = delay_format(options->delay, trigger->delay),
		.idempotency_key = options->idempotency_key,
		.ttl_ms = options->ttl_ms,
		.priority_s = (uint32_t)options->priority_s,
		.max_attempts = (unsigned)options->max_attempts,
		.max_duration_ms = options->max_duration_ms,
		.name = options->once ? options->once : options->name,
	};
	return 0;
}

int command_trigger(struct berth_task *task, const struct command_line *line,
		    struct berth_error *err)
{
	AUTO_TRIGGER struct trigger trigger = {0};
	AUTO_FREE char *run = NULL;
	struct berth_task_error why = {0};

	if (trigger_init(&trigger, line, err) < 0)
		return -1;
	if (berth_task_trigger(task, line->words[0], &trigger.options, &run, &why) < 0)
		return command_outcome(-1, &why, err);
	return command_print_line(run, err);
}

/* The run's output, or its error where scripts do not take it for one. */
static int print_result(const struct berth_task_result *result, struct berth_error *err)
{
	if (result->ok)
		return command_print_line(result->output ? result->output : "null", err);
	if (result->error)
		(void)fprintf(stderr, "%s\n", result->error);
	else
		(void)fprintf(stderr, "berth-task: %s failed\n",
			      result->id ? result->id : "the run");
	return COMMAND_NO;
}

int command_trigger_and_wait(struct berth_task *task, const struct command_line *line,
			     struct berth_error *err)
{
	AUTO_TRIGGER struct trigger trigger = {0};
	struct berth_task_result result = {0};
	struct berth_task_error why = {0};
	int status;

	if (trigger_init(&trigger, line, err) < 0)
		return -1;
	if (berth_task_trigger_and_wait(task, line->words[0], &trigger.options, &result, &why) < 0)
		return command_outcome(-1, &why, err);
	status = print_result(&result, err);
	berth_task_result_finish(&result);
	return status;
}

/* COMMAND_NO when an item was refused. */
static int print_batch(const char *batch, const char *runs, struct berth_error *err)
{
	AUTO_JSON json_t *items = NULL;
	AUTO_JSON json_t *object = NULL;

	if (json_parse(runs, strlen(runs), &items, err) < 0)
		return -1;
	object = json_pack("{s:s, s:O}", "batch", batch, "runs", items);
	if (command_print_json(object, err) < 0)
		return -1;
	for (size_t i = 0; i < json_array_size(items); i++)
		if (json_object_get(json_array_get(items, i), "error"))
			return COMMAND_NO;
	return 0;
}

int command_batch(struct berth_task *task, const struct command_line *line, struct berth_error *err)
{
	AUTO_FREE char *items = NULL, *batch = NULL, *runs = NULL, *results = NULL;
	struct berth_task_error why = {0};

	if (values_read_data(line->words[0], BERTH_TASK_OUTPUT_MAX, &items, err) < 0)
		return -1;
	if (line->options.and_wait) {
		if (berth_task_batch_and_wait(task, items, &results, &why) < 0)
			return command_outcome(-1, &why, err);
		return command_print_results(results, err);
	}
	if (berth_task_batch(task, items, &batch, &runs, &why) < 0)
		return command_outcome(-1, &why, err);
	return print_batch(batch, runs, err);
}

int command_token_create(struct berth_task *task, const struct command_line *line,
			 struct berth_error *err)
{
	struct berth_task_token_options options = {
		.timeout_ms = line->options.timeout_ms,
		.idempotency_key = line->options.idempotency_key,
	};
	AUTO_FREE char *tags = NULL;
	AUTO_FREE char *token = NULL;
	struct berth_task_error why = {0};

	if (tags_format(line->options.tags, &tags, err) < 0)
		return -1;
	options.tags = tags;
	if (berth_task_token_create(task, &options, &token, &why) < 0)
		return command_outcome(-1, &why, err);
	return command_print_line(token, err);
}

int command_token_complete(struct berth_task *task, const struct command_line *line,
			   struct berth_error *err)
{
	AUTO_FREE char *output = NULL;
	struct berth_task_error why = {0};

	if (line->word_count > 1 &&
	    values_read_data(line->words[1], BERTH_TASK_OUTPUT_MAX, &output, err) < 0)
		return -1;
	return command_outcome(berth_task_token_complete(task, line->words[0], output, &why), &why,
			       err);
}

int command_run_get(struct berth_task *task, const struct command_line *line,
		    struct berth_error *err)
{
	AUTO_FREE char *json = NULL;
	struct berth_task_error why = {0};

	if (berth_task_run_get(task, line->words[0], &json, &why) < 0)
		return command_outcome(-1, &why, err);
	return command_print_line(json, err);
}
