/* SPDX-License-Identifier: Apache-2.0 */
/* What does each operation: one row each. Of the three one is set. */
#pragma once

#include "runner/control/control_call.h"
#include "runner/control/control_job.h"

struct control_handler_row {
	control_read read;      /* reader's thread: makes the result */
	control_work work;      /* engine's thread: makes the result */
	control_handler handle; /* the loop: anything else */
};

/* Indexed by enum control_op. */
extern const struct control_handler_row control_handlers[CONTROL_OP_COUNT];
