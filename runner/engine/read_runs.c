/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of runs by filter, and one run with everything that is known of it. */
#include <string.h>

#include "base/identifier.h"
#include "base/json.h"
#include "runner/engine/engine_reads.h"
#include "runner/engine/run_json.h"
#include "runner/engine/run_options.h"
#include "runner/engine/run_query.h"
#include "runner/engine/run_state.h"
#include "runner/store/store_lists.h"
#include "runner/store/store_views.h"

#define PAGE_DEFAULT 25
#define ATTEMPTS_MAX 250 /* shown; interruptions may have made more */
#define CHILDREN_MAX 100 /* shown */

static int fail_memory(struct berth_error *err)
{
	return berth_fail(err, BERTH_MEMORY, 0, "list: out of memory");
}

static int fail_absent(struct berth_error *err, int64_t run_id)
{
	char id[IDENTIFIER_NUMBER_SIZE];

	identifier_format_number("run", run_id, id);
	return berth_fail(err, BERTH_NOT_FOUND, 0, "there is no run %s", id);
}

static int append_run(json_t *data, struct store *store, int64_t run_id, struct berth_error *err)
{
	AUTO_RUN_VIEW struct run_view view = {0};
	json_t *run;
	int found = store_view_run(store, run_id, &view, err);

	if (found != 0)
		return found < 0 ? -1 : 0;
	if (run_json_create(store, &view, &run, err) < 0)
		return -1;
	return json_array_append_new(data, run) < 0 ? fail_memory(err) : 0;
}

/* Fills data, and says behind which run the next page begins; 0: there is none. */
static int fill_page(json_t *data, struct run_query *query, struct store *store, int64_t limit,
		     int64_t *ret_next, struct berth_error *err)
{
	int64_t id, last = 0, next = 0;

	for (int64_t count = 0;; count++) {
		if (run_query_next(query, store, &id, &next, err) < 0)
			return -1;
		if (id == 0 || count == limit)
			break;
		if (append_run(data, store, id, err) < 0)
			return -1;
		last = id;
	}
	*ret_next = id != 0 ? last : next;
	return 0;
}

static int read_page(struct store *store, const struct read_run_filter *filter, json_t *data,
		     int64_t limit, int64_t *ret_next, struct berth_error *err)
{
	AUTO_RUN_QUERY struct run_query query = {0};

	if (run_query_init(&query, store, filter, false, err) < 0)
		return -1;
	return fill_page(data, &query, store, limit, ret_next, err);
}

int read_runs(struct store *store, const struct read_run_filter *filter, json_t **ret_page,
	      struct berth_error *err)
{
	AUTO_JSON json_t *data = json_array();
	int64_t limit = filter->limit ? filter->limit : PAGE_DEFAULT;
	int64_t next = 0;
	bool is_mine;
	int result;
	json_t *page;

	if (limit < 1 || limit > READ_PAGE_MAX)
		return berth_fail(err, BERTH_INVALID, 0, "a page has 1 to %d runs", READ_PAGE_MAX);
	if (!data)
		return fail_memory(err);
	if (store_snapshot_begin(store, &is_mine, err) < 0)
		return -1;
	result = read_page(store, filter, data, limit, &next, err);
	store_snapshot_end(store, is_mine);
	if (result < 0)
		return -1;
	page = json_pack("{s:O, s:o}", "data", data, "next", run_json_id("run", next));
	if (!page)
		return fail_memory(err);
	*ret_page = page;
	return 0;
}

static int read_ids(struct store *store, const struct read_run_filter *filter, int64_t *ret_ids,
		    size_t most, size_t *ret_count, int64_t *ret_next, struct berth_error *err)
{
	AUTO_RUN_QUERY struct run_query query = {0};
	int64_t id = 0, next = 0;
	size_t count = 0;

	if (run_query_init(&query, store, filter, true, err) < 0)
		return -1;
	while (count < most) {
		if (run_query_next(&query, store, &id, &next, err) < 0)
			return -1;
		if (id == 0)
			break;
		ret_ids[count++] = id;
	}
	*ret_next = id != 0 ? id : next;
	*ret_count = count;
	return 0;
}

int read_run_ids(struct store *store, const struct read_run_filter *filter, int64_t *ret_ids,
		 size_t most, size_t *ret_count, int64_t *ret_next, struct berth_error *err)
{
	bool is_mine;
	int result;

	if (most == 0)
		return berth_fail(err, BERTH_INVALID, 0, "a list of no runs");
	if (store_snapshot_begin(store, &is_mine, err) < 0)
		return -1;
	result = read_ids(store, filter, ret_ids, most, ret_count, ret_next, err);
	store_snapshot_end(store, is_mine);
	return result;
}

