/* SPDX-License-Identifier: Apache-2.0 */
/* What each command of berth-task does. */
#include "extensions/task/command/commands.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "extensions/task/command/answer.h"
#include "extensions/task/command/command_table.h"
#include "extensions/task/command/values.h"
#include "extensions/task/protocol_table.h"
#include "extensions/task/task.h"

int command_log(struct berth_task *task, const struct command_line *line, struct berth_error *err)
{
	AUTO_FREE char *fields = NULL;
	struct berth_task_error why = {0};
	int level = 0;

	while (protocol_levels[level] && strcmp(protocol_levels[level], line->words[0]) != 0)
		level++;
	if (!protocol_levels[level])
		return berth_fail(err, BERTH_INVALID, 0,
				  "\"%.32s\" is not a level: trace, debug, log, info, warn, error",
				  line->words[0]);
	if (line->word_count > 2 &&
	    values_parse_pairs(line->words + 2, line->word_count - 2, &fields, err) < 0)
		return -1;
	return command_outcome(
		berth_task_log(task, (enum berth_task_level)level, line->words[1], fields, &why),
		&why, err);
}

int command_progress(struct berth_task *task, const struct command_line *line,
		     struct berth_error *err)
{
	static const struct field_row percent_row = {
		.name = "PERCENT",
		.type = FIELD_NUMBER,
		.max = 100,
	};
	struct berth_task_progress progress = {
		.eta_s = line->options.eta,
		.rate = line->options.rate,
		.rate_unit = line->options.unit,
		.message = line->options.message,
	};
	struct berth_task_error why = {0};

	if (field_parse_text(&percent_row, line->words[0], &progress.percent, err) < 0)
		return -1;
	return command_outcome(berth_task_progress(task, &progress, &why), &why, err);
}

int command_metadata(struct berth_task *task, const struct command_line *line,
		     struct berth_error *err)
{
	AUTO_FREE char *object = NULL;
	struct berth_task_error why = {0};

	if (line->options.json && line->word_count != 1)
		return berth_fail(err, BERTH_INVALID, 0, "metadata --json: one object, - or @FILE");
	if (line->options.json
		    ? values_read_data(line->words[0], PROTOCOL_METADATA_MAX, &object, err) < 0
		    : values_parse_pairs(line->words, line->word_count, &object, err) < 0)
		return -1;
	return command_outcome(berth_task_metadata(task, object, &why), &why, err);
}

int command_checkpoint_save(struct berth_task *task, const struct command_line *line,
			    struct berth_error *err)
{
	const char *word = line->word_count > 1 ? line->words[1] : "null";
	AUTO_FREE char *data = NULL;
	struct berth_task_error why = {0};

	if (values_read_data(word, BERTH_TASK_CHECKPOINT_MAX, &data, err) < 0)
		return -1;
	return command_outcome(berth_task_checkpoint(task, line->words[0], data, &why), &why, err);
}

int command_checkpoint_load(struct berth_task *task, const struct command_line *line,
			    struct berth_error *err)
{
	AUTO_FREE char *data = NULL;
	struct berth_task_error why = {0};

	if (berth_task_restore(task, line->words[0], &data, &why) < 0)
		return command_outcome(-1, &why, err);
	return data ? command_print_line(data, err) : COMMAND_NO;
}

int command_output(struct berth_task *task, const struct command_line *line,
		   struct berth_error *err)
{
	AUTO_FREE char *data = NULL;
	struct berth_task_error why = {0};

	if (values_read_data(line->words[0], BERTH_TASK_OUTPUT_MAX, &data, err) < 0)
		return -1;
	return command_outcome(berth_task_output(task, data, &why), &why, err);
}

int command_fail(struct berth_task *task, const struct command_line *line, struct berth_error *err)
{
	enum berth_task_failure kind =
		line->options.permanent ? BERTH_TASK_PERMANENT : BERTH_TASK_RETRYABLE;
	struct berth_task_error why = {0};

	return command_outcome(berth_task_fail(task, kind, line->words[0], line->words[1], &why),
			       &why, err);
}

int command_payload(struct berth_task *task, const struct command_line *line,
		    struct berth_error *err)
{
	const char *text = berth_task_info(task)->payload;
	AUTO_JSON json_t *payload = NULL;
	const json_t *member;

	if (line->word_count == 0)
		return command_print_line(text, err);
	if (json_parse(text, strlen(text), &payload, err) < 0)
		return -1;
	member = json_object_get(payload, line->words[0]);
	if (!member)
		return COMMAND_NO;
	if (json_is_string(member))
		return command_print_line(json_string_value(member), err);
	return command_print_json(member, err);
}

static json_t *inputs_array(const char *const *inputs)
{
	AUTO_JSON json_t *array = json_array();

	for (size_t i = 0; array && inputs[i]; i++)
		if (json_array_append_new(array, json_string(inputs[i])) < 0)
			return NULL;
	return steal_ptr(&array);
}

static void print_fact(const char *name, const char *value)
{
	if (value)
		printf("%s %s\n", name, value);
}

int command_info(struct berth_task *task, const struct command_line *line, struct berth_error *err)
{
	const struct berth_task_info *info = berth_task_info(task);
	AUTO_JSON json_t *object = NULL;

	if (line->options.json) {
		object = json_pack("{s:s, s:I, s:s?, s:o, s:s?, s:s?, s:f, s:I}", "run", info->run,
				   "attempt", (json_int_t)info->attempt, "task", info->task,
				   "inputs", inputs_array(info->inputs), "output",
				   info->output_path, "checkpoint", info->checkpoint_path, "cpus",
				   info->cpus, "memory_bytes", (json_int_t)info->memory_bytes);
		return command_print_json(object, err);
	}
	print_fact("run", info->run);
	printf("attempt %u\n", info->attempt);
	print_fact("task", info->task);
	for (size_t i = 0; info->inputs[i]; i++)
		print_fact("input", info->inputs[i]);
	print_fact("output", info->output_path);
	print_fact("checkpoint", info->checkpoint_path);
	printf("cpus %g\nmemory_bytes %" PRIu64 "\n", info->cpus, info->memory_bytes);
	if (fflush(stdout) != 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "write to stdout");
	return 0;
}

int command_usage(struct berth_task *task, const struct command_line *line, struct berth_error *err)
{
	AUTO_JSON json_t *object = NULL;
	struct berth_task_error why = {0};
	struct berth_task_usage usage;

	if (berth_task_usage(task, &usage, &why) < 0)
		return command_outcome(-1, &why, err);
	if (line->options.json) {
		object = json_pack("{s:I, s:I, s:I, s:I}", "cpu_ns", (json_int_t)usage.cpu_ns,
				   "memory_bytes", (json_int_t)usage.memory_bytes,
				   "memory_peak_bytes", (json_int_t)usage.memory_peak_bytes, "pids",
				   (json_int_t)usage.pids);
		return command_print_json(object, err);
	}
	if (printf("cpu_ns %" PRIu64 "\nmemory_bytes %" PRIu64 "\nmemory_peak_bytes %" PRIu64
		   "\npids %" PRIu64 "\n",
		   usage.cpu_ns, usage.memory_bytes, usage.memory_peak_bytes, usage.pids) < 0 ||
	    fflush(stdout) != 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "write to stdout");
	return 0;
}

int command_cancelled(struct berth_task *task, const struct command_line *line,
		      struct berth_error *err)
{
	(void)line;
	(void)err;
	return berth_task_cancelled(task) ? 0 : COMMAND_NO;
}
