/* SPDX-License-Identifier: Apache-2.0 */
/* A store in memory with runs that never ran: what reading tests look at. */
#pragma once

#include <stdint.h>

#include "runner/store/store.h"

#define FIXTURE_RUNS 600

/* Number of the nth run, from 1: one a second since 2025-01-01T00:00:00Z. */
int64_t fixture_run_id(int64_t n);
uint64_t fixture_run_ns(int64_t n);

/* FIXTURE_RUNS runs of 3 tasks ("alpha" "beta" "gamma"), 4 queues ("task/alpha" … and "shared"),
 * 2 versions ("20250101.1" "20250101.2"), 15 states in turn, 2 machines; every 5th has tag "five",
 * every 7th "seven", number 13 is "lonely"; every 10th is a test; 1 has children 2 … 9; batch 1 has
 * 20 … 24. */
struct store *fixture_store_create(void);
void fixture_store_script(struct store *store, const char *sql);
