/* SPDX-License-Identifier: Apache-2.0 */
/* The floor under a launch: the same namespaces, a bound root, /proc, /dev, /tmp and the same
 * filter by bare system calls, without a cgroup, an init, a channel, landlock or an error path. */
#pragma once

#include <sys/types.h>

/* Starts program (a path below root, a directory) in the floor's sandbox and waits for its end.
 * 0, or -1 when something failed. */
int launch_floor(const char *root, const char *program);
