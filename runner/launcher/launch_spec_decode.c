/* SPDX-License-Identifier: Apache-2.0 */
/* A launch spec from the bytes of a stranger; the launcher's side. */
#include <string.h>

#include "base/error.h"
#include "runner/launcher/launch_spec.h"
#include "sandbox/volume.h"

#define MOUNT_FLAGS                                                                                \
	(SANDBOX_MOUNT_WRITABLE | SANDBOX_MOUNT_NOEXEC | SANDBOX_MOUNT_OPTIONAL |                  \
	 SANDBOX_MOUNT_MAPPED)
#define VOLUME_FLAGS LAUNCH_VOLUME_VIEWED

struct reader {
	const char *at, *end; /* what is left of the strings */
	const struct launch_spec_header *header;
	const uint32_t *lengths;
	const struct launch_spec_mount *mounts;
	const struct launch_spec_volume *volumes;
};

/* The next string, of this length. what names it for the error. */
static int take_string(struct reader *reader, uint32_t length, bool may_be_absent,
		       const char **ret_string, const char *what, struct berth_error *err)
{
	size_t left = (size_t)(reader->end - reader->at);

	if (length == LAUNCH_SPEC_ABSENT) {
		if (!may_be_absent)
			return berth_fail(err, BERTH_INVALID, 0, "%s is missing", what);
		*ret_string = NULL;
		return 0;
	}
	if (left == 0 || length > left - 1)
		return berth_fail(err, BERTH_PROTOCOL, 0, "%s of %u bytes ends beyond the spec",
				  what, length);
	if (memchr(reader->at, '\0', (size_t)length + 1) != reader->at + length)
		return berth_fail(err, BERTH_PROTOCOL, 0, "%s is not %u bytes and a NUL", what,
				  length);
	*ret_string = reader->at;
	reader->at += length + 1;
	return 0;
}

static int check_counts(const struct launch_spec_header *header, struct berth_error *err)
{
	const struct {
		uint32_t count, max;
		const char *what;
	} rows[] = {
		{header->argument_count,    LAUNCH_SPEC_STRINGS_MAX, "arguments"            },
		{header->environment_count, LAUNCH_SPEC_STRINGS_MAX, "environment variables"},
		{header->mount_count,       SANDBOX_MOUNTS_MAX,      "mounts"               },
		{header->volume_count,      SANDBOX_VOLUMES_MAX,     "volumes"              },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].count > rows[i].max)
			return berth_fail(err, BERTH_LIMIT, 0, "%u %s; at most %u are allowed",
					  rows[i].count, rows[i].what, rows[i].max);
	return 0;
}

static int check_header(const struct launch_spec_header *header, size_t length,
			struct berth_error *err)
{
	if (header->version != LAUNCH_SPEC_VERSION)
		return berth_fail(err, BERTH_PROTOCOL, 0, "launch spec version %u instead of %d",
				  header->version, LAUNCH_SPEC_VERSION);
	if (header->bytes != length)
		return berth_fail(err, BERTH_PROTOCOL, 0,
				  "the launch spec has %zu bytes and says %u", length,
				  header->bytes);
	if (header->network != SANDBOX_NETWORK_NONE && header->network != SANDBOX_NETWORK_HOST)
		return berth_fail(err, BERTH_INVALID, 0, "network %u is of no known kind",
				  header->network);
	if (header->channel > 1 || header->reserved)
		return berth_fail(err, BERTH_PROTOCOL, 0, "channel or a reserved field is set");
	return check_counts(header, err);
}

/* Finds where the tables and the strings begin, and that they end within the spec. */
static int open_reader(struct reader *reader, const void *data, size_t length,
		       struct berth_error *err)
{
	const struct launch_spec_header *header = data;
	size_t lengths, tables;

