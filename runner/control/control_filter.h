/* SPDX-License-Identifier: Apache-2.0 */
/* From a request's filter to the reader's. */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "runner/control/control_table.h"
#include "runner/engine/engine_reads.h"

/* Strings stay the filter's. BERTH_INVALID for an identifier that is none. */
int control_filter_read(const struct control_run_filter *filter, struct read_run_filter *ret_filter,
			struct berth_error *err);

/* Nothing is asked for: all runs. */
bool control_filter_is_empty(const struct control_run_filter *filter);
