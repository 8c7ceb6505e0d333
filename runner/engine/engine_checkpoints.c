/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints: kept with the run, and read by its next attempt. */
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "runner/engine/engine_attempts.h"
#include "runner/engine/engine_core.h"
#include "runner/engine/run_move.h"
#include "runner/store/store_attempts.h"

static int check(const char *name, const char *data, struct berth_error *err)
{
	size_t name_length = strnlen(name, ENGINE_CHECKPOINT_NAME_MAX + 1);
	size_t data_length = strlen(data);

	if (name_length < 1 || name_length > ENGINE_CHECKPOINT_NAME_MAX ||
	    !text_is_utf8(name, name_length))
		return berth_fail(err, BERTH_INVALID, 0,
				  "a checkpoint's name is a text of 1 to %d bytes",
				  ENGINE_CHECKPOINT_NAME_MAX);
	if (data_length > ENGINE_CHECKPOINT_MAX)
		return berth_fail(err, BERTH_LIMIT, 0,
				  "checkpoint: %zu bytes, at most %d are allowed", data_length,
				  ENGINE_CHECKPOINT_MAX);
	if (!text_is_utf8(data, data_length))
		return berth_fail(err, BERTH_INVALID, 0, "checkpoint: not UTF-8");
	return 0;
}

int engine_checkpoint_save(struct engine *engine, int64_t run_id, const char *token,
			   const char *name, const char *data, struct berth_error *err)
{
	struct run_row run;
	int64_t count;
	int found = run_find_live(engine, run_id, token, &run, err);

	if (found != 0)
		return found;
	if (check(name, data, err) < 0 ||
	    store_checkpoint_write(engine->store, run_id, name, data, run.attempt,
				   clock_realtime_ns(), err) < 0 ||
	    store_checkpoint_count(engine->store, run_id, &count, err) < 0)
		return -1;
	if (count > ENGINE_CHECKPOINTS_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "a run has at most %d checkpoints",
				  ENGINE_CHECKPOINTS_MAX);
	return 0;
}

int engine_checkpoint_load(struct engine *engine, int64_t run_id, const char *name, char **ret_data,
			   struct berth_error *err)
{
	int found = store_checkpoint_read(engine->store, run_id, name, ret_data, err);

	if (found > 0)
		*ret_data = NULL;
	return found < 0 ? -1 : 0;
}
