/* SPDX-License-Identifier: Apache-2.0 */
/* What the run is, as the hello reply tells it. */
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "extensions/task/task.h"

/* Zero-initialised is valid for finish. */
struct sdk_info {
	struct berth_task_info view; /* points into the members below */
	json_t *reply;
	char *payload;
	const char **inputs;
};

/* Takes its own reference to the reply. Members it does not know are left alone: a program linked
 * today must run under tomorrow's berth. */
int sdk_info_init(struct sdk_info *info, json_t *reply, struct berth_error *err);
void sdk_info_finish(struct sdk_info *info);
