/* SPDX-License-Identifier: Apache-2.0 */
/* Threads for what waits for a disk and changes nothing in the store: bundles, the sealing and
 * deleting of logs. */
#pragma once

#include "base/error.h"
#include "base/loop.h"
#include "runner/control/control_backend.h"

struct workers;

/* The threads are started by the first chore. */
int workers_create(struct loop *loop, struct workers **ret_workers, struct berth_error *err);
/* Finishes what was handed in, without telling; accepts NULL. */
void workers_destroy(struct workers *workers);

/* Never fails and never blocks: done is called later, in the loop. */
void workers_submit(struct workers *workers, struct control_chore *chore);
