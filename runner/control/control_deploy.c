/* SPDX-License-Identifier: Apache-2.0 */
/* Deploying: the manifest is checked again, a worker writes the files, then the engine makes the
 * version. A version whose files are not durable cannot be there. */
#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/sha256.h"
#include "runner/control/control_job.h"
#include "runner/control/control_operations.h"
#include "runner/deploy/deploy_bundle.h"
#include "runner/deploy/deploy_files.h"
#include "runner/deploy/deploy_manifest.h"
#include "runner/deploy/deploy_table.h"
#include "runner/engine/engine_versions.h"

struct deploy {
	struct control_chore chore;
	struct control_call *call;
	char bundle[SHA256_TEXT_SIZE]; /* "" for a manifest without files */
};

static int make_version(struct engine *engine, struct control_call *call, struct berth_error *err)
{
	const struct control_deploy *record = &call->record.deploy;
	const json_t *tasks = json_object_get(record->manifest, "tasks");
	const struct deploy *deploy = call->state;
	AUTO_FREE char *manifest = json_format_compact(record->manifest);
	char name[VERSION_NAME_SIZE];

	if (!manifest)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "deploy");
	/* here, where it cannot be set aside before the version names it */
	if (deploy->bundle[0] &&
	    !deploy_bundle_exists(call->backend->bundles_directory, deploy->bundle))
		return berth_fail(err, BERTH_SYSTEM, 0,
				  "the same files went with an old version in this moment: deploy "
				  "again");
	if (engine_deploy(engine,
			  &(struct engine_deploy){
				  .bundle = deploy->bundle,
				  .manifest = manifest,
				  .tasks = tasks,
				  .promote = !record->skip_promotion,
			  },
			  name, err) < 0)
		return -1;
	call->result = json_pack("{s:s, s:s, s:I, s:b}", "version", name, "bundle", deploy->bundle,
				 "tasks", (json_int_t)json_array_size(tasks), "isPromoted",
				 !record->skip_promotion);
	return call->result ? 0 : berth_fail(err, BERTH_MEMORY, ENOMEM, "deploy");
}

static int write_bundle(struct control_chore *chore, struct berth_error *err)
{
	struct deploy *deploy = (struct deploy *)chore;
	const struct control_call *call = deploy->call;

	return deploy_bundle_write(call->backend->bundles_directory, call->record.deploy.files,
				   call->descriptors[0], deploy->bundle, err);
}

static void on_written(struct control_chore *chore, int result, const struct berth_error *err)
{
	struct deploy *deploy = (struct deploy *)chore;

	if (result < 0)
		control_call_fail(deploy->call, err);
	else
		control_job_work(deploy->call, make_version, NULL);
}

int control_deploy(struct control_call *call, struct berth_error *err)
{
	const struct control_deploy *record = &call->record.deploy;
	struct deploy *deploy;

	if (deploy_manifest_check(record->manifest, DEPLOY_FILE_NAME, NULL, err) < 0 ||
	    deploy_manifest_check_programs(record->manifest, deploy_files_is_executable,
					   record->files, err) < 0)
		return -1;
	deploy = calloc(1, sizeof(*deploy));
	if (!deploy)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "deploy");
	deploy->chore = (struct control_chore){.run = write_bundle, .done = on_written};
	deploy->call = call;
	call->state = deploy;
	call->finish_state = free;
	call->backend->work(call->backend->owner, &deploy->chore);
	return 0;
}
