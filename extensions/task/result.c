/* SPDX-License-Identifier: Apache-2.0 */
/* What waits end with, taken apart. */
#include "extensions/task/result.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

void berth_task_result_finish(struct berth_task_result *result)
{
	free(result->id);
	free(result->output);
	free(result->error);
	*result = (struct berth_task_result){0};
}

/* A member as a text of its own, as it is or as JSON; NULL where there is none. */
static int member_copy(const json_t *object, const char *key, bool as_json, char **ret_text,
		       struct berth_error *err)
{
	const json_t *member = json_object_get(object, key);
	const char *text = json_string_value(member);

	*ret_text = NULL;
	if (!member || (!as_json && !text))
		return 0;
	*ret_text = as_json ? json_format_compact(member) : strdup(text);
	return *ret_text ? 0 : berth_fail(err, BERTH_MEMORY, ENOMEM, "read a result");
}

int sdk_result_init(struct berth_task_result *result, const json_t *reply, struct berth_error *err)
{
	const json_t *only = json_array_get(json_object_get(reply, "results"), 0);
	const char *state = json_string_value(json_object_get(only, "state"));

	*result = (struct berth_task_result){0};
	if (!json_is_object(only))
		return berth_fail(err, BERTH_PROTOCOL, 0, "the supervisor's answer has no result");
	result->ok = json_is_true(json_object_get(only, "ok"));
	result->timed_out = state && strcmp(state, "TIMED_OUT") == 0;
	if (member_copy(only, "id", false, &result->id, err) == 0 &&
	    member_copy(only, "output", true, &result->output, err) == 0 &&
	    member_copy(only, "error", true, &result->error, err) == 0)
		return 0;
	berth_task_result_finish(result);
	return -1;
}
