/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the engine only: what an attempt's outcome makes of its run: one row an outcome. */
#pragma once

#include <stdbool.h>

#include "runner/engine/run_state.h"
#include "runner/run/outcome_table.h"

struct end_row {
	const char *code; /* of an INTERNAL_ERROR; NULL: the task's own error, or a STRING_ERROR */
	enum run_event event; /* when no other attempt follows */
	bool is_retried;      /* another attempt may end otherwise */
};

extern const struct end_row end_rows[OUTCOMES];

/* How often a host may go away under a run; then it is a SYSTEM_FAILURE of that code. */
#define INTERRUPTIONS_MAX      3
#define INTERRUPTED_CODE       "POD_EVICTED"

/* Died of signal 11: a code of its own. */
#define SEGMENTATION_EXIT_CODE (EXIT_RUN_SIGNAL_BASE + 11)
#define SEGMENTATION_CODE      "TASK_PROCESS_SIGSEGV"
