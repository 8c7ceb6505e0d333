/* SPDX-License-Identifier: Apache-2.0 */
/* What one run's task channel may cost the supervisor: bytes held, and a share of its time. */
#include "runner/run/task_budget.h"

void task_budget_spend(struct task_budget *budget, uint64_t from_ns, uint64_t to_ns)
{
	if (from_ns - budget->window_ns >= TASK_BUDGET_WINDOW_NS) {
		budget->window_ns = from_ns;
		budget->busy_ns = 0;
	}
	budget->busy_ns += to_ns - from_ns;
}

uint64_t task_budget_rest_until(const struct task_budget *budget, uint64_t now_ns)
{
	uint64_t end_ns = budget->window_ns + TASK_BUDGET_WINDOW_NS;

	return budget->busy_ns >= TASK_BUDGET_BUSY_NS && now_ns < end_ns ? end_ns : 0;
}
