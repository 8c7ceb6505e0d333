/* SPDX-License-Identifier: Apache-2.0 */
/* The library's side of a volume: mounts of it for one launch. */
#pragma once

#include <stdint.h>

#include "sandbox/volume.h"

/* A detached mount for one launch; *ret_fd is -1 when only the child may make it (rootless). */
int sandbox_volume_open_mount(struct sandbox_volume *volume, int *ret_fd, struct berth_error *err);

/* In the child of a rootless launch. */
int sandbox_volume_open_mount_inside(const struct sandbox_volume *volume, int *ret_fd,
				     struct berth_error *err);

/* Makes the run's task the owner; base is the host id of inside id 0. */
int sandbox_volume_map(struct sandbox_volume *volume, int mount_fd, int user_namespace_fd,
		       uint32_t base, struct berth_error *err);

/* Takes the root of a volume that was mounted inside, passed up by the child. */
void sandbox_volume_adopt(struct sandbox_volume *volume, int root_fd);
