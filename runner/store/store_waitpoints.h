/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of waitpoints, and of blocks: which wait request of which run stands before which of them.
 * Kinds and states are the enums of runner/engine/engine_waits.h. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "runner/store/store.h"

#define STORE_WAIT_ID_SIZE 64 /* a task's own name for a wait request, with NUL */
#define STORE_TOKEN_SIZE   33 /* an attempt's token, with NUL */

/* NULL and 0 are kept as NULL where the column may be. */
struct waitpoint_row {
	int64_t id, environment_id;
	int kind, state;
	int64_t run_id, batch_id;
	uint64_t due_ns;
	char *idempotency_key;
	uint64_t idempotency_expires_ns;
	uint64_t created_ns, completed_ns;
	char *output, *output_type;
	bool is_error;
	char *tags;
};
void waitpoint_row_finish(struct waitpoint_row *row);
#define AUTO_WAITPOINT __attribute__((cleanup(waitpoint_row_finish)))

int store_waitpoint_insert(struct store *store, const struct waitpoint_row *row,
			   struct berth_error *err);
/* 1: there is none. Strings are the row's. The output, which may be large, only when asked for. */
int store_waitpoint_read(struct store *store, int64_t id, bool with_output,
			 struct waitpoint_row *ret_row, struct berth_error *err);
/* The number of the waitpoint of a run, of a batch, of a key; 1: there is none. */
int store_waitpoint_of_run(struct store *store, int64_t run_id, int64_t *ret_id,
			   struct berth_error *err);
int store_waitpoint_of_batch(struct store *store, int64_t batch_id, int64_t *ret_id,
			     struct berth_error *err);
int store_waitpoint_of_key(struct store *store, int64_t environment_id, const char *key,
			   int64_t *ret_id, struct berth_error *err);
struct waitpoint_completion {
	int state;
	uint64_t completed_ns;
	const char *output, *output_type; /* the caller's; NULL */
	bool is_error;
};
/* 1: it was complete already. */
int store_waitpoint_complete(struct store *store, int64_t id,
			     const struct waitpoint_completion *completion,
			     struct berth_error *err);
int store_waitpoint_release_key(struct store *store, int64_t id, struct berth_error *err);
int store_waitpoint_delete(struct store *store, int64_t id, struct berth_error *err);

/* What waits look at of a run; 1: there is none. */
struct wait_run {
	int64_t environment_id, state, attempt;
	char token[STORE_TOKEN_SIZE];
	bool is_cancelling;
};
int store_wait_run(struct store *store, int64_t run_id, struct wait_run *ret_run,
		   struct berth_error *err);

enum block_state {
	BLOCK_PENDING,  /* its waitpoint is not complete */
	BLOCK_DONE,     /* it is; the request's answer was not given */
	BLOCK_ANSWERED, /* the answer was given; kept until it is taken or the attempt ends */
};

struct block_row {
	int64_t run_id;
	char token[STORE_TOKEN_SIZE];
	char wait_id[STORE_WAIT_ID_SIZE];
	int64_t place;
	int64_t waitpoint_id;
	enum block_state state;
};

int store_block_insert(struct store *store, const struct block_row *row, struct berth_error *err);

/* What one request, or all of a run, stand at. */
struct block_counts {
	int64_t all, pending, answered;
	int64_t requests; /* of a run only */
};
int store_block_count(struct store *store, int64_t run_id, const char *wait_id,
		      struct block_counts *ret_counts, struct berth_error *err);
int store_block_count_run(struct store *store, int64_t run_id, struct block_counts *ret_counts,
			  struct berth_error *err);

/* At most `most` blocks of one request from a place on, in order. */
int store_block_read_request(struct store *store, int64_t run_id, const char *wait_id,
			     int64_t from_place, struct block_row *ret_rows, size_t most,
			     size_t *ret_count, struct berth_error *err);
/* At most `most` pending blocks of a waitpoint. */
int store_block_read_pending(struct store *store, int64_t waitpoint_id, struct block_row *ret_rows,
			     size_t most, size_t *ret_count, struct berth_error *err);
/* The first block of each finished request of a run that comes after wait_id in order ("" for the
 * first); 1: there are no more. */
int store_block_next_finished(struct store *store, int64_t run_id, const char *wait_id,
			      struct block_row *ret_row, struct berth_error *err);

/* Pending ones become done. */
int store_block_set_done(struct store *store, const struct block_row *row, struct berth_error *err);
int store_block_set_answered(struct store *store, int64_t run_id, const char *wait_id,
			     struct berth_error *err);

/* Numbers of waitpoints of one kind that the run's request (NULL: any) stands before. */
int store_block_waitpoints(struct store *store, int64_t run_id, const char *wait_id, int kind,
			   int64_t *ret_ids, size_t most, size_t *ret_count,
			   struct berth_error *err);
int store_block_delete_waitpoint(struct store *store, int64_t run_id, int64_t waitpoint_id,
				 struct berth_error *err);
/* NULL wait_id: all of the run. */
int store_block_delete(struct store *store, int64_t run_id, const char *wait_id,
		       struct berth_error *err);

/* Whether what run_id (0: the items of batch_id) waits for comes back, over any number of runs, to
 * waiter_id: 1, else 0. Looks at a bounded number of runs. */
int store_block_leads_to(struct store *store, int64_t run_id, int64_t batch_id, int64_t waiter_id,
			 struct berth_error *err);
