/* SPDX-License-Identifier: Apache-2.0 */
/* What one run's task channel may cost the supervisor: bytes held, and a share of its time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TASK_BUDGET_INPUT_MAX    ((size_t)16 * 1024 * 1024) /* bytes read and not yet handled */
#define TASK_BUDGET_OUTPUT_MAX   ((size_t)4 * 1024 * 1024)  /* bytes of replies not yet taken */

/* What a connection may hold even when the others have used the budget up: they must not be able
 * to silence it. */
#define TASK_BUDGET_INPUT_SHARE  ((size_t)256 * 1024)
#define TASK_BUDGET_OUTPUT_SHARE ((size_t)64 * 1024)

/* Half of any 100 ms: a run that floods its channel slows down itself, not its supervisor. */
#define TASK_BUDGET_WINDOW_NS    UINT64_C(100000000)
#define TASK_BUDGET_BUSY_NS      UINT64_C(50000000)

/* Zero-initialised is valid. */
struct task_budget {
	size_t input_bytes, output_bytes; /* held by all connections of the run */
	uint64_t window_ns;               /* when the window began */
	uint64_t busy_ns;                 /* spent in it */
};

/* Notes that a buffer of *total went from before to after bytes. */
static inline void task_budget_move(size_t *total, size_t before, size_t after)
{
	*total = *total - before + after;
}

/* Notes time spent on the channel. */
void task_budget_spend(struct task_budget *budget, uint64_t from_ns, uint64_t to_ns);

/* When work may go on: 0 for now, else a clock_boottime_ns() instant. */
uint64_t task_budget_rest_until(const struct task_budget *budget, uint64_t now_ns);
