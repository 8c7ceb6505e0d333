/* SPDX-License-Identifier: Apache-2.0 */
/* Where a run goes on whose memory did not suffice. */
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "machines/machine.h"

/* NULL, {"machine":"…"} or {"ladder":true|false}; BERTH_INVALID otherwise. */
int machine_ladder_check(const json_t *out_of_memory, struct berth_error *err);

/* The preset after the one named: the rule's machine, or the next one in the list that has more
 * memory. NULL: there is none. */
const struct machine *machine_ladder_next(const json_t *out_of_memory,
					  const struct machine_list *machines, const char *current);
