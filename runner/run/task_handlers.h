/* SPDX-License-Identifier: Apache-2.0 */
/* From a checked record to the run's handler, and from its answer to the members of the reply: one
 * row per operation. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"
#include "runner/run/task_dispatch.h"

struct task_call {
	struct task_dispatch *dispatch;
	enum protocol_op op;
	struct task_request *request;
	union protocol_record *record; /* parsed and within the rows' bounds */
	struct text *members;          /* of the reply, each after a comma */
};

/* A function of it returns what the handler does; the caller then answers. */
#define TASK_HANDLER_NONE SIZE_MAX /* its function sees to it */

struct task_handler_row {
	int (*handle)(const struct task_call *call, struct berth_error *err);
	size_t offset;    /* of the handler in struct task_channel_handlers: refused where it is
			     NULL; or TASK_HANDLER_NONE */
	bool needs_serve; /* what is said where it is refused */
};

/* Indexed by enum protocol_op; hello has none: it is about the connection. */
extern const struct task_handler_row task_handler_rows[PROTOCOL_OP_COUNT];

/* BERTH_INVALID when it is not an object where that is asked for, BERTH_LIMIT when too long. */
int task_check_json(const json_t *value, size_t max, bool object_only, const char *name,
		    struct berth_error *err);
