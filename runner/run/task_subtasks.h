/* SPDX-License-Identifier: Apache-2.0 */
/* The operations that reach beyond the run: waits, other runs, batches and tokens. */
#pragma once

#include "base/error.h"
#include "runner/run/task_handlers.h"

int task_handle_wait(const struct task_call *call, struct berth_error *err);
int task_handle_trigger(const struct task_call *call, struct berth_error *err);
int task_handle_batch(const struct task_call *call, struct berth_error *err);
int task_handle_token_create(const struct task_call *call, struct berth_error *err);
int task_handle_token_complete(const struct task_call *call, struct berth_error *err);
int task_handle_run_get(const struct task_call *call, struct berth_error *err);
