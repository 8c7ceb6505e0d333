/* SPDX-License-Identifier: Apache-2.0 */
/* What a task asks for beyond its run. Everything is one piece of the engine's work: a child and
 * the wait for it are both there, or neither. */
#include "runner/supervisor/live_subtasks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "runner/crash/crash_point.h"
#include "runner/engine/engine_batches.h"
#include "runner/engine/engine_core.h"
#include "runner/engine/engine_reads.h"
#include "runner/engine/engine_waits.h"
#include "runner/engine/run_json.h"
#include "runner/engine/run_move.h"
#include "runner/supervisor/live_ask.h"
#include "runner/supervisor/live_trigger.h"
#include "runner/supervisor/live_waits.h"

#define TOKEN_PREFIX "waitpoint" /* as the SDK names them */

/* Only an attempt that is the run's own may start something for it. */
static int check_token(struct engine *engine, const struct live *live, struct berth_error *err)
{
	struct run_row run;

	return run_find_live(engine, live->run_id, live->token, &run, err);
}

/* {name: id, "cached": true} */
static int set_reply(struct live_ask *ask, const char *name, const char *prefix, int64_t number,
		     bool is_cached, struct berth_error *err)
{
	ask->reply = json_pack("{s:o, s:b}", name, run_json_id(prefix, number), "cached",
			       (int)is_cached);
	return ask->reply ? 0 : berth_fail(err, BERTH_MEMORY, ENOMEM, "answer");
}

/* A wait is known before the engine is asked: it may answer within the same group. */
static int submit(struct live_ask *ask, bool waits, struct berth_error *err)
{
	live_waits_note_line(ask->live, ask->request.connection);
	ask->waits = waits;
	if (waits && live_waits_add(ask->live, &ask->request, err) < 0) {
		live_ask_destroy(ask);
		return -1;
	}
	return live_ask_submit(ask);
}

struct wait_ask {
	struct live_ask ask;
	uint64_t until_ns;
	int64_t *numbers; /* tokens, then runs */
	size_t token_count, run_count;
	int64_t batch_id;
};

static void finish_wait(struct live_ask *ask)
{
	free(((struct wait_ask *)ask)->numbers);
}

static int work_wait(struct engine *engine, struct live_ask *ask, struct berth_error *err)
{
	const struct wait_ask *wait = (struct wait_ask *)ask;
	int waits;

	crash_point(CRASH_WAIT_BEFORE_RECORD);
	waits = engine_wait(engine,
			    &(struct engine_wait){
				    .run_id = ask->live->run_id,
				    .token = ask->live->token,
				    .wait_id = ask->request.name,
				    .until_ns = wait->until_ns,
				    .waitpoints = wait->numbers,
				    .waitpoint_count = wait->token_count,
				    .runs = wait->numbers + wait->token_count,
				    .run_count = wait->run_count,
				    .batch_id = wait->batch_id,
			    },
			    err);
	crash_point(CRASH_WAIT_RECORDED);
	return waits;
}

static int parse_numbers(const char *prefix, const char *const *texts, size_t count,
			 int64_t *numbers, struct berth_error *err)
{
	for (size_t i = 0; i < count; i++)
		if (identifier_parse_number(prefix, texts[i], &numbers[i], err) < 0)
			return -1;
	return 0;
}

static int fill_wait(struct wait_ask *ask, const struct task_wait *wait, struct berth_error *err)
{
	ask->until_ns = wait->until_ns;
	ask->token_count = wait->token_count;
	ask->run_count = wait->run_count;
	ask->numbers = calloc(wait->token_count + wait->run_count + 1, sizeof(*ask->numbers));
	if (!ask->numbers)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "wait");
	if (parse_numbers(TOKEN_PREFIX, wait->tokens, wait->token_count, ask->numbers, err) < 0 ||
	    parse_numbers("run", wait->runs, wait->run_count, ask->numbers + wait->token_count,
			  err) < 0)
		return -1;
	return wait->batch ? identifier_parse_number("batch", wait->batch, &ask->batch_id, err) : 0;
}

