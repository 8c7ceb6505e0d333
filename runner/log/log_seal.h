/* SPDX-License-Identifier: Apache-2.0 */
/* Turns the files of an attempt that is over into one compressed file (docs/logs.md), in steps of
 * well under a millisecond of CPU, for a worker thread or between other work. Interrupted at any
 * instant it leaves the log as it was, and can be done again. */
#pragma once

#include <stdint.h>

#include "base/error.h"

struct log_seal;

enum log_seal_outcome {
	LOG_SEAL_MORE = 1, /* call again */
	LOG_SEAL_LEFT,     /* nothing to do: no log, sealed already, or so small that it stays */
};

/* 0 or LEFT (no seal). BERTH_INVALID when log_writer_end() was not called. */
int log_seal_create(int directory, int64_t run, int64_t attempt, struct log_seal **ret_seal,
		    struct berth_error *err);
/* MORE or 0: done. The last step waits for the disk (fdatasync(2)). */
int log_seal_step(struct log_seal *seal, struct berth_error *err);
/* Accepts NULL; what is unfinished is removed. */
void log_seal_destroy(struct log_seal *seal);

/* All of it: 0 or LEFT. */
int log_seal_attempt(int directory, int64_t run, int64_t attempt, struct berth_error *err);
