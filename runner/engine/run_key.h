/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the engine only: idempotency keys of runs, unique in a task. */
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "runner/engine/engine.h"
#include "runner/store/store_runs.h"

/* As it is kept: 64 hexadecimal digits are taken for a SHA-256, anything else is hashed. */
void run_key_normalize(const char *key, char ret_key[STORE_RUN_KEY_SIZE]);

/* The run that holds the normalized key; 1: none does, one whose time was over has lost it. */
int run_key_find(struct engine *engine, int64_t task_id, const char *key, uint64_t now_ns,
		 int64_t *ret_run_id, struct berth_error *err);
