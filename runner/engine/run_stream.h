/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers from several ranges of one index, merged into one order, read a few at a time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "runner/store/store_lists.h"

#define STREAM_BUFFER 64
#define STREAMS_MAX   20

struct run_stream {
	struct list_range range;
	int64_t buffer[STREAM_BUFFER];
	size_t count, next;
	bool is_last; /* behind the buffer there is nothing */
};

/* Zeros, with ranges, their number and the order set, is a valid beginning. */
struct run_merge {
	struct run_stream streams[STREAMS_MAX];
	size_t count;
	bool oldest_first;
	int64_t last_id; /* a run of two ranges (tags) comes once */
};

/* *ret_id is 0 at the end. */
int run_merge_next(struct run_merge *merge, struct store *store, int64_t *ret_id,
		   struct berth_error *err);
