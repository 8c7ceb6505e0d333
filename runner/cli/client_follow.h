/* SPDX-License-Identifier: Apache-2.0 */
/* Following a run to its end: its logs, its progress, its states; across a daemon that is reloaded.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "runner/cli/client.h"

struct client_follow_options {
	const struct client_options *client;
	const char *run;
	int64_t attempt, position; /* where to begin in its logs; 0: at the beginning */
	bool is_apart; /* the task's stdout to stdout, everything else to stderr, as berth run */
};

/* Returns the exit status that tells how the run ended, or why it is not known. */
int client_follow(const struct client_follow_options *options);
