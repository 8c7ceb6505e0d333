/* SPDX-License-Identifier: Apache-2.0 */
/* What berth-task wait does. */
#include "extensions/task/command/wait_command.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "extensions/task/command/answer.h"
#include "extensions/task/command/command_table.h"
#include "extensions/task/command/values.h"
#include "extensions/task/protocol_table.h"
#include "extensions/task/task.h"

/* Here, not in the table of options: a wait for 0 seconds is one, and over at once. */
static const struct field_row for_row = {
	.name = "for",
	.type = FIELD_DURATION_MS,
	.max = PROTOCOL_FOREVER_MS,
};

static int check_options(const struct command_options *options, uint64_t *ret_for_ms,
			 struct berth_error *err)
{
	uint64_t until_ns;

	if (!options->for_duration && !options->until && !options->tokens && !options->runs &&
	    !options->batch)
		return berth_fail(
			err, BERTH_INVALID, 0,
			"wait: nothing to wait for: --for, --until, --token, --run or --batch");
	if (options->for_duration && options->until)
		return berth_fail(err, BERTH_INVALID, 0, "wait: --for or --until, not both");
	if (options->for_duration &&
	    field_parse_text(&for_row, options->for_duration, ret_for_ms, err) < 0)
		return -1;
	if (options->until && clock_parse_rfc3339(options->until, &until_ns, err) < 0)
		return berth_fail_context(err, "until");
	return options->name ? values_check_name("name", options->name, err) : 0;
}

int command_wait(struct berth_task *task, const struct command_line *line, struct berth_error *err)
{
	const struct command_options *options = &line->options;
	AUTO_JSON json_t *what = NULL;
	AUTO_FREE char *text = NULL;
	AUTO_FREE char *results = NULL;
	struct berth_task_error why = {0};
	uint64_t for_ms = 0;

	if (check_options(options, &for_ms, err) < 0)
		return -1;
	what = json_pack("{s:s*, s:s*, s:O*, s:O*, s:s*}", "wait", options->name, "until",
			 options->until, "token", options->tokens, "run", options->runs, "batch",
			 options->batch);
	if (what && options->for_duration)
		(void)json_object_set_new(what, "for_ms", json_integer((json_int_t)for_ms));
	text = what ? json_format_compact(what) : NULL;
	if (!text)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "wait");
	if (berth_task_wait(task, text, &results, &why) < 0)
		return command_outcome(-1, &why, err);
	return command_print_results(results, err);
}
