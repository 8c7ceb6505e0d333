/* SPDX-License-Identifier: Apache-2.0 */
/* Waits: what a task's request stands before, and what happens when it no longer does. */
#include "runner/engine/engine_waits.h"

#include <string.h>

#include "base/clock.h"
#include "base/identifier.h"
#include "base/text.h"
#include "runner/engine/engine_batches.h"
#include "runner/engine/engine_core.h"
#include "runner/engine/run_move.h"
#include "runner/engine/run_state.h"
#include "runner/store/store_batches.h"
#include "runner/store/store_timers.h"
#include "runner/store/store_waitpoints.h"

#define CHUNK 64 /* rows read at a time */

/* A request while its blocks are written. */
struct request {
	const struct engine_wait *wait;
	struct wait_run run;
	int64_t place;
	int64_t pending;
};

static int fail_absent(struct berth_error *err, const char *prefix, int64_t number)
{
	char id[IDENTIFIER_NUMBER_SIZE];

	identifier_format_number(prefix, number > 0 ? number : 0, id);
	return berth_fail(err, BERTH_NOT_FOUND, 0, "there is no %s", id);
}

/* 0, or ENGINE_STALE when the token is not that of a live attempt. */
static int find_run(struct engine *engine, int64_t run_id, const char *token,
		    struct wait_run *ret_run, struct berth_error *err)
{
	int found = store_wait_run(engine->store, run_id, ret_run, err);

	if (found < 0)
		return -1;
	if (found == 1 || !token || token[0] == '\0' || strcmp(ret_run->token, token) != 0 ||
	    !run_state_has_attempt((enum run_state)ret_run->state))
		return ENGINE_STALE;
	return 0;
}

static int answer(struct engine *engine, int64_t run_id, const struct wait_run *run,
		  const char *wait_id, struct berth_error *err)
{
	struct engine_effect effect = {
		.kind = ENGINE_ANSWER,
		.run_id = run_id,
		.attempt = run->attempt,
	};

	memcpy(effect.token, run->token, sizeof(effect.token));
	memcpy(effect.wait_id, wait_id, strlen(wait_id) + 1);
	if (store_block_set_answered(engine->store, run_id, wait_id, err) < 0)
		return -1;
	return engine_add_effect(engine, &effect, err);
}

static int answer_all(struct engine *engine, int64_t run_id, bool again, struct berth_error *err)
{
	struct block_row block = {0};
	struct wait_run run;
	int found = store_wait_run(engine->store, run_id, &run, err);

	while (found == 0) {
		char wait_id[STORE_WAIT_ID_SIZE];

		memcpy(wait_id, block.wait_id, sizeof(wait_id));
		found = store_block_next_finished(engine->store, run_id, wait_id, &block, err);
		if (found == 0 && (block.state == BLOCK_ANSWERED) == again &&
		    answer(engine, run_id, &run, block.wait_id, err) < 0)
			return -1;
	}
	return found < 0 ? -1 : 0;
}

/* The run gives its slot back, or takes its old place in its lane. */
static int move(struct engine *engine, int64_t run_id, enum run_event event,
		struct berth_error *err)
{
	struct run_row run;

	if (run_find(engine, run_id, &run, err) < 0)
		return -1;
	return run_advance(engine, &run, event, err);
}

static int check_wait_id(const char *wait_id, struct berth_error *err)
{
	size_t length = wait_id ? strnlen(wait_id, STORE_WAIT_ID_SIZE) : 0;

	if (length == 0 || length == STORE_WAIT_ID_SIZE || !text_is_utf8(wait_id, length))
		return berth_fail(err, BERTH_INVALID, 0, "a wait's name is a text of 1 to %d bytes",
				  STORE_WAIT_ID_SIZE - 1);
	return 0;
}

static int check_wait(const struct engine_wait *wait, struct berth_error *err)
{
	size_t count = (wait->until_ns != 0) + wait->waitpoint_count + wait->run_count +
		       (wait->batch_id != 0);

	if (check_wait_id(wait->wait_id, err) < 0)
		return -1;
	if (count == 0)
		return berth_fail(err, BERTH_INVALID, 0, "a wait for nothing");
	if (wait->waitpoint_count > ENGINE_WAIT_MAX || wait->run_count > ENGINE_WAIT_MAX ||
	    count > ENGINE_WAIT_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "a wait for more than %d things",
				  ENGINE_WAIT_MAX);
	if (wait->until_ns > INT64_MAX)
		return berth_fail(err, BERTH_INVALID, 0, "a wait until after the year 2262");
	return 0;
}

