/* SPDX-License-Identifier: Apache-2.0 */
/* Durations from CLOCK_BOOTTIME, dates from CLOCK_REALTIME; both injectable for tests. */
#include "base/clock.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
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

/* Exactly count digits, which *text is moved past; -1 when they are not there. */
static int digits_take(const char **text, int count)
{
	int value = 0;

	for (int i = 0; i < count; i++) {
		char digit = **text;

		if (digit < '0' || digit > '9')
			return -1;
		value = value * 10 + (digit - '0');
		(*text)++;
	}
	return value;
}

static bool mark_take(const char **text, const char *marks)
{
	if (**text == '\0' || !strchr(marks, **text))
		return false;
	(*text)++;
	return true;
}

/* The inverse of date_from_days(). */
static int64_t days_from_date(int year, int month, int day)
{
	static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
	int years = month > 2 ? year : year - 1; /* whose leap days are over */

	return (int64_t)(year - 1970) * 365 + before[month - 1] + day - 1 + years / 4 - 1969 / 4 -
	       (years / 100 - 1969 / 100) + years / 400 - 1969 / 400;
}

static int days_in_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && is_leap ? 1 : 0);
}

/* ".5" and the like, up to nanoseconds; what is finer is cut. -1 when it is none. */
static int64_t fraction_take(const char **text)
{
	int64_t value = 0, unit = (int64_t)CLOCK_NS_PER_S / 10;
	int digit;

	if (!mark_take(text, "."))
		return 0;
	if (**text < '0' || **text > '9')
		return -1;
	while ((digit = digits_take(text, 1)) >= 0) {
		value += digit * unit;
		unit /= 10;
	}
	return value;
}

/* "Z" or "+01:00" in seconds east of Greenwich; false when it is none. */
static bool offset_take(const char **text, int *ret_seconds)
{
	int hours, minutes, sign = **text == '-' ? -1 : 1;

	*ret_seconds = 0;
	if (mark_take(text, "Zz"))
		return true;
	if (!mark_take(text, "+-"))
		return false;
	hours = digits_take(text, 2);
	if (hours < 0 || hours > 23 || !mark_take(text, ":"))
		return false;
	minutes = digits_take(text, 2);
	*ret_seconds = sign * (hours * 3600 + minutes * 60);
	return minutes >= 0 && minutes <= 59;
}

/* Seconds since 1970 by the clock on the wall there; -1 when it is no date and time. */
static int64_t local_take(const char **text)
{
	int year, month, day, hour, minute, second;

	year = digits_take(text, 4);
	if (year < 1970 || year > 2553 || !mark_take(text, "-"))
		return -1;
	month = digits_take(text, 2);
	if (month < 1 || month > 12 || !mark_take(text, "-"))
		return -1;
	day = digits_take(text, 2);
	if (day < 1 || day > days_in_month(year, month) || !mark_take(text, "Tt "))
		return -1;
	hour = digits_take(text, 2);
	if (hour < 0 || hour > 23 || !mark_take(text, ":"))
		return -1;
	minute = digits_take(text, 2);
	if (minute < 0 || minute > 59 || !mark_take(text, ":"))
		return -1;
	second = digits_take(text, 2);
	if (second < 0 || second > 60) /* RFC 3339, 5.6: leap seconds */
		return -1;
	return days_from_date(year, month, day) * (int64_t)SECONDS_PER_DAY + hour * 3600 +
	       minute * 60 + second;
}

int clock_parse_rfc3339(const char *text, uint64_t *ret_realtime_ns, struct berth_error *err)
{
	const char *rest = text;
	int64_t seconds = local_take(&rest);
	int64_t fraction = seconds >= 0 ? fraction_take(&rest) : -1;
	int offset = 0;

	if (fraction < 0 || !offset_take(&rest, &offset) || *rest != '\0' || seconds < offset)
		return berth_fail(err, BERTH_INVALID, 0,
				  "\"%.40s\" is not a date like 2026-11-22T22:08:47Z", text);
	*ret_realtime_ns = (uint64_t)(seconds - offset) * CLOCK_NS_PER_S + (uint64_t)fraction;
	return 0;
}
