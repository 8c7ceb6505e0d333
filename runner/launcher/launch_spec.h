/* SPDX-License-Identifier: Apache-2.0 */
/* What is launched, as it crosses the privilege line: a struct sandbox_spec with its volumes
 * described instead of opened, and its one canonical form in bytes.
 *
 *   header   struct launch_spec_header: counts, numbers, lengths
 *   lengths  uint32_t each: of every argument, then of every environment variable, and a 0 when
 *            they are an odd number
 *   mounts   struct launch_spec_mount each
 *   volumes  struct launch_spec_volume each
 *   strings  name, working directory, host name, arguments, environment, then source, target and
 *            content of each mount, then target of each volume; each with its NUL, nothing between
 *
 * A string is told by its length, not by an offset: there is one encoding of a spec, strings cannot
 * overlap, and checking takes time linear in its bytes. The decoder copies nothing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "sandbox/sandbox.h"

#define LAUNCH_SPEC_VERSION     1
#define LAUNCH_SPEC_BYTES_MAX   (4 * 1024 * 1024) /* a payload of 3 MB as a file, and the rest */
#define LAUNCH_SPEC_STRINGS_MAX 1024              /* arguments; likewise variables */
#define LAUNCH_SPEC_VIEWS_MAX   2                 /* volumes with LAUNCH_VOLUME_VIEWED */
#define LAUNCH_SPEC_ABSENT      UINT32_MAX        /* length of a string that is NULL */

enum launch_volume_kind {
	LAUNCH_VOLUME_MEMORY,     /* empty, charged to the run's memory */
	LAUNCH_VOLUME_DISK,       /* empty, a sized file system on disk */
	LAUNCH_VOLUME_CHECKPOINT, /* STATE/checkpoints/<run>: made by the first attempt, kept until
				     LAUNCHER_DISCARD; bytes and inodes count when it is made */
};

enum {
	/* The supervisor gets a read-only descriptor of its root in LAUNCHER_STARTED, in which the
	 * task's files are the supervisor's own (the volume called /output). Where
	 * LAUNCHER_CAN_VIEW_MEMORY is missing, only for DISK and CHECKPOINT. */
	LAUNCH_VOLUME_VIEWED = 1 << 0,
};

struct launch_volume {
	enum launch_volume_kind kind;
	unsigned flags; /* LAUNCH_VOLUME_* */
	const char *target;
	uint64_t bytes;
	int64_t inodes;
};

/* sandbox.volumes, volume_count and the three descriptors are not part of it: the launcher fills
 * them in. Everything else means what sandbox.h says. */
struct launch_spec {
	struct sandbox_spec sandbox;
	struct launch_volume volumes[SANDBOX_VOLUMES_MAX];
	size_t volume_count;
};

/* How many bytes launch_spec_encode() writes. BERTH_LIMIT when that is more than a launcher takes.
 */
int launch_spec_measure(const struct launch_spec *spec, size_t *ret_bytes, struct berth_error *err);

/* Writes the canonical form to target, which has room for what launch_spec_measure() said. */
void launch_spec_encode(const struct launch_spec *spec, void *target);

/* Where a decoded spec's arrays are. Large (some 40 KiB): the launcher has one. */
struct launch_spec_room {
	const char *arguments[LAUNCH_SPEC_STRINGS_MAX + 1];
	const char *environment[LAUNCH_SPEC_STRINGS_MAX + 1];
	struct sandbox_mount mounts[SANDBOX_MOUNTS_MAX];
};

/* Reads the bytes of a stranger: every count, length, NUL, flag, kind and number is checked, and
 * sandbox_spec_check() holds for the result but for its volumes. BERTH_INVALID, BERTH_LIMIT or
 * BERTH_PROTOCOL name the field. *ret_spec points into data and room. data is aligned to 8 bytes.
 */
int launch_spec_decode(const void *data, size_t length, struct launch_spec_room *room,
		       struct launch_spec *ret_spec, struct berth_error *err);

/* The form in bytes, for the two functions above and their tests. */
struct launch_spec_header {
	uint32_t version; /* LAUNCH_SPEC_VERSION */
	uint32_t bytes;   /* of the whole */
	uint32_t network; /* enum sandbox_network */
	uint32_t channel; /* 0 or 1 */
	uint32_t argument_count, environment_count, mount_count, volume_count;
	uint32_t name_length, working_directory_length, hostname_length;
	uint32_t reserved; /* 0 */
	uint64_t cpu_millis, memory_bytes, tmpfs_bytes, disk_bytes, log_bytes;
	int64_t pids, tmpfs_inodes, disk_inodes, io_weight, open_files;
};

struct launch_spec_mount {
	uint32_t kind, flags; /* enum sandbox_mount_kind, SANDBOX_MOUNT_* */
	uint32_t source_length, target_length, content_length;
	uint32_t reserved; /* 0 */
	uint64_t bytes;
	int64_t inodes;
};

struct launch_spec_volume {
	uint32_t kind, flags; /* enum launch_volume_kind, LAUNCH_VOLUME_* */
	uint32_t target_length;
	uint32_t reserved; /* 0 */
	uint64_t bytes;
	int64_t inodes;
};
