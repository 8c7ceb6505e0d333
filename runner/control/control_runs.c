/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and changing single runs, and lists of them. */
#include <errno.h>

#include "base/clock.h"
#include "base/identifier.h"
#include "runner/control/control_filter.h"
#include "runner/control/control_operations.h"
#include "runner/engine/engine_reads.h"

static int parse_run(const char *text, int64_t *ret_id, struct berth_error *err)
{
	if (control_parse_id("run", text, ret_id, err) < 0)
		return berth_fail_context(err, "run");
	return 0;
}

/* {id}, for what changes a run. */
static int answer_id(struct control_call *call, const char *id, struct berth_error *err)
{
	call->result = json_pack("{s:s}", "id", id);
	return call->result ? 0 : berth_fail(err, BERTH_MEMORY, ENOMEM, "answer");
}

int control_run_get(struct store *store, struct control_call *call, struct berth_error *err)
{
	const struct control_run_get *get = &call->record.run_get;
	int64_t id;

	if (parse_run(get->run, &id, err) < 0)
		return -1;
	return read_run(store, id, !get->brief, &call->result, err);
}

int control_run_list(struct store *store, struct control_call *call, struct berth_error *err)
{
	const struct control_run_list *list = &call->record.run_list;
	struct read_run_filter filter;

	if (control_filter_read(&list->filter, &filter, err) < 0)
		return -1;
	if (control_parse_id("run", list->after, &filter.after_id, err) < 0)
		return berth_fail_context(err, "after");
	filter.limit = list->limit;
	return read_runs(store, &filter, &call->result, err);
}

int control_run_cancel(struct engine *engine, struct control_call *call, struct berth_error *err)
{
	const struct control_run_cancel *cancel = &call->record.run_cancel;
	int64_t id;

	if (parse_run(cancel->run, &id, err) < 0 ||
	    engine_cancel(engine, id, cancel->grace_ms, err) < 0)
		return -1;
	return answer_id(call, cancel->run, err);
}

int control_run_replay(struct engine *engine, struct control_call *call, struct berth_error *err)
{
	struct control_run_replay *replay = &call->record.run_replay;
	struct run_accepted accepted;
	int64_t id;

	control_trigger_complete(&replay->overrides, call->fields);
	if (parse_run(replay->run, &id, err) < 0 ||
	    engine_replay(engine, id, &replay->overrides, &accepted, err) < 0)
		return -1;
	call->result = control_trigger_result(&accepted);
	return call->result ? 0 : berth_fail(err, BERTH_MEMORY, ENOMEM, "replay");
}

int control_run_reschedule(struct engine *engine, struct control_call *call,
			   struct berth_error *err)
{
	const struct control_run_reschedule *reschedule = &call->record.run_reschedule;
	int64_t id;

	if (parse_run(reschedule->run, &id, err) < 0 ||
	    engine_reschedule(engine, id, reschedule->delay, err) < 0)
		return -1;
	return answer_id(call, reschedule->run, err);
}

int control_run_tags(struct engine *engine, struct control_call *call, struct berth_error *err)
{
	const struct control_run_tags *tags = &call->record.run_tags;
	int64_t id;

	if (parse_run(tags->run, &id, err) < 0 || engine_add_tags(engine, id, tags->tags, err) < 0)
		return -1;
	return answer_id(call, tags->run, err);
}

int control_checkpoint_list(struct store *store, struct control_call *call, struct berth_error *err)
{
	int64_t id;

	if (parse_run(call->record.checkpoint_list.run, &id, err) < 0)
		return -1;
	return read_checkpoints(store, id, &call->result, err);
}
