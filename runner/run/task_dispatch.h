/* SPDX-License-Identifier: Apache-2.0 */
/* One line from a task: parsed, checked against its message's rows, handled and answered. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/text.h"
#include "runner/run/task_channel.h"

#define TASK_DISPATCH_CLOSE 1 /* send the reply, then close the connection */

struct task_dispatch {
	const struct task_channel_handlers *handlers;
	void *owner;
	bool is_cancelled;
	unsigned problem_count;
	/* The hello reply after its changing members, up to the newline; shared by connections. */
	struct text body_with_payload, body_without_payload;
};

int task_dispatch_init(struct task_dispatch *dispatch, const struct task_channel_info *info,
		       const struct task_channel_handlers *handlers, void *owner,
		       struct berth_error *err);
void task_dispatch_finish(struct task_dispatch *dispatch);

/* Handles one line without its newline. Appends what is to be sent back to reply; when *ret_body
 * is set, that text is to be sent after it. *greeted is the connection's, false at first.
 * Returns 0, TASK_DISPATCH_CLOSE, or -1 when out of memory. */
int task_dispatch_line(struct task_dispatch *dispatch, const char *line, size_t length,
		       bool *greeted, struct text *reply, const struct text **ret_body,
		       struct berth_error *err);

/* Appends the line that tells why a connection is being closed, and reports the problem. */
int task_dispatch_refuse(struct task_dispatch *dispatch, const struct berth_error *why,
			 struct text *reply, struct berth_error *err);

/* Tells the owner, while there have not been too many. */
void task_dispatch_report(struct task_dispatch *dispatch, const struct berth_error *why);
