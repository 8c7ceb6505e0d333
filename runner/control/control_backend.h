/* SPDX-License-Identifier: Apache-2.0 */
/* What the control socket needs of the daemon around it: one struct of functions, which the
 * supervisor fills, and tests fill otherwise. Everything is called in the loop. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/fifo.h"
#include "base/number_index.h"
#include "runner/supervisor/engine_thread.h"

struct control_call;

/* Work that waits for a disk and needs no store: run() in a worker thread, then done() in the loop.
 * Embedded in what it works on; must last until done() was called. */
struct control_chore {
	int (*run)(struct control_chore *chore, struct berth_error *err);
	void (*done)(struct control_chore *chore, int result, const struct berth_error *err);
	/* the worker's own */
	struct fifo_link link;
	int result;
	struct berth_error error;
};

/* What a live run uses now. */
struct control_usage {
	uint64_t cpu_ns; /* so far, in this attempt */
	uint64_t memory_bytes;
	int64_t pids;
	uint64_t sampled_ns; /* CLOCK_BOOTTIME: rates come from two samples */
};

enum control_follow_event {
	CONTROL_FOLLOW_LOG,      /* there is more to read */
	CONTROL_FOLLOW_STATE,    /* state, attempt or tags changed: read the run again */
	CONTROL_FOLLOW_PROGRESS, /* json: percent, eta_s, rate, rate_unit, message; absent: unknown
				  */
	CONTROL_FOLLOW_ENDED,    /* final, and its log is complete */
};

/* One who watches a run. Embedded; must last until unfollow(). */
struct control_follower {
	int64_t run_id;
	/* progress is NULL for other events. Must not block, and may call unfollow(). */
	void (*tell)(struct control_follower *follower, enum control_follow_event event,
		     const json_t *progress);
	/* the backend's own */
	struct number_link link;
};

struct control_backend {
	void *owner;
	int logs_directory;         /* runner/log; -1: there are none */
	int bundles_directory;      /* deployed files; stays the backend's */
	struct number_index *feeds; /* control_feed.c's: by run */

	/* engine_thread_submit() */
	void (*submit)(void *owner, struct engine_job *job, bool may_wait);
	/* Like it: never fails and never blocks. */
	void (*work)(void *owner, struct control_chore *chore);

	/* A run that is final already is told of at once: CONTROL_FOLLOW_ENDED is never missed by
	 * one who follows first and reads then. */
	void (*follow)(void *owner, struct control_follower *follower);
	void (*unfollow)(void *owner, struct control_follower *follower);

	/* 1: it does not live. */
	int (*usage)(void *owner, int64_t run_id, struct control_usage *ret_usage,
		     struct berth_error *err);
	/* Adds members of its own to the answer of `status`: version, started, settings, health. */
	int (*describe)(void *owner, json_t *status, struct berth_error *err);
	/* True: new work is refused, with 503. */
	bool (*is_draining)(void *owner);

	/* These answer the call themselves, now or later; -1: they did not. */
	int (*backup)(void *owner, struct control_call *call, struct berth_error *err);
	int (*prune)(void *owner, struct control_call *call, struct berth_error *err);
	int (*reload)(void *owner, struct control_call *call, struct berth_error *err);
	int (*drain)(void *owner, struct control_call *call, struct berth_error *err);
};
