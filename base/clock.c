/* SPDX-License-Identifier: Apache-2.0 */
/* Durations from CLOCK_BOOTTIME, dates from CLOCK_REALTIME; both injectable for tests. */
#include "base/clock.h"

#include <stdio.h>
#include <time.h>

#define SECONDS_PER_DAY 86400

static const struct clock_source *injected;

static uint64_t read_clock(clockid_t clock)
{
	struct timespec now = {0};

	(void)clock_gettime(clock, &now); /* cannot fail for these two on Linux >= 2.6.39 */
	return (uint64_t)now.tv_sec * CLOCK_NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t clock_boottime_ns(void)
{
	return injected ? injected->boottime_ns() : read_clock(CLOCK_BOOTTIME);
}

uint64_t clock_realtime_ns(void)
{
	return injected ? injected->realtime_ns() : read_clock(CLOCK_REALTIME);
}

void clock_inject(const struct clock_source *source)
{
	injected = source;
}

struct date {
	unsigned year, month, day;
};

/* Days since 1970-01-01 to a Gregorian date. Own arithmetic, because gmtime_r(3) opens
 * /etc/localtime. Years are counted from March, so that the leap day ends them. */
static struct date date_from_days(unsigned days)
{
	unsigned shifted = days + 719468; /* since 0000-03-01 */
	unsigned era = shifted / 146097;  /* of 400 years */
	unsigned day_of_era = shifted % 146097;
	unsigned year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	unsigned day_of_year =
		day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	unsigned month = (5 * day_of_year + 2) / 153; /* 0 is March */
	struct date date = {
		.year = year_of_era + era * 400 + (month >= 10 ? 1 : 0),
		.month = month < 10 ? month + 3 : month - 9,
		.day = day_of_year - (153 * month + 2) / 5 + 1,
	};

	return date;
}

void clock_format_rfc3339(uint64_t realtime_ns, char ret_text[CLOCK_RFC3339_SIZE])
{
	uint64_t seconds = realtime_ns / CLOCK_NS_PER_S;
	unsigned ms = (unsigned)(realtime_ns % CLOCK_NS_PER_S / CLOCK_NS_PER_MS);
	unsigned of_day = (unsigned)(seconds % SECONDS_PER_DAY);
	struct date date = date_from_days((unsigned)(seconds / SECONDS_PER_DAY));

	/* the moduli are no-ops (64-bit nanoseconds end in 2554): they tell the compiler so */
	(void)snprintf(ret_text, CLOCK_RFC3339_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
		       date.year % 10000, date.month % 100, date.day % 100, of_day / 3600,
		       of_day / 60 % 60, of_day % 60, ms % 1000);
}
