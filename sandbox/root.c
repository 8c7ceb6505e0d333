/* SPDX-License-Identifier: Apache-2.0 */
/* The run's root file system: prepared outside as detached mounts, put together inside. */
#include "sandbox/root.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/descriptor.h"
#include "sandbox/devices.h"
#include "sandbox/mount_call.h"
#include "sandbox/own_tmpfs.h"
#include "sandbox/root_set.h"
#include "sandbox/volume_mount.h"

#define PROC_PATH    "/proc"
#define MAKE_FLAGS   (O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC)
#define STAGING_PATH "/usr" /* any directory: the new root covers it for a moment */

void root_plan_init(struct root_plan *plan)
{
	*plan = (struct root_plan){0};
	plan->root_fd = plan->devices_fd = -1;
	memset(plan->default_fds, -1, sizeof(plan->default_fds));
	memset(plan->mount_fds, -1, sizeof(plan->mount_fds));
	memset(plan->volume_fds, -1, sizeof(plan->volume_fds));
}

void root_plan_finish(struct root_plan *plan)
{
	close_fd(&plan->root_fd);
	close_fd(&plan->devices_fd);
	for (size_t i = 0; i < ROOT_DEFAULTS_MAX; i++)
		close_fd(&plan->default_fds[i]);
	for (size_t i = 0; plan->spec && i < plan->spec->mount_count; i++)
		close_fd(&plan->mount_fds[i]);
	for (size_t i = 0; i < SANDBOX_VOLUMES_MAX; i++)
		close_fd(&plan->volume_fds[i]);
}

static int prepare_bind(struct root_plan *plan, size_t index, struct berth_error *err)
{
	const struct sandbox_mount *mount = &plan->spec->mounts[index];
	unsigned long long attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
	struct berth_error failure = {0};
	struct stat facts;

	if (!(mount->flags & SANDBOX_MOUNT_WRITABLE))
		attributes |= MOUNT_ATTR_RDONLY;
	if (mount->flags & SANDBOX_MOUNT_NOEXEC)
		attributes |= MOUNT_ATTR_NOEXEC;
	if (mount_clone_tree(mount->source, attributes, &plan->mount_fds[index], &failure) < 0) {
		if ((mount->flags & SANDBOX_MOUNT_OPTIONAL) && failure.code == BERTH_NOT_FOUND)
			return 0;
		if (err)
			*err = failure;
		return -1;
	}
	if (fstat(plan->mount_fds[index], &facts) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "stat %s", mount->source);
	plan->mount_is_directory[index] = S_ISDIR(facts.st_mode);
	return 0;
}

/* From the host's root to the first id of the run. */
static int give_to_run(const struct root_plan *plan, int fd, struct berth_error *err)
{
	if (fchownat(fd, "", plan->identity->base, plan->identity->base, AT_EMPTY_PATH) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "give a file system to the run");
	return 0;
}

static int take_set(struct root_plan *plan, struct berth_error *err)
{
	struct root_set set;
	size_t taken = 0;

	if (root_set_pool_take(plan->sets, &plan->spec->limits, &set, err) < 0)
		return -1;
	plan->root_fd = set.root_fd;
	plan->devices_fd = set.devices_fd;
	for (size_t i = 0; i < root_default_count; i++)
		if (root_defaults[i].kind == ROOT_TMPFS)
			plan->default_fds[i] = set.tmpfs_fds[taken++];
	if (give_to_run(plan, plan->root_fd, err) < 0)
		return -1;
	for (size_t i = 0; i < root_default_count; i++)
		if (plan->default_fds[i] >= 0 && give_to_run(plan, plan->default_fds[i], err) < 0)
			return -1;
	return 0;
}

static int bind_devices(struct root_plan *plan, struct berth_error *err)
{
	for (size_t i = 0; i < root_default_count; i++) {
		if (root_defaults[i].kind != ROOT_DEVICE)
			continue;
		if (mount_clone_tree(root_defaults[i].target,
				     MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RDONLY,
				     &plan->default_fds[i], err) < 0)
			return -1;
	}
	return 0;
}

int root_prepare(struct root_plan *plan, struct berth_error *err)
{
	if (plan->privileged && take_set(plan, err) < 0)
		return -1;
	if (plan->devices_fd < 0 && bind_devices(plan, err) < 0)
		return -1;
	for (size_t i = 0; i < plan->spec->mount_count; i++)
		if (plan->spec->mounts[i].kind == SANDBOX_MOUNT_BIND &&
		    prepare_bind(plan, i, err) < 0)
			return -1;
	for (size_t i = 0; i < plan->spec->volume_count; i++)
		if (sandbox_volume_open_mount(plan->spec->volumes[i].volume, &plan->volume_fds[i],
					      err) < 0)
			return berth_fail_context(err, "volume %s", plan->spec->volumes[i].target);
	return 0;
}

