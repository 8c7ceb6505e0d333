/* SPDX-License-Identifier: Apache-2.0 */
/* A log record of the daemon as a line for people. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"
#include "base/text.h"

/* Appends the line. A record that says what this program does not know is shown as it can be. */
int client_log_format(const json_t *record, bool colours, struct text *text,
		      struct berth_error *err);
