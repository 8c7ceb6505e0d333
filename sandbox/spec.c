/* SPDX-License-Identifier: Apache-2.0 */
/* Checking a launch spec before anything is made. */
#include <inttypes.h>
#include <string.h>

#include "base/field.h"
#include "sandbox/sandbox.h"

#define NAME_MAX_LENGTH 64
#define HOSTNAME_MAX    63
#define IO_WEIGHT_MAX   1000
#define NAME_LETTERS    "abcdefghijklmnopqrstuvwxyz0123456789_-"
#define HOST_LETTERS    NAME_LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZ."

static int check_target(const char *target, struct berth_error *err)
{
	if (!target || target[0] != '/' || target[1] == '\0')
		return berth_fail(err, BERTH_INVALID, 0,
				  "mount target \"%.64s\" is not an absolute path below /",
				  target ?: "");
	if (strlen(target) >= SANDBOX_PATH_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "mount target %.64s… is too long", target);
	for (const char *part = target; part; part = strchr(part + 1, '/')) {
		size_t length = strcspn(part + 1, "/");

		if (length == 0 || (length == 1 && part[1] == '.') ||
		    (length == 2 && part[1] == '.' && part[2] == '.'))
			return berth_fail(err, BERTH_INVALID, 0,
					  "mount target %.64s has an empty, . or .. component",
					  target);
	}
	return 0;
}

static int check_mount(const struct sandbox_mount *mount, struct berth_error *err)
{
	bool needs_source =
		mount->kind == SANDBOX_MOUNT_BIND || mount->kind == SANDBOX_MOUNT_SYMLINK;

	if (check_target(mount->target, err) < 0)
		return -1;
	if (needs_source && (!mount->source || !mount->source[0]))
		return berth_fail(err, BERTH_INVALID, 0, "mount %s has no source", mount->target);
	if (mount->kind == SANDBOX_MOUNT_BIND && mount->source[0] != '/')
		return berth_fail(err, BERTH_INVALID, 0,
				  "mount source \"%.64s\" is not an absolute path", mount->source);
	if (mount->kind == SANDBOX_MOUNT_FILE && !mount->content)
		return berth_fail(err, BERTH_INVALID, 0, "file %s has no content", mount->target);
	if (mount->kind == SANDBOX_MOUNT_TMPFS && (mount->bytes == 0 || mount->inodes <= 0))
		return berth_fail(err, BERTH_INVALID, 0, "tmpfs %s has no size", mount->target);
	if (mount->kind < SANDBOX_MOUNT_BIND || mount->kind > SANDBOX_MOUNT_FILE)
		return berth_fail(err, BERTH_INVALID, 0, "mount %s is of no known kind",
				  mount->target);
	return 0;
}

static int check_volume(const struct sandbox_volume_mount *row, struct berth_error *err)
{
	if (check_target(row->target, err) < 0)
		return -1;
	if (!row->volume)
		return berth_fail(err, BERTH_INVALID, 0, "%s has no volume", row->target);
	return 0;
}

static int check_strings(const char *const *strings, const char *what, struct berth_error *err)
{
	size_t count = 0;

	for (; strings && strings[count]; count++)
		if (count >= SANDBOX_ARGUMENTS_MAX)
			return berth_fail(err, BERTH_LIMIT, 0, "more than %d %s",
					  SANDBOX_ARGUMENTS_MAX, what);
	return 0;
}

static int check_environment(const char *const *environment, struct berth_error *err)
{
	if (check_strings(environment, "environment variables", err) < 0)
		return -1;
	for (; environment && *environment; environment++)
		if (strcspn(*environment, "=") == 0 || !strchr(*environment, '='))
			return berth_fail(err, BERTH_INVALID, 0,
					  "environment variable \"%.64s\" is not KEY=VALUE",
					  *environment);
	return 0;
}

static int check_name(const char *name, const char *what, size_t max, const char *letters,
		      struct berth_error *err)
{
	size_t length = name ? strlen(name) : 0;

	if (length == 0 || length > max || strspn(name, letters) != length)
		return berth_fail(err, BERTH_INVALID, 0,
				  "%s \"%.64s\" must be 1 to %zu characters of [%s]", what,
				  name ?: "", max, letters);
	return 0;
}

static int check_limits(const struct resource_limits *limits, struct berth_error *err)
{
	if (limits->tmpfs_bytes == 0 || limits->tmpfs_inodes <= 0)
		return berth_fail(err, BERTH_INVALID, 0, "the limits give no tmpfs size");
	if (limits->pids < 0)
		return berth_fail(err, BERTH_INVALID, 0, "pids %" PRId64 " is negative",
				  limits->pids);
	if (limits->io_weight < 0 || limits->io_weight > IO_WEIGHT_MAX)
		return berth_fail(err, BERTH_INVALID, 0, "io_weight %" PRId64 " is not 0 to %d",
				  limits->io_weight, IO_WEIGHT_MAX);
	if (limits->open_files < 0)
		return berth_fail(err, BERTH_INVALID, 0, "open_files %" PRId64 " is negative",
				  limits->open_files);
	return 0;
}

int sandbox_spec_check(const struct sandbox_spec *spec, struct berth_error *err)
{
	if (check_name(spec->name, "name", NAME_MAX_LENGTH, NAME_LETTERS, err) < 0)
		return -1;
	if (spec->hostname &&
	    check_name(spec->hostname, "hostname", HOSTNAME_MAX, HOST_LETTERS, err) < 0)
		return -1;
	if (!spec->arguments || !spec->arguments[0] || !spec->arguments[0][0])
		return berth_fail(err, BERTH_INVALID, 0, "there is no command");
	if (check_strings(spec->arguments, "arguments", err) < 0 ||
	    check_environment(spec->environment, err) < 0)
		return -1;
	if (spec->working_directory && spec->working_directory[0] != '/')
		return berth_fail(err, BERTH_INVALID, 0,
				  "working directory \"%.64s\" is not an absolute path",
				  spec->working_directory);
	if (spec->mount_count > SANDBOX_MOUNTS_MAX || spec->volume_count > SANDBOX_VOLUMES_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "more than %d mounts or %d volumes",
				  SANDBOX_MOUNTS_MAX, SANDBOX_VOLUMES_MAX);
	for (size_t i = 0; i < spec->mount_count; i++)
		if (check_mount(&spec->mounts[i], err) < 0)
			return -1;
	for (size_t i = 0; i < spec->volume_count; i++)
		if (check_volume(&spec->volumes[i], err) < 0)
			return -1;
	if (spec->network != SANDBOX_NETWORK_NONE && spec->network != SANDBOX_NETWORK_HOST)
		return berth_fail(err, BERTH_INVALID, 0, "unknown network mode");
	return check_limits(&spec->limits, err);
}
