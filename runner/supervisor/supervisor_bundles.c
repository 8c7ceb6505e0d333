/* SPDX-License-Identifier: Apache-2.0 */
/* The files of versions that are gone. What no version names is given another name by the engine's
 * thread, where versions are made, and removed by a worker. Killed at any point, the next start or
 * pass does the rest. */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "runner/deploy/deploy_bundle.h"
#include "runner/engine/engine_core.h"
#include "runner/store/store_versions.h"
#include "runner/supervisor/supervisor.h"

struct bundles_job {
	struct engine_job job;
	struct control_chore chore;
	struct supervisor *supervisor;
	json_t *named; /* digests that versions name, as keys */
	size_t count;
};

static struct bundles_job *job_of_chore(struct control_chore *chore)
{
	return (struct bundles_job *)((char *)chore - offsetof(struct bundles_job, chore));
}

static bool is_named(void *owner, const char *digest)
{
	return json_object_get(((struct bundles_job *)owner)->named, digest) != NULL;
}

static int collect_named(struct store *store, json_t *named, struct berth_error *err)
{
	int64_t id = 0;

	for (;;) {
		AUTO_FREE char *bundle = NULL;
		int found = store_version_next_bundle(store, id, &id, &bundle, err);

		if (found != 0)
			return found < 0 ? -1 : 0;
		if (json_object_set_new(named, bundle, json_true()) < 0)
			return berth_fail(err, BERTH_MEMORY, ENOMEM, "bundles");
	}
}

static int set_aside(struct engine *engine, struct engine_job *engine_job, struct berth_error *err)
{
	struct bundles_job *job = (struct bundles_job *)engine_job;

	if (collect_named(engine_store(engine), job->named, err) < 0)
		return -1;
	return deploy_bundle_set_aside(job->supervisor->bundles_fd, is_named, job, &job->count,
				       err);
}

static void destroy(struct bundles_job *job)
{
	json_decref(job->named);
	free(job);
}

static int remove_aside(struct control_chore *chore, struct berth_error *err)
{
	return deploy_bundle_sweep_aside(job_of_chore(chore)->supervisor->bundles_fd, err);
}

static void on_removed(struct control_chore *chore, int result, const struct berth_error *why)
{
	if (result < 0)
		supervisor_say("retention: %s", why->message);
	destroy(job_of_chore(chore));
}

static void on_set_aside(struct engine_job *engine_job, int result, const struct berth_error *why)
{
	struct bundles_job *job = (struct bundles_job *)engine_job;

	if (result < 0)
		supervisor_say("retention: %s", why->message);
	if (result < 0 || job->count == 0) {
		destroy(job);
		return;
	}
	job->chore = (struct control_chore){.run = remove_aside, .done = on_removed};
	workers_submit(job->supervisor->workers, &job->chore);
}

void supervisor_sweep_bundles(struct supervisor *supervisor)
{
	struct bundles_job *job = calloc(1, sizeof(*job));

	if (!job)
		return; /* the next pass does it */
	job->supervisor = supervisor;
	job->named = json_object();
	if (!job->named) {
		free(job);
		return;
	}
	job->job.step = set_aside;
	job->job.done = on_set_aside;
	engine_thread_submit(supervisor->engine, &job->job, false);
}
