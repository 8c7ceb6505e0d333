/* SPDX-License-Identifier: Apache-2.0 */
/* The lines that answer a task's requests. */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"

/* Bytes of an error's words once made safe to print, at most four for each. */
#define TASK_REPLY_REASON_SIZE (4 * sizeof(((struct berth_error *)NULL)->message))

/* Appends {"id":…,"ok":false,"error":…}; id -1 is null. */
int task_reply_append_error(struct text *reply, int64_t id, const struct berth_error *why,
			    struct berth_error *err);

/* Appends {"id":…,"ok":true…}; members is what belongs before the closing brace, with its leading
 * comma. Nothing for id -1. */
int task_reply_append_success(struct text *reply, int64_t id, const struct text *members,
			      struct berth_error *err);

/* Appends the members of an object, each after a comma. */
int task_reply_append_members(struct text *members, const json_t *object, struct berth_error *err);
