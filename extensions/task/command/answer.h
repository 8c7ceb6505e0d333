/* SPDX-License-Identifier: Apache-2.0 */
/* How commands end: failures of the SDK handed on, and what they print. */
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "extensions/task/task.h"

/* Forwards a failure of the SDK; returns status. */
int command_outcome(int status, const struct berth_task_error *why, struct berth_error *err);

/* A line on stdout. Fails when it cannot be printed. */
int command_print_line(const char *text, struct berth_error *err);
/* The same of a value, not taken over; NULL is one that there was no memory for. */
int command_print_json(const json_t *value, struct berth_error *err);

/* Prints a JSON array of results as waits have them. COMMAND_NO when one of them is not ok. */
int command_print_results(const char *results, struct berth_error *err);
