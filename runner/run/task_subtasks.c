/* SPDX-License-Identifier: Apache-2.0 */
/* The operations that reach beyond the run: waits, other runs, batches and tokens. */
#include "runner/run/task_subtasks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/field.h"
#include "base/json.h"
#include "runner/run/task_reply.h"

/* A handler's answer: its object becomes the members of the reply. */
static int take_reply(const struct task_call *call, int status, json_t *reply,
		      struct berth_error *err)
{
	AUTO_JSON json_t *owned = reply;

	if (status != 0 || !owned)
		return status;
	return task_reply_append_members(call->members, owned, err);
}

/* The texts in a value that is one text or an array of some, at most `most`; the caller frees the
 * array, not the texts. */
static int texts_take(const json_t *value, const char *name, size_t most, const char ***ret_texts,
		      size_t *ret_count, struct berth_error *err)
{
	size_t count = json_is_array(value) ? json_array_size(value) : 1;
	AUTO_FREE const char **texts = NULL;

	*ret_texts = NULL;
	*ret_count = 0;
	if (!value || json_is_null(value) || count == 0)
		return 0;
	if (count > most)
		return berth_fail(err, BERTH_LIMIT, 0, "%s: more than %zu at once", name, most);
	texts = calloc(count, sizeof(*texts));
	if (!texts)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "%s", name);
	for (size_t i = 0; i < count; i++) {
		texts[i] =
			json_string_value(json_is_array(value) ? json_array_get(value, i) : value);
		if (!texts[i])
			return berth_fail(err, BERTH_INVALID, 0,
					  "%s: neither a text nor an array of texts", name);
	}
	*ret_texts = steal_ptr(&texts);
	*ret_count = count;
	return 0;
}

/* The date that is waited for; 0: none. */
static int wait_date(const struct protocol_wait *asked, uint64_t *ret_until_ns,
		     struct berth_error *err)
{
	uint64_t until_ns = 0;

	if (asked->until && asked->for_ms >= 0)
		return berth_fail(err, BERTH_INVALID, 0, "for_ms and until: one of them");
	if (asked->until && clock_parse_rfc3339(asked->until, &until_ns, err) < 0)
		return berth_fail_context(err, "until");
	if (asked->for_ms >= 0)
		until_ns = clock_realtime_ns() + (uint64_t)asked->for_ms * CLOCK_NS_PER_MS;
	*ret_until_ns = until_ns;
	return 0;
}

/* Waits for a date alone by the channel's own timer, or says at once that it has come. */
static int wait_held(const struct task_call *call, uint64_t until_ns, struct berth_error *err)
{
	uint64_t now_ns = clock_realtime_ns();

	if (until_ns <= now_ns)
		return take_reply(call, 0, task_held_results(), err);
	if (task_held_add(&call->dispatch->held, call->request,
			  clock_boottime_ns() + (until_ns - now_ns), err) < 0)
		return -1;
	return TASK_CHANNEL_DEFERRED;
}

static int wait_hand(const struct task_call *call, const struct task_wait *wait,
		     struct berth_error *err)
{
	const struct task_channel_handlers *handlers = call->dispatch->handlers;
	size_t others = wait->token_count + wait->run_count + (wait->batch ? 1 : 0);
	json_t *reply = NULL;
	int status;

	if (wait->until_ns == 0 && others == 0)
		return berth_fail(err, BERTH_INVALID, 0,
				  "nothing to wait for: for_ms, until, token, run or batch");
	if (others > PROTOCOL_WAIT_ITEMS_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "more than %d things in one wait",
				  PROTOCOL_WAIT_ITEMS_MAX);
	if (others == 0 &&
	    (!handlers->wait ||
	     wait->until_ns <= clock_realtime_ns() + PROTOCOL_HELD_MS * CLOCK_NS_PER_MS))
		return wait_held(call, wait->until_ns, err);
	if (!handlers->wait)
		return berth_fail(err, BERTH_NOT_FOUND, 0,
				  "a wait for tokens, runs or batches needs berth serve");
	status = handlers->wait(call->dispatch->owner, call->request, wait, &reply, err);
	return take_reply(call, status, reply, err);
}

int task_handle_wait(const struct task_call *call, struct berth_error *err)
{
	const struct protocol_wait *asked = &call->record->wait;
	AUTO_FREE const char **tokens = NULL;
	AUTO_FREE const char **runs = NULL;
	struct task_wait wait = {.batch = asked->batch};

	if (wait_date(asked, &wait.until_ns, err) < 0 ||
	    texts_take(asked->token, "token", PROTOCOL_WAIT_ITEMS_MAX, &tokens, &wait.token_count,
		       err) < 0 ||
	    texts_take(asked->run, "run", PROTOCOL_WAIT_ITEMS_MAX, &runs, &wait.run_count, err) < 0)
		return -1;
	wait.tokens = tokens;
	wait.runs = runs;
	return wait_hand(call, &wait, err);
}

