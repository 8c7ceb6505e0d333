/* SPDX-License-Identifier: Apache-2.0 */
/* Waits for a time that nobody notes: kept in memory until they are over. */
#include "runner/run/task_held.h"

int task_held_add(struct task_held *held, const struct task_request *request, uint64_t due_ns,
		  struct berth_error *err)
{
	if (held->count == PROTOCOL_WAITS_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "more than %d waits at once",
				  PROTOCOL_WAITS_MAX);
	held->waits[held->count++] = (struct task_held_wait){*request, due_ns};
	return 0;
}

bool task_held_take(struct task_held *held, uint64_t now_ns, struct task_request *ret_request)
{
	for (size_t i = 0; i < held->count; i++) {
		if (held->waits[i].due_ns > now_ns)
			continue;
		*ret_request = held->waits[i].request;
		held->waits[i] = held->waits[--held->count];
		return true;
	}
	return false;
}

void task_held_forget(struct task_held *held, uint64_t connection)
{
	size_t kept = 0;

	for (size_t i = 0; i < held->count; i++)
		if (held->waits[i].request.connection != connection)
			held->waits[kept++] = held->waits[i];
	held->count = kept;
}

json_t *task_held_results(void)
{
	return json_pack("{s:[{s:s, s:s, s:b}]}", "results", "kind", "date", "state", "COMPLETED",
			 "ok", 1);
}

uint64_t task_held_due_ns(const struct task_held *held)
{
	uint64_t due_ns = 0;

	for (size_t i = 0; i < held->count; i++)
		if (due_ns == 0 || held->waits[i].due_ns < due_ns)
			due_ns = held->waits[i].due_ns;
	return due_ns;
}
