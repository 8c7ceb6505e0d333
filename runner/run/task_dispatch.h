/* SPDX-License-Identifier: Apache-2.0 */
/* One line from a task: parsed, checked against its message's rows, handled and answered. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"
#include "runner/run/task_channel.h"
#include "runner/run/task_held.h"
#include "runner/run/task_hello.h"

struct task_dispatch {
	const struct task_channel_handlers *handlers;
	void *owner;
	bool is_cancelled;
	unsigned problem_count;
	struct task_hello hello;
	struct task_held held;
	size_t wait_count;     /* requests of the run that wait; who answers them counts */
	size_t deferred_count; /* deferred ones that do not; likewise */
};

/* A line without its newline, and what becomes of it. */
struct task_line {
	const char *data;
	size_t length;
	struct task_request request; /* connection and sequence are the caller's to set */
	bool is_greeted;             /* the connection has said hello; changed by a hello */
	bool waits;                  /* set: is answered whenever it is over */
	struct text *reply;          /* what is to be sent back is appended */
	const struct text *body;     /* set: to be sent after reply; NULL: nothing */
};

#define TASK_DISPATCH_CLOSE    1 /* send the reply, then close the connection */
#define TASK_DISPATCH_DEFERRED 2 /* task_channel_answer() will say how it went */

int task_dispatch_init(struct task_dispatch *dispatch, const struct task_channel_info *info,
		       const struct task_channel_handlers *handlers, void *owner,
		       struct berth_error *err);
void task_dispatch_finish(struct task_dispatch *dispatch);

/* Returns 0, TASK_DISPATCH_CLOSE, TASK_DISPATCH_DEFERRED, or -1 when out of memory. */
int task_dispatch_line(struct task_dispatch *dispatch, struct task_line *line,
		       struct berth_error *err);

/* Appends the line that tells why a connection is being closed, and reports the problem. */
int task_dispatch_refuse(struct task_dispatch *dispatch, const struct berth_error *why,
			 struct text *reply, struct berth_error *err);

/* Tells the owner, while there have not been too many. */
void task_dispatch_report(struct task_dispatch *dispatch, const struct berth_error *why);
