/* SPDX-License-Identifier: Apache-2.0 */
/* An open task: the transport, what the run is, and the progress that waits to be sent. */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "extensions/task/info.h"
#include "extensions/task/progress.h"
#include "extensions/task/task.h"
#include "extensions/task/transport.h"

struct berth_task {
	struct sdk_transport *transport;
	struct sdk_info info;
	struct sdk_progress progress;
};

struct sdk_session_options {
	bool without_payload;         /* info.payload is then "null" */
	bool without_signal_handlers; /* signals keep their meaning */
};

/* berth_task_open() with a choice. */
int sdk_session_open(const struct sdk_session_options *options, struct berth_task **ret_task,
		     struct berth_error *err);

/* Sends a request that nobody answers; takes the reference (NULL: out of memory). */
int sdk_session_send(struct berth_task *task, json_t *request, struct berth_error *err);

/* Sends waiting progress, then the request, and waits for the answer; takes the reference.
 * *ret_reply is the caller's; ret_reply may be NULL. */
int sdk_session_call(struct berth_task *task, json_t *request, json_t **ret_reply,
		     struct berth_error *err);

/* Sends progress that has waited long enough; failures show on the next call. */
void sdk_session_flush_due(struct berth_task *task);

/* Whether SIGTERM, SIGINT or SIGHUP arrived since the handlers were installed. */
bool sdk_session_terminated(void);
