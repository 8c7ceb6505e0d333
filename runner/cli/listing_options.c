/* SPDX-License-Identifier: Apache-2.0 */
/* The options of the verbs that only list. */
#include "runner/cli/commands.h"

static const struct option_row rows[] = {
	{.field = {.name = "json",
		   .type = FIELD_BOOL,
		   .offset = offsetof(struct listing_options, json),
		   .help = "print JSON"}},
};

const struct option_table listing_options_table = {.rows = rows, .count = 1};
const struct option_table no_options_table = {.rows = rows, .count = 0};
