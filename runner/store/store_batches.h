/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of batches and of their items. States are enum batch_state of
 * runner/engine/engine_batches.h.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "runner/store/store.h"

/* NULL and 0 are kept as NULL where the column may be. */
struct batch_row {
	int64_t id, environment_id;
	int state;
	int64_t expected, accepted, failed, ended;
	int64_t parent_id;
	char *idempotency_key;
	uint64_t idempotency_expires_ns;
	uint64_t created_ns, updated_ns, sealed_ns, completed_ns;
};
void batch_row_finish(struct batch_row *row);
#define AUTO_BATCH __attribute__((cleanup(batch_row_finish)))

struct batch_item_row {
	int64_t place;
	int64_t run_id; /* 0: refused */
	char *error;    /* JSON; why it was refused, else NULL */
};
void batch_item_row_finish(struct batch_item_row *row);
#define AUTO_BATCH_ITEM __attribute__((cleanup(batch_item_row_finish)))

int store_batch_insert(struct store *store, const struct batch_row *row, struct berth_error *err);
/* 1: there is none. */
int store_batch_read(struct store *store, int64_t id, struct batch_row *ret_row,
		     struct berth_error *err);
int store_batch_of_key(struct store *store, int64_t environment_id, const char *key,
		       int64_t *ret_id, struct berth_error *err);
/* Everything that changes: state, counts, the key and the times after created_ns. */
int store_batch_update(struct store *store, const struct batch_row *row, struct berth_error *err);

int store_batch_item_insert(struct store *store, int64_t batch_id, const struct batch_item_row *row,
			    struct berth_error *err);
/* The first item at a place or after it; 1: there are no more. */
int store_batch_item_next(struct store *store, int64_t batch_id, int64_t place,
			  struct batch_item_row *ret_row, struct berth_error *err);
/* How many items of the batch are that run, and the next batch after batch_id (0: from the first)
 * of which any is; 1: there are no more. */
int store_batch_of_run(struct store *store, int64_t run_id, int64_t batch_id, int64_t *ret_batch_id,
		       int64_t *ret_items, struct berth_error *err);
