/* SPDX-License-Identifier: Apache-2.0 */
/* Plays the supervisor for a task program that was started by hand. */
#pragma once

#include "base/error.h"
#include "extensions/task/transport.h"

/* Facts come from the environment, see task.h; requests are printed to stderr, one JSON line
 * each; checkpoints are kept in $BERTH_TASK_CHECKPOINT as NAME.checkpoint.json. */
int sdk_stand_in_create(struct sdk_transport **ret_transport, struct berth_error *err);
