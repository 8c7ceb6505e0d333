/* SPDX-License-Identifier: Apache-2.0 */
/* How commands end: failures of the SDK handed on, and what they print. */
#include "extensions/task/command/answer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "extensions/task/command/command_table.h"

int command_outcome(int status, const struct berth_task_error *why, struct berth_error *err)
{
	return status < 0 ? berth_fail(err, BERTH_SYSTEM, 0, "%s", why->message) : 0;
}

int command_print_line(const char *text, struct berth_error *err)
{
	if (printf("%s\n", text) < 0 || fflush(stdout) != 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "write to stdout");
	return 0;
}

int command_print_json(const json_t *value, struct berth_error *err)
{
	AUTO_FREE char *text = value ? json_format_compact(value) : NULL;

	if (!text)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "print");
	return command_print_line(text, err);
}

int command_print_results(const char *results, struct berth_error *err)
{
	AUTO_JSON json_t *array = NULL;

	if (json_parse(results, strlen(results), &array, err) < 0 ||
	    command_print_line(results, err) < 0)
		return -1;
	for (size_t i = 0; i < json_array_size(array); i++)
		if (!json_is_true(json_object_get(json_array_get(array, i), "ok")))
			return COMMAND_NO;
	return 0;
}
