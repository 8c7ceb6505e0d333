/* SPDX-License-Identifier: Apache-2.0 */
/* Idempotency keys of runs. */
#include "runner/engine/run_key.h"

#include <ctype.h>
#include <string.h>

#include "base/sha256.h"
#include "runner/engine/definition_cache.h"
#include "runner/engine/engine_core.h"
#include "runner/engine/engine_runs.h"
#include "runner/engine/run_move.h"

void run_key_normalize(const char *key, char ret_key[STORE_RUN_KEY_SIZE])
{
	size_t length = strlen(key);

	if (length != STORE_RUN_KEY_SIZE - 1 || key[strspn(key, "0123456789abcdefABCDEF")]) {
		sha256_text(key, length, ret_key);
		return;
	}
	for (size_t i = 0; i <= length; i++)
		ret_key[i] = (char)tolower((unsigned char)key[i]);
}

int run_key_find(struct engine *engine, int64_t task_id, const char *key, uint64_t now_ns,
		 int64_t *ret_run_id, struct berth_error *err)
{
	struct run_row run;
	int64_t run_id;
	int found = store_run_of_key(engine->store, task_id, key, &run_id, err);

	if (found != 0)
		return found;
	if (run_find(engine, run_id, &run, err) < 0)
		return -1;
	if (run.idempotency_expires_ns > now_ns) {
		*ret_run_id = run_id;
		return 0;
	}
	return store_run_set_key(engine->store, run_id, "", 0, err) < 0 ? -1 : 1;
}

int engine_reset_key(struct engine *engine, int64_t environment_id, const char *task,
		     const char *key, struct berth_error *err)
{
	char kept[STORE_RUN_KEY_SIZE];
	int64_t task_id, run_id;
	int found;

	if (strlen(key) > RUN_KEY_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "an idempotency key has at most %d bytes",
				  RUN_KEY_MAX);
	if (definition_cache_task(engine->definitions, engine->store,
				  environment_id ? environment_id : 1, task, &task_id, err) < 0)
		return -1;
	run_key_normalize(key, kept);
	found = store_run_of_key(engine->store, task_id, kept, &run_id, err);
	if (found != 0)
		return found < 0 ? -1 : 0;
	return store_run_set_key(engine->store, run_id, "", 0, err);
}
