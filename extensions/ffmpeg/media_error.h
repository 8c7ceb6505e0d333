/* SPDX-License-Identifier: Apache-2.0 */
/* What a libav* return code means to a task: whether another attempt can help, and in which words.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"

/* Collects what libav* says instead of printing it; the last complaint ends up in the message of
 * media_fail(). Call once, before any other libav* function. */
void media_error_capture(void);

/* Fills *err from a negative libav* code and returns -1. Data that cannot be read is
 * BERTH_INVALID, a missing codec BERTH_UNSUPPORTED, ENOMEM BERTH_MEMORY, and everything the host
 * may do better next time (EIO, ENOSPC …) BERTH_SYSTEM. */
int media_fail(struct berth_error *err, int averror, const char *format, ...)
	__attribute__((format(printf, 3, 4), cold));

/* A task that was asked to end: BERTH_SYSTEM with ECANCELED. */
int media_fail_cancelled(struct berth_error *err);
bool media_error_is_cancelled(const struct berth_error *err);

/* true when no further attempt with the same input can succeed. */
bool media_error_is_permanent(const struct berth_error *err);

/* The failure's short name on the task channel: "InvalidInput", "LimitExceeded", … */
const char *media_error_name(const struct berth_error *err);