int live_on_wait(void *owner, const struct task_request *request, const struct task_wait *wait,
		 json_t **ret_reply, struct berth_error *err)
{
	struct wait_ask *ask = live_ask_create(owner, request, sizeof(*ask), err);

	(void)ret_reply;
	if (!ask)
		return -1;
	ask->ask.work = work_wait;
	ask->ask.finish = finish_wait;
	if (fill_wait(ask, wait, err) < 0) {
		live_ask_destroy(&ask->ask);
		return -1;
	}
	return submit(&ask->ask, true, err);
}

struct trigger_ask {
	struct live_ask ask;
	struct run_trigger trigger;
};

static void finish_trigger(struct live_ask *ask)
{
	run_trigger_finish(&((struct trigger_ask *)ask)->trigger);
}

/* What the request's own fields do not say. */
static int complete(const struct live_ask *ask, struct run_trigger *trigger,
		    struct berth_error *err)
{
	char key[SHA256_TEXT_SIZE];

	trigger->parent_id = ask->live->run_id;
	trigger->parent_waits = ask->waits;
	/* with a debounce the key would find the run that others moved on */
	if (trigger->idempotency_key || trigger->debounce_key)
		return 0;
	live_trigger_key(ask->live->token, &ask->request, key);
	trigger->idempotency_key = strdup(key);
	return trigger->idempotency_key ? 0 : berth_fail(err, BERTH_MEMORY, ENOMEM, "trigger");
}

static int wait_for(struct engine *engine, const struct live_ask *ask, const int64_t *run_id,
		    int64_t batch_id, struct berth_error *err)
{
	return engine_wait(engine,
			   &(struct engine_wait){
				   .run_id = ask->live->run_id,
				   .token = ask->live->token,
				   .wait_id = ask->request.name,
				   .runs = run_id,
				   .run_count = run_id ? 1 : 0,
				   .batch_id = batch_id,
			   },
			   err);
}

static int work_trigger(struct engine *engine, struct live_ask *ask, struct berth_error *err)
{
	struct trigger_ask *trigger = (struct trigger_ask *)ask;
	struct run_accepted accepted;
	int found = check_token(engine, ask->live, err);

	if (found != 0)
		return found;
	if (complete(ask, &trigger->trigger, err) < 0 ||
	    engine_trigger(engine, &trigger->trigger, &accepted, err) < 0)
		return -1;
	if (ask->waits)
		return wait_for(engine, ask, &accepted.run_id, 0, err);
	return set_reply(ask, "run", "run", accepted.run_id, accepted.is_cached, err);
}

int live_on_trigger(void *owner, const struct task_request *request,
		    const struct protocol_trigger *trigger, bool waits, json_t **ret_reply,
		    struct berth_error *err)
{
	struct trigger_ask *ask = live_ask_create(owner, request, sizeof(*ask), err);

	(void)ret_reply;
	if (!ask)
		return -1;
	ask->ask.work = work_trigger;
	ask->ask.finish = finish_trigger;
	if (live_trigger_copy(trigger, &ask->trigger, err) < 0) {
		live_ask_destroy(&ask->ask);
		return -1;
	}
	return submit(&ask->ask, waits, err);
}

struct batch_ask {
	struct live_ask ask;
	struct run_trigger *items;
	size_t count;
	char *idempotency_key;
	uint64_t idempotency_ttl_ms;
};

static void finish_batch(struct live_ask *ask)
{
	struct batch_ask *batch = (struct batch_ask *)ask;

	for (size_t i = 0; i < batch->count; i++)
		run_trigger_finish(&batch->items[i]);
	free(batch->items);
	free(batch->idempotency_key);
}

static int create_batch(struct engine *engine, const struct batch_ask *batch, int64_t *ret_batch_id,
			bool *ret_is_cached, struct berth_error *err)
{
	char key[SHA256_TEXT_SIZE];

	live_trigger_key(batch->ask.live->token, &batch->ask.request, key);
	return engine_batch_create(engine,
				   &(struct engine_batch_request){
					   .expected = (int64_t)batch->count,
					   .parent_id = batch->ask.live->run_id,
					   .parent_waits = batch->ask.waits,
					   .idempotency_key = batch->idempotency_key ?: key,
					   .idempotency_ttl_ms = batch->idempotency_ttl_ms,
				   },
				   ret_batch_id, ret_is_cached, err);
}

