/* SPDX-License-Identifier: Apache-2.0 */
/* A call's work on the engine's and the reader's thread, and its answer when that is done. */
#include "runner/control/control_job.h"

#include <stddef.h>

#include "runner/crash/crash_point.h"

static struct control_call *call_of(struct engine_job *job)
{
	return (struct control_call *)((char *)job - offsetof(struct control_call, job));
}

static int run_work(struct engine *engine, void *argument, struct berth_error *err)
{
	struct control_call *call = call_of(argument);

	return call->work(engine, call, err);
}

static int run_read(struct store *store, struct engine_job *job, struct berth_error *err)
{
	struct control_call *call = call_of(job);

	return call->read(store, call, err);
}

static void on_done(struct engine_job *job, int result, const struct berth_error *err)
{
	struct control_call *call = call_of(job);

	crash_point(CRASH_CALL_BEFORE_ANSWER);
	if (result < 0)
		control_call_fail(call, err);
	else if (call->then)
		call->then(call);
	else
		control_call_answer(call, call->result ? json_incref(call->result) : json_null());
}

static void submit(struct control_call *call, control_then then)
{
	call->then = then;
	call->job.done = on_done;
	call->backend->submit(call->backend->owner, &call->job, false);
}

void control_job_work(struct control_call *call, control_work work, control_then then)
{
	call->work = work;
	call->job = (struct engine_job){.work = run_work};
	submit(call, then);
}

void control_job_read(struct control_call *call, control_read read, control_then then)
{
	call->read = read;
	call->job = (struct engine_job){.read = run_read};
	submit(call, then);
}
