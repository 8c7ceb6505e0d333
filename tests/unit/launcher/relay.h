/* SPDX-License-Identifier: Apache-2.0 */
/* What the stand-in for the supervisor tells the test: who it was made to be. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct relay_report {
	pid_t pid;
	uid_t uid;
	gid_t gid;
	int groups;       /* supplementary ones */
	int descriptors;  /* open besides 0, 1, 2 and the launcher's */
	int no_new_privs; /* prctl(2) */
	int oom_score;
	int listen_count;
	uint64_t capabilities; /* every set or-ed together, the bounding set too */
	uint64_t open_files;   /* RLIMIT_NOFILE */
	int variables;         /* in the environment */
};
