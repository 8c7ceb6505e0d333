/* SPDX-License-Identifier: Apache-2.0 */
/* The SDK's waits: for a time, a token, a run, a batch, or several of them. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "extensions/task/outcome.h"
#include "extensions/task/protocol_table.h"
#include "extensions/task/request.h"
#include "extensions/task/result.h"
#include "extensions/task/session.h"
#include "extensions/task/task.h"

/* Waits; the request is taken over, and named unless it is already. */
static int wait_call(struct berth_task *task, json_t *request, json_t **ret_reply,
		     struct berth_error *err)
{
	AUTO_JSON json_t *owned = request;

	if (!owned)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "wait");
	if (!json_object_get(owned, "wait") && sdk_request_set_name(owned, "wait", err) < 0)
		return -1;
	return sdk_session_call(task, steal_ptr(&owned), ret_reply, err);
}

int berth_task_wait_for_ms(struct berth_task *task, uint64_t ms, struct berth_task_error *err)
{
	json_t *request = sdk_request_create(PROTOCOL_WAIT);
	struct berth_error why = {0};

	if (ms > PROTOCOL_FOREVER_MS)
		ms = PROTOCOL_FOREVER_MS;
	if (request)
		(void)json_object_set_new(request, "for_ms", json_integer((json_int_t)ms));
	return sdk_outcome(wait_call(task, request, NULL, &why), &why, err);
}

int berth_task_wait_until(struct berth_task *task, uint64_t realtime_ns,
			  struct berth_task_error *err)
{
	json_t *request = sdk_request_create(PROTOCOL_WAIT);
	char date[CLOCK_RFC3339_SIZE];
	struct berth_error why = {0};

	clock_format_rfc3339(realtime_ns, date);
	if (request)
		(void)json_object_set_new(request, "until", json_string(date));
	return sdk_outcome(wait_call(task, request, NULL, &why), &why, err);
}

/* Waits for one thing that a member names. */
static int wait_for(struct berth_task *task, const char *key, const char *name,
		    struct berth_task_result *ret_result, struct berth_error *err)
{
	AUTO_JSON json_t *request = sdk_request_create(PROTOCOL_WAIT);
	AUTO_JSON json_t *reply = NULL;
	struct berth_task_result result;

	if (!request || json_object_set_new(request, key, json_string(name)) < 0)
		return berth_fail(err, BERTH_INVALID, 0, "%s: not UTF-8 text", key);
	if (wait_call(task, steal_ptr(&request), &reply, err) < 0 ||
	    sdk_result_init(&result, reply, err) < 0)
		return -1;
	*ret_result = result;
	return 0;
}

int berth_task_wait_token(struct berth_task *task, const char *token,
			  struct berth_task_result *ret_result, struct berth_task_error *err)
{
	struct berth_error why = {0};

	return sdk_outcome(wait_for(task, "token", token, ret_result, &why), &why, err);
}

int berth_task_wait_run(struct berth_task *task, const char *run,
			struct berth_task_result *ret_result, struct berth_task_error *err)
{
	struct berth_error why = {0};

	return sdk_outcome(wait_for(task, "run", run, ret_result, &why), &why, err);
}

int berth_task_wait_batch(struct berth_task *task, const char *batch,
			  struct berth_task_result *ret_result, struct berth_task_error *err)
{
	struct berth_error why = {0};

	return sdk_outcome(wait_for(task, "batch", batch, ret_result, &why), &why, err);
}

static int wait_several(struct berth_task *task, const char *what, char **ret_results,
			struct berth_error *err)
{
	AUTO_JSON json_t *request = sdk_request_create(PROTOCOL_WAIT);
	AUTO_JSON json_t *reply = NULL;
	json_t *results;
	char *text;

	if (!request || sdk_request_merge(request, what, err) < 0 ||
	    wait_call(task, steal_ptr(&request), &reply, err) < 0)
		return -1;
	results = json_object_get(reply, "results");
	if (!json_is_array(results))
		return berth_fail(err, BERTH_PROTOCOL, 0, "the supervisor's answer has no result");
	text = json_format_compact(results);
	if (!text)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "wait");
	*ret_results = text;
	return 0;
}

int berth_task_wait(struct berth_task *task, const char *what, char **ret_results,
		    struct berth_task_error *err)
{
	struct berth_error why = {0};

	return sdk_outcome(wait_several(task, what, ret_results, &why), &why, err);
}
