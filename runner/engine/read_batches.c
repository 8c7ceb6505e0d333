/* SPDX-License-Identifier: Apache-2.0 */
/* Reading batches and tokens. */
#include <string.h>

#include "base/identifier.h"
#include "base/json.h"
#include "runner/engine/engine_batches.h"
#include "runner/engine/engine_reads.h"
#include "runner/engine/engine_waits.h"
#include "runner/engine/run_json.h"
#include "runner/engine/run_stream.h"
#include "runner/store/store_batches.h"
#include "runner/store/store_waitpoints.h"

#define PAGE_DEFAULT 25

static int fail_memory(struct berth_error *err)
{
	return berth_fail(err, BERTH_MEMORY, 0, "list: out of memory");
}

static int fail_absent(struct berth_error *err, const char *prefix, int64_t number)
{
	char id[IDENTIFIER_NUMBER_SIZE];

	identifier_format_number(prefix, number, id);
	return berth_fail(err, BERTH_NOT_FOUND, 0, "there is no %s", id);
}

/* {"index","id"} or {"index","error"} for each item. */
static int add_items(struct store *store, int64_t batch_id, json_t *runs, json_t *errors,
		     struct berth_error *err)
{
	for (int64_t place = 0;; place++) {
		AUTO_BATCH_ITEM struct batch_item_row item = {0};
		int found = store_batch_item_next(store, batch_id, place, &item, err);
		json_t *shown;

		if (found != 0)
			return found < 0 ? -1 : 0;
		place = item.place;
		if (item.run_id)
			shown = run_json_id("run", item.run_id);
		else
			shown = json_pack("{s:I, s:o}", "index", (json_int_t)place, "error",
					  run_json_value(item.error, NULL));
		if (json_array_append_new(item.run_id ? runs : errors, shown) < 0)
			return fail_memory(err);
	}
}

static const char *batch_status(int state)
{
	static const char *const names[] = {
		[BATCH_PENDING] = "PENDING",     [BATCH_PROCESSING] = "PROCESSING",
		[BATCH_COMPLETED] = "COMPLETED", [BATCH_PARTIAL_FAILED] = "PARTIAL_FAILED",
		[BATCH_ABORTED] = "ABORTED",
	};

	return state >= 0 && state <= BATCH_ABORTED ? names[state] : "PENDING";
}

int read_batch(struct store *store, int64_t batch_id, json_t **ret_batch, struct berth_error *err)
{
	AUTO_BATCH struct batch_row row = {0};
	AUTO_JSON json_t *runs = json_array();
	AUTO_JSON json_t *errors = json_array();
	int found = store_batch_read(store, batch_id, &row, err);
	json_t *batch;

	if (found != 0)
		return found < 0 ? -1 : fail_absent(err, "batch", batch_id);
	if (!runs || !errors)
		return fail_memory(err);
	if (add_items(store, batch_id, runs, errors, err) < 0)
		return -1;
	batch = json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:o, s:s?, s:O, "
			  "s:{s:o, s:O}}",
			  "id", run_json_id("batch", row.id), "status", batch_status(row.state),
			  "createdAt", run_json_date(row.created_ns), "updatedAt",
			  run_json_date(row.updated_ns), "sealedAt", run_json_date(row.sealed_ns),
			  "completedAt", run_json_date(row.completed_ns), "runCount",
			  (json_int_t)row.expected, "acceptedCount", (json_int_t)row.accepted,
			  "refusedCount", (json_int_t)row.failed, "endedCount",
			  (json_int_t)row.ended, "parentId", run_json_id("run", row.parent_id),
			  "idempotencyKey", row.idempotency_key, "runs", runs, "processing",
			  "completedAt", run_json_date(row.sealed_ns), "errors", errors);
	if (!batch)
		return fail_memory(err);
	*ret_batch = batch;
	return 0;
}

static const char *const token_states[] = {
	[WAITPOINT_WAITING] = "WAITING",
	[WAITPOINT_COMPLETED] = "COMPLETED",
	[WAITPOINT_TIMED_OUT] = "TIMED_OUT",
};
#define TOKEN_STATES 3

/* What a list shows; the output, which may be large, is of one token only. */
static json_t *token_json(const struct waitpoint_row *row)
{
	return json_pack("{s:o, s:s, s:o, s:o, s:o, s:o, s:s?, s:o, s:b}", "id",
			 run_json_id("waitpoint", row->id), "status", token_states[row->state],
			 "tags", row->tags ? run_json_value(row->tags, NULL) : json_array(),
			 "createdAt", run_json_date(row->created_ns), "timeoutAt",
			 run_json_date(row->due_ns), "completedAt",
			 run_json_date(row->completed_ns), "idempotencyKey", row->idempotency_key,
			 "idempotencyKeyExpiresAt", run_json_date(row->idempotency_expires_ns),
			 "outputIsError", (int)row->is_error);
}