	if (length > LAUNCH_SPEC_BYTES_MAX)
		return berth_fail(err, BERTH_LIMIT, 0,
				  "the launch spec has %zu bytes; at most %d are allowed", length,
				  LAUNCH_SPEC_BYTES_MAX);
	if (length < sizeof(*header))
		return berth_fail(err, BERTH_PROTOCOL, 0,
				  "a launch spec of %zu bytes has no header", length);
	if (check_header(header, length, err) < 0)
		return -1;
	lengths = (size_t)header->argument_count + header->environment_count;
	tables = sizeof(*header) + (lengths + lengths % 2) * sizeof(uint32_t) +
		 header->mount_count * sizeof(struct launch_spec_mount) +
		 header->volume_count * sizeof(struct launch_spec_volume);
	if (tables > length)
		return berth_fail(err, BERTH_PROTOCOL, 0, "the launch spec ends in its tables");
	reader->header = header;
	reader->lengths = (const uint32_t *)(header + 1);
	if (lengths % 2 && reader->lengths[lengths])
		return berth_fail(err, BERTH_PROTOCOL, 0, "the padding of the lengths is set");
	reader->mounts =
		(const struct launch_spec_mount *)(reader->lengths + lengths + lengths % 2);
	reader->volumes = (const struct launch_spec_volume *)(reader->mounts + header->mount_count);
	reader->at = (const char *)data + tables;
	reader->end = (const char *)data + length;
	return 0;
}

static int take_strings(struct reader *reader, const uint32_t *lengths, uint32_t count,
			const char **target, const char *what, struct berth_error *err)
{
	for (uint32_t i = 0; i < count; i++)
		if (take_string(reader, lengths[i], false, &target[i], what, err) < 0)
			return -1;
	target[count] = NULL;
	return 0;
}

static int take_mount(struct reader *reader, const struct launch_spec_mount *row,
		      struct sandbox_mount *mount, struct berth_error *err)
{
	bool has_source = row->kind == SANDBOX_MOUNT_BIND || row->kind == SANDBOX_MOUNT_SYMLINK;

	if (row->kind > SANDBOX_MOUNT_FILE)
		return berth_fail(err, BERTH_INVALID, 0, "mount kind %u does not exist", row->kind);
	if (row->flags & ~(unsigned)MOUNT_FLAGS || row->reserved)
		return berth_fail(err, BERTH_PROTOCOL, 0, "mount flags %#x do not exist",
				  row->flags);
	*mount = (struct sandbox_mount){
		.kind = (enum sandbox_mount_kind)row->kind,
		.flags = row->flags,
		.bytes = row->bytes,
		.inodes = row->inodes,
	};
	if (take_string(reader, row->source_length, !has_source, &mount->source, "mount source",
			err) < 0 ||
	    take_string(reader, row->target_length, false, &mount->target, "mount target", err) <
		    0 ||
	    take_string(reader, row->content_length, row->kind != SANDBOX_MOUNT_FILE,
			&mount->content, "file content", err) < 0)
		return -1;
	if ((mount->source && !has_source) || (mount->content && row->kind != SANDBOX_MOUNT_FILE))
		return berth_fail(err, BERTH_INVALID, 0,
				  "mount %.64s has a source or a content that it does not need",
				  mount->target);
	return 0;
}

static int check_volume_size(const struct launch_volume *volume, struct berth_error *err)
{
	bool on_disk = volume->kind != LAUNCH_VOLUME_MEMORY;

	if (volume->bytes < (on_disk ? SANDBOX_VOLUME_DISK_MIN : 1) || volume->inodes <= 0)
		return berth_fail(err, BERTH_INVALID, 0,
				  "volume %.64s of %ju bytes and %jd inodes is too small",
				  volume->target, (uintmax_t)volume->bytes,
				  (intmax_t)volume->inodes);
	return 0;
}

static int take_volume(struct reader *reader, const struct launch_spec_volume *row,
		       struct launch_volume *volume, struct berth_error *err)
{
	if (row->kind > LAUNCH_VOLUME_CHECKPOINT)
		return berth_fail(err, BERTH_INVALID, 0, "volume kind %u does not exist",
				  row->kind);
	if (row->flags & ~(unsigned)VOLUME_FLAGS || row->reserved)
		return berth_fail(err, BERTH_PROTOCOL, 0, "volume flags %#x do not exist",
				  row->flags);
	*volume = (struct launch_volume){
		.kind = (enum launch_volume_kind)row->kind,
		.flags = row->flags,
		.bytes = row->bytes,
		.inodes = row->inodes,
	};
	if (take_string(reader, row->target_length, false, &volume->target, "volume target", err) <
	    0)
		return -1;
	return check_volume_size(volume, err);
}

