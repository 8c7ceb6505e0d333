/* SPDX-License-Identifier: Apache-2.0 */
/* A second mount of a volume, in which the task's files are somebody else's own. */
#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "sandbox/host.h"
#include "sandbox/identity.h"
#include "sandbox/mount_call.h"
#include "sandbox/sandbox.h"
#include "sandbox/volume_state.h"

#define VIEW_ATTRIBUTES                                                                            \
	(MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

/* One namespace serves every view for one reader: in all such volumes the task's id is the same. */
static int open_mapping(struct sandbox_host *host, uid_t uid, gid_t gid, struct berth_error *err)
{
	if (host->view_namespace_fd >= 0 && host->view_uid == uid && host->view_gid == gid)
		return 0;
	close_fd(&host->view_namespace_fd);
	if (identity_open_view_mapping(uid, gid, &host->view_namespace_fd, err) < 0)
		return -1;
	host->view_uid = uid;
	host->view_gid = gid;
	return 0;
}

/* A copy of a mount that is attached nowhere: since Linux 6.15. */
static int clone_detached(int mount_fd, int *ret_fd, struct berth_error *err)
{
	int fd = (int)syscall(SYS_open_tree, mount_fd, "",
			      OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);

	if (fd < 0)
		return berth_fail(err, errno == EINVAL ? BERTH_UNSUPPORTED : BERTH_SYSTEM, errno,
				  "open a second mount of a volume in memory (Linux 6.15)");
	*ret_fd = fd;
	return 0;
}

/* Before its launch the task's ids do not exist on the host: those of the volume are the plain ones
 * of a sandbox, and the run's mount is translated as a disk's is. */
static int make_plain_owner(struct sandbox_volume *volume, struct berth_error *err)
{
	if (fchownat(volume->root_fd, "", SANDBOX_TASK_UID, SANDBOX_TASK_GID, AT_EMPTY_PATH) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "chown a volume");
	volume->mapped = true;
	return 0;
}

static int open_second_mount(struct sandbox_volume *volume, int *ret_fd, struct berth_error *err)
{
	if (volume->kind == SANDBOX_VOLUME_DISK)
		return volume_disk_mount(volume, ret_fd, err);
	if (volume->launched)
		return berth_fail(err, BERTH_INVALID, 0,
				  "a volume in memory is viewed before its launch or not at all");
	if (clone_detached(volume->root_fd, ret_fd, err) < 0)
		return -1;
	return make_plain_owner(volume, err);
}

int sandbox_volume_open_view(struct sandbox_host *host, struct sandbox_volume *volume, uid_t uid,
			     gid_t gid, int *ret_fd, struct berth_error *err)
{
	AUTO_CLOSE int fd = -1;

	if (!volume->privileged) {
		/* the task's files are the caller's anyway */
		fd = fcntl(volume->root_fd, F_DUPFD_CLOEXEC, 0);
		if (fd < 0)
			return berth_fail(err, BERTH_SYSTEM, errno, "dup a volume");
		*ret_fd = steal_fd(&fd);
		return 0;
	}
	if (open_mapping(host, uid, gid, err) < 0 || open_second_mount(volume, &fd, err) < 0)
		return -1;
	if (mount_map_ids(fd, host->view_namespace_fd, err) < 0 ||
	    mount_restrict_tree(fd, VIEW_ATTRIBUTES, err) < 0)
		return berth_fail_context(err, "view a volume");
	*ret_fd = steal_fd(&fd);
	return 0;
}

bool sandbox_host_views_memory(struct sandbox_host *host, uid_t uid, gid_t gid)
{
	struct sandbox_volume *volume = NULL;
	AUTO_CLOSE int fd = -1;
	bool works;

	if (sandbox_volume_create_memory(host, SANDBOX_VOLUME_DISK_MIN, 1, &volume, NULL) < 0)
		return false;
	works = !host->privileged ||
		sandbox_volume_open_view(host, volume, uid, gid, &fd, NULL) == 0;
	sandbox_volume_close(volume);
	return works;
}