static int add_item(struct engine *engine, struct batch_ask *batch, int64_t batch_id, size_t index,
		    json_t *runs, struct berth_error *err)
{
	struct run_accepted accepted = {0};
	struct berth_error why = {0};
	bool is_duplicate;
	json_t *item;

	batch->items[index].parent_id = batch->ask.live->run_id;
	batch->items[index].parent_waits = batch->ask.waits;
	if (engine_batch_add(engine, batch_id, (int64_t)index, &batch->items[index], &accepted,
			     &is_duplicate, &why) < 0) {
		*err = why;
		return -1;
	}
	item = accepted.run_id ? json_pack("{s:o}", "run", run_json_id("run", accepted.run_id))
			       : json_pack("{s:o}", "error", run_json_error(&why));
	return json_array_append_new(runs, item) == 0
		       ? 0
		       : berth_fail(err, BERTH_MEMORY, ENOMEM, "answer of a batch");
}

static int work_batch(struct engine *engine, struct live_ask *ask, struct berth_error *err)
{
	struct batch_ask *batch = (struct batch_ask *)ask;
	AUTO_JSON json_t *runs = json_array();
	int64_t batch_id;
	bool is_cached;
	int found = check_token(engine, ask->live, err);

	if (found != 0)
		return found;
	if (create_batch(engine, batch, &batch_id, &is_cached, err) < 0)
		return -1;
	for (size_t i = 0; i < batch->count; i++)
		if (add_item(engine, batch, batch_id, i, runs, err) < 0)
			return -1;
	if (engine_batch_seal(engine, batch_id, err) < 0)
		return -1;
	if (ask->waits)
		return wait_for(engine, ask, NULL, batch_id, err);
	if (set_reply(ask, "batch", "batch", batch_id, is_cached, err) < 0)
		return -1;
	return json_object_set(ask->reply, "runs", runs) == 0
		       ? 0
		       : berth_fail(err, BERTH_MEMORY, ENOMEM, "answer of a batch");
}

static int fill_batch(struct batch_ask *ask, const struct task_batch *batch,
		      struct berth_error *err)
{
	ask->items = calloc(batch->count, sizeof(*ask->items));
	if (!ask->items)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "batch");
	ask->count = batch->count;
	for (size_t i = 0; i < batch->count; i++)
		if (live_trigger_copy(&batch->items[i], &ask->items[i], err) < 0)
			return -1;
	if (batch->idempotency_ttl_ms > 0)
		ask->idempotency_ttl_ms = (uint64_t)batch->idempotency_ttl_ms;
	if (!batch->idempotency_key)
		return 0;
	ask->idempotency_key = strdup(batch->idempotency_key);
	return ask->idempotency_key ? 0 : berth_fail(err, BERTH_MEMORY, ENOMEM, "batch");
}

int live_on_batch(void *owner, const struct task_request *request, const struct task_batch *batch,
		  json_t **ret_reply, struct berth_error *err)
{
	struct batch_ask *ask = live_ask_create(owner, request, sizeof(*ask), err);

	(void)ret_reply;
	if (!ask)
		return -1;
	ask->ask.work = work_batch;
	ask->ask.finish = finish_batch;
	if (fill_batch(ask, batch, err) < 0) {
		live_ask_destroy(&ask->ask);
		return -1;
	}
	return submit(&ask->ask, batch->waits, err);
}

struct token_ask {
	struct live_ask ask;
	int64_t number;
	uint64_t timeout_ms, idempotency_ttl_ms;
	char *key, *text; /* of a new one its tags, else the output */
};

static void finish_token(struct live_ask *ask)
{
	free(((struct token_ask *)ask)->key);
	free(((struct token_ask *)ask)->text);
}

static struct token_ask *token_ask_create(struct live *live, const struct task_request *request,
					  const char *key, const json_t *value,
					  struct berth_error *err)
{
	struct token_ask *ask = live_ask_create(live, request, sizeof(*ask), err);

