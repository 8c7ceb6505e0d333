/* SPDX-License-Identifier: Apache-2.0 */
/* Starting one run: policy, sources, volumes, views, launch, row. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "runner/crash/crash_point.h"
#include "runner/launcher/checkpoint_directory.h"
#include "runner/launcher/launcher.h"

#define SOURCE_PATH_SIZE 32

/* The sources of binds, each as a path that leads to the descriptor that was checked. */
struct sources {
	size_t count;
	int fds[SANDBOX_MOUNTS_MAX];
	char paths[SANDBOX_MOUNTS_MAX][SOURCE_PATH_SIZE];
};

static void close_sources(struct sources *sources)
{
	for (size_t i = 0; i < sources->count; i++)
		close_fd(&sources->fds[i]);
}

/* Replaces the source of every bind; leaves out optional ones that are missing. */
static int open_sources(const struct policy *policy, struct sandbox_mount *mounts,
			size_t *mount_count, struct sources *sources, struct berth_error *err)
{
	size_t kept = 0;

	for (size_t i = 0; i < *mount_count; i++) {
		struct sandbox_mount *mount = &mounts[i];
		size_t at = sources->count;

		if (mount->kind == SANDBOX_MOUNT_BIND) {
			int opened = policy_open_source(policy, mount, &sources->fds[at], err);

			if (opened < 0)
				return -1;
			if (opened == POLICY_SKIP)
				continue;
			sources->count++;
			(void)snprintf(sources->paths[at], SOURCE_PATH_SIZE, "/proc/self/fd/%d",
				       sources->fds[at]);
			mount->source = sources->paths[at];
		}
		mounts[kept++] = *mount;
	}
	*mount_count = kept;
	return 0;
}

static int open_volume(struct launcher *launcher, const struct run *run,
		       const struct launch_volume *volume, struct sandbox_volume **ret_volume,
		       struct berth_error *err)
{
	switch (volume->kind) {
	case LAUNCH_VOLUME_MEMORY:
		return sandbox_volume_create_memory(launcher->host, volume->bytes, volume->inodes,
						    ret_volume, err);
	case LAUNCH_VOLUME_DISK:
		return sandbox_volume_open_disk(launcher->host, NULL, volume->bytes, volume->inodes,
						ret_volume, err);
	case LAUNCH_VOLUME_CHECKPOINT:
		return checkpoint_directory_open_volume(launcher->checkpoints_fd, launcher->host,
							run->number, volume, ret_volume, err);
	}
	return berth_fail(err, BERTH_INVALID, 0, "unknown kind of volume");
}

static int open_volumes(struct launcher *launcher, struct run *run, const struct launch_spec *spec,
			struct sandbox_volume_mount mounts[SANDBOX_VOLUMES_MAX],
			struct berth_error *err)
{
	bool privileged = launcher->abilities & LAUNCHER_IS_PRIVILEGED;

	for (size_t i = 0; i < spec->volume_count; i++) {
		const struct launch_volume *asked = &spec->volumes[i];
		struct run_volume *made = &run->volumes[i];

		if (open_volume(launcher, run, asked, &made->volume, err) < 0)
			return berth_fail_context(err, "volume %.64s", asked->target);
		run->volume_count++;
		made->viewed = asked->flags & LAUNCH_VOLUME_VIEWED;
		/* rootless, they exist only when the task has started */
		if (made->viewed && privileged &&
		    sandbox_volume_open_view(launcher->host, made->volume, launcher->supervisor.uid,
					     launcher->supervisor.gid, &made->view_fd, err) < 0)
			return berth_fail_context(err, "volume %.64s", asked->target);
		mounts[i] = (struct sandbox_volume_mount){made->volume, asked->target};
	}
	return 0;
}

static int launch(struct launcher *launcher, struct run *run,
		  const struct launcher_descriptors *descriptors, struct sources *sources,
		  struct berth_error *err)
{
	struct sandbox_volume_mount volumes[SANDBOX_VOLUMES_MAX];
	struct sandbox_spec *spec = &launcher->spec.sandbox;

	if (policy_check(&launcher->policy, &launcher->spec, err) < 0 ||
	    open_sources(&launcher->policy, launcher->room.mounts, &spec->mount_count, sources,
			 err) < 0 ||
	    open_volumes(launcher, run, &launcher->spec, volumes, err) < 0)
		return -1;
	crash_point(CRASH_LAUNCHER_VOLUMES_OPEN);
	spec->volumes = volumes;
	spec->volume_count = launcher->spec.volume_count;
	spec->stdin_fd = descriptors->fds[LAUNCHER_FD_STDIN];
	spec->stdout_fd = descriptors->fds[LAUNCHER_FD_STDOUT_TASK];
	spec->stderr_fd = descriptors->fds[LAUNCHER_FD_STDERR_TASK];
	return sandbox_launch(launcher->host, spec, &run->sandbox, err);
}

static void forget(struct launcher *launcher, struct run *run)
{
	sandbox_destroy(run->sandbox);
	run->sandbox = NULL;
	run_table_remove(launcher->table, run);
}

int run_start(struct launcher *launcher, const struct launcher_header *header,
	      struct launcher_descriptors *descriptors, struct berth_error *err)
{
	struct sources sources = {0};
	struct run *run = NULL;
	int launched;

	crash_point(CRASH_LAUNCHER_BEFORE_LAUNCH);
	if (run_table_add(launcher->table, header->run, header->token,
			  (size_t)launcher->policy.runs, &run, err) < 0)
		return -1;
	launched = launch(launcher, run, descriptors, &sources, err);
	close_sources(&sources);
	if (launched < 0 || run_watch(launcher, run, err) < 0) {
		forget(launcher, run);
		return -1;
	}
	run->stdout_fd = steal_fd(&descriptors->fds[LAUNCHER_FD_STDOUT]);
	run->stderr_fd = steal_fd(&descriptors->fds[LAUNCHER_FD_STDERR]);
	crash_point(CRASH_LAUNCHER_AFTER_LAUNCH);
	return 0;
}