/* Whether one more request fits beside those that are there, and may be made now. */
static int check_room(struct engine *engine, const struct request *request, struct berth_error *err)
{
	const struct engine_wait *wait = request->wait;
	size_t more = (wait->until_ns != 0) + wait->waitpoint_count + wait->run_count +
		      (wait->batch_id != 0);
	struct block_counts counts;

	if (store_block_count_run(engine->store, wait->run_id, &counts, err) < 0)
		return -1;
	if (counts.requests >= ENGINE_WAITS_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "more than %d waits at once",
				  ENGINE_WAITS_MAX);
	if ((size_t)counts.all + more > ENGINE_BLOCKS_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "waits for more than %d things at once",
				  ENGINE_BLOCKS_MAX);
	if (request->run.is_cancelling)
		return berth_fail(err, BERTH_INVALID, 0,
				  "a run that is being cancelled cannot wait");
	if (request->run.state == RUN_DEQUEUED)
		return berth_fail(err, BERTH_INVALID, 0, "the run does not execute yet");
	return 0;
}

static int add_block(struct engine *engine, struct request *request, int64_t waitpoint_id,
		     bool is_complete, struct berth_error *err)
{
	struct block_row row = {
		.run_id = request->wait->run_id,
		.place = request->place++,
		.waitpoint_id = waitpoint_id,
		.state = is_complete ? BLOCK_DONE : BLOCK_PENDING,
	};

	memcpy(row.token, request->run.token, sizeof(row.token));
	memcpy(row.wait_id, request->wait->wait_id, strlen(request->wait->wait_id) + 1);
	request->pending += !is_complete;
	return store_block_insert(engine->store, &row, err);
}

/* A new waitpoint of this engine: number, date and, when it is that already, completion. */
static int make_waitpoint(struct engine *engine, struct waitpoint_row *row, bool is_complete,
			  struct berth_error *err)
{
	row->id = engine_next_number(engine);
	row->created_ns = clock_realtime_ns();
	row->state = is_complete ? WAITPOINT_COMPLETED : WAITPOINT_WAITING;
	row->completed_ns = is_complete ? row->created_ns : 0;
	return store_waitpoint_insert(engine->store, row, err);
}

static int block_on_date(struct engine *engine, struct request *request, struct berth_error *err)
{
	struct waitpoint_row row = {
		.environment_id = request->run.environment_id,
		.kind = WAITPOINT_DATE,
		.due_ns = request->wait->until_ns,
	};
	struct timer_row timer = {.due_ns = row.due_ns, .kind = TIMER_DATE};
	bool is_complete = row.due_ns <= clock_realtime_ns();

	if (row.due_ns == 0)
		return 0;
	if (make_waitpoint(engine, &row, is_complete, err) < 0)
		return -1;
	timer.subject_id = row.id;
	if (!is_complete && store_timer_insert(engine->store, &timer, err) < 0)
		return -1;
	return add_block(engine, request, row.id, is_complete, err);
}

static int block_on_token(struct engine *engine, struct request *request, int64_t waitpoint_id,
			  struct berth_error *err)
{
	AUTO_WAITPOINT struct waitpoint_row row = {0};
	int found = store_waitpoint_read(engine->store, waitpoint_id, false, &row, err);

	if (found < 0)
		return -1;
	if (found == 1 || row.kind != WAITPOINT_TOKEN ||
	    row.environment_id != request->run.environment_id)
		return fail_absent(err, "waitpoint", waitpoint_id);
	return add_block(engine, request, waitpoint_id, row.state != WAITPOINT_WAITING, err);
}

/* What is waited for must not wait, over whatever else, for the one that asks. */
static int check_circle(struct engine *engine, const struct request *request, int64_t run_id,
			int64_t batch_id, struct berth_error *err)
{
	char id[IDENTIFIER_NUMBER_SIZE];
	int found =
		store_block_leads_to(engine->store, run_id, batch_id, request->wait->run_id, err);

	if (found <= 0)
		return found;
	identifier_format_number(run_id ? "run" : "batch", run_id ? run_id : batch_id, id);
	return berth_fail(err, BERTH_INVALID, 0,
			  "RECURSIVE_WAIT_DEADLOCK: %s waits for the run that is to wait for it",
			  id);
}

