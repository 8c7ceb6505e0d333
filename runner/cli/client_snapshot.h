/* SPDX-License-Identifier: Apache-2.0 */
/* A log that the daemon has opened for this program, as it was then: reading it costs the daemon
 * nothing. */
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "runner/control/control_client.h"
#include "runner/log/log_storage.h"

struct client_snapshot {
	struct log_snapshot files; /* the caller's */
	int64_t run, attempt;
};

/* attempt 0 is the newest. */
int client_snapshot_open(struct control_client *client, const char *run, int64_t attempt,
			 struct client_snapshot *ret_snapshot, struct berth_error *err);
