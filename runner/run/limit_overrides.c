/* SPDX-License-Identifier: Apache-2.0 */
/* Copies limits row by row, so that a new limit needs no line here. */
#include "runner/run/limit_overrides.h"

#include <string.h>

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
