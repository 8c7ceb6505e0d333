/* SPDX-License-Identifier: Apache-2.0 */
/* The handlers of a task channel that reach beyond the run: waits, other runs, batches, tokens. */
#pragma once

#include "base/error.h"
#include "runner/run/task_channel.h"

int live_on_wait(void *owner, const struct task_request *request, const struct task_wait *wait,
		 json_t **ret_reply, struct berth_error *err);
int live_on_trigger(void *owner, const struct task_request *request,
		    const struct protocol_trigger *trigger, bool waits, json_t **ret_reply,
		    struct berth_error *err);
int live_on_batch(void *owner, const struct task_request *request, const struct task_batch *batch,
		  json_t **ret_reply, struct berth_error *err);
int live_on_token_create(void *owner, const struct task_request *request,
			 const struct protocol_token_create *token, json_t **ret_reply,
			 struct berth_error *err);
int live_on_token_complete(void *owner, const struct task_request *request,
			   const struct protocol_token_complete *token, struct berth_error *err);
int live_on_run_get(void *owner, const struct task_request *request, const char *run,
		    json_t **ret_reply, struct berth_error *err);
