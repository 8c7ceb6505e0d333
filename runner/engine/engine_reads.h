/* SPDX-License-Identifier: Apache-2.0 */
/* Reading: one run, lists by filter, queues, batches, tokens, versions. On any store, also one
 * opened read-only by another thread. Everything comes as JSON for people and programs alike
 * (docs/control.md). */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "runner/store/store.h"

#define READ_PAGE_MAX  200
#define READ_NAMES_MAX 20
#define READ_LOOKS_MAX 2000 /* rows looked at for one page: some 10 ms */

/* Each filter may be NULL or 0. Lists are comma separated names, any of which will do; at most
 * READ_NAMES_MAX of each. A name with a comma cannot be asked for. Dates are those of the runs'
 * numbers, in whole milliseconds. */
struct read_run_filter {
	int64_t environment_id; /* 0: 1 */
	char *status, *task, *queue, *version, *tag, *machine;
	int64_t batch_id, parent_id;
	uint64_t from_ns, to_ns; /* created, [from, to) */
	bool only_test;
	int64_t after_id; /* page: older than this run */
	int64_t limit;    /* 1 … READ_PAGE_MAX; 0: 25 */
};
/* {"data":[run …],"next":"run_…"|null}, newest first. Looks at a bounded number of rows: a page may
 * be short and still have a next. */
int read_runs(struct store *store, const struct read_run_filter *filter, json_t **ret_page,
	      struct berth_error *err);

/* One run with its attempts, output, error, usage; payload and metadata when with_data.
 * BERTH_NOT_FOUND. */
int read_run(struct store *store, int64_t run_id, bool with_data, json_t **ret_run,
	     struct berth_error *err);

/* {"data":[queue …],"next":name|null}, by name, behind the name after (NULL: from the first). */
int read_queues(struct store *store, int64_t environment_id, const char *after, json_t **ret_page,
		struct berth_error *err);
int read_queue(struct store *store, int64_t environment_id, const char *name, json_t **ret_queue,
	       struct berth_error *err);
int read_batch(struct store *store, int64_t batch_id, json_t **ret_batch, struct berth_error *err);
int read_token(struct store *store, int64_t waitpoint_id, json_t **ret_token,
	       struct berth_error *err);
/* status: NULL, or a list of WAITING, COMPLETED, TIMED_OUT. A page as of read_runs(), without
 * outputs. */
int read_tokens(struct store *store, int64_t environment_id, const char *status, int64_t after_id,
		int64_t limit, json_t **ret_page, struct berth_error *err);
int read_versions(struct store *store, int64_t environment_id, json_t **ret_list,
		  struct berth_error *err);
int read_tasks(struct store *store, int64_t environment_id, json_t **ret_list,
	       struct berth_error *err);
int read_checkpoints(struct store *store, int64_t run_id, json_t **ret_list,
		     struct berth_error *err);

/* Whose runs match the filter, oldest first, for bulk work: at most `most` numbers, newer than
 * after_id. Looks at a bounded number of rows: *ret_next is 0 when there are no more, else the
 * after_id to go on with. */
int read_run_ids(struct store *store, const struct read_run_filter *filter, int64_t *ret_ids,
		 size_t most, size_t *ret_count, int64_t *ret_next, struct berth_error *err);
