/* SPDX-License-Identifier: Apache-2.0 */
/* A run's named checkpoints in a directory: durable, bounded, one older generation kept. */
#pragma once

#include <stddef.h>

#include "base/error.h"

#define CHECKPOINT_STORE_NAMES_MAX 256
#define CHECKPOINT_STORE_DAMAGED   1 /* outcome of checkpoint_store_load() */

struct checkpoint_store;

/* Opens the store in the directory dirfd, which stays the caller's, and locks it (flock(2)) until
 * it is closed. BERTH_DENIED when another run has it. Only berth may write there: the task has a
 * directory of its own for files. Checkpoints are NAME.json, the older ones NAME.json.prev. */
int checkpoint_store_open(int dirfd, struct checkpoint_store **ret_store, struct berth_error *err);
/* Accepts NULL. */
void checkpoint_store_close(struct checkpoint_store *store);

/* Saves JSON text of length bytes; returns 0 after it is durable. After a failure or a crash the
 * checkpoint is the old or the new one. BERTH_INVALID for a bad name, BERTH_LIMIT beyond
 * PROTOCOL_CHECKPOINT_MAX bytes or CHECKPOINT_STORE_NAMES_MAX names. */
int checkpoint_store_save(struct checkpoint_store *store, const char *name, const char *data,
			  size_t length, struct berth_error *err);

/* *ret_data is one line of JSON text, the caller's, or NULL when there is no such checkpoint.
 * CHECKPOINT_STORE_DAMAGED: the newest file is torn, corrupt or too large, err says how, and
 * *ret_data is the generation before it, or NULL. */
int checkpoint_store_load(struct checkpoint_store *store, const char *name, char **ret_data,
			  struct berth_error *err);
