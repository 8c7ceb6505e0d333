/* SPDX-License-Identifier: Apache-2.0 */
/* The two threads that wait for disks in the loop's place: one owns the engine and writes, one
 * reads on a snapshot. The loop hands jobs in and gets them back done; nothing else is shared. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/fifo.h"
#include "base/loop.h"
#include "runner/engine/engine.h"
#include "runner/engine/engine_attempts.h"
#include "runner/store/store.h"

struct engine_thread;
struct engine_job;

/* Called in the loop when the job's group is committed (result >= 0: the work's own outcome) or the
 * work failed (-1 with err; it changed nothing). The job is the caller's again. BERTH_LIMIT with
 * ENOSPC or BERTH_SYSTEM from a failed commit mean: not stored. */
typedef void (*engine_job_done)(struct engine_job *job, int result, const struct berth_error *err);

/* Embedded in what the work needs; must last until done is called. */
struct engine_job {
	engine_work work; /* engine thread; argument is the job */
	int (*read)(struct store *store, struct engine_job *job, struct berth_error *err); /* or:
							       reader thread; changes nothing */
	/* or: engine thread, between groups, again as long as it returns 1 */
	int (*step)(struct engine *engine, struct engine_job *job, struct berth_error *err);
	engine_job_done done;
	bool is_request; /* of a client: answered before anything that follows from the group */
	/* the thread's own */
	bool may_wait;
	struct fifo_link link;
	int result;
	struct berth_error error;
};

/* An effect with what has to be read for it, which saves the way back to the engine. The handler
 * may take launch or answer over and leave it zeroed. */
struct engine_news {
	struct engine_effect effect;
	struct engine_launch launch; /* ENGINE_LAUNCH; run_id 0: it went on meanwhile */
	char *answer;                /* ENGINE_ANSWER; NULL: it went on meanwhile */
};

/* Called in the loop with each effect of a committed group: after the done functions of its
 * requests, before those of its other jobs. */
typedef int (*engine_news_handler)(void *owner, struct engine_news *news, struct berth_error *err);

struct engine_thread_options {
	const char *state_directory;
	const struct engine_settings *settings;
	engine_news_handler on_news;
	void (*on_answered)(void *owner); /* the done functions of a group's requests were called */
	/* The disk refuses (full, failing), or takes again. */
	int (*on_health)(void *owner, bool is_healthy, const struct berth_error *why,
			 struct berth_error *err);
	void *owner;
};
int engine_thread_start(struct loop *loop, const struct engine_thread_options *options,
			struct engine_thread **ret_thread, struct berth_error *err);
/* Finishes what was handed in; accepts NULL. */
void engine_thread_stop(struct engine_thread *thread);

/* Never fails and never blocks: the job's done is called later, in any case. While the disk
 * refuses, work that accepts something new fails at once; set may_wait for what must not be lost
 * (reports of attempts): it waits for the disk. */
void engine_thread_submit(struct engine_thread *thread, struct engine_job *job, bool may_wait);
