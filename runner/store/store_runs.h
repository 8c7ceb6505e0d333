/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of runs, what is large of them, their tags and debounces. States are enum run_state of
 * runner/engine/run_state.h. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "runner/store/store.h"

#define STORE_RUN_TOKEN_SIZE   33 /* an attempt's token, with NUL */
#define STORE_RUN_MACHINE_SIZE 33
#define STORE_RUN_KEY_SIZE     65 /* an idempotency key: 64 hexadecimal digits */

/* 0 and "" are kept as NULL where the column may be. */
struct run_row {
	int64_t id, environment_id, task_id, queue_id, lane_id;
	int state;
	int64_t position_ns;   /* in its lane */
	int64_t version_id;    /* 0: not locked yet */
	int64_t definition_id; /* whose settings it has; chosen again at its start unless locked */
	char machine[STORE_RUN_MACHINE_SIZE];
	uint64_t cpu_millis, memory_bytes, disk_bytes;
	int64_t attempt, max_attempts, interruptions; /* attempt counts interrupted ones too */
	char token[STORE_RUN_TOKEN_SIZE];             /* of the live attempt */
	bool is_cancelling;
	int64_t priority_ms;
	uint64_t max_duration_ms;
	uint64_t active_ns, resumed_ns; /* of the live attempt: executed before, executes since */
	uint64_t delay_until_ns, ttl_ms, expires_ns, retry_ns;
	int64_t parent_id, root_id, depth, batch_id, batch_index, replay_of, dead_letter_of;
	bool is_test;
	char idempotency_key[STORE_RUN_KEY_SIZE];
	uint64_t idempotency_expires_ns;
	uint64_t created_ns, queued_ns, started_ns, finished_ns, updated_ns;
	uint64_t cpu_ns, wall_ns, memory_peak_bytes; /* of all its attempts */
};

/* The newest number in use, 0 without any. */
int store_run_newest(struct store *store, int64_t *ret_id, struct berth_error *err);
int store_run_insert(struct store *store, const struct run_row *row, struct berth_error *err);
/* 1: there is none. */
int store_run_read(struct store *store, int64_t id, struct run_row *ret_row,
		   struct berth_error *err);
/* What a change of state may change: state, is_cancelling, position_ns, active_ns, resumed_ns, the
 * times of delay, expiry, retry and queue, updated_ns. */
int store_run_write_state(struct store *store, const struct run_row *row, struct berth_error *err);
/* That, and what an attempt's begin or end may change: machine and its shares, definition, token,
 * attempt, max_attempts, interruptions, max_duration_ms, started_ns, usage. */
int store_run_write_attempt(struct store *store, const struct run_row *row,
			    struct berth_error *err);
/* That, and finished_ns. */
int store_run_write_final(struct store *store, const struct run_row *row, struct berth_error *err);
int store_run_lock_version(struct store *store, int64_t id, int64_t version_id,
			   struct berth_error *err);
int store_run_set_key(struct store *store, int64_t id, const char *key, uint64_t expires_ns,
		      struct berth_error *err);

/* The run that holds the key; 1: none does. */
int store_run_of_key(struct store *store, int64_t task_id, const char *key, int64_t *ret_id,
		     struct berth_error *err);
/* The run that is next in a lane; 1: none waits there. */
int store_run_next_in_lane(struct store *store, int64_t lane_id, int64_t *ret_id,
			   struct berth_error *err);
/* Runs in that state after a number, oldest first; their numbers and tokens. */
struct run_token {
	int64_t run_id;
	char token[STORE_RUN_TOKEN_SIZE];
	bool is_cancelling;
};
int store_run_list_state(struct store *store, int state, int64_t after_id,
			 struct run_token *ret_tokens, size_t most, size_t *ret_count,
			 struct berth_error *err);
/* Children that are not final (state < first_final) and not being cancelled, at most `most`. */
int store_run_list_children(struct store *store, int64_t parent_id, int first_final,
			    int64_t *ret_ids, size_t most, size_t *ret_count,
			    struct berth_error *err);

/* Sums over all runs of one state: how many, and their shares. */
struct run_sums {
	int64_t count;
	uint64_t cpu_millis, memory_bytes, disk_bytes;
};
int store_run_sum_state(struct store *store, int state, struct run_sums *ret_sums,
			struct berth_error *err);

struct run_data_row {
	char *payload, *payload_type, *options, *metadata, *output, *output_type, *error;
};
void run_data_row_finish(struct run_data_row *row);
#define AUTO_RUN_DATA __attribute__((cleanup(run_data_row_finish)))

/* Strings stay the caller's. */
int store_run_data_insert(struct store *store, int64_t run_id, const struct run_data_row *row,
			  struct berth_error *err);
/* 1: there is none. Strings are the row's. */
int store_run_data_read(struct store *store, int64_t run_id, struct run_data_row *ret_row,
			struct berth_error *err);
/* Without the output: payload, payload_type, options, metadata, error. */
int store_run_data_read_input(struct store *store, int64_t run_id, struct run_data_row *ret_row,
			      struct berth_error *err);
/* payload, payload_type, options, metadata: what a debounce replaces. */
int store_run_data_write_input(struct store *store, int64_t run_id, const struct run_data_row *row,
			       struct berth_error *err);
int store_run_data_write_output(struct store *store, int64_t run_id, const char *output,
				const char *output_type, struct berth_error *err);
int store_run_data_write_error(struct store *store, int64_t run_id, const char *error,
			       struct berth_error *err);
int store_run_data_write_metadata(struct store *store, int64_t run_id, const char *metadata,
				  struct berth_error *err);

/* 0 also when it is there. */
int store_run_tag_insert(struct store *store, int64_t run_id, const char *tag,
			 struct berth_error *err);
int store_run_tag_count(struct store *store, int64_t run_id, int64_t *ret_count,
			struct berth_error *err);
int store_run_tag_delete_all(struct store *store, int64_t run_id, struct berth_error *err);
/* A JSON array of its tags as text, in order of name; the caller's. */
int store_run_tags_read(struct store *store, int64_t run_id, char **ret_json,
			struct berth_error *err);

/* The run that a debounce key holds back, and the latest its delay may be moved to (0: any). 1:
 * none.
 */
int store_debounce_read(struct store *store, int64_t task_id, const char *key, int64_t *ret_run_id,
			uint64_t *ret_latest_ns, struct berth_error *err);
int store_debounce_write(struct store *store, int64_t task_id, const char *key, int64_t run_id,
			 uint64_t latest_ns, struct berth_error *err);
int store_debounce_delete_run(struct store *store, int64_t run_id, struct berth_error *err);
