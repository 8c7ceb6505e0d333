/* SPDX-License-Identifier: Apache-2.0 */
/* The answer of a finished wait as JSON text, bounded by what one message can carry. Results of
 * runs are read where the runs keep them, not copied into their waitpoints. */
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"
#include "runner/engine/engine_batches.h"
#include "runner/engine/engine_core.h"
#include "runner/engine/engine_waits.h"
#include "runner/engine/run_json.h"
#include "runner/engine/run_state.h"
#include "runner/store/store_batches.h"
#include "runner/store/store_views.h"
#include "runner/store/store_waitpoints.h"

#define CHUNK 64 /* blocks read at a time */

/* The text as it grows. */
struct answer {
	struct store *store;
	struct text text;
	size_t outputs;   /* bytes of those that are in it */
	bool has_failure; /* an item of the batch that is being appended */
};

static int fail_memory(struct berth_error *err)
{
	return berth_fail(err, BERTH_MEMORY, 0, "wait: out of memory");
}

/* Appends one element; an output that does not fit is left out of it. Takes the reference. */
static int append(struct answer *answer, json_t *taken, struct berth_error *err)
{
	AUTO_JSON json_t *element = taken;
	AUTO_FREE char *text = element ? json_format_compact(element) : NULL;
	char last = answer->text.length ? answer->text.data[answer->text.length - 1] : '[';

	if (text && strlen(text) + answer->outputs > ENGINE_WAIT_RESULT_MAX) {
		free(text);
		text = NULL;
		(void)json_object_del(element, "output"); /* absent in a failed run */
		if (json_object_get(element, "error"))
			(void)json_object_set_new(element, "error", json_object());
		if (json_object_set_new(element, "outputOmitted", json_true()) == 0)
			text = json_format_compact(element);
	}
	if (!text)
		return fail_memory(err);
	if (json_object_get(element, "output") || json_object_get(element, "error"))
		answer->outputs += strlen(text);
	if (last != '[' && text_append_string(&answer->text, ",", err) < 0)
		return -1;
	return text_append_string(&answer->text, text, err);
}

/* index: of a batch's item, or -1. */
static int append_run(struct answer *answer, int64_t run_id, int64_t index, struct berth_error *err)
{
	AUTO_RUN_VIEW struct run_view view = {0};
	AUTO_RUN_DATA_VIEW struct run_data_view data = {0};
	enum run_state state;
	bool is_success;
	json_t *element;
	int found = store_view_run(answer->store, run_id, &view, err);

	if (found < 0 || store_view_run_data(answer->store, run_id, false, &data, err) < 0)
		return -1;
	state = (enum run_state)view.state;
	is_success = found == 0 && run_state_is_success(state);
	answer->has_failure |= !is_success;
	element = json_pack("{s:s, s:o, s:s, s:b, s:s?}", "kind", "run", "id",
			    run_json_id("run", run_id), "state",
			    found == 0 ? run_state_api_name(state) : "UNKNOWN", "ok",
			    (int)is_success, "taskIdentifier", view.task);
	if (!element)
		return fail_memory(err);
	if ((index >= 0 && run_json_set(element, "index", json_integer(index), err) < 0) ||
	    (is_success &&
	     run_json_set(element, "outputType", run_json_text(data.output_type), err) < 0) ||
	    run_json_set(element, is_success ? "output" : "error",
			 is_success ? run_json_value(data.output, data.output_type)
				    : run_json_value(data.error, NULL),
			 err) < 0) {
		json_decref(element);
		return -1;
	}
	return append(answer, element, err);
}

static int append_item(struct answer *answer, const struct batch_item_row *item,
		       struct berth_error *err)
{
	if (item->run_id)
		return append_run(answer, item->run_id, item->place, err);
	answer->has_failure = true;
	return append(answer,
		      json_pack("{s:s, s:n, s:s, s:b, s:I, s:o}", "kind", "run", "id", "state",
				"REFUSED", "ok", 0, "index", (json_int_t)item->place, "error",
				run_json_value(item->error, NULL)),
		      err);
}

static int append_items(struct answer *answer, int64_t batch_id, struct berth_error *err)
{
	for (int64_t place = 0;; place++) {
		AUTO_BATCH_ITEM struct batch_item_row item = {0};
		int found = store_batch_item_next(answer->store, batch_id, place, &item, err);

		if (found != 0)
			return found < 0 ? -1 : 0;
		place = item.place;
		if (append_item(answer, &item, err) < 0)
			return -1;
	}
}