static int block_on_run(struct engine *engine, struct request *request, int64_t run_id,
			struct berth_error *err)
{
	struct waitpoint_row row = {.kind = WAITPOINT_RUN, .run_id = run_id};
	struct wait_run run;
	bool is_complete;
	int found = store_wait_run(engine->store, run_id, &run, err);

	if (found < 0)
		return -1;
	if (found == 1 || run.environment_id != request->run.environment_id)
		return fail_absent(err, "run", run_id);
	is_complete = run_state_is_final((enum run_state)run.state);
	if (!is_complete && check_circle(engine, request, run_id, 0, err) < 0)
		return -1;
	row.environment_id = run.environment_id;
	found = store_waitpoint_of_run(engine->store, run_id, &row.id, err);
	if (found < 0 || (found == 1 && make_waitpoint(engine, &row, is_complete, err) < 0))
		return -1;
	return add_block(engine, request, row.id, is_complete, err);
}

static int block_on_batch(struct engine *engine, struct request *request, struct berth_error *err)
{
	AUTO_BATCH struct batch_row batch = {0};
	struct waitpoint_row row = {.kind = WAITPOINT_BATCH, .batch_id = request->wait->batch_id};
	bool is_complete;
	int found;

	if (row.batch_id == 0)
		return 0;
	found = store_batch_read(engine->store, row.batch_id, &batch, err);
	if (found < 0)
		return -1;
	if (found == 1 || batch.environment_id != request->run.environment_id)
		return fail_absent(err, "batch", row.batch_id);
	is_complete = batch.completed_ns != 0;
	if (!is_complete && check_circle(engine, request, 0, row.batch_id, err) < 0)
		return -1;
	row.environment_id = batch.environment_id;
	found = store_waitpoint_of_batch(engine->store, row.batch_id, &row.id, err);
	if (found < 0 || (found == 1 && make_waitpoint(engine, &row, is_complete, err) < 0))
		return -1;
	return add_block(engine, request, row.id, is_complete, err);
}

static int write_blocks(struct engine *engine, struct request *request, struct berth_error *err)
{
	const struct engine_wait *wait = request->wait;

	if (block_on_date(engine, request, err) < 0)
		return -1;
	for (size_t i = 0; i < wait->waitpoint_count; i++)
		if (block_on_token(engine, request, wait->waitpoints[i], err) < 0)
			return -1;
	for (size_t i = 0; i < wait->run_count; i++)
		if (block_on_run(engine, request, wait->runs[i], err) < 0)
			return -1;
	return block_on_batch(engine, request, err);
}

/* The request is complete. A resuming run gets its answer with its slot, unless it had it before.
 */
static int answer_now(struct engine *engine, const struct request *request, bool was_answered,
		      struct berth_error *err)
{
	if (request->run.state == RUN_RESUMING && !was_answered)
		return 0;
	return answer(engine, request->wait->run_id, &request->run, request->wait->wait_id, err);
}

int engine_wait(struct engine *engine, const struct engine_wait *wait, struct berth_error *err)
{
	struct request request = {.wait = wait};
	struct block_counts counts;
	int found;

	if (check_wait(wait, err) < 0)
		return -1;
	found = find_run(engine, wait->run_id, wait->token, &request.run, err);
	if (found != 0)
		return found;
	if (store_block_count(engine->store, wait->run_id, wait->wait_id, &counts, err) < 0)
		return -1;
	if (counts.pending > 0) /* the same wait: it goes on */
		return 0;
	if (counts.all > 0)
		return answer_now(engine, &request, counts.answered == counts.all, err);
	if (check_room(engine, &request, err) < 0 || write_blocks(engine, &request, err) < 0)
		return -1;
	if (request.pending == 0)
		return answer_now(engine, &request, false, err);
	if (request.run.state == RUN_WAITING)
		return 0;
	if (move(engine, wait->run_id, RUN_EVENT_WAIT, err) < 0)
		return -1;
	if (request.run.state != RUN_RESUMING)
		return 0;
	/* what was held back until it had a slot: it goes on waiting without one */
	return answer_all(engine, wait->run_id, false, err);
}

/* A block's waitpoint is complete. */
static int unblock(struct engine *engine, const struct block_row *block, struct berth_error *err)
{
	struct wait_run run;
	struct block_counts counts;
	int found = find_run(engine, block->run_id, block->token, &run, err);

	if (found < 0 || store_block_set_done(engine->store, block, err) < 0)
		return -1;
	if (found == ENGINE_STALE || run.state != RUN_WAITING)
		return 0;
	if (store_block_count_run(engine->store, block->run_id, &counts, err) < 0)
		return -1;
	if (counts.pending == 0)
		return move(engine, block->run_id, RUN_EVENT_RESUME, err);
	if (store_block_count(engine->store, block->run_id, block->wait_id, &counts, err) < 0)
		return -1;
	if (counts.pending > 0)
		return 0;
	return answer(engine, block->run_id, &run, block->wait_id, err);
}