static int take_tables(struct reader *reader, struct launch_spec_room *room,
		       struct launch_spec *spec, struct berth_error *err)
{
	const struct launch_spec_header *header = reader->header;
	struct sandbox_spec *sandbox = &spec->sandbox;

	if (take_string(reader, header->name_length, false, &sandbox->name, "name", err) < 0 ||
	    take_string(reader, header->working_directory_length, true, &sandbox->working_directory,
			"working directory", err) < 0 ||
	    take_string(reader, header->hostname_length, true, &sandbox->hostname, "hostname",
			err) < 0)
		return -1;
	if (take_strings(reader, reader->lengths, header->argument_count, room->arguments,
			 "argument", err) < 0 ||
	    take_strings(reader, reader->lengths + header->argument_count,
			 header->environment_count, room->environment, "environment variable",
			 err) < 0)
		return -1;
	for (uint32_t i = 0; i < header->mount_count; i++)
		if (take_mount(reader, &reader->mounts[i], &room->mounts[i], err) < 0)
			return -1;
	for (uint32_t i = 0; i < header->volume_count; i++)
		if (take_volume(reader, &reader->volumes[i], &spec->volumes[i], err) < 0)
			return -1;
	if (reader->at != reader->end)
		return berth_fail(err, BERTH_PROTOCOL, 0, "%td bytes follow the launch spec",
				  reader->end - reader->at);
	return 0;
}

static int check_volumes(const struct launch_spec *spec, struct berth_error *err)
{
	int views = 0, checkpoints = 0;

	for (size_t i = 0; i < spec->volume_count; i++) {
		views += (spec->volumes[i].flags & LAUNCH_VOLUME_VIEWED) != 0;
		checkpoints += spec->volumes[i].kind == LAUNCH_VOLUME_CHECKPOINT;
	}
	if (views > LAUNCH_SPEC_VIEWS_MAX || checkpoints > 1)
		return berth_fail(err, BERTH_LIMIT, 0,
				  "more than %d viewed volumes or one checkpoint volume",
				  LAUNCH_SPEC_VIEWS_MAX);
	return 0;
}

static struct resource_limits limits_of(const struct launch_spec_header *header)
{
	return (struct resource_limits){
		.cpu_millis = header->cpu_millis,
		.memory_bytes = header->memory_bytes,
		.pids = header->pids,
		.tmpfs_bytes = header->tmpfs_bytes,
		.tmpfs_inodes = header->tmpfs_inodes,
		.disk_bytes = header->disk_bytes,
		.disk_inodes = header->disk_inodes,
		.io_weight = header->io_weight,
		.open_files = header->open_files,
		.log_bytes = header->log_bytes,
	};
}

int launch_spec_decode(const void *data, size_t length, struct launch_spec_room *room,
		       struct launch_spec *ret_spec, struct berth_error *err)
{
	struct launch_spec spec = {
		.sandbox = {.stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1}
        };
	struct reader reader = {0};

	if (open_reader(&reader, data, length, err) < 0 ||
	    take_tables(&reader, room, &spec, err) < 0)
		return -1;
	spec.volume_count = reader.header->volume_count;
	if (check_volumes(&spec, err) < 0)
		return -1;
	spec.sandbox.arguments = room->arguments;
	spec.sandbox.environment = room->environment;
	spec.sandbox.mounts = room->mounts;
	spec.sandbox.mount_count = reader.header->mount_count;
	spec.sandbox.limits = limits_of(reader.header);
	spec.sandbox.network = (enum sandbox_network)reader.header->network;
	spec.sandbox.channel = reader.header->channel;
	if (sandbox_spec_check(&spec.sandbox, err) < 0)
		return -1;
	*ret_spec = spec;
	return 0;
}
