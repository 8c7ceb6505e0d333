/* SPDX-License-Identifier: Apache-2.0 */
/* What every root holds besides its image, in the order it is made. */
#include "sandbox/root.h"

const struct root_default root_defaults[] = {
	{ROOT_PROC,      "/proc",        NULL,              0, 0, "processes only: no sysctl, no keys, no kernel state"},
	{ROOT_DIRECTORY, "/sys",         NULL,              0, 0, "empty: nothing of the host's devices"               },
	{ROOT_DIRECTORY, "/dev",         NULL,              0, 0, "only the nodes below"                               },
	{ROOT_DEVICE,    "/dev/null",    NULL,              0, 3, "every shell script"                                 },
	{ROOT_DEVICE,    "/dev/zero",    NULL,              0, 5, "mmap of zeroes"                                     },
	{ROOT_DEVICE,    "/dev/full",    NULL,              0, 7, "tests of full disks"                                },
	{ROOT_DEVICE,    "/dev/random",  NULL,              0, 8, "randomness"                                         },
	{ROOT_DEVICE,    "/dev/urandom", NULL,              0, 9, "randomness"                                         },
	{ROOT_SYMLINK,   "/dev/fd",      "/proc/self/fd",   0, 0, "shells' process substitution"                       },
	{ROOT_SYMLINK,   "/dev/stdin",   "/proc/self/fd/0", 0, 0, ""                                                   },
	{ROOT_SYMLINK,   "/dev/stdout",  "/proc/self/fd/1", 0, 0, ""                                                   },
	{ROOT_SYMLINK,   "/dev/stderr",  "/proc/self/fd/2", 0, 0, ""                                                   },
	{ROOT_TMPFS,     "/dev/shm",     NULL,              4, 0, "POSIX shared memory, charged to the run"            },
	{ROOT_TMPFS,     "/tmp",         NULL,              4, 0, "private, charged to the run"                        },
	{ROOT_TMPFS,     "/run",         NULL,              1, 0, "private, charged to the run; the task channel"      },
	{ROOT_DIRECTORY, "/run/berth",   NULL,              0, 0, "where the task channel listens"                     },
};
const size_t root_default_count = sizeof(root_defaults) / sizeof(root_defaults[0]);

_Static_assert(sizeof(root_defaults) / sizeof(root_defaults[0]) <= ROOT_DEFAULTS_MAX,
	       "root_plan holds one fd per row");
