/* SPDX-License-Identifier: Apache-2.0 */
/* What lists are made of: numbers of rows in order of age, read from one index each, and the few
 * columns that filters look at. Every read is bounded by what the caller asks for. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "runner/store/store.h"

/* Until the end all reads see one state of the store, and cost no lock each. Within a transaction,
 * or another snapshot, they do that anyway: *ret_is_mine is false then. */
int store_snapshot_begin(struct store *store, bool *ret_is_mine, struct berth_error *err);
void store_snapshot_end(struct store *store, bool is_mine);

/* What a list can be led by: an index that has the row's number behind the key. */
enum list_index {
	LIST_RUNS, /* all of them; no key */
	LIST_RUNS_BY_STATE,
	LIST_RUNS_BY_TASK,
	LIST_RUNS_BY_QUEUE,
	LIST_RUNS_BY_VERSION,
	LIST_RUNS_BY_PARENT,
	LIST_RUNS_BY_BATCH,
	LIST_RUNS_BY_TAG,     /* the key is text */
	LIST_TOKENS_BY_STATE, /* waitpoints of kind token */
	LIST_INDEXES,
};

struct list_range {
	enum list_index index;
	int64_t key;
	const char *text;           /* LIST_RUNS_BY_TAG */
	int64_t above_id, below_id; /* neither is in the range */
	bool oldest_first;
};
/* The first `most` numbers of the range; fewer: there are no more. */
int store_list_ids(struct store *store, const struct list_range *range, int64_t *ret_ids,
		   size_t most, size_t *ret_count, struct berth_error *err);

/* A run's columns that filters look at. */
#define LIST_MACHINE_SIZE 64
struct list_run {
	int64_t environment_id, state, task_id, queue_id, version_id, batch_id, parent_id;
	char machine[LIST_MACHINE_SIZE];
	bool is_test;
};
/* 1: there is none. */
int store_list_run(struct store *store, int64_t run_id, struct list_run *ret_run,
		   struct berth_error *err);
/* 1: the run has that tag; 0: it has not. */
int store_list_run_has_tag(struct store *store, int64_t run_id, const char *tag,
			   struct berth_error *err);

enum list_name { LIST_NAME_TASK, LIST_NAME_QUEUE, LIST_NAME_VERSION, LIST_NAMES };
/* The number behind a name; 1: there is none. */
int store_list_find(struct store *store, enum list_name kind, int64_t environment_id,
		    const char *name, int64_t *ret_id, struct berth_error *err);
