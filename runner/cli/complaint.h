/* SPDX-License-Identifier: Apache-2.0 */
/* berth's own errors on stderr: "berth: what: why", and a line with the remedy. */
#pragma once

#include "base/error.h"

/* hint may be NULL or empty: then the error's code gives the remedy, where there is one. */
void complaint_print(const struct berth_error *err, const char *hint);
