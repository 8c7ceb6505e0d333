/* SPDX-License-Identifier: Apache-2.0 */
/* What is done to many runs at once: those named, or those of a filter. */
#pragma once

#include <jansson.h>

#include "runner/cli/client.h"

/* Either runs are named or a filter is given: BERTH_INVALID. */
int client_bulk_check(const json_t *fields, const struct string_list *runs,
		      struct berth_error *err);

/* action is "cancel" or "replay"; fields are the filter's. Returns an exit status, which is not
 * EXIT_DONE either when it failed for some. */
int client_bulk_ask(const struct client_options *options, const char *action, json_t *fields,
		    const struct string_list *runs);
