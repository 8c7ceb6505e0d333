/* SPDX-License-Identifier: Apache-2.0 */
/* Rows as people and programs are shown them: joined with the names of what they refer to. Each
 * string is the view's, and lasts until the visitor returns. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "runner/store/store.h"

/* 0 and NULL where the column is NULL. */
struct run_view {
	int64_t id, environment_id;
	int state;
	char *task, *queue, *concurrency_key, *version, *machine;
	int64_t attempt, max_attempts, interruptions, priority_ms;
	uint64_t max_duration_ms, ttl_ms;
	uint64_t created_ns, updated_ns, queued_ns, started_ns, finished_ns, delay_until_ns;
	uint64_t expires_ns, retry_ns;
	int64_t parent_id, root_id, depth, batch_id, batch_index, replay_of, dead_letter_of;
	bool is_test, is_cancelling;
	char *idempotency_key;
	uint64_t cpu_ns, wall_ns, memory_peak_bytes;
};
void run_view_finish(struct run_view *view);
#define AUTO_RUN_VIEW __attribute__((cleanup(run_view_finish)))
/* 1: there is none. */
int store_view_run(struct store *store, int64_t run_id, struct run_view *ret_view,
		   struct berth_error *err);

/* What is large of a run. payload, metadata and options only when asked for. */
struct run_data_view {
	char *payload, *payload_type, *metadata, *options, *output, *output_type, *error;
};
void run_data_view_finish(struct run_data_view *view);
#define AUTO_RUN_DATA_VIEW __attribute__((cleanup(run_data_view_finish)))
int store_view_run_data(struct store *store, int64_t run_id, bool with_payload,
			struct run_data_view *ret_view, struct berth_error *err);

typedef int (*store_tag_visitor)(void *owner, const char *tag, struct berth_error *err);
int store_view_tags(struct store *store, int64_t run_id, store_tag_visitor visit, void *owner,
		    struct berth_error *err);

struct attempt_view {
	int64_t number;
	char *machine, *outcome, *reason, *message, *usage, *protections;
	uint64_t started_ns, executing_ns, ended_ns, log_bytes;
	bool has_exit_code;
	int64_t exit_code;
};
typedef int (*store_attempt_visitor)(void *owner, const struct attempt_view *view,
				     struct berth_error *err);
/* In order; at most `most` of the newest. */
int store_view_attempts(struct store *store, int64_t run_id, int64_t most,
			store_attempt_visitor visit, void *owner, struct berth_error *err);

#define STORE_VIEW_NO_LIMIT (-1) /* of a queue that has none */
struct queue_view {
	int64_t id, kind;
	char *name;
	int64_t base_limit, override_limit, key_limit, size_limit; /* or STORE_VIEW_NO_LIMIT */
	uint64_t overridden_ns;
	bool is_paused;
	int64_t queued, running;
};
typedef int (*store_queue_visitor)(void *owner, const struct queue_view *view,
				   struct berth_error *err);
/* By name, beginning behind after (""). */
int store_view_queues(struct store *store, int64_t environment_id, const char *after, int64_t most,
		      store_queue_visitor visit, void *owner, struct berth_error *err);
/* 1: there is none of that name. */
int store_view_queue(struct store *store, int64_t environment_id, const char *name,
		     store_queue_visitor visit, void *owner, struct berth_error *err);

struct version_view {
	int64_t id, tasks;
	char *name, *bundle;
	uint64_t created_ns, promoted_ns;
	bool is_current;
};
typedef int (*store_version_visitor)(void *owner, const struct version_view *view,
				     struct berth_error *err);
/* Newest first. */
int store_view_versions(struct store *store, int64_t environment_id, int64_t most,
			store_version_visitor visit, void *owner, struct berth_error *err);

struct task_view {
	char *name, *version, *definition;
};
typedef int (*store_task_visitor)(void *owner, const struct task_view *view,
				  struct berth_error *err);
/* Of the current version, or (built_in) of the version that is always there. By name. */
int store_view_tasks(struct store *store, int64_t environment_id, bool built_in,
		     store_task_visitor visit, void *owner, struct berth_error *err);

struct checkpoint_view {
	char *name;
	int64_t attempt, bytes;
	uint64_t saved_ns;
};
typedef int (*store_checkpoint_visitor)(void *owner, const struct checkpoint_view *view,
					struct berth_error *err);
int store_view_checkpoints(struct store *store, int64_t run_id, int64_t most,
			   store_checkpoint_visitor visit, void *owner, struct berth_error *err);
