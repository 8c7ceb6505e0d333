/* SPDX-License-Identifier: Apache-2.0 */
/* What the supervisor and a run's init tell each other over their socket pair: fixed-size
 * messages, one per packet (SOCK_SEQPACKET), between two copies of one program. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum control_kind {
	CONTROL_GO,           /* down: ids are mapped, the group is joined */
	CONTROL_SIGNAL,       /* down: value is the signal for the task */
	CONTROL_SIGNAL_GROUP, /* down: likewise, for its process group */
	CONTROL_SETUP_FAILED, /* up: error */
	CONTROL_STARTED,      /* up: the task was forked; with the channel's and volumes' fds */
	CONTROL_EXEC_FAILED,  /* up: error, from the task itself */
	CONTROL_ENDED,        /* up: value is the wait status */
};

struct control_message {
	enum control_kind kind;
	int value;
	bool tmpfs_full;
	uint64_t cpu_user_ns, cpu_system_ns; /* of every reaped process */
	uint64_t memory_peak_bytes;          /* of the largest one */
	struct berth_error error;
};
