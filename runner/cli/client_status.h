/* SPDX-License-Identifier: Apache-2.0 */
/* What the daemon says of itself, for people: a summary, and what lives. */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "base/error.h"

/* The ledger and the queues as lines on stdout. */
int client_status_print(const json_t *status, struct berth_error *err);

/* The runs that live with what they use, on stdout. before is an earlier status, to which the share
 * of a CPU is counted, or NULL. */
int client_status_print_runs(json_t *status, const json_t *before, struct berth_error *err);
