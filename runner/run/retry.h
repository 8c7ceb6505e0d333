/* SPDX-License-Identifier: Apache-2.0 */
/* When the next attempt starts. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "runner/run/outcome_table.h"

#define RETRY_FIRST_MS UINT64_C(1000)
#define RETRY_MAX_MS   UINT64_C(60000)

/* true when attempt number (from 1) of allowed ended so that another may end otherwise. */
bool retry_is_due(enum run_outcome outcome, unsigned number, unsigned allowed);

/* Milliseconds to wait after attempt number: doubling from RETRY_FIRST_MS to RETRY_MAX_MS, and up
 * to a quarter less by random, any number, so that runs that failed together do not retry
 * together. */
uint64_t retry_delay_ms(unsigned number, uint32_t random);
