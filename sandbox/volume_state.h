/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a volume, for the files that make each kind. */
#pragma once

#include <stdbool.h>

#include "sandbox/volume.h"

struct sandbox_volume {
	enum sandbox_volume_kind kind;
	uint64_t bytes;
	int64_t inodes;
	bool privileged; /* may mount in the host's namespace */
	int root_fd;     /* the volume's root directory, for the host; -1 until mounted inside */
	int loop_fd;     /* DISK */
	int lock_fd;     /* a named volume's lock file */
	bool launched;   /* MEMORY: its one mount was given to a launch */
	bool mapped;     /* MEMORY: the task's id in it is SANDBOX_TASK_UID, as on a disk */
	char loop_path[32];
	char directory[4096]; /* DIRECTORY */
};

/* Locks an open file against other runs, for a second if need be: a run whose supervisor was killed
 * lets go of its files when it has died. BERTH_DENIED when one lives. */
int volume_lock(int fd, struct berth_error *err);

/* Makes or opens the sized file system; sets loop_fd, loop_path and root_fd. named is the fd of the
 * directory that keeps files.img, or -1. */
int volume_disk_open(struct sandbox_volume *volume, int named_fd, struct berth_error *err);

/* One more detached mount of the same file system. */
int volume_disk_mount(const struct sandbox_volume *volume, int *ret_fd, struct berth_error *err);
