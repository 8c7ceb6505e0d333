/* SPDX-License-Identifier: Apache-2.0 */
/* A whole run: plan, attempts with their retries, result. */
#pragma once

#include "runner/run/installation.h"
#include "runner/run/run_options.h"

/* Runs to the end, says on stderr what there is to say, writes --result, and returns the exit
 * status for berth. */
int run_execute(const struct run_options *options, const struct installation *installation);
