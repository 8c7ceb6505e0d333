/* SPDX-License-Identifier: Apache-2.0 */
/* Limits a caller set one by one, to be laid over a machine's. */
#pragma once

#include <stdint.h>

#include "base/limits.h"

struct limit_overrides {
	struct resource_limits values;
	uint32_t given; /* bit i: resource_limit_rows[i] was set */
};

/* Copies what was given over *limits. */
void limit_overrides_apply(const struct limit_overrides *overrides, struct resource_limits *limits);
