/* SPDX-License-Identifier: Apache-2.0 */
/* From the launcher's table to the first client: the engine is told what still lives, then
 * admission and the control socket open. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/account.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "extensions/catalog.h"
#include "runner/control/control_handlers.h"
#include "runner/crash/crash_point.h"
#include "runner/engine/engine_versions.h"
#include "runner/supervisor/supervisor.h"

#define OPERATOR_GROUP   "berth"
#define FIRST_GENERATION 1 /* of supervisors that this launcher has had */

struct recover_job {
	struct engine_job job;
	struct supervisor *supervisor;
	struct engine_live *live;
	size_t count;
	json_t *tasks;
};

static int recover(struct engine *engine, void *argument, struct berth_error *err)
{
	struct recover_job *recover = argument;

	crash_point(CRASH_RECOVER_BEFORE);
	if (engine_recover(engine, recover->live, recover->count,
			   recover->supervisor->host.generation == FIRST_GENERATION, err) < 0 ||
	    engine_define_builtin(engine, recover->tasks, err) < 0)
		return -1;
	if (!recover->supervisor->is_draining)
		engine_hold(engine, false);
	return 0;
}

static void problem(void *owner, const char *message)
{
	(void)owner;
	supervisor_say("control socket: %s", message);
}

static int open_server(struct supervisor *supervisor, struct berth_error *err)
{
	gid_t group = CONTROL_NO_GROUP;
	const bool is_known = account_find_group(OPERATOR_GROUP, &group, NULL) == 0;
	const struct control_server_options options = {
		.backend = &supervisor->backend,
		.handlers = control_handlers,
		.policy = {.daemon_uid = geteuid(),
			   .operator_group = is_known ? group : CONTROL_NO_GROUP,
			   .others_view = supervisor->settings.viewers},
		.problem = problem,
	};

	if (control_server_create(supervisor->loop, supervisor->listen_fd, &options,
				  &supervisor->server, err) < 0)
		return -1;
	supervisor->listen_fd = -1;
	return 0;
}

static int begin(struct supervisor *supervisor, struct berth_error *err)
{
	supervisor->is_recovered = true;
	crash_point(CRASH_RECOVER_AFTER);
	if (live_adopted_all(supervisor->live, err) < 0 || open_server(supervisor, err) < 0 ||
	    supervisor_prune_arm(supervisor, err) < 0)
		return -1;
	if (live_count(supervisor->live) > 0 && supervisor_on_awake(supervisor, err) < 0)
		return -1;
	supervisor_sweep_bundles(supervisor);
	supervisor_sweep_logs(supervisor);
	return launcher_client_ready(supervisor->launcher, err);
}

static void on_recovered(struct engine_job *engine_job, int result, const struct berth_error *why)
{
	struct recover_job *job = (struct recover_job *)engine_job;
	struct supervisor *supervisor = job->supervisor;
	struct berth_error err = {0};

	if (result < 0)
		err = *why;
	else if (begin(supervisor, &err) == 0)
		err.code = BERTH_NONE;
	if (err.code != BERTH_NONE) {
		supervisor_say("cannot begin: %s", err.message);
		loop_stop(supervisor->loop);
	}
	free(job->live);
	json_decref(job->tasks);
	free(job);
}

static json_t *describe_task(const struct extension_task *task)
{
	json_t *object = json_pack("{s:s, s:b, s:s?}", "id", task->id, "builtin", 1, "machine",
				   task->machine);

	if (object && !task->machine)
		(void)json_object_del(object, "machine");
	if (object && task->timeout_ms > 0)
		(void)json_object_set_new(object, "maxDuration",
					  json_real((double)task->timeout_ms / 1000));
	if (object && task->attempts > 1)
		(void)json_object_set_new(
			object, "retry",
			json_pack("{s:I}", "maxAttempts", (json_int_t)task->attempts));
	return object;
}

/* The tasks of the installed extensions; none when none are installed. */
static int list_tasks(const struct supervisor *supervisor, json_t **ret_tasks,
		      struct berth_error *err)
{
	struct extension_list list = {0};
	AUTO_JSON json_t *tasks = json_array();

	if (supervisor->installation.extensions[0] &&
	    extension_list_load(supervisor->installation.extensions, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < list.count; i++)
		for (size_t k = 0; k < list.extensions[i].task_count; k++)
			(void)json_array_append_new(tasks,
						    describe_task(&list.extensions[i].tasks[k]));
	extension_list_finish(&list);
	if (!tasks)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "built-in tasks");
	*ret_tasks = json_incref(tasks);
	return 0;
}

int supervisor_recover(struct supervisor *supervisor, struct berth_error *err)
{
	struct recover_job *job = calloc(1, sizeof(*job));

	if (!job)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "recovery");
	job->job.work = recover;
	job->job.done = on_recovered;
	job->supervisor = supervisor;
	if (live_list(supervisor->live, &job->live, &job->count, err) < 0 ||
	    list_tasks(supervisor, &job->tasks, err) < 0) {
		free(job->live);
		free(job);
		return -1;
	}
	engine_thread_submit(supervisor->engine, &job->job, true);
	return 0;
}
