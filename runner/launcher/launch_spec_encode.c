/* SPDX-License-Identifier: Apache-2.0 */
/* A launch spec to bytes; the supervisor's side. */
#include <assert.h>
#include <string.h>

#include "runner/launcher/launch_spec.h"

struct writer {
	char *target; /* NULL: only measure */
	size_t bytes;
};

static void write_bytes(struct writer *writer, const void *data, size_t length)
{
	if (writer->target && length > 0)
		memcpy(writer->target + writer->bytes, data, length);
	writer->bytes += length;
}

static uint32_t length_of(const char *string)
{
	size_t length = string ? strlen(string) : LAUNCH_SPEC_ABSENT;

	/* launch_spec_measure() refuses what is longer than a spec may be */
	return length < LAUNCH_SPEC_ABSENT ? (uint32_t)length : LAUNCH_SPEC_ABSENT;
}

static void write_string(struct writer *writer, const char *string)
{
	if (string)
		write_bytes(writer, string, strlen(string) + 1);
}

static uint32_t count_strings(const char *const *strings)
{
	uint32_t count = 0;

	while (strings && strings[count])
		count++;
	return count;
}

static void write_lengths(struct writer *writer, const char *const *strings)
{
	for (; strings && *strings; strings++) {
		uint32_t length = length_of(*strings);

		write_bytes(writer, &length, sizeof(length));
	}
}

static void write_header(struct writer *writer, const struct launch_spec *spec, size_t bytes)
{
	const struct sandbox_spec *sandbox = &spec->sandbox;
	const struct resource_limits *limits = &sandbox->limits;
	const struct launch_spec_header header = {
		.version = LAUNCH_SPEC_VERSION,
		.bytes = (uint32_t)bytes,
		.network = sandbox->network,
		.channel = sandbox->channel,
		.argument_count = count_strings(sandbox->arguments),
		.environment_count = count_strings(sandbox->environment),
		.mount_count = (uint32_t)sandbox->mount_count,
		.volume_count = (uint32_t)spec->volume_count,
		.name_length = length_of(sandbox->name),
		.working_directory_length = length_of(sandbox->working_directory),
		.hostname_length = length_of(sandbox->hostname),
		.cpu_millis = limits->cpu_millis,
		.memory_bytes = limits->memory_bytes,
		.tmpfs_bytes = limits->tmpfs_bytes,
		.disk_bytes = limits->disk_bytes,
		.log_bytes = limits->log_bytes,
		.pids = limits->pids,
		.tmpfs_inodes = limits->tmpfs_inodes,
		.disk_inodes = limits->disk_inodes,
		.io_weight = limits->io_weight,
		.open_files = limits->open_files,
	};

	write_bytes(writer, &header, sizeof(header));
}

static void write_rows(struct writer *writer, const struct launch_spec *spec)
{
	/* rows are aligned to 8 bytes: an even number of lengths before them */
	if ((count_strings(spec->sandbox.arguments) + count_strings(spec->sandbox.environment)) % 2)
		write_bytes(writer, &(uint32_t){0}, sizeof(uint32_t));
	for (size_t i = 0; i < spec->sandbox.mount_count; i++) {
		const struct sandbox_mount *mount = &spec->sandbox.mounts[i];
		const struct launch_spec_mount row = {
			.kind = mount->kind,
			.flags = mount->flags,
			.source_length = length_of(mount->source),
			.target_length = length_of(mount->target),
			.content_length = length_of(mount->content),
			.bytes = mount->bytes,
			.inodes = mount->inodes,
		};

		write_bytes(writer, &row, sizeof(row));
	}
	for (size_t i = 0; i < spec->volume_count; i++) {
		const struct launch_volume *volume = &spec->volumes[i];
		const struct launch_spec_volume row = {
			.kind = volume->kind,
			.flags = volume->flags,
			.target_length = length_of(volume->target),
			.bytes = volume->bytes,
			.inodes = volume->inodes,
		};

		write_bytes(writer, &row, sizeof(row));
	}
}

static void write_strings(struct writer *writer, const struct launch_spec *spec)
{
	const struct sandbox_spec *sandbox = &spec->sandbox;

	write_string(writer, sandbox->name);
	write_string(writer, sandbox->working_directory);
	write_string(writer, sandbox->hostname);
	for (const char *const *at = sandbox->arguments; at && *at; at++)
		write_string(writer, *at);
	for (const char *const *at = sandbox->environment; at && *at; at++)
		write_string(writer, *at);
	for (size_t i = 0; i < sandbox->mount_count; i++) {
		write_string(writer, sandbox->mounts[i].source);
		write_string(writer, sandbox->mounts[i].target);
		write_string(writer, sandbox->mounts[i].content);
	}
	for (size_t i = 0; i < spec->volume_count; i++)
		write_string(writer, spec->volumes[i].target);
}

static void write_spec(struct writer *writer, const struct launch_spec *spec, size_t bytes)
{
	write_header(writer, spec, bytes);
	write_lengths(writer, spec->sandbox.arguments);
	write_lengths(writer, spec->sandbox.environment);
	write_rows(writer, spec);
	write_strings(writer, spec);
}

int launch_spec_measure(const struct launch_spec *spec, size_t *ret_bytes, struct berth_error *err)
{
	struct writer writer = {0};

	write_spec(&writer, spec, 0);
	if (writer.bytes > LAUNCH_SPEC_BYTES_MAX)
		return berth_fail(err, BERTH_LIMIT, 0,
				  "the launch spec has %zu bytes; at most %d are allowed",
				  writer.bytes, LAUNCH_SPEC_BYTES_MAX);
	*ret_bytes = writer.bytes;
	return 0;
}

void launch_spec_encode(const struct launch_spec *spec, void *target)
{
	struct writer writer = {.target = target};
	size_t bytes = 0;
	int measured = launch_spec_measure(spec, &bytes, NULL);

	assert(measured == 0);
	(void)measured;
	write_spec(&writer, spec, bytes);
}
