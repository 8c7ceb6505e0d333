/* SPDX-License-Identifier: Apache-2.0 */
/* Batches: announced, filled item by item, sealed, complete when every run has ended. */
#include "runner/engine/engine_batches.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/identifier.h"
#include "base/json.h"
#include "base/text.h"
#include "runner/engine/engine_core.h"
#include "runner/engine/engine_waits.h"
#include "runner/engine/key_check.h"
#include "runner/engine/run_json.h"
#include "runner/engine/run_state.h"
#include "runner/store/store_batches.h"
#include "runner/store/store_lists.h"
#include "runner/store/store_waitpoints.h"

static int fail_absent(struct berth_error *err, int64_t batch_id)
{
	char id[IDENTIFIER_NUMBER_SIZE];

	identifier_format_number("batch", batch_id > 0 ? batch_id : 0, id);
	return berth_fail(err, BERTH_NOT_FOUND, 0, "there is no %s", id);
}

static int read_batch_row(struct engine *engine, int64_t batch_id, struct batch_row *ret_row,
			  struct berth_error *err)
{
	int found = store_batch_read(engine_store(engine), batch_id, ret_row, err);

	if (found == 1)
		return fail_absent(err, batch_id);
	return found;
}

static int check_request(struct engine *engine, const struct engine_batch_request *request,
			 struct berth_error *err)
{
	struct list_run parent;
	int found;

	if (request->expected < 1 || request->expected > BATCH_ITEMS_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "a batch has 1 to %d items",
				  BATCH_ITEMS_MAX);
	if (key_check(request->idempotency_key, request->idempotency_ttl_ms, err) < 0)
		return -1;
	if (request->parent_id == 0)
		return 0;
	found = store_list_run(engine_store(engine), request->parent_id, &parent, err);
	if (found < 0)
		return -1;
	if (found == 1)
		return berth_fail(err, BERTH_NOT_FOUND, 0, "the batch's parent does not exist");
	if (run_state_is_final((enum run_state)parent.state))
		return berth_fail(err, BERTH_INVALID, 0, "the batch's parent has ended");
	return 0;
}

/* The batch of a key that is still good; 1: there is none, and the key is free. */
static int find_by_key(struct engine *engine, int64_t environment_id, const char *key,
		       int64_t *ret_batch_id, struct berth_error *err)
{
	AUTO_BATCH struct batch_row row = {0};
	struct store *store = engine_store(engine);
	int64_t id = 0;
	int found = key ? store_batch_of_key(store, environment_id, key, &id, err) : 1;

	if (found != 0)
		return found;
	if (read_batch_row(engine, id, &row, err) < 0)
		return -1;
	if (row.idempotency_expires_ns > clock_realtime_ns()) {
		*ret_batch_id = id;
		return 0;
	}
	free(row.idempotency_key);
	row.idempotency_key = NULL;
	row.idempotency_expires_ns = 0;
	return store_batch_update(store, &row, err) < 0 ? -1 : 1;
}

int engine_batch_create(struct engine *engine, const struct engine_batch_request *request,
			int64_t *ret_batch_id, bool *ret_is_cached, struct berth_error *err)
{
	struct store *store = engine_store(engine);
	uint64_t now = clock_realtime_ns();
	uint64_t ttl_ms =
		request->idempotency_ttl_ms ? request->idempotency_ttl_ms : KEY_TTL_DEFAULT_MS;
	AUTO_BATCH struct batch_row row = {
		.environment_id = request->environment_id ? request->environment_id : 1,
		.state = BATCH_PENDING,
		.expected = request->expected,
		.parent_id = request->parent_id,
		.created_ns = now,
		.updated_ns = now,
	};
	int found;

	if (check_request(engine, request, err) < 0)
		return -1;
	found = find_by_key(engine, row.environment_id, request->idempotency_key, ret_batch_id,
			    err);
	if (found < 0)
		return -1;
	*ret_is_cached = found == 0;
	if (found == 0)
		return 0;
	if (request->idempotency_key) {
		row.idempotency_key = strdup(request->idempotency_key);
		row.idempotency_expires_ns = now + ttl_ms * CLOCK_NS_PER_MS;
		if (!row.idempotency_key)
			return berth_fail(err, BERTH_MEMORY, 0, "batch: out of memory");
	}
	row.id = engine_next_number(engine);
	if (store_batch_insert(store, &row, err) < 0)
		return -1;
	*ret_batch_id = row.id;
	return 0;
}

