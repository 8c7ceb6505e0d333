/* SPDX-License-Identifier: Apache-2.0 */
/* Handing live runs over to another program of the same process. */
#include "sandbox/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sandbox/host.h"
#include "sandbox/sandbox_state.h"
#include "sandbox/volume_state.h"

/* Places of struct sandbox_record.descriptors. */
enum { PIDFD, CONTROL, CHANNEL, MOUNTS, LOCK, OOM_EVENT };

static void list_descriptors(const struct sandbox *sandbox,
			     int32_t ret_fds[SANDBOX_RECORD_DESCRIPTORS])
{
	ret_fds[PIDFD] = sandbox->pidfd;
	ret_fds[CONTROL] = sandbox->control_fd;
	ret_fds[CHANNEL] = sandbox->channel_fd;
	ret_fds[MOUNTS] = sandbox->mounts_fd;
	ret_fds[LOCK] = sandbox->identity.lock_fd;
	ret_fds[OOM_EVENT] = sandbox->cgroup.oom_event_fd;
}

void sandbox_export(const struct sandbox *sandbox, struct sandbox_record *ret_record)
{
	*ret_record = (struct sandbox_record){
		.version = SANDBOX_RECORD_VERSION,
		.enforced = sandbox->cgroup.enforced,
		.identity_base = sandbox->identity.base,
		.ranged = sandbox->identity.ranged,
		.channel_expected = sandbox->channel_expected,
		.start_told = sandbox->start_told,
		.started = sandbox->started,
		.exec_failed = sandbox->exec_failed,
		.reported_end = sandbox->reported_end,
		.oom_seen = sandbox->oom_seen,
		.kill_requested = sandbox->kill_requested,
		.frozen = sandbox->frozen,
		.launched_ns = sandbox->launched_ns,
		.outcome = sandbox->outcome,
	};
	list_descriptors(sandbox, ret_record->descriptors);
	memcpy(ret_record->group, sandbox->cgroup.name, sizeof(ret_record->group));
	memcpy(ret_record->protections, sandbox->protections->states,
	       sizeof(ret_record->protections));
}

void sandbox_volume_export(const struct sandbox_volume *volume,
			   struct sandbox_volume_record *ret_record)
{
	*ret_record = (struct sandbox_volume_record){
		.version = SANDBOX_RECORD_VERSION,
		.kind = volume->kind,
		.privileged = volume->privileged,
		.launched = volume->launched,
		.mapped = volume->mapped,
		.bytes = volume->bytes,
		.inodes = volume->inodes,
		.root_fd = volume->root_fd,
		.loop_fd = volume->loop_fd,
		.lock_fd = volume->lock_fd,
	};
	memcpy(ret_record->loop_path, volume->loop_path, sizeof(ret_record->loop_path));
	memcpy(ret_record->directory, volume->directory, sizeof(ret_record->directory));
}

static int keep_descriptors(const int32_t *fds, size_t count, bool keep, struct berth_error *err)
{
	for (size_t i = 0; i < count; i++)
		if (fds[i] >= 0 && fcntl(fds[i], F_SETFD, keep ? 0 : FD_CLOEXEC) < 0)
			return berth_fail(err, BERTH_SYSTEM, errno, "keep descriptor %d", fds[i]);
	return 0;
}

int sandbox_keep(const struct sandbox *sandbox, bool keep, struct berth_error *err)
{
	int32_t fds[SANDBOX_RECORD_DESCRIPTORS];

	list_descriptors(sandbox, fds);
	return keep_descriptors(fds, SANDBOX_RECORD_DESCRIPTORS, keep, err);
}

int sandbox_volume_keep(const struct sandbox_volume *volume, bool keep, struct berth_error *err)
{
	const int32_t fds[] = {volume->root_fd, volume->loop_fd, volume->lock_fd};

	return keep_descriptors(fds, sizeof(fds) / sizeof(fds[0]), keep, err);
}

static int check_record(const struct sandbox_record *record, size_t volume_count,
			struct berth_error *err)
{
	if (record->version != SANDBOX_RECORD_VERSION)
		return berth_fail(err, BERTH_PROTOCOL, 0, "run record version %u instead of %d",
				  record->version, SANDBOX_RECORD_VERSION);
	if (!memchr(record->group, '\0', sizeof(record->group)) || record->descriptors[PIDFD] < 0 ||
	    record->descriptors[CONTROL] < 0 || volume_count > SANDBOX_VOLUMES_MAX)
		return berth_fail(err, BERTH_PROTOCOL, 0, "a run record makes no sense");
	return 0;
}

/* Its directories, by name. */
static int open_group(struct cgroup *group, const struct sandbox_record *record,
		      struct berth_error *err)
{
	const struct cgroup_host *host = group->host;

