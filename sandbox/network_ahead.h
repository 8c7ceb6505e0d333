/* SPDX-License-Identifier: Apache-2.0 */
/* The network namespace of the first launch, made while the caller prepares that launch. */
#pragma once

#include <stdbool.h>

#include "sandbox/network.h"
#include "sandbox/sandbox.h"

/* Whether network_ahead_fill() would have to wait. Accepts NULL. */
bool network_ahead_is_busy(struct sandbox_ahead *ahead);

/* Waits for the thread and puts what it made into the pool, if there is one: nothing when the host
 * refused it, or at the second call. After it no thread of berth's is left. Accepts NULL twice. */
void network_ahead_fill(struct sandbox_ahead *ahead, struct network_pool *pool);
