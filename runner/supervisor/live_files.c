/* SPDX-License-Identifier: Apache-2.0 */
/* The files of the host that one run was given. Which they may be is the launcher's to say, who
 * opens them: this process may not even see them. */
#include <jansson.h>

#include "runner/run/plan_mounts.h"
#include "runner/supervisor/live_state.h"

int live_name_inputs(struct live *live, struct berth_error *err)
{
	json_t *input;
	size_t index;

	if (live->inputs.count > 0)
		return 0;
	json_array_foreach (live->launch.inputs, index, input)
		if (!plan_mounts_name_input(&live->inputs, json_string_value(input), err))
			return -1;
	return 0;
}

bool live_has_output(const struct live *live)
{
	return live->launch.output_directory || live->template->plan->output != RUN_VOLUME_NONE;
}

static int add(struct live_mounts *mounts, const struct sandbox_mount *mount,
	       struct berth_error *err)
{
	if (mounts->count == SANDBOX_MOUNTS_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "mounts: more than %d", SANDBOX_MOUNTS_MAX);
	mounts->mounts[mounts->count++] = *mount;
	return 0;
}

int live_mounts_init(const struct live *live, struct live_mounts *ret_mounts,
		     struct berth_error *err)
{
	const struct run_plan *plan = live->template->plan;

	ret_mounts->count = 0;
	for (size_t i = 0; i < plan->mount_count; i++)
		if (add(ret_mounts, &plan->mounts[i], err) < 0)
			return -1;
	for (size_t i = 0; i < live->inputs.count; i++) {
		const struct sandbox_mount mount = {
			.kind = SANDBOX_MOUNT_BIND,
			.flags = SANDBOX_MOUNT_NOEXEC | SANDBOX_MOUNT_MAPPED,
			.source = json_string_value(json_array_get(live->launch.inputs, i)),
			.target = live->inputs.items[i],
		};

		if (add(ret_mounts, &mount, err) < 0)
			return -1;
	}
	if (!live->launch.output_directory)
		return 0;
	/* the slash has the launcher refuse what is no directory */
	if (snprintf(ret_mounts->output, sizeof(ret_mounts->output), "%s/",
		     live->launch.output_directory) >= (int)sizeof(ret_mounts->output))
		return berth_fail(err, BERTH_LIMIT, 0, "output directory: the path is too long");
	return add(ret_mounts,
		   &(struct sandbox_mount){
			   .kind = SANDBOX_MOUNT_BIND,
			   .flags = SANDBOX_MOUNT_WRITABLE,
			   .source = ret_mounts->output,
			   .target = RUN_OUTPUT_PATH,
		   },
		   err);
}