/* 1: there is no token of that number. */
static int find_token(struct store *store, int64_t id, bool with_output,
		      struct waitpoint_row *ret_row, struct berth_error *err)
{
	int found = store_waitpoint_read(store, id, with_output, ret_row, err);

	if (found == 0 && ret_row->kind != WAITPOINT_TOKEN) {
		waitpoint_row_finish(ret_row);
		return 1;
	}
	return found;
}

int read_token(struct store *store, int64_t waitpoint_id, json_t **ret_token,
	       struct berth_error *err)
{
	AUTO_WAITPOINT struct waitpoint_row row = {0};
	AUTO_JSON json_t *token = NULL;
	int found = find_token(store, waitpoint_id, true, &row, err);

	if (found != 0)
		return found < 0 ? -1 : fail_absent(err, "waitpoint", waitpoint_id);
	token = token_json(&row);
	if (!token)
		return fail_memory(err);
	if (run_json_set(token, "output", run_json_value(row.output, row.output_type), err) < 0 ||
	    run_json_set(token, "outputType", run_json_text(row.output_type), err) < 0)
		return -1;
	*ret_token = json_incref(token);
	return 0;
}

static void add_stream(struct run_merge *merge, int state, int64_t below_id)
{
	merge->streams[merge->count++].range = (struct list_range){
		.index = LIST_TOKENS_BY_STATE,
		.key = state,
		.below_id = below_id,
	};
}

/* NULL status: any. Comma separated names. */
static int add_streams(struct run_merge *merge, const char *status, int64_t below_id,
		       struct berth_error *err)
{
	for (int state = 0; !status && state < TOKEN_STATES; state++)
		add_stream(merge, state, below_id);
	while (status) {
		size_t length = strcspn(status, ",");
		int state = 0;

		while (state < TOKEN_STATES && (strlen(token_states[state]) != length ||
						memcmp(token_states[state], status, length) != 0))
			state++;
		if (state == TOKEN_STATES || merge->count == TOKEN_STATES)
			return berth_fail(err, BERTH_INVALID, 0,
					  "a token's status is of WAITING, COMPLETED, TIMED_OUT");
		add_stream(merge, state, below_id);
		status = status[length] ? status + length + 1 : NULL;
	}
	return 0;
}

/* Fills data, and says behind which token the next page begins; 0: there is none. */
static int fill_tokens(json_t *data, struct run_merge *merge, struct store *store,
		       int64_t environment_id, int64_t limit, int64_t *ret_next,
		       struct berth_error *err)
{
	int64_t id, last = 0;

	for (size_t looks = 0;; looks++) {
		AUTO_WAITPOINT struct waitpoint_row row = {0};
		int found;

		if (run_merge_next(merge, store, &id, err) < 0)
			return -1;
		*ret_next = id ? last : 0;
		if (id == 0 || looks == READ_LOOKS_MAX || (int64_t)json_array_size(data) == limit)
			return 0;
		last = id;
		found = find_token(store, id, false, &row, err);
		if (found < 0)
			return -1;
		if (found == 1 || row.environment_id != environment_id)
			continue;
		if (json_array_append_new(data, token_json(&row)) < 0)
			return fail_memory(err);
	}
}

int read_tokens(struct store *store, int64_t environment_id, const char *status, int64_t after_id,
		int64_t limit, json_t **ret_page, struct berth_error *err)
{
	AUTO_JSON json_t *data = json_array();
	struct run_merge merge = {0};
	json_t *page;
	int64_t next;

	limit = limit ? limit : PAGE_DEFAULT;
	if (limit < 1 || limit > READ_PAGE_MAX || after_id < 0)
		return berth_fail(err, BERTH_INVALID, 0, "a page has 1 to %d tokens",
				  READ_PAGE_MAX);
	if (!data)
		return fail_memory(err);
	if (add_streams(&merge, status, after_id ? after_id : INT64_MAX, err) < 0 ||
	    fill_tokens(data, &merge, store, environment_id ? environment_id : 1, limit, &next,
			err) < 0)
		return -1;
	page = json_pack("{s:O, s:o}", "data", data, "next", run_json_id("waitpoint", next));
	if (!page)
		return fail_memory(err);
	*ret_page = page;
	return 0;
}
