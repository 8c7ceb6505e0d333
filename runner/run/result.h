/* SPDX-License-Identifier: Apache-2.0 */
/* The --result file: one JSON object that says how a run ended, what it used and what held it. */
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "runner/run/run_plan.h"
#include "runner/run/run_record.h"

/* A new reference, or NULL when out of memory. plan may be half-built, or NULL when berth failed
 * before there was one. */
json_t *result_format(const struct run_plan *plan, const struct run_record *record);

/* Writes the result to path: a regular file appears whole or not at all (rename(2)); a FIFO or a
 * device is written to. */
int result_write(const char *path, const json_t *result, struct berth_error *err);
