/* SPDX-License-Identifier: Apache-2.0 */
/* Holding a launch spec against what the operator allows. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/amount.h"
#include "base/cleanup.h"
#include "runner/launcher/policy.h"

static int deny_bytes(const char *what, uint64_t asked, uint64_t allowed, struct berth_error *err)
{
	char have[AMOUNT_TEXT_SIZE], most[AMOUNT_TEXT_SIZE];

	return berth_fail(err, BERTH_DENIED, 0, "%s of %s is not allowed: at most %s here", what,
			  asked ? amount_format_bytes(asked, have) : "no limit",
			  amount_format_bytes(allowed, most));
}

/* 0 means "not limited", which is more than any bound. */
static bool exceeds(uint64_t asked, uint64_t allowed)
{
	return allowed && (asked == 0 || asked > allowed);
}

static int check_limits(const struct policy *policy, const struct resource_limits *limits,
			struct berth_error *err)
{
	char have[AMOUNT_TEXT_SIZE], most[AMOUNT_TEXT_SIZE];

	if (exceeds(limits->cpu_millis, policy->cpu_millis))
		return berth_fail(err, BERTH_DENIED, 0, "%s CPUs are not allowed: at most %s here",
				  limits->cpu_millis
					  ? amount_format_cpu_millis(limits->cpu_millis, have)
					  : "unlimited",
				  amount_format_cpu_millis(policy->cpu_millis, most));
	if (exceeds(limits->memory_bytes, policy->memory_bytes))
		return deny_bytes("memory", limits->memory_bytes, policy->memory_bytes, err);
	if (exceeds((uint64_t)limits->pids, (uint64_t)policy->pids))
		return berth_fail(err, BERTH_DENIED, 0,
				  "%jd processes are not allowed: 1 to %jd here",
				  (intmax_t)limits->pids, (intmax_t)policy->pids);
	return 0;
}

int policy_check(const struct policy *policy, const struct launch_spec *spec,
		 struct berth_error *err)
{
	if (spec->sandbox.network == SANDBOX_NETWORK_HOST && !policy->allows_host_network)
		return berth_fail(
			err, BERTH_DENIED, 0,
			"network host is not allowed (launcher.conf: allow-network host)");
	if (check_limits(policy, &spec->sandbox.limits, err) < 0)
		return -1;
	for (size_t i = 0; i < spec->volume_count; i++)
		if (spec->volumes[i].kind != LAUNCH_VOLUME_MEMORY &&
		    exceeds(spec->volumes[i].bytes, policy->disk_bytes))
			return deny_bytes("a disk volume", spec->volumes[i].bytes,
					  policy->disk_bytes, err);
	return 0;
}

/* The rest of path below this place ("" for itself), or NULL. */
static const char *rest_below(const struct policy_mount *place, const char *path)
{
	size_t length = strlen(place->path);

	if (strncmp(path, place->path, length) != 0 ||
	    (path[length] != '\0' && path[length] != '/'))
		return NULL;
	path += length;
	return path + strspn(path, "/");
}

static const struct policy_mount *find_place(const struct policy *policy, const char *path,
					     const char **ret_rest)
{
	const struct policy_mount *best = NULL;

	for (size_t i = 0; i < policy->mount_count; i++) {
		const struct policy_mount *place = &policy->mounts[i];
		const char *rest = rest_below(place, path);

		if (!rest || (place->is_file && *rest) ||
		    (best && strlen(best->path) >= strlen(place->path)))
			continue;
		best = place;
		*ret_rest = rest;
	}
	return best;
}

static int open_below(const struct policy_mount *place, const char *rest, int *ret_fd,
		      struct berth_error *err)
{
	const struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	int fd;

	if (place->is_file)
		rest = strrchr(place->path, '/') + 1;
	fd = (int)syscall(SYS_openat2, place->fd, *rest ? rest : ".", &how, sizeof(how));
	if (fd < 0 && errno == EXDEV)
		return berth_fail(err, BERTH_DENIED, 0, "a link leads out of %.128s", place->path);
	if (fd < 0)
		return berth_fail(err, errno == ENOENT ? BERTH_NOT_FOUND : BERTH_SYSTEM, errno,
				  "open it beneath %.128s", place->path);
	*ret_fd = fd;
	return 0;
}