static int trigger_check(const struct protocol_trigger *trigger, struct berth_error *err)
{
	if (trigger->payload &&
	    task_check_json(trigger->payload, PROTOCOL_PAYLOAD_MAX, false, "payload", err) < 0)
		return -1;
	if (trigger->payload_type && strcmp(trigger->payload_type, "application/json") != 0 &&
	    !json_is_string(trigger->payload))
		return berth_fail(err, BERTH_INVALID, 0, "payload: of that type it is a text");
	if (trigger->metadata &&
	    task_check_json(trigger->metadata, PROTOCOL_METADATA_MAX, true, "metadata", err) < 0)
		return -1;
	return 0;
}

int task_handle_trigger(const struct task_call *call, struct berth_error *err)
{
	const struct protocol_trigger *trigger = &call->record->trigger;
	json_t *reply = NULL;
	int status;

	if (trigger_check(trigger, err) < 0)
		return -1;
	status = call->dispatch->handlers->trigger(call->dispatch->owner, call->request, trigger,
						   protocol_messages[call->op].waits, &reply, err);
	return take_reply(call, status, reply, err);
}

static void items_finish(struct protocol_trigger *items, size_t count)
{
	for (size_t i = 0; i < count; i++)
		field_finish(protocol_item_rows, protocol_item_row_count, &items[i]);
	free(items);
}

static int item_parse(const json_t *value, struct protocol_trigger *item, struct berth_error *err)
{
	if (!json_is_object(value))
		return berth_fail(err, BERTH_INVALID, 0, "not an object");
	if (field_set_defaults(protocol_item_rows, protocol_item_row_count, item, err) < 0 ||
	    field_parse_object(value, protocol_item_rows, protocol_item_row_count, item, err) < 0)
		return -1;
	return trigger_check(item, err);
}

/* The caller finishes what is returned, count items. */
static int items_parse(const json_t *values, size_t count, struct protocol_trigger **ret_items,
		       struct berth_error *err)
{
	struct protocol_trigger *items = calloc(count, sizeof(*items));

	if (!items)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "items");
	for (size_t i = 0; i < count; i++) {
		if (item_parse(json_array_get(values, i), &items[i], err) == 0)
			continue;
		items_finish(items, count);
		return berth_fail_context(err, "items[%zu]", i);
	}
	*ret_items = items;
	return 0;
}

int task_handle_batch(const struct task_call *call, struct berth_error *err)
{
	const struct protocol_batch *asked = &call->record->batch;
	size_t count = json_array_size(asked->items); /* 0 when it is none */
	struct protocol_trigger *items = NULL;
	struct task_batch batch = {
		.count = count,
		.idempotency_key = asked->idempotency_key,
		.idempotency_ttl_ms = asked->idempotency_ttl_ms,
		.waits = protocol_messages[call->op].waits,
	};
	json_t *reply = NULL;
	int status;

	if (count == 0 || count > PROTOCOL_BATCH_MAX)
		return berth_fail(err, count == 0 ? BERTH_INVALID : BERTH_LIMIT, 0,
				  "items: an array of 1 to %d objects", PROTOCOL_BATCH_MAX);
	if (items_parse(asked->items, count, &items, err) < 0)
		return -1;
	batch.items = items;
	status = call->dispatch->handlers->batch(call->dispatch->owner, call->request, &batch,
						 &reply, err);
	items_finish(items, count);
	return take_reply(call, status, reply, err);
}

int task_handle_token_create(const struct task_call *call, struct berth_error *err)
{
	json_t *reply = NULL;
	int status = call->dispatch->handlers->token_create(
		call->dispatch->owner, call->request, &call->record->token_create, &reply, err);

	return take_reply(call, status, reply, err);
}

int task_handle_token_complete(const struct task_call *call, struct berth_error *err)
{
	const struct protocol_token_complete *token = &call->record->token_complete;

	if (token->output &&
	    task_check_json(token->output, PROTOCOL_OUTPUT_MAX, false, "output", err) < 0)
		return -1;
	return call->dispatch->handlers->token_complete(call->dispatch->owner, call->request, token,
							err);
}

int task_handle_run_get(const struct task_call *call, struct berth_error *err)
{
	json_t *reply = NULL;
	int status = call->dispatch->handlers->run_get(call->dispatch->owner, call->request,
						       call->record->run_get.run, &reply, err);

	return take_reply(call, status, reply, err);
}