/* The owner of the source becomes the run's task inside, whoever started berth. */
static int map_bind(struct root_plan *plan, size_t index, struct berth_error *err)
{
	AUTO_CLOSE int namespace_fd = -1;
	struct stat facts;

	if (fstat(plan->mount_fds[index], &facts) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "stat");
	if (identity_open_mapping(plan->identity, facts.st_uid, facts.st_gid, &namespace_fd, err) <
	    0)
		return -1;
	return mount_map_ids(plan->mount_fds[index], namespace_fd, err);
}

int root_map_ownership(struct root_plan *plan, int user_namespace_fd, struct berth_error *err)
{
	for (size_t i = 0; i < plan->spec->mount_count; i++) {
		const struct sandbox_mount *mount = &plan->spec->mounts[i];

		if (mount->kind != SANDBOX_MOUNT_BIND || plan->mount_fds[i] < 0 ||
		    !(mount->flags & (SANDBOX_MOUNT_WRITABLE | SANDBOX_MOUNT_MAPPED)))
			continue;
		/* unmapped it may still be read as far as its mode lets everybody */
		if (map_bind(plan, i, err) < 0 && (mount->flags & SANDBOX_MOUNT_WRITABLE))
			return berth_fail_context(err, "writable mount of %s", mount->source);
	}
	for (size_t i = 0; i < plan->spec->volume_count; i++)
		if (sandbox_volume_map(plan->spec->volumes[i].volume, plan->volume_fds[i],
				       user_namespace_fd, plan->identity->base, err) < 0)
			return berth_fail_context(err, "volume %s", plan->spec->volumes[i].target);
	return 0;
}

/* What is there already would have been EEXIST. */
static int fail_create(const char *path, struct berth_error *err)
{
	if (errno == EROFS)
		return berth_fail(err, BERTH_INVALID, EROFS,
				  "%s does not exist and cannot be made inside a read-only mount",
				  path);
	return berth_fail(err, BERTH_SYSTEM, errno, "create %s", path);
}

/* mkdir -p of everything before the last component, or of all of it. The root holds no symbolic
 * link that leaves it: the host's tree is detached by now. */
static int make_directories(const char *path, bool whole, struct berth_error *err)
{
	char prefix[SANDBOX_PATH_MAX];
	size_t length = strlen(path);

	memcpy(prefix, path, length + 1);
	if (whole && (mkdir(prefix, 0755) == 0 || errno == EEXIST))
		return 0;
	for (size_t i = 1; i <= length; i++) {
		if (prefix[i] != '/' && (prefix[i] != '\0' || !whole))
			continue;
		prefix[i] = '\0';
		if (mkdir(prefix, 0755) < 0 && errno != EEXIST)
			return fail_create(prefix, err);
		prefix[i] = path[i];
	}
	return 0;
}

static int make_file(const char *path, const char *content, struct berth_error *err)
{
	AUTO_CLOSE int fd = -1;

	fd = open(path, MAKE_FLAGS, 0644);
	if (fd < 0 && errno == ENOENT) {
		if (make_directories(path, false, err) < 0)
			return -1;
		fd = open(path, MAKE_FLAGS, 0644);
	}
	if (fd < 0 && errno == EEXIST && !content)
		return 0; /* a mount point that is there already */
	if (fd < 0)
		return fail_create(path, err);
	if (content && descriptor_write_all(fd, content, strlen(content), err) < 0)
		return berth_fail_context(err, "%s", path);
	return 0;
}

static int make_symlink(const char *path, const char *text, struct berth_error *err)
{
	if (symlink(text, path) == 0)
		return 0;
	if (errno == ENOENT && make_directories(path, false, err) < 0)
		return -1;
	if (symlink(text, path) < 0)
		return fail_create(path, err);
	return 0;
}

static int mount_bind(int fd, const char *target, bool is_directory, struct berth_error *err)
{
	int made =
		is_directory ? make_directories(target, true, err) : make_file(target, NULL, err);

	return made < 0 ? -1 : mount_attach(fd, target, err);
}

static int apply_default(struct root_plan *plan, size_t index, struct berth_error *err)
{
	const struct resource_limits *limits = &plan->spec->limits;
	const struct root_default *row = &root_defaults[index];

	if (plan->devices_fd >= 0 && devices_have(row))
		return 0;
	if (plan->devices_fd >= 0 && strcmp(row->target, DEVICES_PATH) == 0)
		return mount_bind(plan->devices_fd, row->target, true, err);
	switch (row->kind) {
	case ROOT_DEVICE:
		return mount_bind(plan->default_fds[index], row->target, false, err);
	case ROOT_TMPFS:
		if (plan->default_fds[index] < 0 &&
		    own_tmpfs_create_default(row, limits->tmpfs_bytes, limits->tmpfs_inodes,
					     &plan->default_fds[index], err) < 0)
			return -1;
		return mount_bind(plan->default_fds[index], row->target, true, err);
	case ROOT_PROC: /* mounted at the end */
	case ROOT_DIRECTORY:
		return make_directories(row->target, true, err);
	case ROOT_SYMLINK:
		return make_symlink(row->target, row->source, err);
	}
	return berth_fail(err, BERTH_INVALID, 0, "unknown kind of default mount");
}

