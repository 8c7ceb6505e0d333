/* SPDX-License-Identifier: Apache-2.0 */
/* A filter over runs, looked up and walked: led by the index of the condition that seems to be met
 * most rarely, the others checked row by row. Bounded in the rows it looks at. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "runner/engine/engine_reads.h"
#include "runner/engine/run_stream.h"
#include "runner/store/store.h"

/* What a condition asks for: any of these. */
struct query_condition {
	size_t count; /* 0: it is not there */
	int64_t numbers[READ_NAMES_MAX];
	const char *texts[READ_NAMES_MAX]; /* of tags and machines instead */
};

enum query_what {
	QUERY_BATCH,
	QUERY_PARENT,
	QUERY_TAG,
	QUERY_VERSION,
	QUERY_TASK,
	QUERY_QUEUE,
	QUERY_STATE,
	QUERY_MACHINE, /* no index */
	QUERY_CONDITIONS,
};

struct run_query {
	struct query_condition conditions[QUERY_CONDITIONS];
	char *names; /* what texts point into */
	int64_t environment_id;
	bool only_test;
	int64_t above_id, below_id;
	bool matches_nothing; /* a name that is not known */
	struct run_merge merge;
	size_t looks;
};

/* BERTH_INVALID for a status that is none, BERTH_LIMIT for too many names. */
int run_query_init(struct run_query *query, struct store *store,
		   const struct read_run_filter *filter, bool oldest_first,
		   struct berth_error *err);
void run_query_finish(struct run_query *query);
#define AUTO_RUN_QUERY __attribute__((cleanup(run_query_finish)))

/* The next run that matches. *ret_id is 0 when there are no more, or, with *ret_next not 0, when it
 * has looked at enough: behind *ret_next one may go on. */
int run_query_next(struct run_query *query, struct store *store, int64_t *ret_id, int64_t *ret_next,
		   struct berth_error *err);
