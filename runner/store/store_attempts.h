/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of attempts and of checkpoints. */
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "runner/store/store.h"

int store_attempt_insert(struct store *store, int64_t run_id, int64_t number, const char *token,
			 const char *machine, uint64_t started_ns, struct berth_error *err);
int store_attempt_executing(struct store *store, int64_t run_id, int64_t number, uint64_t now_ns,
			    struct berth_error *err);

/* What the task itself says of its failure, as JSON; the last word counts. */
int store_attempt_fail(struct store *store, int64_t run_id, int64_t number, const char *fail,
		       struct berth_error *err);
/* The caller's; NULL when it said nothing. */
int store_attempt_read_fail(struct store *store, int64_t run_id, int64_t number, char **ret_fail,
			    struct berth_error *err);

struct attempt_end_row {
	uint64_t ended_ns;
	const char *outcome, *reason; /* strings are the caller's; NULL */
	int exit_code;
	const char *message, *usage, *protections;
	uint64_t log_bytes;
};
int store_attempt_end(struct store *store, int64_t run_id, int64_t number,
		      const struct attempt_end_row *row, struct berth_error *err);

int store_checkpoint_write(struct store *store, int64_t run_id, const char *name, const char *data,
			   int64_t attempt, uint64_t now_ns, struct berth_error *err);
/* The caller's; 1: there is none of that name. */
int store_checkpoint_read(struct store *store, int64_t run_id, const char *name, char **ret_data,
			  struct berth_error *err);
int store_checkpoint_count(struct store *store, int64_t run_id, int64_t *ret_count,
			   struct berth_error *err);
/* All of the run's. */
int store_checkpoints_delete(struct store *store, int64_t run_id, struct berth_error *err);
