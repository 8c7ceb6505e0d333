/* SPDX-License-Identifier: Apache-2.0 */
/* Bounds of what callers name things by: idempotency keys, how long they hold, tags. */
#pragma once

#include <stdint.h>

#include "base/error.h"

#define KEY_TTL_DEFAULT_MS (UINT64_C(30) * 24 * 3600 * 1000)
#define KEY_TTL_MAX_MS     (UINT64_C(10) * 366 * 24 * 3600 * 1000)

/* key may be NULL; ttl_ms 0 is the default's. BERTH_INVALID, BERTH_LIMIT. */
int key_check(const char *key, uint64_t ttl_ms, struct berth_error *err);

/* tags is the text of a JSON array of strings, or NULL. */
int key_check_tags(const char *tags, struct berth_error *err);
