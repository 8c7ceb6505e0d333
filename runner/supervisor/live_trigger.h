/* SPDX-License-Identifier: Apache-2.0 */
/* A task's trigger as the engine takes it. */
#pragma once

#include "base/error.h"
#include "base/sha256.h"
#include "extensions/task/protocol_table.h"
#include "runner/engine/engine_runs.h"
#include "runner/run/task_channel.h"

/* Copies everything into the zeroed *ret_request; to be given to run_trigger_finish(), also after a
 * failure. */
int live_trigger_copy(const struct protocol_trigger *trigger, struct run_trigger *ret_request,
		      struct berth_error *err);

/* The idempotency key of a request that has none: the same line, or the same name within the
 * attempt, makes the same thing however often it is handled. */
void live_trigger_key(const char *token, const struct task_request *request,
		      char ret_key[SHA256_TEXT_SIZE]);
