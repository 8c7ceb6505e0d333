/* SPDX-License-Identifier: Apache-2.0 */
/* Sortable unique identifiers: a prefix and a ULID in lower-case Crockford base 32. */
#pragma once

#include "base/error.h"

#define IDENTIFIER_PREFIX_MAX 15
#define IDENTIFIER_SIZE       (IDENTIFIER_PREFIX_MAX + 1 + 26 + 1)

/* "run_01jd…": the first 48 bits are CLOCK_REALTIME milliseconds, 80 bits come from getrandom(2);
 * see https://github.com/ulid/spec. prefix is lower-case letters. */
int identifier_create(const char *prefix, char ret_text[IDENTIFIER_SIZE], struct berth_error *err);
