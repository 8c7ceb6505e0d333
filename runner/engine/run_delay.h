/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the engine only: when a run that is delayed is due. */
#pragma once

#include <stdint.h>

#include "base/error.h"

#define RUN_DELAY_TEXT_MAX 100

/* "1h30m" from now on, by the grammar ^(\d+(w|d|hr|h|m|s))+$ where the first of each unit counts,
 * or a date: RFC 3339, or YYYY-MM-DD in UTC. CLOCK_REALTIME nanoseconds; 0 when that is not after
 * now. */
int run_delay_parse(const char *text, uint64_t now_ns, uint64_t *ret_until_ns,
		    struct berth_error *err);
