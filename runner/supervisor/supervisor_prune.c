/* SPDX-License-Identifier: Apache-2.0 */
/* Retention: a pass an hour, or when an operator asks, in groups of a few rows; and the files of
 * what went. */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "runner/control/control_call.h"
#include "runner/engine/engine_retention.h"
#include "runner/log/log_retention.h"
#include "runner/supervisor/supervisor.h"

#define PASS_NS       (3600 * CLOCK_NS_PER_S)
#define BATCH_FILL_MS (UINT64_C(24) * 3600 * 1000)

struct prune_job {
	struct engine_job job;
	struct supervisor *supervisor;
	struct control_call *call; /* NULL: by the clock */
	struct engine_retention policy;
	struct engine_prune prune;
	bool has_begun, is_dry;
};

static int work(struct engine *engine, void *argument, struct berth_error *err)
{
	struct prune_job *job = argument;

	if (!job->has_begun && engine_prune_begin(engine, &job->policy, &job->prune, err) < 0)
		return -1;
	job->has_begun = true;
	job->prune.is_dry = job->is_dry;
	return engine_prune_step(engine, &job->prune, PRUNE_STEP_MAX, err);
}

static void answer(struct prune_job *job)
{
	const int64_t *removed = job->prune.removed;
	json_int_t tokens = removed[PRUNE_TOKENS_COMPLETED];
	json_t *result;

	tokens += removed[PRUNE_TOKENS_TIMED_OUT];
	result = json_pack("{s:I, s:I, s:I, s:I, s:I}", "runs", (json_int_t)removed[PRUNE_RUNS],
			   "checkpoints", (json_int_t)removed[PRUNE_CHECKPOINTS], "tokens", tokens,
			   "batches", (json_int_t)removed[PRUNE_BATCHES], "versions",
			   (json_int_t)removed[PRUNE_VERSIONS]);

	control_call_answer(job->call, result);
}

static void done(struct engine_job *engine_job, int result, const struct berth_error *why)
{
	struct prune_job *job = (struct prune_job *)engine_job;

	if (result > 0) {
		engine_thread_submit(job->supervisor->engine, &job->job, false);
		return;
	}
	if (result < 0)
		supervisor_say("retention: %s", why->message);
	if (job->prune.removed[PRUNE_VERSIONS] > 0 && !job->is_dry)
		supervisor_sweep_bundles(job->supervisor);
	if (job->call && result < 0)
		control_call_fail(job->call, why);
	else if (job->call)
		answer(job);
	free(job);
}

static struct prune_job *create(struct supervisor *supervisor, struct berth_error *err)
{
	const struct settings *settings = &supervisor->settings;
	struct prune_job *job = calloc(1, sizeof(*job));

	if (!job) {
		(void)berth_fail(err, BERTH_MEMORY, ENOMEM, "retention");
		return NULL;
	}
	job->job.work = work;
	job->job.done = done;
	job->supervisor = supervisor;
	job->policy = (struct engine_retention){
		.age_ms = settings->keep_runs_ms,
		.runs = settings->keep_runs,
		.store_bytes = settings->keep_bytes,
		.batch_fill_ms = BATCH_FILL_MS,
	};
	return job;
}

static int handle_pass(void *owner, struct berth_error *err)
{
	struct supervisor *supervisor = owner;
	struct prune_job *job = create(supervisor, err);

	if (!job)
		return -1;
	engine_thread_submit(supervisor->engine, &job->job, false);
	return loop_arm_timer(supervisor->prune, clock_boottime_ns() + PASS_NS, err);
}

int supervisor_prune_arm(struct supervisor *supervisor, struct berth_error *err)
{
	if (loop_add_timer(supervisor->loop, handle_pass, supervisor, &supervisor->prune, err) < 0)
		return -1;
	return loop_arm_timer(supervisor->prune, clock_boottime_ns() + PASS_NS, err);
}

int supervisor_prune(void *owner, struct control_call *call, struct berth_error *err)
{
	const struct control_prune *record = &call->record.prune;
	struct prune_job *job;

	job = create(owner, err);
	if (!job)
		return -1;
	if (record->older_than_ms > 0)
		job->policy = (struct engine_retention){.age_ms = record->older_than_ms};
	job->call = call;
	job->is_dry = record->dry_run;
	engine_thread_submit(job->supervisor->engine, &job->job, false);
	return 0;
}

struct forget_chore {
	struct control_chore chore;
	int logs_fd;
	int64_t run_id, last_attempt;
};

static int delete_logs(struct control_chore *chore, struct berth_error *err)
{
	const struct forget_chore *forget = (struct forget_chore *)chore;

	return log_delete(forget->logs_fd, forget->run_id, forget->last_attempt, err);
}

static void on_deleted(struct control_chore *chore, int result, const struct berth_error *why)
{
	if (result < 0)
		supervisor_say("retention: %s", why->message);
	free(chore);
}

void supervisor_forget(struct supervisor *supervisor, int64_t run_id, int64_t last_attempt)
{
	struct forget_chore *forget = calloc(1, sizeof(*forget));

	(void)launcher_client_discard(supervisor->launcher, run_id, NULL);
	if (!forget)
		return; /* a sweep finds them */
	forget->chore.run = delete_logs;
	forget->chore.done = on_deleted;
	forget->logs_fd = supervisor->logs_fd;
	forget->run_id = run_id;
	forget->last_attempt = last_attempt;
	workers_submit(supervisor->workers, &forget->chore);
}
