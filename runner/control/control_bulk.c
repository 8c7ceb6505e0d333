/* SPDX-License-Identifier: Apache-2.0 */
/* Cancelling and replaying many runs, some at a time: the engine's thread does other work between
 * them, and each run is a piece of its own, so that one that fails does not undo the others. */
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/identifier.h"
#include "base/json.h"
#include "runner/control/control_error_table.h"
#include "runner/control/control_filter.h"
#include "runner/control/control_job.h"
#include "runner/control/control_operations.h"

#define AT_ONCE    100
#define ERRORS_MAX 20 /* told */

struct bulk;

struct bulk_item {
	struct engine_job job;
	struct bulk *bulk;
	int64_t run_id;
	struct run_accepted accepted; /* of a replay */
};

struct bulk {
	struct control_call *call;
	struct read_run_filter filter;
	int64_t *named; /* NULL: by filter */
	size_t named_count, named_next;
	int64_t after_id;
	bool is_last;
	struct bulk_item items[AT_ONCE];
	size_t count, pending;
	int64_t matched, done, failed;
	json_t *runs, *errors;
};

static void bulk_destroy(void *state)
{
	struct bulk *bulk = state;

	free(bulk->named);
	json_decref(bulk->runs);
	json_decref(bulk->errors);
	free(bulk);
}

static void next_items(struct control_call *call);

static int do_item(struct engine *engine, void *argument, struct berth_error *err)
{
	struct bulk_item *item =
		(struct bulk_item *)((char *)argument - offsetof(struct bulk_item, job));
	const struct control_bulk *record = &item->bulk->call->record.bulk;
	const struct run_trigger nothing = {0};

	if (record->action == CONTROL_BULK_CANCEL)
		return engine_cancel(engine, item->run_id, record->grace_ms, err);
	return engine_replay(engine, item->run_id, &nothing, &item->accepted, err);
}

/* Words that do not fit into memory are missing from the lists, not from the counts. */
static void tell_item(struct bulk *bulk, const struct bulk_item *item, int result,
		      const struct berth_error *err)
{
	char id[IDENTIFIER_NUMBER_SIZE];

	bulk->done += result >= 0;
	bulk->failed += result < 0;
	identifier_format_number("run", item->run_id, id);
	if (result < 0 && json_array_size(bulk->errors) < ERRORS_MAX)
		(void)json_array_append_new(bulk->errors, json_pack("{s:s, s:o}", "id", id, "error",
								    control_error_format(err)));
	if (result < 0 || !item->accepted.run_id ||
	    json_array_size(bulk->runs) >= CONTROL_BULK_IDS_MAX)
		return;
	identifier_format_number("run", item->accepted.run_id, id);
	(void)json_array_append_new(bulk->runs, json_string(id));
}

static void on_item(struct engine_job *job, int result, const struct berth_error *err)
{
	struct bulk_item *item =
		(struct bulk_item *)((char *)job - offsetof(struct bulk_item, job));
	struct bulk *bulk = item->bulk;

	tell_item(bulk, item, result, err);
	if (--bulk->pending == 0)
		next_items(bulk->call);
}

static void finish(struct bulk *bulk)
{
	control_call_answer(bulk->call,
			    json_pack("{s:I, s:I, s:I, s:O, s:O}", "matched",
				      (json_int_t)bulk->matched, "done", (json_int_t)bulk->done,
				      "failed", (json_int_t)bulk->failed, "errors", bulk->errors,
				      "runs", bulk->runs));
}

/* The numbers are there: hands them all in, to be committed together. */
static void start_items(struct control_call *call)
{
	struct bulk *bulk = call->state;
	size_t count = bulk->count;

	bulk->matched += (int64_t)count;
	if (count == 0) {
		next_items(call);
		return;
	}
	bulk->pending = count;
	for (size_t i = 0; i < count; i++) {
		struct bulk_item *item = &bulk->items[i];

		item->accepted = (struct run_accepted){0};
		item->job = (struct engine_job){.work = do_item, .done = on_item};
		call->backend->submit(call->backend->owner, &item->job, false);
	}
}

static int read_ids(struct store *store, struct control_call *call, struct berth_error *err)
{
	struct bulk *bulk = call->state;
	int64_t ids[AT_ONCE], next;

	bulk->filter.after_id = bulk->after_id;
	if (read_run_ids(store, &bulk->filter, ids, AT_ONCE, &bulk->count, &next, err) < 0)
		return -1;
	for (size_t i = 0; i < bulk->count; i++)
		bulk->items[i].run_id = ids[i];
	bulk->after_id = next;
	bulk->is_last = next == 0;
	return 0;
}

static void take_named(struct bulk *bulk)
{
	bulk->count = 0;
	while (bulk->count < AT_ONCE && bulk->named_next < bulk->named_count)
		bulk->items[bulk->count++].run_id = bulk->named[bulk->named_next++];
	bulk->is_last = bulk->named_next == bulk->named_count;
}

static void next_items(struct control_call *call)
{
	struct bulk *bulk = call->state;

	if (bulk->is_last) {
		finish(bulk);
	} else if (bulk->named) {
		take_named(bulk);
		start_items(call);
	} else {
		control_job_read(call, read_ids, start_items);
	}
}

static int parse_named(struct bulk *bulk, const json_t *array, struct berth_error *err)
{
	size_t count = json_array_size(array);

	if (count < 1 || count > CONTROL_BULK_IDS_MAX)
		return berth_fail(err, BERTH_INVALID, 0, "runs: not an array of 1 to %d",
				  CONTROL_BULK_IDS_MAX);
	bulk->named = calloc(count, sizeof(*bulk->named));
	if (!bulk->named)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "bulk");
	for (size_t i = 0; i < count; i++) {
		const char *text = json_string_value(json_array_get(array, i));

		if (control_parse_id("run", text ? text : "", &bulk->named[i], err) < 0)
			return berth_fail_context(err, "runs: number %zu", i);
	}
	bulk->named_count = count;
	return 0;
}

static int parse(struct bulk *bulk, const struct control_bulk *record, struct berth_error *err)
{
	uint64_t now_ns = clock_realtime_ns();

	for (size_t i = 0; i < AT_ONCE; i++)
		bulk->items[i].bulk = bulk;
	bulk->runs = json_array();
	bulk->errors = json_array();
	if (!record->runs == control_filter_is_empty(&record->filter))
		return berth_fail(err, BERTH_INVALID, 0,
				  "bulk: needs either runs or at least one filter");
	if (record->runs)
		return parse_named(bulk, record->runs, err);
	if (control_filter_read(&record->filter, &bulk->filter, err) < 0)
		return -1;
	/* what a replay makes may match as well: it does not count */
	if (bulk->filter.to_ns == 0 || bulk->filter.to_ns > now_ns)
		bulk->filter.to_ns = now_ns;
	return 0;
}

int control_bulk(struct control_call *call, struct berth_error *err)
{
	struct bulk *bulk = calloc(1, sizeof(*bulk));

	if (!bulk)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "bulk");
	bulk->call = call;
	call->state = bulk;
	call->finish_state = bulk_destroy;
	if (parse(bulk, &call->record.bulk, err) < 0)
		return -1;
	next_items(call);
	return 0;
}
