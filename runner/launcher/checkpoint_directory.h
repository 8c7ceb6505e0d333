/* SPDX-License-Identifier: Apache-2.0 */
/* The state directory as the launcher needs it: STATE/checkpoints/<run>/ are its own, with file
 * system images that the kernel mounts; the rest is the supervisor's. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "runner/launcher/launch_spec.h"
#include "sandbox/volume.h"

/* Makes what is missing: STATE (mode 1770: the supervisor's group makes files in it, and cannot
 * rename what is not its own), STATE/checkpoints (0700, ours) and STATE/bundles (the
 * supervisor's). BERTH_DENIED when one belongs to somebody else. *ret_fd is of STATE/checkpoints.
 */
int checkpoint_directory_open(const char *state, uid_t uid, gid_t gid, int *ret_fd,
			      struct berth_error *err);

/* The run's volume, made when it is not there. BERTH_UNSUPPORTED when fd is -1. */
int checkpoint_directory_open_volume(int fd, struct sandbox_host *host, int64_t run,
				     const struct launch_volume *asked,
				     struct sandbox_volume **ret_volume, struct berth_error *err);

/* Deletes it. One that is not there is well. */
int checkpoint_directory_discard(int fd, int64_t run, struct berth_error *err);
