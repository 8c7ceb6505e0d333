/* SPDX-License-Identifier: Apache-2.0 */
/* Waitpoints, who waits for them, and tokens. docs/engine.md, Waits. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "runner/engine/engine.h"
#include "runner/engine/engine_attempts.h"

enum waitpoint_kind { WAITPOINT_RUN, WAITPOINT_DATE, WAITPOINT_TOKEN, WAITPOINT_BATCH };
enum waitpoint_state { WAITPOINT_WAITING, WAITPOINT_COMPLETED, WAITPOINT_TIMED_OUT };

#define ENGINE_WAIT_MAX             1000 /* waitpoints in one request */
#define ENGINE_WAITS_MAX            64   /* requests of one attempt whose answers were not taken */
#define ENGINE_BLOCKS_MAX           2000 /* waitpoints in all of them */
#define ENGINE_WAIT_RESULT_MAX      (3 * 1024 * 1024 + 256 * 1024) /* bytes of outputs in one answer */
#define ENGINE_TOKEN_TIMEOUT_MAX_MS (UINT64_C(10) * 366 * 24 * 3600 * 1000)

/* One request of a task. wait_id is the task's own name for it within the attempt: asking again
 * with the same wait_id is the same wait (a restarted supervisor, a client that came back). */
struct engine_wait {
	int64_t run_id;
	const char *token;
	const char *wait_id;
	uint64_t until_ns;         /* a date; 0: not that */
	const int64_t *waitpoints; /* tokens */
	size_t waitpoint_count;
	const int64_t *runs; /* runs of which it is the parent or not */
	size_t run_count;
	int64_t batch_id; /* 0: not that */
};
/* 0: the run waits, or has its answer already (then ENGINE_ANSWER is among the effects).
 * ENGINE_STALE, BERTH_NOT_FOUND, BERTH_LIMIT; BERTH_INVALID also when the wait would never end,
 * because what it waits for waits for this run. */
int engine_wait(struct engine *engine, const struct engine_wait *wait, struct berth_error *err);

/* The result of a finished wait, JSON text, the caller's: an array in the order asked for (date,
 * tokens, runs, batch) of {"kind","id","state","ok","output"|"error"}; a batch's output is an array
 * of its items in order. Outputs that do not fit ENGINE_WAIT_RESULT_MAX are left out: such an
 * element has "outputOmitted":true. NULL when it is not finished; BERTH_NOT_FOUND when nobody asked
 * for it, or it was taken. */
int engine_wait_result(struct engine *engine, int64_t run_id, const char *token,
		       const char *wait_id, char **ret_json, struct berth_error *err);

/* The task took the answer: it is not offered again. 0 also when it was taken before;
 * BERTH_INVALID when it was not answered. */
int engine_wait_taken(struct engine *engine, int64_t run_id, const char *token, const char *wait_id,
		      struct berth_error *err);

struct engine_token_request {
	int64_t environment_id;      /* 0: 1 */
	uint64_t timeout_ms;         /* 0: none */
	const char *idempotency_key; /* NULL: none */
	uint64_t idempotency_ttl_ms;
	const char *tags; /* JSON array text, or NULL */
};
int engine_token_create(struct engine *engine, const struct engine_token_request *request,
			int64_t *ret_waitpoint_id, bool *ret_is_cached, struct berth_error *err);
/* Completes it once; a second completion is 0 and changes nothing. output is JSON text or NULL. */
int engine_token_complete(struct engine *engine, int64_t waitpoint_id, const char *output,
			  struct berth_error *err);

/* For the engine: a run or batch has ended; a date has come. */
int engine_waitpoint_complete(struct engine *engine, int64_t waitpoint_id,
			      enum waitpoint_state state, const char *output,
			      const char *output_type, bool is_error, struct berth_error *err);
/* For the engine: a run is final. Completes its waitpoint, if anybody made one, and counts it in
 * its batches. */
int engine_waits_run_ended(struct engine *engine, int64_t run_id, struct berth_error *err);
/* For the engine: the timer of a date or of a token's timeout is due. */
int engine_waitpoint_due(struct engine *engine, int64_t waitpoint_id, struct berth_error *err);
/* For the engine: the attempt is over, and so are its waits. */
int engine_waits_forget(struct engine *engine, int64_t run_id, struct berth_error *err);
/* For the engine: the run has its slot back; ENGINE_ANSWER for each finished request that was not
 * answered. */
int engine_waits_answer(struct engine *engine, int64_t run_id, struct berth_error *err);
/* For the engine: after a restart, ENGINE_ANSWER for what was answered and not taken. */
int engine_waits_answer_again(struct engine *engine, int64_t run_id, struct berth_error *err);
