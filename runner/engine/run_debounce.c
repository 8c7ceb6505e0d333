/* SPDX-License-Identifier: Apache-2.0 */
/* Triggers of one debounce key that become one run. */
#include "runner/engine/run_debounce.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "runner/engine/engine_core.h"
#include "runner/engine/run_move.h"
#include "runner/engine/run_options.h"
#include "runner/engine/run_tags.h"
#include "runner/store/store_timers.h"

/* Options of the old run where the new trigger may not change them. */
static int merge_options(const struct run_options *old, const struct run_trigger *request,
			 char **ret_text, struct berth_error *err)
{
	const struct run_trigger merged = {
		.machine = request->machine,
		.max_attempts = request->max_attempts,
		.max_duration_ms = request->max_duration_ms,
		.inputs = request->inputs,
		.output_directory = request->output_directory,
		.queue = old->queue,
		.concurrency_key = old->concurrency_key,
		.priority = old->priority,
		.ttl_ms = old->ttl_ms,
		.has_ttl = old->has_ttl,
	};

	return run_options_format(&merged, ret_text, err);
}

static int replace(struct engine *engine, const struct run_trigger *request,
		   const struct definition *definition, struct run_row *run,
		   struct berth_error *err)
{
	AUTO_RUN_OPTIONS struct run_options old = {0};
	AUTO_RUN_DATA struct run_data_row data = {0};
	AUTO_FREE char *text = NULL, *metadata = NULL;
	const struct run_options asked = {
		.machine = request->machine,
		.max_attempts = request->max_attempts,
		.max_duration_ms = request->max_duration_ms,
	};
	struct run_data_row input;

	if (store_run_data_read_input(engine->store, run->id, &data, err) < 0 ||
	    run_options_parse(data.options, &old, err) < 0 ||
	    merge_options(&old, request, &text, err) < 0 ||
	    run_metadata_format(request->metadata, &metadata, err) < 0 ||
	    run_options_apply(engine, &asked, definition, run, err) < 0)
		return -1;
	input = (struct run_data_row){
		.payload = request->payload,
		.payload_type = request->payload_type ? request->payload_type : data.payload_type,
		.options = text,
		.metadata = metadata,
	};
	if (store_run_data_write_input(engine->store, run->id, &input, err) < 0 ||
	    store_run_tag_delete_all(engine->store, run->id, err) < 0)
		return -1;
	return run_tags_write(engine, run->id, request->tags, err);
}

static int put_off(struct engine *engine, struct run_row *run, uint64_t until_ns,
		   struct berth_error *err)
{
	const struct timer_row before = {run->delay_until_ns, TIMER_DELAY, run->id};
	const struct timer_row after = {until_ns, TIMER_DELAY, run->id};

	run->delay_until_ns = until_ns;
	if (store_timer_delete(engine->store, &before, err) < 0)
		return -1;
	return store_timer_insert(engine->store, &after, err);
}

int run_debounce_join(struct engine *engine, const struct run_trigger *request, int64_t task_id,
		      const struct definition *definition, uint64_t now_ns, int64_t *ret_run_id,
		      struct berth_error *err)
{
	uint64_t until_ns = now_ns + request->debounce_delay_ms * CLOCK_NS_PER_MS;
	uint64_t latest_ns;
	struct run_row run;
	int64_t run_id;
	int found = store_debounce_read(engine->store, task_id, request->debounce_key, &run_id,
					&latest_ns, err);

	if (found != 0)
		return found;
	found = store_run_read(engine->store, run_id, &run, err);
	if (found != 0 || run.state != RUN_DELAYED)
		return found < 0 ? -1 : 1;
	if (latest_ns && until_ns > latest_ns)
		until_ns = latest_ns;
	if (request->debounce_mode == RUN_DEBOUNCE_TRAILING &&
	    replace(engine, request, definition, &run, err) < 0)
		return -1;
	run.updated_ns = now_ns;
	if (put_off(engine, &run, until_ns, err) < 0 ||
	    store_run_write_attempt(engine->store, &run, err) < 0)
		return -1;
	*ret_run_id = run_id;
	return engine_add_run_effect(engine, ENGINE_CHANGED, run_id, err);
}

int run_debounce_hold(struct engine *engine, const struct run_trigger *request, int64_t task_id,
		      int64_t run_id, uint64_t now_ns, struct berth_error *err)
{
	uint64_t latest_ns =
		request->debounce_max_ms ? now_ns + request->debounce_max_ms * CLOCK_NS_PER_MS : 0;

	return store_debounce_write(engine->store, task_id, request->debounce_key, run_id,
				    latest_ns, err);
}
