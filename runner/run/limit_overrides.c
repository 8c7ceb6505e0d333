/* SPDX-License-Identifier: Apache-2.0 */
/* Takes limits row by row, so that a new limit needs no line here. */
#include "runner/run/limit_overrides.h"

#include <string.h>

int limit_overrides_parse(const json_t *object, struct limit_overrides *ret_overrides,
			  struct berth_error *err)
{
	struct limit_overrides overrides = {0};

	if (object && !json_is_null(object) &&
	    field_parse_object(object, resource_limit_rows, resource_limit_row_count,
			       &overrides.values, err) < 0)
		return berth_fail_context(err, "limits");
	for (size_t i = 0; i < resource_limit_row_count; i++)
		if (json_object_get(object, resource_limit_rows[i].name))
			overrides.given |= UINT32_C(1) << i;
	*ret_overrides = overrides;
	return 0;
}

void limit_overrides_apply(const struct limit_overrides *overrides, struct resource_limits *limits)
{
	for (size_t i = 0; i < resource_limit_row_count; i++) {
		size_t offset = resource_limit_rows[i].offset;

		if (!(overrides->given & (UINT32_C(1) << i)))
			continue;
		/* every limit is a 64-bit number, see struct resource_limits */
		memcpy((char *)limits + offset, (const char *)&overrides->values + offset,
		       sizeof(uint64_t));
	}
}
