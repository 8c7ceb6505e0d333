/* SPDX-License-Identifier: Apache-2.0 */
/* What hello answers: the facts of the run, formatted once and shared by all connections. */
#pragma once

#include "base/error.h"
#include "base/text.h"
#include "runner/run/task_channel.h"

struct task_hello {
	/* The reply after the members that change, up to the newline. */
	struct text with_payload, without_payload;
};

/* BERTH_INVALID when the payload is not JSON or a fact not UTF-8, BERTH_LIMIT. */
int task_hello_init(struct task_hello *hello, const struct task_channel_info *info,
		    struct berth_error *err);
void task_hello_finish(struct task_hello *hello);

/* Appends the beginning of the reply to request id, which asked for a version of the protocol; one
 * of the texts above goes after it. */
int task_hello_append(struct text *reply, int64_t id, int64_t protocol, bool is_cancelled,
		      struct berth_error *err);