	group->enforced = record->enforced;
	memcpy(group->name, record->group, sizeof(group->name));
	for (size_t i = 0; i < CGROUP_HIERARCHIES_MAX; i++)
		if (host->parent_fds[i] >= 0 &&
		    cgroup_open_directory(host->parent_fds[i], group->name, false, &group->fds[i],
					  err) < 0)
			return -1;
	return 0;
}

static void close_group_directories(struct cgroup *group)
{
	for (size_t i = 0; i < CGROUP_HIERARCHIES_MAX; i++)
		close_fd(&group->fds[i]);
}

static void restore(struct sandbox *sandbox, const struct sandbox_record *record)
{
	sandbox->identity.ranged = record->ranged;
	sandbox->identity.base = record->identity_base;
	sandbox->identity.lock_fd = record->descriptors[LOCK];
	sandbox->pidfd = record->descriptors[PIDFD];
	sandbox->control_fd = record->descriptors[CONTROL];
	sandbox->channel_fd = record->descriptors[CHANNEL];
	sandbox->mounts_fd = record->descriptors[MOUNTS];
	sandbox->cgroup.oom_event_fd = record->descriptors[OOM_EVENT];
	sandbox->channel_expected = record->channel_expected;
	sandbox->start_told = record->start_told;
	sandbox->started = record->started;
	sandbox->exec_failed = record->exec_failed;
	sandbox->reported_end = record->reported_end;
	sandbox->oom_seen = record->oom_seen;
	sandbox->kill_requested = record->kill_requested;
	sandbox->frozen = record->frozen;
	sandbox->launched_ns = record->launched_ns;
	sandbox->outcome = record->outcome;
}

int sandbox_import(struct sandbox_host *host, const struct sandbox_record *record,
		   struct sandbox_volume *const *volumes, size_t volume_count,
		   struct sandbox **ret_sandbox, struct berth_error *err)
{
	struct sandbox *sandbox;

	if (check_record(record, volume_count, err) < 0)
		return -1;
	sandbox = calloc(1, sizeof(*sandbox));
	if (!sandbox)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "sandbox");
	sandbox->host = host;
	sandbox->epoll_fd = -1;
	cgroup_init(&sandbox->cgroup, &host->cgroup);
	for (size_t i = 0; i < volume_count; i++)
		sandbox->volumes[i] = volumes[i];
	sandbox->volume_count = volume_count;
	if (protection_set_take(&host->protections, record->protections, &sandbox->protections,
				err) < 0 ||
	    open_group(&sandbox->cgroup, record, err) < 0)
		goto free_sandbox;
	restore(sandbox, record);
	if (sandbox_watch(sandbox, err) < 0 || sandbox_keep(sandbox, false, err) < 0)
		goto free_sandbox;
	*ret_sandbox = sandbox;
	return 0;

free_sandbox:
	protection_set_release(sandbox->protections);
	close_group_directories(&sandbox->cgroup);
	close_fd(&sandbox->epoll_fd);
	free(sandbox);
	return -1;
}

int sandbox_volume_import(const struct sandbox_volume_record *record,
			  struct sandbox_volume **ret_volume, struct berth_error *err)
{
	struct sandbox_volume *volume;

	if (record->version != SANDBOX_RECORD_VERSION || record->kind > SANDBOX_VOLUME_DIRECTORY ||
	    !memchr(record->loop_path, '\0', sizeof(record->loop_path)) ||
	    !memchr(record->directory, '\0', sizeof(record->directory)))
		return berth_fail(err, BERTH_PROTOCOL, 0, "a volume record makes no sense");
	volume = calloc(1, sizeof(*volume));
	if (!volume)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "volume");
	volume->kind = (enum sandbox_volume_kind)record->kind;
	volume->privileged = record->privileged;
	volume->launched = record->launched;
	volume->mapped = record->mapped;
	volume->bytes = record->bytes;
	volume->inodes = record->inodes;
	volume->root_fd = record->root_fd;
	volume->loop_fd = record->loop_fd;
	volume->lock_fd = record->lock_fd;
	memcpy(volume->loop_path, record->loop_path, sizeof(volume->loop_path));
	memcpy(volume->directory, record->directory, sizeof(volume->directory));
	if (sandbox_volume_keep(volume, false, err) < 0) {
		free(volume);
		return -1;
	}
	*ret_volume = volume;
	return 0;
}

struct protection_set *sandbox_share_protections(const struct sandbox *sandbox)
{
	return protection_set_share(sandbox->protections);
}

unsigned sandbox_host_group_sequence(const struct sandbox_host *host)
{
	return host->cgroup.sequence;
}