/* Writes the batch; when it is sealed and its runs have ended, it is complete. */
static int conclude(struct engine *engine, struct batch_row *row, struct berth_error *err)
{
	struct store *store = engine_store(engine);
	int64_t waitpoint_id;
	int found;

	row->updated_ns = clock_realtime_ns();
	if (row->state != BATCH_PROCESSING || row->ended < row->accepted)
		return store_batch_update(store, row, err);
	row->state = BATCH_COMPLETED;
	if (row->failed > 0)
		row->state = row->accepted > 0 ? BATCH_PARTIAL_FAILED : BATCH_ABORTED;
	row->completed_ns = row->updated_ns;
	if (store_batch_update(store, row, err) < 0)
		return -1;
	found = store_waitpoint_of_batch(store, row->id, &waitpoint_id, err);
	if (found != 0)
		return found < 0 ? -1 : 0;
	return engine_waitpoint_complete(engine, waitpoint_id, WAITPOINT_COMPLETED, NULL, NULL,
					 false, err);
}

struct item_work {
	struct run_trigger request;
	struct run_accepted accepted;
};

static int trigger_item(struct engine *engine, void *argument, struct berth_error *err)
{
	struct item_work *work = argument;

	return engine_trigger(engine, &work->request, &work->accepted, err);
}

/* Whether the trigger was refused for what it is, and not because the store or memory failed. */
static bool is_refusal(const struct berth_error *why)
{
	switch (why->code) {
	case BERTH_LIMIT:
		return why->errnum != ENOSPC;
	case BERTH_INVALID:
	case BERTH_NOT_FOUND:
	case BERTH_UNSUPPORTED:
	case BERTH_DENIED:
	case BERTH_PROTOCOL:
		return true;
	case BERTH_NONE:
	case BERTH_SYSTEM:
	case BERTH_MEMORY:
		break;
	}
	return false;
}

static int add_refused(struct engine *engine, struct batch_row *row, int64_t index,
		       const struct berth_error *why, struct berth_error *err)
{
	AUTO_JSON json_t *error = run_json_error(why);
	AUTO_FREE char *text = error ? json_format_compact(error) : NULL;
	struct batch_item_row item = {.place = index, .error = text};

	if (!text)
		return berth_fail(err, BERTH_MEMORY, 0, "batch: out of memory");
	row->failed++;
	if (store_batch_item_insert(engine_store(engine), row->id, &item, err) < 0)
		return -1;
	return conclude(engine, row, err);
}

static int add_accepted(struct engine *engine, struct batch_row *row, int64_t index, int64_t run_id,
			struct berth_error *err)
{
	struct batch_item_row item = {.place = index, .run_id = run_id};
	struct store *store = engine_store(engine);
	struct list_run run;
	int found = store_list_run(store, run_id, &run, err);

	if (found < 0)
		return -1;
	row->accepted++;
	/* one that an idempotency key found may have ended long ago */
	if (found == 1 || run_state_is_final((enum run_state)run.state))
		row->ended++;
	if (store_batch_item_insert(store, row->id, &item, err) < 0)
		return -1;
	return conclude(engine, row, err);
}

/* The item that is there already, as it was answered the first time. */
static void repeat(const struct batch_item_row *item, struct run_accepted *ret_accepted,
		   struct berth_error *err)
{
	AUTO_JSON json_t *error = NULL;
	const char *message = NULL;

