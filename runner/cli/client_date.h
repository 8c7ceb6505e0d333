/* SPDX-License-Identifier: Apache-2.0 */
/* Dates of the daemon as people write and read them. */
#pragma once

#include <stdint.h>

#include "base/error.h"

#define CLIENT_DATE_SIZE 32

/* "90s", "2h", "1d": so long ago; or an RFC 3339 date. Milliseconds since 1970. BERTH_INVALID. */
int client_date_parse(const char *text, uint64_t *ret_ms, struct berth_error *err);

/* An RFC 3339 date as the local "2026-11-25 15:10:05"; other text as it is. Returns target. */
char *client_date_format(const char *text, char target[CLIENT_DATE_SIZE]);
