/* SPDX-License-Identifier: Apache-2.0 */
/* What the supervisor needs to launch an attempt. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "runner/engine/engine_attempts.h"
#include "runner/engine/engine_core.h"
#include "runner/engine/run_move.h"
#include "runner/engine/run_options.h"
#include "runner/store/store_attempts.h"
#include "runner/store/store_queues.h"
#include "runner/store/store_versions.h"

void engine_launch_finish(struct engine_launch *launch)
{
	char *const texts[] = {
		launch->task,
		launch->version,
		launch->definition,
		launch->bundle,
		launch->payload,
		launch->payload_type,
		launch->output_directory,
		launch->machine,
		launch->queue,
		launch->concurrency_key,
		launch->fail,
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		free(texts[i]);
	json_decref(launch->inputs);
	memset(launch, 0, sizeof(*launch));
}

/* At least a moment: an attempt without a limit is said by 0. */
static uint64_t remaining_ms(const struct run_row *run)
{
	uint64_t now_ns = clock_realtime_ns(), used_ns = run->active_ns;

	if (run->max_duration_ms == 0)
		return 0;
	if (run->resumed_ns && now_ns > run->resumed_ns)
		used_ns += now_ns - run->resumed_ns;
	if (used_ns / CLOCK_NS_PER_MS >= run->max_duration_ms)
		return 1;
	return run->max_duration_ms - used_ns / CLOCK_NS_PER_MS;
}

static int read_names(struct engine *engine, const struct run_row *run,
		      struct engine_launch *launch, struct berth_error *err)
{
	struct store *store = engine->store;
	int64_t version_id = 0;
	struct queue_row queue;

	if (store_task_name(store, run->task_id, &launch->task, err) < 0 ||
	    store_definition_read(store, run->definition_id, &launch->definition, &version_id,
				  err) < 0 ||
	    store_version_read(store, run->version_id, &launch->version, &launch->bundle, err) <
		    0 ||
	    store_queue_read(store, run->queue_id, &queue, err) < 0 ||
	    store_lane_read_key(store, run->lane_id, &launch->concurrency_key, err) < 0)
		return -1;
	launch->queue = strdup(queue.name);
	launch->machine = strdup(run->machine);
	if (!launch->queue || !launch->machine)
		return berth_fail(err, BERTH_MEMORY, 0, "engine: out of memory");
	if (!launch->definition || !launch->version)
		return berth_fail(err, BERTH_NOT_FOUND, 0, "the run's version is gone");
	return 0;
}

static int read_input(struct engine *engine, int64_t run_id, struct engine_launch *launch,
		      struct berth_error *err)
{
	AUTO_RUN_OPTIONS struct run_options options = {0};
	AUTO_RUN_DATA struct run_data_row data = {0};

	if (store_run_data_read_input(engine->store, run_id, &data, err) < 0 ||
	    run_options_parse(data.options, &options, err) < 0)
		return -1;
	launch->payload = steal_ptr(&data.payload);
	launch->payload_type = steal_ptr(&data.payload_type);
	launch->inputs = steal_ptr(&options.inputs);
	launch->output_directory = steal_ptr(&options.output_directory);
	return 0;
}

int engine_read_launch(struct engine *engine, int64_t run_id, const char *token,
		       struct engine_launch *ret_launch, struct berth_error *err)
{
	struct run_row run;
	struct engine_launch launch;
	int found = run_find_live(engine, run_id, token, &run, err);

	if (found != 0)
		return found;
	launch = (struct engine_launch){
		.run_id = run.id,
		.attempt = run.attempt,
		.max_attempts = run.max_attempts,
		.definition_id = run.definition_id,
		.max_duration_ms = remaining_ms(&run),
		.parent_id = run.parent_id,
		.root_id = run.root_id,
		.batch_id = run.batch_id,
		.created_ns = run.created_ns,
		.is_test = run.is_test,
		.is_replay = run.replay_of != 0,
	};
	memcpy(launch.token, run.token, sizeof(launch.token));
	if (read_names(engine, &run, &launch, err) < 0 ||
	    read_input(engine, run_id, &launch, err) < 0 ||
	    store_attempt_read_fail(engine->store, run_id, run.attempt, &launch.fail, err) < 0) {
		engine_launch_finish(&launch);
		return -1;
	}
	*ret_launch = launch;
	return 0;
}