	*ret_accepted = (struct run_accepted){.run_id = item->run_id, .is_cached = true};
	if (item->run_id)
		return;
	if (item->error && json_parse(item->error, strlen(item->error), &error, NULL) == 0)
		message = json_string_value(json_object_get(error, "message"));
	(void)berth_fail(err, BERTH_INVALID, 0, "%s", message ? message : "it was refused");
}

/* 1: there is no such item yet, and there may be one. */
static int find_item(struct engine *engine, const struct batch_row *row, int64_t index,
		     struct run_accepted *ret_accepted, struct berth_error *err)
{
	AUTO_BATCH_ITEM struct batch_item_row item = {0};
	int found;

	if (index < 0 || index >= row->expected)
		return berth_fail(err, BERTH_INVALID, 0,
				  "item %lld of a batch that was announced with %lld",
				  (long long)index, (long long)row->expected);
	found = store_batch_item_next(engine_store(engine), row->id, index, &item, err);
	if (found < 0)
		return -1;
	if (found == 0 && item.place == index) {
		repeat(&item, ret_accepted, err);
		return 0;
	}
	if (row->state != BATCH_PENDING)
		return berth_fail(err, BERTH_INVALID, 0, "the batch is sealed");
	return 1;
}

int engine_batch_add(struct engine *engine, int64_t batch_id, int64_t index,
		     const struct run_trigger *request, struct run_accepted *ret_accepted,
		     bool *ret_is_duplicate, struct berth_error *err)
{
	AUTO_BATCH struct batch_row row = {0};
	struct item_work work = {.request = *request};
	struct berth_error why = {0};
	int found;

	if (read_batch_row(engine, batch_id, &row, err) < 0)
		return -1;
	found = find_item(engine, &row, index, ret_accepted, err);
	if (found < 0)
		return -1;
	*ret_is_duplicate = found == 0;
	if (found == 0)
		return 0;
	work.request.environment_id = row.environment_id;
	work.request.batch_id = batch_id;
	work.request.batch_index = index;
	work.request.parent_id = row.parent_id;
	/* a piece of its own: nothing of a refused trigger is to stay */
	if (engine_do(engine, trigger_item, &work, &why) < 0) {
		if (err)
			*err = why;
		if (!is_refusal(&why) || add_refused(engine, &row, index, &why, err) < 0)
			return -1;
		work.accepted = (struct run_accepted){0};
	} else if (add_accepted(engine, &row, index, work.accepted.run_id, err) < 0) {
		return -1;
	}
	*ret_accepted = work.accepted;
	return 0;
}

int engine_batch_seal(struct engine *engine, int64_t batch_id, struct berth_error *err)
{
	AUTO_BATCH struct batch_row row = {0};

	if (read_batch_row(engine, batch_id, &row, err) < 0)
		return -1;
	if (row.state != BATCH_PENDING)
		return 0;
	if (row.accepted + row.failed < row.expected)
		return 1;
	row.state = BATCH_PROCESSING;
	row.sealed_ns = clock_realtime_ns();
	return conclude(engine, &row, err);
}

int engine_batch_abandon(struct engine *engine, int64_t batch_id, struct berth_error *err)
{
	AUTO_BATCH struct batch_row row = {0};

	if (read_batch_row(engine, batch_id, &row, err) < 0)
		return -1;
	if (row.state != BATCH_PENDING)
		return 0;
	row.failed = row.expected - row.accepted;
	row.state = BATCH_PROCESSING;
	row.sealed_ns = clock_realtime_ns();
	return conclude(engine, &row, err);
}

int engine_batch_run_ended(struct engine *engine, int64_t run_id, struct berth_error *err)
{
	int64_t batch_id = 0;

	for (;;) {
		AUTO_BATCH struct batch_row row = {0};
		int64_t items = 0;
		int found = store_batch_of_run(engine_store(engine), run_id, batch_id, &batch_id,
					       &items, err);

		if (found != 0)
			return found < 0 ? -1 : 0;
		if (read_batch_row(engine, batch_id, &row, err) < 0)
			return -1;
		row.ended += items;
		if (row.completed_ns == 0 && conclude(engine, &row, err) < 0)
			return -1;
	}
}
