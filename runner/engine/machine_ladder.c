/* SPDX-License-Identifier: Apache-2.0 */
/* Where a run goes on whose memory did not suffice. */
#include "runner/engine/machine_ladder.h"

#include <string.h>

int machine_ladder_check(const json_t *out_of_memory, struct berth_error *err)
{
	const json_t *machine, *ladder;

	if (!out_of_memory)
		return 0;
	machine = json_object_get(out_of_memory, "machine");
	ladder = json_object_get(out_of_memory, "ladder");
	if (json_object_size(out_of_memory) != 1 || (machine && !json_is_string(machine)) ||
	    (ladder && !json_is_boolean(ladder)) || (!machine && !ladder))
		return berth_fail(
			err, BERTH_INVALID, 0,
			"outOfMemory: {\"machine\":\"…\"} or {\"ladder\":true} is wanted");
	if (machine && json_string_length(machine) > MACHINE_NAME_MAX)
		return berth_fail(err, BERTH_INVALID, 0,
				  "outOfMemory: a machine's name has at most %d characters",
				  MACHINE_NAME_MAX);
	return 0;
}

static const struct machine *find(const struct machine_list *machines, const char *name)
{
	for (size_t i = 0; i < machines->count; i++)
		if (strcmp(machines->machines[i].name, name) == 0)
			return &machines->machines[i];
	return NULL;
}

const struct machine *machine_ladder_next(const json_t *out_of_memory,
					  const struct machine_list *machines, const char *current)
{
	const char *name = json_string_value(json_object_get(out_of_memory, "machine"));
	const struct machine *now = find(machines, current), *next;

	if (name) {
		next = find(machines, name);
		return next != now ? next : NULL;
	}
	if (!now || !json_is_true(json_object_get(out_of_memory, "ladder")))
		return NULL;
	for (next = now + 1; next < machines->machines + machines->count; next++)
		if (next->limits.memory_bytes > now->limits.memory_bytes)
			return next;
	return NULL;
}
