/* SPDX-License-Identifier: Apache-2.0 */
/* A call's work on the engine's and the reader's thread, and its answer when that is done. One at a
 * time in a call; the work sets call->result. */
#pragma once

#include "runner/control/control_call.h"

typedef int (*control_work)(struct engine *engine, struct control_call *call,
			    struct berth_error *err);
typedef int (*control_read)(struct store *store, struct control_call *call,
			    struct berth_error *err);
typedef void (*control_then)(struct control_call *call);

/* When it is done, then() goes on in the loop; NULL answers with the result (null when there is
 * none). Work that failed answers with its error. */
void control_job_work(struct control_call *call, control_work work, control_then then);
void control_job_read(struct control_call *call, control_read read, control_then then);
