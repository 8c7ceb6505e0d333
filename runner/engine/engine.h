/* SPDX-License-Identifier: Apache-2.0 */
/* The engine: every decision about runs, over the store, single-threaded, with the clock injected
 * (base/clock.h). docs/engine.md says how. Its operations are in engine_<what>.h; each is called
 * inside a group (engine_group_begin() … engine_group_commit()) and wrapped in a piece by
 * engine_do(). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/identifier.h"
#include "machines/machine.h"
#include "runner/store/store.h"

/* The operator's settings the engine needs; rows of runner/supervisor/settings_table.c. */
struct engine_settings {
	int64_t concurrency;      /* runs that hold a slot at once; default 100 */
	double burst;             /* the whole may exceed it by this factor, a queue may not; 2.0 */
	uint64_t cpu_millis;      /* the ledger, after overcommit; 0: not limited */
	uint64_t memory_bytes;    /* likewise */
	uint64_t disk_bytes;      /* likewise */
	uint64_t starvation_ms;   /* how long a run that does not fit is passed by others */
	uint64_t max_ttl_ms;      /* 0: none */
	int64_t queue_size_limit; /* of a queue that has none of its own; 0: none */
	uint64_t default_duration_ms; /* of a task that says nothing; 0: none */
	const struct machine_list
		*machines; /* the presets, smallest first; must outlive the engine */
};

#define ENGINE_TOKEN_SIZE 33 /* 128 random bits in hexadecimal, and NUL */

/* What the rest of the supervisor is to do after the commit. */
enum engine_effect_kind {
	ENGINE_LAUNCH,  /* start attempt `attempt` of the run under `token`: see engine_launch.h */
	ENGINE_ASK,     /* ask the task to save and end: cancelled; grace_ms */
	ENGINE_KILL,    /* kill it: cancelled and killed at once, or stale */
	ENGINE_ANSWER,  /* wait request wait_id of the run is over: engine_wait_result() reads it */
	ENGINE_RESUMED, /* it has its slot back: thaw it */
	ENGINE_CHANGED, /* state, metadata or tags changed: tell who watches */
	ENGINE_ENDED,   /* final: release what is kept for it */
	ENGINE_FORGET,  /* pruned: delete its files (logs, checkpoints) */
};

struct engine_effect {
	enum engine_effect_kind kind;
	int64_t run_id;
	int64_t attempt; /* ENGINE_FORGET: its last one */
	char token[ENGINE_TOKEN_SIZE];
	char wait_id[64];  /* ENGINE_ANSWER */
	uint64_t grace_ms; /* ENGINE_ASK */
};

struct engine;

/* Opens the engine over a store that stays the caller's. */
int engine_create(struct store *store, const struct engine_settings *settings,
		  struct engine **ret_engine, struct berth_error *err);
/* Accepts NULL. */
void engine_destroy(struct engine *engine);

/* A group of work: one transaction. Commit admits what may start first, in the same transaction; on
 * success the effects are valid until the next begin. On failure nothing happened: every
 * piece of the group is to be answered with err. */
int engine_group_begin(struct engine *engine, struct berth_error *err);
int engine_group_commit(struct engine *engine, struct berth_error *err);
void engine_group_abort(struct engine *engine);
const struct engine_effect *engine_effects(const struct engine *engine, size_t *ret_count);

/* Nothing starts or resumes while it is held: a supervisor before it has recovered, or one that
 * drains. Held at first. Once it is not, a group is due, which starts what waited for that. */
void engine_hold(struct engine *engine, bool is_held);

/* One piece: work() in a savepoint of the group. Positive outcomes are kept like 0. A piece may
 * have pieces of its own. */
typedef int (*engine_work)(struct engine *engine, void *argument, struct berth_error *err);
int engine_do(struct engine *engine, engine_work work, void *argument, struct berth_error *err);

/* Handles timers that are due, at most `most` of them in this group, each in a piece of its own;
 * returns how many it handled. */
int engine_tick(struct engine *engine, int most, struct berth_error *err);
/* CLOCK_REALTIME at which the next group is due, for a timer or to admit what was held; 0: nothing
 * is. Valid after commit. */
uint64_t engine_next_due_ns(const struct engine *engine);

/* What admission knows; for `berth top` and metrics. */
struct engine_ledger {
	int64_t running;                   /* runs that hold a slot */
	uint64_t cpu_millis;               /* of those */
	uint64_t memory_bytes, disk_bytes; /* of every live attempt, waiting ones too */
	int64_t blocked_run_id;            /* head that does not fit; 0: none */
	uint64_t blocked_ns;               /* when it was first met */
};
void engine_read_ledger(const struct engine *engine, struct engine_ledger *ret_ledger);
