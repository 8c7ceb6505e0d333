/* SPDX-License-Identifier: Apache-2.0 */
/* What the control socket needs of the daemon. */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "runner/control/control_call.h"
#include "runner/engine/run_json.h"
#include "runner/engine/run_state.h"
#include "runner/store/store_runs.h"
#include "runner/supervisor/supervisor.h"

static void submit(void *owner, struct engine_job *job, bool may_wait)
{
	struct supervisor *supervisor = owner;

	job->is_request = true;
	engine_thread_submit(supervisor->engine, job, may_wait);
}

static void work(void *owner, struct control_chore *chore)
{
	struct supervisor *supervisor = owner;

	workers_submit(supervisor->workers, chore);
}

struct final_job {
	struct engine_job job;
	struct supervisor *supervisor;
	int64_t run_id;
};

/* 1: it is final. */
static int read_final(struct store *store, struct engine_job *job, struct berth_error *err)
{
	struct run_row row;
	int found = store_run_read(store, ((struct final_job *)job)->run_id, &row, err);

	if (found != 0)
		return found < 0 ? -1 : 1; /* pruned: nothing more will be told */
	return run_state_is_final((enum run_state)row.state);
}

static void on_final(struct engine_job *engine_job, int result, const struct berth_error *why)
{
	struct final_job *job = (struct final_job *)engine_job;

	(void)why;
	if (result > 0)
		followers_tell(job->supervisor->followers, job->run_id, CONTROL_FOLLOW_ENDED, NULL);
	free(job);
}

/* One who comes after the end is told by the reader, who sees every commit before this. */
static void follow(void *owner, struct control_follower *follower)
{
	struct supervisor *supervisor = owner;
	struct final_job *job = calloc(1, sizeof(*job));

	followers_add(supervisor->followers, follower);
	if (!job)
		return; /* the end is told when it comes */
	job->job.read = read_final;
	job->job.done = on_final;
	job->supervisor = supervisor;
	job->run_id = follower->run_id;
	engine_thread_submit(supervisor->engine, &job->job, false);
}

static void unfollow(void *owner, struct control_follower *follower)
{
	struct supervisor *supervisor = owner;

	followers_remove(supervisor->followers, follower);
}

static int usage(void *owner, int64_t run_id, struct control_usage *ret_usage,
		 struct berth_error *err)
{
	const struct supervisor *supervisor = owner;
	const struct live *live = live_find(supervisor->live, run_id, NULL);
	struct sandbox_usage sampled;

	(void)err;
	if (!live)
		return 1;
	live_usage(live, &sampled, &ret_usage->sampled_ns);
	if (ret_usage->sampled_ns == 0)
		return 1;
	ret_usage->cpu_ns = sandbox_usage_known(sampled.cpu_ns);
	ret_usage->memory_bytes = sandbox_usage_known(sampled.memory_bytes);
	ret_usage->pids = (int64_t)sandbox_usage_known(sampled.pids);
	return 0;
}

/* What the launcher's host does not give to runs, and why: {name: detail}. */
static json_t *list_missing(const struct launcher_hello *host)
{
	json_t *missing = json_object();

	for (size_t i = 0; missing && i < SANDBOX_PROTECTIONS; i++)
		if (host->protections[i].status == SANDBOX_UNAVAILABLE)
			(void)json_object_set_new(missing, sandbox_protection_rows[i].name,
						  json_string(host->protections[i].detail));
	return missing;
}

static int describe(void *owner, json_t *status, struct berth_error *err)
{
	const struct supervisor *supervisor = owner;
	bool is_healthy = supervisor->sick.code == BERTH_NONE;
	AUTO_JSON json_t *members = json_pack(
		"{s:s, s:o, s:s, s:b, s:b, s:s?, s:I, s:s, s:b, s:o, s:I}", "version",
		BERTH_VERSION, "started", run_json_date(supervisor->started_ns), "state",
		supervisor->state, "draining", (int)supervisor->is_draining, "healthy",
		(int)is_healthy, "trouble", is_healthy ? NULL : supervisor->sick.message, "live",
		(json_int_t)live_count(supervisor->live), "cgroup", supervisor->host.cgroup_driver,
		"privileged", (int)((supervisor->host.abilities & LAUNCHER_IS_PRIVILEGED) != 0),
		"missing", list_missing(&supervisor->host), "generation",
		(json_int_t)supervisor->host.generation);

	if (!members || json_object_update(status, members) < 0)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "status");
	return 0;
}

static bool is_draining(void *owner)
{
	const struct supervisor *supervisor = owner;

	return supervisor->is_draining;
}

static int reload(void *owner, struct control_call *call, struct berth_error *err)
{
	struct supervisor *supervisor = owner;

	if (supervisor->reloading)
		return berth_fail(err, BERTH_DENIED, 0, "a reload is under way");
	if (launcher_client_reload(supervisor->launcher, err) < 0)
		return -1;
	supervisor->reloading = call;
	return 0;
}

static int hold(struct engine *engine, void *argument, struct berth_error *err)
{
	(void)argument;
	(void)err;
	engine_hold(engine, true);
	return 0;
}

static void on_held(struct engine_job *job, int result, const struct berth_error *why)
{
	(void)result;
	(void)why;
	free(job);
}

void supervisor_drain(struct supervisor *supervisor)
{
	struct engine_job *job;

	if (supervisor->is_draining)
		return;
	supervisor->is_draining = true;
	job = calloc(1, sizeof(*job));
	if (!job)
		return; /* new work is refused all the same */
	job->work = hold;
	job->done = on_held;
	engine_thread_submit(supervisor->engine, job, true);
}

static int drain(void *owner, struct control_call *call, struct berth_error *err)
{
	struct supervisor *supervisor = owner;
	json_t *result = json_pack("{s:I}", "running", (json_int_t)live_count(supervisor->live));

	if (!result)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "drain");
	supervisor_drain(supervisor);
	control_call_answer(call, result);
	return 0;
}

void supervisor_backend_init(struct supervisor *supervisor)
{
	supervisor->backend = (struct control_backend){
		.owner = supervisor,
		.logs_directory = -1,
		.bundles_directory = -1,
		.feeds = &supervisor->feeds,
		.submit = submit,
		.work = work,
		.follow = follow,
		.unfollow = unfollow,
		.usage = usage,
		.describe = describe,
		.is_draining = is_draining,
		.backup = supervisor_backup,
		.prune = supervisor_prune,
		.reload = reload,
		.drain = drain,
	};
}