/* PENDING EXECUTING COMPLETED FAILED CANCELED, of the words that attempt_end() keeps. */
static const char *attempt_status(const struct attempt_view *view)
{
	if (view->ended_ns == 0)
		return view->executing_ns ? "EXECUTING" : "PENDING";
	if (view->outcome && strcmp(view->outcome, "completed") == 0)
		return "COMPLETED";
	if (view->outcome && strcmp(view->outcome, "cancelled") == 0)
		return "CANCELED";
	return "FAILED";
}

static int add_attempt(void *owner, const struct attempt_view *view, struct berth_error *err)
{
	json_t *attempt = json_pack(
		"{s:I, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I}", "number",
		(json_int_t)view->number, "status", attempt_status(view), "outcome",
		run_json_text(view->outcome), "reason", run_json_text(view->reason), "exitCode",
		view->has_exit_code ? json_integer(view->exit_code) : json_null(), "message",
		run_json_text(view->message), "machine", run_json_text(view->machine), "startedAt",
		run_json_date(view->started_ns), "executingAt", run_json_date(view->executing_ns),
		"endedAt", run_json_date(view->ended_ns), "usage",
		run_json_value(view->usage, NULL), "protections",
		run_json_value(view->protections, NULL), "logBytes", (json_int_t)view->log_bytes);

	return json_array_append_new(owner, attempt) < 0 ? fail_memory(err) : 0;
}

static int set_attempts(json_t *run, struct store *store, int64_t run_id, struct berth_error *err)
{
	json_t *attempts = json_array();

	if (run_json_set(run, "attempts", attempts, err) < 0)
		return -1;
	return store_view_attempts(store, run_id, ATTEMPTS_MAX, add_attempt, attempts, err);
}

/* The newest children; "hasMoreChildren" when there are more. */
static int set_children(json_t *run, struct store *store, int64_t run_id, struct berth_error *err)
{
	struct list_range range = {
		.index = LIST_RUNS_BY_PARENT, .key = run_id, .below_id = INT64_MAX};
	int64_t ids[CHILDREN_MAX + 1];
	json_t *children = json_array();
	size_t count;

	if (run_json_set(run, "children", children, err) < 0 ||
	    store_list_ids(store, &range, ids, CHILDREN_MAX + 1, &count, err) < 0)
		return -1;
	for (size_t i = 0; i < count && i < CHILDREN_MAX; i++)
		if (json_array_append_new(children, run_json_id("run", ids[i])) < 0)
			return fail_memory(err);
	return run_json_set(run, "hasMoreChildren", json_boolean(count > CHILDREN_MAX), err);
}

/* The places of the host that it was given. */
static int set_files(json_t *run, const char *options_text, struct berth_error *err)
{
	AUTO_RUN_OPTIONS struct run_options options = {0};

	if (run_options_parse(options_text, &options, err) < 0 ||
	    run_json_set(run, "inputs", options.inputs ? json_incref(options.inputs) : json_array(),
			 err) < 0)
		return -1;
	return run_json_set(run, "outputDirectory", run_json_text(options.output_directory), err);
}

static int set_data(json_t *run, struct store *store, int64_t run_id, bool with_data,
		    struct berth_error *err)
{
	AUTO_RUN_DATA_VIEW struct run_data_view data = {0};

	if (store_view_run_data(store, run_id, with_data, &data, err) < 0 ||
	    run_json_set(run, "output", run_json_value(data.output, data.output_type), err) < 0 ||
	    run_json_set(run, "outputType", run_json_text(data.output_type), err) < 0 ||
	    run_json_set(run, "error", run_json_value(data.error, NULL), err) < 0)
		return -1;
	if (!with_data)
		return 0;
	if (set_files(run, data.options, err) < 0 ||
	    run_json_set(run, "payload", run_json_value(data.payload, data.payload_type), err) <
		    0 ||
	    run_json_set(run, "payloadType", run_json_text(data.payload_type), err) < 0)
		return -1;
	return run_json_set(run, "metadata", run_json_value(data.metadata, NULL), err);
}

static int read_whole(struct store *store, int64_t run_id, bool with_data, json_t **ret_run,
		      struct berth_error *err)
{
	AUTO_RUN_VIEW struct run_view view = {0};
	AUTO_JSON json_t *run = NULL;
	int found = store_view_run(store, run_id, &view, err);

	if (found != 0)
		return found < 0 ? -1 : fail_absent(err, run_id);
	if (run_json_create(store, &view, &run, err) < 0 ||
	    set_data(run, store, run_id, with_data, err) < 0 ||
	    set_attempts(run, store, run_id, err) < 0 || set_children(run, store, run_id, err) < 0)
		return -1;
	*ret_run = run;
	run = NULL;
	return 0;
}

int read_run(struct store *store, int64_t run_id, bool with_data, json_t **ret_run,
	     struct berth_error *err)
{
	bool is_mine;
	int result;

	if (store_snapshot_begin(store, &is_mine, err) < 0)
		return -1;
	result = read_whole(store, run_id, with_data, ret_run, err);
	store_snapshot_end(store, is_mine);
	return result;
}
