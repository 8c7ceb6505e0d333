/* SPDX-License-Identifier: Apache-2.0 */
/* Queues: reading them, and what an operator changes of them. */
#include "base/identifier.h"
#include "base/json.h"
#include "runner/control/control_operations.h"
#include "runner/engine/engine_core.h"
#include "runner/engine/engine_queues.h"
#include "runner/engine/engine_reads.h"

int control_queue_list(struct store *store, struct control_call *call, struct berth_error *err)
{
	return read_queues(store, 0, call->record.queue_list.after, &call->result, err);
}

int control_queue_get(struct store *store, struct control_call *call, struct berth_error *err)
{
	return read_queue(store, 0, call->record.queue.queue, &call->result, err);
}

/* The number of a queue that is there: an operator's typing error makes no new one. */
static int find_queue(struct engine *engine, const char *name, int64_t *ret_id,
		      struct berth_error *err)
{
	AUTO_JSON json_t *queue = NULL;

	if (read_queue(engine_store(engine), 0, name, &queue, err) < 0)
		return -1;
	return identifier_parse_number("queue", json_string_value(json_object_get(queue, "id")),
				       ret_id, err);
}

static int set_paused(struct engine *engine, struct control_call *call, bool paused,
		      struct berth_error *err)
{
	const char *name = call->record.queue.queue;
	int64_t id;

	if (find_queue(engine, name, &id, err) < 0 ||
	    engine_queue_pause(engine, id, paused, err) < 0)
		return -1;
	return read_queue(engine_store(engine), 0, name, &call->result, err);
}

int control_queue_pause(struct engine *engine, struct control_call *call, struct berth_error *err)
{
	return set_paused(engine, call, true, err);
}

int control_queue_resume(struct engine *engine, struct control_call *call, struct berth_error *err)
{
	return set_paused(engine, call, false, err);
}

static int set_override(struct engine *engine, struct control_call *call, const char *name,
			int64_t limit, struct berth_error *err)
{
	int64_t id;

	if (find_queue(engine, name, &id, err) < 0 ||
	    engine_queue_override(engine, id, limit, err) < 0)
		return -1;
	return read_queue(engine_store(engine), 0, name, &call->result, err);
}

int control_queue_override(struct engine *engine, struct control_call *call,
			   struct berth_error *err)
{
	const struct control_queue_override *override = &call->record.queue_override;

	return set_override(engine, call, override->queue, override->limit, err);
}

int control_queue_reset(struct engine *engine, struct control_call *call, struct berth_error *err)
{
	return set_override(engine, call, call->record.queue.queue, -1, err);
}
