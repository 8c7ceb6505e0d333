/* SPDX-License-Identifier: Apache-2.0 */
/* Records of an attempt's log as JSON, a bounded number at a time; for the reader's thread. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "runner/log/log_reader.h"

#define CONTROL_LOG_BYTES ((size_t)1024 * 1024) /* of one part, as JSON */

enum control_log_outcome {
	CONTROL_LOG_WAIT = 1, /* nothing more yet */
	CONTROL_LOG_END,      /* nothing more will come */
};

/* Appends records to an array until there are `most` of them or they are large: 0 (there is more),
 * WAIT or END. */
int control_logs_read(struct log_reader *reader, size_t most, json_t *records,
		      struct berth_error *err);