	if (!ask)
		return NULL;
	ask->ask.finish = finish_token;
	ask->key = key ? strdup(key) : NULL;
	ask->text = value ? json_format_compact(value) : NULL;
	if ((key && !ask->key) || (value && !ask->text)) {
		live_ask_destroy(&ask->ask);
		(void)berth_fail(err, BERTH_MEMORY, ENOMEM, "token");
		return NULL;
	}
	return ask;
}

static int work_token_create(struct engine *engine, struct live_ask *ask, struct berth_error *err)
{
	const struct token_ask *token = (struct token_ask *)ask;
	char key[SHA256_TEXT_SIZE];
	int64_t number;
	bool is_cached;
	int found = check_token(engine, ask->live, err);

	if (found != 0)
		return found;
	live_trigger_key(ask->live->token, &ask->request, key);
	if (engine_token_create(engine,
				&(struct engine_token_request){
					.timeout_ms = token->timeout_ms,
					.idempotency_key = token->key ?: key,
					.idempotency_ttl_ms = token->idempotency_ttl_ms,
					.tags = token->text,
				},
				&number, &is_cached, err) < 0)
		return -1;
	return set_reply(ask, "token", TOKEN_PREFIX, number, is_cached, err);
}

int live_on_token_create(void *owner, const struct task_request *request,
			 const struct protocol_token_create *token, json_t **ret_reply,
			 struct berth_error *err)
{
	struct token_ask *ask =
		token_ask_create(owner, request, token->idempotency_key, token->tags, err);

	(void)ret_reply;
	if (!ask)
		return -1;
	ask->ask.work = work_token_create;
	if (token->timeout_ms > 0)
		ask->timeout_ms = (uint64_t)token->timeout_ms;
	if (token->idempotency_ttl_ms > 0)
		ask->idempotency_ttl_ms = (uint64_t)token->idempotency_ttl_ms;
	return submit(&ask->ask, false, err);
}

static int work_token_complete(struct engine *engine, struct live_ask *ask, struct berth_error *err)
{
	const struct token_ask *token = (struct token_ask *)ask;
	int found = check_token(engine, ask->live, err);

	if (found != 0)
		return found;
	return engine_token_complete(engine, token->number, token->text, err);
}

int live_on_token_complete(void *owner, const struct task_request *request,
			   const struct protocol_token_complete *token, struct berth_error *err)
{
	struct token_ask *ask;
	int64_t number;

	if (identifier_parse_number(TOKEN_PREFIX, token->token, &number, err) < 0)
		return -1;
	ask = token_ask_create(owner, request, NULL, token->output, err);
	if (!ask)
		return -1;
	ask->ask.work = work_token_complete;
	ask->number = number;
	return submit(&ask->ask, false, err);
}

struct get_ask {
	struct live_ask ask;
	int64_t number;
};

static int work_run_get(struct engine *engine, struct live_ask *ask, struct berth_error *err)
{
	AUTO_JSON json_t *run = NULL;
	json_t *error;
	struct run_row row;
	int64_t number = ((struct get_ask *)ask)->number;

	if (run_find(engine, number, &row, err) < 0 ||
	    read_run(engine_store(engine), number, true, &run, err) < 0)
		return -1;
	error = json_object_get(run, "error");
	ask->reply = json_pack(
		"{s:O, s:O, s:O, s:b, s:O?, s:O?}", "run", json_object_get(run, "id"), "task",
		json_object_get(run, "taskIdentifier"), "status", json_object_get(run, "status"),
		"final", (int)run_state_is_final((enum run_state)row.state), "output",
		json_object_get(run, "output"), "error", json_is_null(error) ? NULL : error);
	return ask->reply ? 0 : berth_fail(err, BERTH_MEMORY, ENOMEM, "answer");
}

int live_on_run_get(void *owner, const struct task_request *request, const char *run,
		    json_t **ret_reply, struct berth_error *err)
{
	struct get_ask *ask;
	int64_t number;

	(void)ret_reply;
	if (identifier_parse_number("run", run, &number, err) < 0)
		return -1;
	ask = live_ask_create(owner, request, sizeof(*ask), err);
	if (!ask)
		return -1;
	ask->ask.work = work_run_get;
	ask->number = number;
	return submit(&ask->ask, false, err);
}