static int apply_mount(struct root_plan *plan, size_t index, struct berth_error *err)
{
	const struct sandbox_mount *mount = &plan->spec->mounts[index];

	switch (mount->kind) {
	case SANDBOX_MOUNT_BIND:
		if (plan->mount_fds[index] < 0)
			return 0; /* optional and not there */
		return mount_bind(plan->mount_fds[index], mount->target,
				  plan->mount_is_directory[index], err);
	case SANDBOX_MOUNT_TMPFS:
		if (own_tmpfs_create(mount->bytes, mount->inodes, &plan->mount_fds[index], err) < 0)
			return -1;
		return mount_bind(plan->mount_fds[index], mount->target, true, err);
	case SANDBOX_MOUNT_DIRECTORY:
		return make_directories(mount->target, true, err);
	case SANDBOX_MOUNT_SYMLINK:
		return make_symlink(mount->target, mount->source, err);
	case SANDBOX_MOUNT_FILE:
		return make_file(mount->target, mount->content, err);
	}
	return berth_fail(err, BERTH_INVALID, 0, "unknown kind of mount");
}

/* Enters an empty tmpfs and lets go of the host's tree; what is mounted later comes from fds. */
static int enter_empty_root(struct root_plan *plan, struct berth_error *err)
{
	struct mount_attr private = {.propagation = MS_PRIVATE};

	if (syscall(SYS_mount_setattr, AT_FDCWD, "/", 0x8000 /* AT_RECURSIVE */, &private,
		    sizeof(private)) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "make the mounts private");
	if (plan->root_fd < 0 && own_tmpfs_create_root(&plan->root_fd, err) < 0)
		return -1;
	if (mount_attach(plan->root_fd, STAGING_PATH, err) < 0)
		return -1;
	/* pivot_root(2), NOTES: with both paths "." the old root ends up on top of the new one */
	if (fchdir(plan->root_fd) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "pivot_root");
	if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "detach the host's root");
	return 0;
}

/* Before the host's /proc is out of sight: a new one may show no more than that (since 4.2). */
static int open_proc(int *ret_fd, struct berth_error *err)
{
	static const char *const options[] = {"subset", "pid", "hidepid", "2", NULL};

	return mount_create("proc", options,
			    MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, ret_fd, err);
}

/* Rootless, and while the host's directories can still be named. */
static int open_volumes(struct root_plan *plan, struct berth_error *err)
{
	for (size_t i = 0; i < plan->spec->volume_count; i++) {
		const struct sandbox_volume_mount *row = &plan->spec->volumes[i];

		if (plan->volume_fds[i] < 0 &&
		    sandbox_volume_open_mount_inside(row->volume, &plan->volume_fds[i], err) < 0)
			return berth_fail_context(err, "volume %s", row->target);
	}
	return 0;
}

int root_build(struct root_plan *plan, struct berth_error *err)
{
	AUTO_CLOSE int proc_fd = -1;

	if (!plan->privileged && root_prepare(plan, err) < 0)
		return -1;
	if (open_volumes(plan, err) < 0 || open_proc(&proc_fd, err) < 0 ||
	    enter_empty_root(plan, err) < 0)
		return -1;
	for (size_t i = 0; i < root_default_count; i++)
		if (apply_default(plan, i, err) < 0)
			return -1;
	for (size_t i = 0; i < plan->spec->mount_count; i++)
		if (apply_mount(plan, i, err) < 0)
			return -1;
	for (size_t i = 0; i < plan->spec->volume_count; i++)
		if (mount_bind(plan->volume_fds[i], plan->spec->volumes[i].target, true, err) < 0)
			return -1;
	/* last: before it there is no magic link (CVE-2024-21626), so that a symbolic link in an
	 * image cannot lead a mount's target to a descriptor of the host */
	if (mount_attach(proc_fd, PROC_PATH, err) < 0)
		return -1;
	return mount_restrict("/", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_RDONLY, err);
}

bool root_is_tmpfs_full(void)
{
	struct statfs facts;

	for (size_t i = 0; i < root_default_count; i++) {
		if (root_defaults[i].kind != ROOT_TMPFS ||
		    statfs(root_defaults[i].target, &facts) < 0)
			continue;
		if (facts.f_bavail == 0 || facts.f_ffree == 0)
			return true;
	}
	return false;
}
