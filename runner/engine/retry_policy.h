/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the engine only: when the next attempt of a run is due. */
#pragma once

#include <stdint.h>

#include "runner/engine/definition.h"

/* Milliseconds to wait after failed attempt number (from 1):
 * round(min(max, (1 + random) * min * factor^(number - 1))); random is in [0, 1) and counts when
 * the policy says so. */
uint64_t retry_policy_delay_ms(const struct retry_policy *policy, int64_t number, double random);