/* Of a place that was missing when we began: it is there by now, or is not found. */
static int open_late(const struct policy_mount *place, const char *rest, int *ret_fd,
		     struct berth_error *err)
{
	struct policy_mount late = *place;
	int result;

	if (policy_open_mount(&late, err) < 0)
		return -1;
	result = open_below(&late, rest, ret_fd, err);
	close_fd(&late.fd);
	return result;
}

/* As plan_mounts.c does for `berth run`, for a supervisor that cannot see the file. */
static bool is_open_to_all(const struct stat *facts)
{
	mode_t needed = S_ISDIR(facts->st_mode) ? S_IROTH | S_IXOTH : S_IROTH;

	return (facts->st_mode & needed) == needed;
}

/* A mapped bind makes its owner the task. That must not be root: what root alone may read would be
 * read, and what the task makes would be root's, set-uid programs included. */
static int check_access(const struct policy *policy, const struct policy_mount *place,
			struct sandbox_mount *mount, int fd, struct berth_error *err)
{
	bool is_writable = mount->flags & SANDBOX_MOUNT_WRITABLE;
	struct stat facts;

	if (!(mount->flags & (SANDBOX_MOUNT_WRITABLE | SANDBOX_MOUNT_MAPPED)))
		return 0;
	if (is_writable && !place->writable)
		return berth_fail(err, BERTH_DENIED, 0,
				  "it may not be written (launcher.conf: allow-mount %.64s rw)",
				  place->path);
	if (fstat(fd, &facts) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "stat");
	if (!is_writable && is_open_to_all(&facts)) {
		mount->flags &= ~(unsigned)SANDBOX_MOUNT_MAPPED;
		return 0;
	}
	if (facts.st_uid == 0 && policy->uid != 0)
		return berth_fail(err, BERTH_DENIED, 0,
				  "it belongs to root, whose files no task may own: chown it%s",
				  is_writable ? "" : ", or chmod o+r");
	if (!place->writable && facts.st_uid != policy->uid)
		return berth_fail(err, BERTH_DENIED, 0,
				  "only uid %u may read it: chmod o+r, or launcher.conf: "
				  "allow-mount %.64s rw",
				  facts.st_uid, place->path);
	return 0;
}

/* One line of allow-mount takes the place of the defaults, which hold what every task needs. */
static int fail_not_allowed(const struct policy *policy, const struct sandbox_mount *mount,
			    struct berth_error *err)
{
	return berth_fail(err, BERTH_DENIED, 0,
			  "mount of %.100s is not allowed (launcher.conf: %sallow-mount DIR%s)",
			  mount->source, policy->names_mounts ? "" : "allow-mount defaults, ",
			  mount->flags & SANDBOX_MOUNT_WRITABLE ? " rw" : "");
}

int policy_open_source(const struct policy *policy, struct sandbox_mount *mount, int *ret_fd,
		       struct berth_error *err)
{
	const char *rest = NULL;
	const struct policy_mount *place = find_place(policy, mount->source, &rest);
	struct berth_error failure = {0};
	AUTO_CLOSE int fd = -1;
	int opened;

	if (!place)
		return fail_not_allowed(policy, mount, err);
	opened = place->fd < 0 ? open_late(place, rest, &fd, &failure)
			       : open_below(place, rest, &fd, &failure);
	if (opened < 0) {
		if (failure.code == BERTH_NOT_FOUND && (mount->flags & SANDBOX_MOUNT_OPTIONAL))
			return POLICY_SKIP;
		if (!err)
			return -1;
		*err = failure;
		return berth_fail_context(err, "mount of %.128s", mount->source);
	}
	if (check_access(policy, place, mount, fd, err) < 0)
		return berth_fail_context(err, "mount of %.128s", mount->source);
	*ret_fd = steal_fd(&fd);
	return 0;
}
