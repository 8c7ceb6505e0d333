/* SPDX-License-Identifier: Apache-2.0 */
/* The tmpfs that a run's root is made of, as detached mounts; async-signal-safe. */
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "sandbox/root.h"

/* Everybody may write, as in /tmp; neither set-user-id nor devices. */
int own_tmpfs_create(uint64_t bytes, int64_t inodes, int *ret_fd, struct berth_error *err);
/* The size is the row's share. */
int own_tmpfs_create_default(const struct root_default *row, uint64_t bytes, int64_t inodes,
			     int *ret_fd, struct berth_error *err);
/* The root itself: small, for generated files and mount points only its owner makes. */
int own_tmpfs_create_root(int *ret_fd, struct berth_error *err);
