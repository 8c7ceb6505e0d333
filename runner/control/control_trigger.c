/* SPDX-License-Identifier: Apache-2.0 */
/* Accepting runs: one, and many at once. */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/field.h"
#include "base/identifier.h"
#include "base/json.h"
#include "runner/control/control_error_table.h"
#include "runner/control/control_operations.h"
#include "runner/engine/engine_batches.h"
#include "runner/engine/engine_reads.h"

void control_trigger_complete(struct run_trigger *trigger, const json_t *fields)
{
	trigger->has_ttl = json_object_get(fields, "ttl") != NULL;
	if (trigger->debounce_key && trigger->debounce_mode == RUN_DEBOUNCE_NONE)
		trigger->debounce_mode = RUN_DEBOUNCE_LEADING;
}

json_t *control_trigger_result(const struct run_accepted *accepted)
{
	char id[IDENTIFIER_NUMBER_SIZE];

	identifier_format_number("run", accepted->run_id, id);
	return json_pack("{s:s, s:b}", "id", id, "isCached", (int)accepted->is_cached);
}

int control_trigger(struct engine *engine, struct control_call *call, struct berth_error *err)
{
	struct run_trigger *trigger = &call->record.trigger;
	struct run_accepted accepted;

	control_trigger_complete(trigger, call->fields);
	if (engine_trigger(engine, trigger, &accepted, err) < 0)
		return -1;
	call->result = control_trigger_result(&accepted);
	return call->result ? 0 : berth_fail(err, BERTH_MEMORY, ENOMEM, "trigger");
}

/* A batch's items, parsed. */
struct item_list {
	struct run_trigger *items;
	size_t count;
};

static void item_list_finish(struct item_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		field_finish(engine_trigger_rows, engine_trigger_row_count, &list->items[i]);
	free(list->items);
}
#define AUTO_ITEMS __attribute__((cleanup(item_list_finish)))

/* What is malformed refuses the whole batch: its sender does not know what it asks for. What the
 * engine refuses is an item's own trouble. */
static int parse_items(const json_t *array, struct item_list *list, struct berth_error *err)
{
	size_t count = json_array_size(array);

	if (count < 1 || count > BATCH_ITEMS_MAX)
		return berth_fail(err, BERTH_INVALID, 0, "items: not an array of 1 to %d",
				  BATCH_ITEMS_MAX);
	list->items = calloc(count, sizeof(*list->items));
	if (!list->items)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "batch");
	for (size_t i = 0; i < count; i++) {
		const json_t *item = json_array_get(array, i);
		struct run_trigger *trigger = &list->items[i];

		list->count++; /* so that a half-parsed one is freed too */
		if (field_set_defaults(engine_trigger_rows, engine_trigger_row_count, trigger,
				       err) < 0)
			return -1;
		if (field_parse_object(item, engine_trigger_rows, engine_trigger_row_count, trigger,
				       err) < 0)
			return berth_fail_context(err, "items: number %zu", i);
		control_trigger_complete(trigger, item);
	}
	return 0;
}

/* Appends what became of an item. */
static int tell_item(json_t *told, const struct run_accepted *accepted,
		     const struct berth_error *why, struct berth_error *err)
{
	json_t *error = accepted->run_id ? NULL : control_error_format(why);
	json_t *item = accepted->run_id ? control_trigger_result(accepted)
					: json_pack("{s:o}", "error", error);

	if (json_array_append_new(told, item) < 0)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "batch");
	return 0;
}

static int add_items(struct engine *engine, int64_t batch_id, const struct item_list *list,
		     json_t *told, size_t *ret_accepted, struct berth_error *err)
{
	*ret_accepted = 0;
	for (size_t i = 0; i < list->count; i++) {
		struct run_accepted accepted = {0};
		struct berth_error why = {0};
		bool is_duplicate;

		if (engine_batch_add(engine, batch_id, (int64_t)i, &list->items[i], &accepted,
				     &is_duplicate, &why) < 0) {
			if (err)
				*err = why;
			return -1;
		}
		*ret_accepted += accepted.run_id != 0;
		if (tell_item(told, &accepted, &why, err) < 0)
			return -1;
	}
	return engine_batch_seal(engine, batch_id, err) < 0 ? -1 : 0;
}

int control_batch(struct engine *engine, struct control_call *call, struct berth_error *err)
{
	const struct control_batch *batch = &call->record.batch;
	AUTO_ITEMS struct item_list list = {0};
	AUTO_JSON json_t *told = json_array();
	char id[IDENTIFIER_NUMBER_SIZE];
	int64_t batch_id;
	bool is_cached;
	size_t accepted;

	if (parse_items(batch->items, &list, err) < 0)
		return -1;
	if (engine_batch_create(engine,
				&(struct engine_batch_request){
					.expected = (int64_t)list.count,
					.idempotency_key = batch->idempotency_key,
					.idempotency_ttl_ms = batch->idempotency_ttl_ms,
				},
				&batch_id, &is_cached, err) < 0 ||
	    add_items(engine, batch_id, &list, told, &accepted, err) < 0)
		return -1;
	identifier_format_number("batch", batch_id, id);
	call->result = json_pack("{s:s, s:b, s:I, s:I, s:O}", "id", id, "isCached", (int)is_cached,
				 "accepted", (json_int_t)accepted, "refused",
				 (json_int_t)(list.count - accepted), "items", told);
	return call->result ? 0 : berth_fail(err, BERTH_MEMORY, ENOMEM, "batch");
}

int control_batch_get(struct store *store, struct control_call *call, struct berth_error *err)
{
	int64_t id;

	if (control_parse_id("batch", call->record.batch_get.batch, &id, err) < 0)
		return -1;
	return read_batch(store, id, &call->result, err);
}

int control_key_reset(struct engine *engine, struct control_call *call, struct berth_error *err)
{
	const struct control_key_reset *reset = &call->record.key_reset;

	return engine_reset_key(engine, 0, reset->task, reset->key, err);
}
