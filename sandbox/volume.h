/* SPDX-License-Identifier: Apache-2.0 */
/* Writable places with a hard limit on bytes and inodes: a sized file system per volume. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct sandbox_host;
struct sandbox_volume;

#define SANDBOX_VOLUME_DISK_MIN (4 * 1024 * 1024) /* bytes; less holds no file system */

enum sandbox_volume_kind {
	SANDBOX_VOLUME_MEMORY,    /* tmpfs, charged to the run's memory */
	SANDBOX_VOLUME_DISK,      /* ext4 on a loop device over a sparse file; needs root */
	SANDBOX_VOLUME_DIRECTORY, /* a plain directory: rootless fall-back, NOT limited, recorded */
};

/* A memory volume. bytes and inodes are hard limits. */
int sandbox_volume_create_memory(struct sandbox_host *host, uint64_t bytes, int64_t inodes,
				 struct sandbox_volume **ret_volume, struct berth_error *err);

/* A disk volume kept in directory: `files.img` (sparse, of `bytes`) where the host can mount it,
 * else the plain directory `files`. An existing one is opened with the content it has (bytes and
 * inodes are then those it was made with). A volume in use by another run fails with
 * BERTH_DENIED, after a second in which a killed run may let go of it. With directory NULL the file
 * has no name and is gone with the volume. */
int sandbox_volume_open_disk(struct sandbox_host *host, const char *directory, uint64_t bytes,
			     int64_t inodes, struct sandbox_volume **ret_volume,
			     struct berth_error *err);

enum sandbox_volume_kind sandbox_volume_kind(const struct sandbox_volume *volume);

/* The root directory of the volume, for the host to read the task's files: use openat2(2) with
 * RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS only. Owned by the volume. Valid before, during and after
 * the run. */
int sandbox_volume_descriptor(const struct sandbox_volume *volume);

/* A read-only descriptor of the root for an unprivileged reader: the task's files are uid's and
 * gid's in it. For a volume in memory, before its launch, and only since Linux 6.15
 * (BERTH_UNSUPPORTED). Rootless: after it, and the ids are the caller's. It is the caller's, and
 * outlives the volume. */
int sandbox_volume_open_view(struct sandbox_host *host, struct sandbox_volume *volume, uid_t uid,
			     gid_t gid, int *ret_fd, struct berth_error *err);
/* Whether that works for volumes in memory here. */
bool sandbox_host_views_memory(struct sandbox_host *host, uid_t uid, gid_t gid);

/* true when bytes or inodes are used up. */
bool sandbox_volume_is_full(const struct sandbox_volume *volume);

/* Makes what the task wrote durable (syncfs(2)). */
int sandbox_volume_sync(struct sandbox_volume *volume, struct berth_error *err);

/* Accepts NULL. An unnamed volume is deleted. */
void sandbox_volume_close(struct sandbox_volume *volume);
