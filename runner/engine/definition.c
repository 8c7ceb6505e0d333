/* SPDX-License-Identifier: Apache-2.0 */
/* What the engine reads of a task's definition. */
#include "runner/engine/definition.h"

#include <string.h>

#include "runner/engine/machine_ladder.h"

static int parse_queue(struct definition *definition, struct berth_error *err)
{
	json_t *queue = definition->queue;

	if (!queue)
		return 0;
	definition->has_queue = true;
	if (json_is_string(queue)) {
		if (field_parse_member(definition_queue_rows, definition_queue_row_count, "name",
				       queue, &definition->own_queue, err) < 0)
			return berth_fail_context(err, "queue");
		return 0;
	}
	if (!json_is_object(queue))
		return berth_fail(err, BERTH_INVALID, 0, "queue: neither a name nor an object");
	if (field_parse_object(queue, definition_queue_rows, definition_queue_row_count,
			       &definition->own_queue, err) < 0)
		return berth_fail_context(err, "queue");
	return 0;
}

static int parse_retry(struct definition *definition, struct berth_error *err)
{
	json_t *retry = definition->retry;

	if (!retry)
		return 0;
	definition->has_retry = true;
	if (!json_is_object(retry))
		return berth_fail(err, BERTH_INVALID, 0, "retry: not an object");
	if (field_parse_object(retry, definition_retry_rows, definition_retry_row_count,
			       &definition->policy, err) < 0 ||
	    machine_ladder_check(definition->policy.out_of_memory, err) < 0)
		return berth_fail_context(err, "retry");
	return 0;
}

static int parse_members(const json_t *object, struct definition *definition,
			 struct berth_error *err)
{
	for (size_t i = 0; i < definition_row_count; i++) {
		const json_t *value = json_object_get(object, definition_rows[i].name);

		if (value && !json_is_null(value) &&
		    field_parse_member(definition_rows, definition_row_count,
				       definition_rows[i].name, value, definition, err) < 0)
			return -1;
	}
	definition->has_ttl = json_object_get(object, "ttl") != NULL;
	if (limit_overrides_parse(json_object_get(object, "limits"), &definition->limits, err) <
		    0 ||
	    parse_queue(definition, err) < 0)
		return -1;
	return parse_retry(definition, err);
}

int definition_parse(const json_t *object, struct definition *ret_definition,
		     struct berth_error *err)
{
	struct definition definition = {0};

	if (!json_is_object(object))
		return berth_fail(err, BERTH_INVALID, 0, "the definition is not an object");
	if (field_set_defaults(definition_rows, definition_row_count, &definition, err) < 0 ||
	    field_set_defaults(definition_queue_rows, definition_queue_row_count,
			       &definition.own_queue, err) < 0 ||
	    field_set_defaults(definition_retry_rows, definition_retry_row_count,
			       &definition.policy, err) < 0 ||
	    parse_members(object, &definition, err) < 0) {
		definition_finish(&definition);
		return -1;
	}
	*ret_definition = definition;
	return 0;
}

void definition_finish(struct definition *definition)
{
	field_finish(definition_rows, definition_row_count, definition);
	field_finish(definition_queue_rows, definition_queue_row_count, &definition->own_queue);
	field_finish(definition_retry_rows, definition_retry_row_count, &definition->policy);
}
