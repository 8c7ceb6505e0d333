/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the engine only: whether a trigger is within its bounds. */
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "runner/engine/engine_runs.h"

/* BERTH_INVALID or BERTH_LIMIT, naming the field, what was given and what is allowed. */
int run_check(const struct run_trigger *request, struct berth_error *err);

/* An array of texts, or one text; NULL is none. */
int run_check_tags(const json_t *tags, struct berth_error *err);
