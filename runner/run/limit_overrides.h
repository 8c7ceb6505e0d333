/* SPDX-License-Identifier: Apache-2.0 */
/* Limits a caller set one by one, to be laid over a machine's. */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "base/error.h"
#include "base/limits.h"

struct limit_overrides {
	struct resource_limits values;
	uint32_t given; /* bit i: resource_limit_rows[i] was set */
};

/* An object of limits by name; NULL or null: none is given. BERTH_INVALID names the limit. */
int limit_overrides_parse(const json_t *object, struct limit_overrides *ret_overrides,
			  struct berth_error *err);

/* Copies what was given over *limits. */
void limit_overrides_apply(const struct limit_overrides *overrides, struct resource_limits *limits);
