/* SPDX-License-Identifier: Apache-2.0 */
/* What the daemon is doing: the ledger from the engine, queues and runs from the store, what the
 * runs use from their sandboxes. */
#include <errno.h>

#include "base/identifier.h"
#include "base/json.h"
#include "runner/control/control_job.h"
#include "runner/control/control_operations.h"
#include "runner/engine/engine_core.h"
#include "runner/engine/engine_reads.h"

static int read_ledger(struct engine *engine, struct control_call *call, struct berth_error *err)
{
	const struct engine_settings *settings = engine_settings(engine);
	char blocked[IDENTIFIER_NUMBER_SIZE];
	struct engine_ledger ledger;

	engine_read_ledger(engine, &ledger);
	identifier_format_number("run", ledger.blocked_run_id, blocked);
	call->result = json_pack(
		"{s:{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s?}}", "ledger", "running",
		(json_int_t)ledger.running, "concurrency", (json_int_t)settings->concurrency,
		"cpuMillis", (json_int_t)ledger.cpu_millis, "cpuMillisTotal",
		(json_int_t)settings->cpu_millis, "memoryBytes", (json_int_t)ledger.memory_bytes,
		"memoryBytesTotal", (json_int_t)settings->memory_bytes, "diskBytes",
		(json_int_t)ledger.disk_bytes, "diskBytesTotal", (json_int_t)settings->disk_bytes,
		"blocked", ledger.blocked_run_id ? blocked : NULL);
	return call->result ? 0 : berth_fail(err, BERTH_MEMORY, ENOMEM, "status");
}

static int read_lists(struct store *store, struct control_call *call, struct berth_error *err)
{
	static char alive[] = "DEQUEUED,EXECUTING,WAITING";
	const struct read_run_filter filter = {
		.status = alive,
		.limit = call->record.status.runs ? call->record.status.runs : 1,
	};
	AUTO_JSON json_t *queues = NULL;
	AUTO_JSON json_t *runs = NULL;

	if (read_queues(store, 0, NULL, &queues, err) < 0 ||
	    read_runs(store, &filter, &runs, err) < 0)
		return -1;
	if (call->record.status.runs == 0)
		(void)json_array_clear(json_object_get(runs, "data"));
	if (json_object_set(call->result, "queues", json_object_get(queues, "data")) < 0 ||
	    json_object_set(call->result, "runs", json_object_get(runs, "data")) < 0)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "status");
	return 0;
}

/* Adds to a run what it uses now, if it lives. */
static int add_usage(const struct control_backend *backend, json_t *run, struct berth_error *err)
{
	struct control_usage usage;
	int64_t id;
	int status;

	if (identifier_parse_number("run", json_string_value(json_object_get(run, "id")), &id,
				    err) < 0)
		return -1;
	status = backend->usage(backend->owner, id, &usage, err);
	if (status != 0)
		return status < 0 ? -1 : 0;
	if (json_object_set_new(run, "live",
				json_pack("{s:I, s:I, s:I, s:I}", "cpuNs", (json_int_t)usage.cpu_ns,
					  "memoryBytes", (json_int_t)usage.memory_bytes, "pids",
					  (json_int_t)usage.pids, "sampledNs",
					  (json_int_t)usage.sampled_ns)) < 0)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "status");
	return 0;
}

static int complete(struct control_call *call, struct berth_error *err)
{
	json_t *runs = json_object_get(call->result, "runs");
	json_t *run;
	size_t i;

	json_array_foreach (runs, i, run) {
		if (add_usage(call->backend, run, err) < 0)
			return -1;
	}
	return call->backend->describe(call->backend->owner, call->result, err);
}

static void on_lists(struct control_call *call)
{
	struct berth_error err;

	if (complete(call, &err) < 0)
		control_call_fail(call, &err);
	else
		control_call_answer(call, json_incref(call->result));
}

static void on_ledger(struct control_call *call)
{
	control_job_read(call, read_lists, on_lists);
}

int control_status(struct control_call *call, struct berth_error *err)
{
	(void)err;
	control_job_work(call, read_ledger, on_ledger);
	return 0;
}