int engine_waitpoint_complete(struct engine *engine, int64_t waitpoint_id,
			      enum waitpoint_state state, const char *output,
			      const char *output_type, bool is_error, struct berth_error *err)
{
	const struct waitpoint_completion completion = {
		.state = (int)state,
		.completed_ns = clock_realtime_ns(),
		.output = output,
		.output_type = output_type,
		.is_error = is_error,
	};
	struct block_row blocks[CHUNK];
	size_t count;
	int done = store_waitpoint_complete(engine->store, waitpoint_id, &completion, err);

	if (done != 0)
		return done < 0 ? -1 : 0;
	do {
		if (store_block_read_pending(engine->store, waitpoint_id, blocks, CHUNK, &count,
					     err) < 0)
			return -1;
		for (size_t i = 0; i < count; i++)
			if (unblock(engine, &blocks[i], err) < 0)
				return -1;
	} while (count == CHUNK);
	return 0;
}

int engine_waits_run_ended(struct engine *engine, int64_t run_id, struct berth_error *err)
{
	int64_t waitpoint_id = 0;
	int found = store_waitpoint_of_run(engine->store, run_id, &waitpoint_id, err);

	if (found < 0)
		return -1;
	if (found == 0 && engine_waitpoint_complete(engine, waitpoint_id, WAITPOINT_COMPLETED, NULL,
						    NULL, false, err) < 0)
		return -1;
	return engine_batch_run_ended(engine, run_id, err);
}

static int forget_date(struct engine *engine, int64_t run_id, int64_t waitpoint_id,
		       struct berth_error *err)
{
	AUTO_WAITPOINT struct waitpoint_row row = {0};
	struct timer_row timer = {.kind = TIMER_DATE, .subject_id = waitpoint_id};

	if (store_waitpoint_read(engine->store, waitpoint_id, false, &row, err) < 0)
		return -1;
	timer.due_ns = row.due_ns;
	if ((row.state == WAITPOINT_WAITING &&
	     store_timer_delete(engine->store, &timer, err) < 0) ||
	    store_waitpoint_delete(engine->store, waitpoint_id, err) < 0)
		return -1;
	return store_block_delete_waitpoint(engine->store, run_id, waitpoint_id, err);
}

/* Dates belong to the one request that named them. NULL wait_id: of all the run's requests. */
static int forget_dates(struct engine *engine, int64_t run_id, const char *wait_id,
			struct berth_error *err)
{
	int64_t ids[CHUNK];
	size_t count;

	do {
		if (store_block_waitpoints(engine->store, run_id, wait_id, WAITPOINT_DATE, ids,
					   CHUNK, &count, err) < 0)
			return -1;
		for (size_t i = 0; i < count; i++)
			if (forget_date(engine, run_id, ids[i], err) < 0)
				return -1;
	} while (count == CHUNK);
	return 0;
}

int engine_waits_answer(struct engine *engine, int64_t run_id, struct berth_error *err)
{
	return answer_all(engine, run_id, false, err);
}

int engine_waits_answer_again(struct engine *engine, int64_t run_id, struct berth_error *err)
{
	return answer_all(engine, run_id, true, err);
}

int engine_waits_forget(struct engine *engine, int64_t run_id, struct berth_error *err)
{
	if (forget_dates(engine, run_id, NULL, err) < 0)
		return -1;
	return store_block_delete(engine->store, run_id, NULL, err);
}

int engine_wait_taken(struct engine *engine, int64_t run_id, const char *token, const char *wait_id,
		      struct berth_error *err)
{
	struct wait_run run;
	struct block_counts counts;
	int found;

	if (check_wait_id(wait_id, err) < 0)
		return -1;
	found = find_run(engine, run_id, token, &run, err);
	if (found != 0)
		return found;
	if (store_block_count(engine->store, run_id, wait_id, &counts, err) < 0)
		return -1;
	if (counts.answered < counts.all)
		return berth_fail(err, BERTH_INVALID, 0, "the wait was not answered");
	if (forget_dates(engine, run_id, wait_id, err) < 0)
		return -1;
	return store_block_delete(engine->store, run_id, wait_id, err);
}