static int append_batch(struct answer *answer, int64_t batch_id, struct berth_error *err)
{
	AUTO_BATCH struct batch_row row = {0};
	AUTO_JSON json_t *id = run_json_id("batch", batch_id);
	int found = store_batch_read(answer->store, batch_id, &row, err);

	if (found < 0)
		return -1;
	if (!id)
		return fail_memory(err);
	if (text_append_format(&answer->text, err,
			       "%s{\"kind\":\"batch\",\"id\":\"%s\",\"state\":\"COMPLETED\","
			       "\"output\":[",
			       answer->text.length > 1 ? "," : "", json_string_value(id)) < 0)
		return -1;
	answer->has_failure = found == 1 || row.failed > 0;
	if (append_items(answer, batch_id, err) < 0)
		return -1;
	return text_append_format(&answer->text, err, "],\"ok\":%s}",
				  answer->has_failure ? "false" : "true");
}

static int append_date_or_token(struct answer *answer, const struct waitpoint_row *row,
				struct berth_error *err)
{
	bool is_token = row->kind == WAITPOINT_TOKEN;
	json_t *element = json_pack("{s:s, s:o, s:s, s:b}", "kind", is_token ? "token" : "date",
				    "id", run_json_id("waitpoint", row->id), "state",
				    row->state == WAITPOINT_TIMED_OUT ? "TIMED_OUT" : "COMPLETED",
				    "ok", !row->is_error);

	if (!element)
		return fail_memory(err);
	if (is_token && run_json_set(element, row->is_error ? "error" : "output",
				     run_json_value(row->output, row->output_type), err) < 0) {
		json_decref(element);
		return -1;
	}
	return append(answer, element, err);
}

static int append_waitpoint(struct answer *answer, int64_t waitpoint_id, struct berth_error *err)
{
	AUTO_WAITPOINT struct waitpoint_row row = {0};

	if (store_waitpoint_read(answer->store, waitpoint_id, true, &row, err) < 0)
		return -1;
	switch ((enum waitpoint_kind)row.kind) {
	case WAITPOINT_RUN:
		return append_run(answer, row.run_id, -1, err);
	case WAITPOINT_BATCH:
		return append_batch(answer, row.batch_id, err);
	case WAITPOINT_DATE:
	case WAITPOINT_TOKEN:
		break;
	}
	return append_date_or_token(answer, &row, err);
}

static int append_blocks(struct answer *answer, int64_t run_id, const char *wait_id,
			 struct berth_error *err)
{
	struct block_row blocks[CHUNK];
	int64_t place = 0;
	size_t count;

	do {
		if (store_block_read_request(answer->store, run_id, wait_id, place, blocks, CHUNK,
					     &count, err) < 0)
			return -1;
		for (size_t i = 0; i < count; i++)
			if (append_waitpoint(answer, blocks[i].waitpoint_id, err) < 0)
				return -1;
		if (count > 0)
			place = blocks[count - 1].place + 1;
	} while (count == CHUNK);
	return 0;
}

int engine_wait_result(struct engine *engine, int64_t run_id, const char *token,
		       const char *wait_id, char **ret_json, struct berth_error *err)
{
	AUTO_TEXT struct text text = {0};
	struct answer answer = {.store = engine->store};
	struct block_counts counts;
	struct wait_run run;
	int result, found = store_wait_run(engine->store, run_id, &run, err);

	if (found < 0)
		return -1;
	if (found == 1 || strcmp(run.token, token) != 0)
		return ENGINE_STALE;
	if (store_block_count(engine->store, run_id, wait_id, &counts, err) < 0)
		return -1;
	if (counts.all == 0)
		return berth_fail(err, BERTH_NOT_FOUND, 0, "the run does not wait for that");
	if (counts.pending > 0) {
		*ret_json = NULL;
		return 0;
	}
	result = text_append_string(&answer.text, "[", err);
	if (result == 0)
		result = append_blocks(&answer, run_id, wait_id, err);
	if (result == 0)
		result = text_append_string(&answer.text, "]", err);
	text = answer.text; /* now it is released in any case */
	if (result < 0)
		return -1;
	*ret_json = text_steal(&text);
	return *ret_json ? 0 : fail_memory(err);
}
