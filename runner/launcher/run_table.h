/* SPDX-License-Identifier: Apache-2.0 */
/* The launcher's memory: one row a run it started and was not told to forget, and the connections
 * it holds for them. Fixed in size; found by number and token. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/loop.h"
#include "runner/launcher/launch_spec.h"
#include "runner/launcher/launcher_protocol.h"
#include "sandbox/protection_set.h"
#include "sandbox/sandbox.h"
#include "sandbox/volume.h"

#define RUN_TABLE_NONE    UINT16_MAX
#define RUN_TABLE_BUCKETS 8192 /* a power of two */

/* What the supervisor is still to be told of a run; bits of run.tell. */
enum {
	TELL_TABLE = 1 << 0, /* that there is such a run: to a new supervisor */
	TELL_STARTED = 1 << 1,
	TELL_FROZEN = 1 << 2,
	TELL_NOT_FROZEN = 1 << 3, /* it did not come to a stop in time */
	TELL_RECLAIMED = 1 << 4,
	TELL_ENDED = 1 << 5,
};

/* What goes on with a run besides running; bits of run.pace. */
enum {
	PACE_FREEZING = 1 << 0,
	PACE_RECLAIMING = 1 << 1,
};

struct launcher;

struct run_volume {
	struct sandbox_volume *volume;
	int view_fd; /* for the supervisor; -1: none */
	bool viewed;
};

struct run {
	int64_t number; /* 0: the row is free */
	char token[LAUNCHER_TOKEN_SIZE];
	uint8_t tell, pace;
	bool is_listed; /* in the list of runs with something to tell */
	bool started, frozen, kill_asked;
	uint16_t next_in_bucket, next; /* next: free rows, or rows with something to tell */
	uint16_t first_hold, hold_count;
	uint16_t volume_count;
	int stdout_fd, stderr_fd, channel_fd;
	struct launcher *launcher; /* whose row it is, for the loop's handlers */
	struct sandbox *sandbox;   /* NULL when it has ended */
	struct loop_source *source;
	struct protection_set *protections;
	uint64_t launched_ns;
	uint64_t pace_until_ns, reclaim_from_bytes, reclaim_left_bytes;
	struct run_volume volumes[SANDBOX_VOLUMES_MAX];
	struct sandbox_outcome outcome; /* when it has ended */
};

struct hold {
	uint64_t connection;
	int fd;
	uint16_t next;
};

struct run_table {
	struct run runs[LAUNCHER_RUNS_MAX];
	struct hold holds[LAUNCHER_HOLDS_MAX];
	uint16_t buckets[RUN_TABLE_BUCKETS];
	uint16_t first_free, fresh; /* fresh: rows from here on were never used */
	uint16_t first_free_hold, fresh_hold;
	size_t count, live_count; /* live: has a sandbox */
};

/* Untouched rows cost no memory. */
int run_table_create(struct run_table **ret_table, struct berth_error *err);
/* Every run must be removed by then; accepts NULL. */
void run_table_destroy(struct run_table *table);

/* BERTH_LIMIT when max rows are taken; BERTH_INVALID when there is one of that name already. */
int run_table_add(struct run_table *table, int64_t number, const char *token, size_t max,
		  struct run **ret_run, struct berth_error *err);
/* NULL: there is none. */
struct run *run_table_find(struct run_table *table, int64_t number, const char *token);
/* Whether any attempt of the run has a row. */
bool run_table_has_number(const struct run_table *table, int64_t number);
/* Closes its connections, streams, views and volumes; the sandbox and the loop's source must be
 * gone. */
void run_table_remove(struct run_table *table, struct run *run);

/* The taken row at or after index; NULL: there is none. */
struct run *run_table_next(struct run_table *table, size_t index);
size_t run_table_index(const struct run_table *table, const struct run *run);

/* Takes fd over on success. BERTH_LIMIT, or BERTH_INVALID when that number is taken. */
int run_table_hold(struct run_table *table, struct run *run, uint64_t connection, int fd,
		   struct berth_error *err);
/* Positive: there was none. */
int run_table_unhold(struct run_table *table, struct run *run, uint64_t connection);
/* The n-th held connection; NULL beyond the last. */
const struct hold *run_table_hold_at(const struct run_table *table, const struct run *run,
				     size_t index);

enum launcher_state run_state_of(const struct run *run);
