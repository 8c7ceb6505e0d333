/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of what an outcome makes of its run. Codes are those of Trigger.dev's TaskRunError where
 * it has one, so that its SDK shows the same status. */
#include "runner/engine/attempt_end_table.h"

/* A limit the same input will meet again is not retried, nor what the task called permanent, nor a
 * host that cannot launch it. Memory is: the next attempt starts with none, from the last
 * checkpoint, and perhaps on a larger machine. */
/* clang-format off */
const struct end_row end_rows[OUTCOMES] = {
	[OUTCOME_COMPLETED]      = {NULL, RUN_EVENT_COMPLETE, false},
	[OUTCOME_FAILED]         = {NULL, RUN_EVENT_FAIL, true},
	[OUTCOME_RETRYABLE]      = {NULL, RUN_EVENT_FAIL, true},
	[OUTCOME_PERMANENT]      = {NULL, RUN_EVENT_FAIL, false},
	[OUTCOME_CRASHED]        = {"TASK_PROCESS_EXITED_WITH_NON_ZERO_CODE", RUN_EVENT_CRASH, true},
	[OUTCOME_KILLED_MEMORY]  = {"TASK_PROCESS_OOM_KILLED", RUN_EVENT_CRASH, true},
	[OUTCOME_KILLED_PIDS]    = {"TASK_RUN_CRASHED", RUN_EVENT_CRASH, false},
	[OUTCOME_KILLED_DISK]    = {"DISK_SPACE_EXCEEDED", RUN_EVENT_CRASH, false},
	[OUTCOME_KILLED_LOG]     = {"TASK_RUN_CRASHED", RUN_EVENT_CRASH, false},
	[OUTCOME_KILLED_CANCEL]  = {"TASK_RUN_CANCELLED", RUN_EVENT_CANCEL, false},
	[OUTCOME_CANCELLED]      = {"TASK_RUN_CANCELLED", RUN_EVENT_CANCEL, false},
	[OUTCOME_TIMED_OUT]      = {"MAX_DURATION_EXCEEDED", RUN_EVENT_TIME_OUT, false},
	[OUTCOME_NOT_EXECUTABLE] = {"COULD_NOT_IMPORT_TASK", RUN_EVENT_SYSTEM_FAILURE, false},
	[OUTCOME_NOT_FOUND]      = {"COULD_NOT_FIND_EXECUTOR", RUN_EVENT_SYSTEM_FAILURE, false},
	[OUTCOME_ERROR]          = {"TASK_EXECUTION_FAILED", RUN_EVENT_SYSTEM_FAILURE, false},
};
/* clang-format on */
