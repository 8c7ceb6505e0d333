/* SPDX-License-Identifier: Apache-2.0 */
/* Removes logs: of a run that is forgotten, and those that nobody knows. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* Removes the logs of attempts 1 … last_attempt; what is not there is no failure. Readers that have
 * them open read on. */
int log_delete(int directory, int64_t run, int64_t last_attempt, struct berth_error *err);

/* Looks at every log and removes those of runs that are not to be kept, and what an interrupted
 * seal left; one that was changed since before_ns (CLOCK_REALTIME) is under way and stays. Reads
 * all directory entries: for a worker thread, at start. *ret_removed counts files. keep is called
 * once for several files of a run in a row. */
typedef bool (*log_keep)(void *owner, int64_t run);
int log_sweep(int directory, log_keep keep, void *owner, uint64_t before_ns, uint64_t *ret_removed,
	      struct berth_error *err);
