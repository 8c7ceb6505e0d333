/* SPDX-License-Identifier: Apache-2.0 */
/* Durations from CLOCK_BOOTTIME, dates from CLOCK_REALTIME; both injectable for tests. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define CLOCK_NS_PER_MS    UINT64_C(1000000)
#define CLOCK_NS_PER_S     UINT64_C(1000000000)

/* Longest RFC 3339 text with milliseconds in UTC, with its NUL: 2026-11-22T22:08:47.123Z */
#define CLOCK_RFC3339_SIZE 25

/* Nanoseconds since boot, suspend included (clock_gettime(2), CLOCK_BOOTTIME). */
uint64_t clock_boottime_ns(void);

/* Nanoseconds since 1970-01-01T00:00:00Z (CLOCK_REALTIME). */
uint64_t clock_realtime_ns(void);

/* Formats a CLOCK_REALTIME instant as RFC 3339 in UTC with milliseconds. */
void clock_format_rfc3339(uint64_t realtime_ns, char ret_text[CLOCK_RFC3339_SIZE]);

/* The CLOCK_REALTIME instant of an RFC 3339 date and time ("2026-11-22T22:08:47.5+01:00"), from
 * 1970 to 2554. BERTH_INVALID. */
int clock_parse_rfc3339(const char *text, uint64_t *ret_realtime_ns, struct berth_error *err);

/* Replaces both clocks for the rest of the program (tests); NULL restores the real ones. */
struct clock_source {
	uint64_t (*boottime_ns)(void);
	uint64_t (*realtime_ns)(void);
};
void clock_inject(const struct clock_source *source);
