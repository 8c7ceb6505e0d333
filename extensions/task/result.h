/* SPDX-License-Identifier: Apache-2.0 */
/* What waits end with, taken apart. */
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "extensions/task/task.h"

/* The only result of a reply; the caller finishes it. BERTH_PROTOCOL when it is none. */
int sdk_result_init(struct berth_task_result *result, const json_t *reply, struct berth_error *err);
