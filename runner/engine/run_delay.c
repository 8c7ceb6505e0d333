/* SPDX-License-Identifier: Apache-2.0 */
/* When a run that is delayed is due. */
#include "runner/engine/run_delay.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define YEARS_100_S UINT64_C(3155760000)

struct unit_row {
	const char *name;
	uint64_t seconds;
	unsigned bit; /* in the set of units seen */
};

/* hr before h: the longer name is tried first; both are one unit */
static const struct unit_row units[] = {
	{"w",  604800, 1 },
        {"d",  86400,  2 },
        {"hr", 3600,   4 },
	{"h",  3600,   4 },
        {"m",  60,     8 },
        {"s",  1,      16},
};

#define UNITS (sizeof(units) / sizeof(units[0]))

static const struct unit_row *find_unit(const char *text)
{
	for (size_t i = 0; i < UNITS; i++)
		if (strncmp(text, units[i].name, strlen(units[i].name)) == 0)
			return &units[i];
	return NULL;
}

/* One number and its unit; moves *text behind them. */
static const struct unit_row *take(const char **text, uint64_t *ret_number)
{
	const struct unit_row *unit;
	uint64_t number = 0;
	const char *next = *text;

	for (; isdigit((unsigned char)*next); next++)
		if (number <= YEARS_100_S)
			number = number * 10 + (uint64_t)(*next - '0');
	unit = next > *text ? find_unit(next) : NULL;
	if (!unit)
		return NULL;
	*text = next + strlen(unit->name);
	*ret_number = number;
	return unit;
}

/* 1: the text is no duration. */
static int parse_duration(const char *text, uint64_t *ret_seconds)
{
	uint64_t seconds = 0;
	unsigned seen = 0;

	while (*text) {
		uint64_t number;
		const struct unit_row *unit = take(&text, &number);

		if (!unit)
			return 1;
		if (!(seen & unit->bit))
			seconds += number * unit->seconds; /* take() bounds the number */
		seen |= unit->bit;
	}
	*ret_seconds = seconds;
	return 0;
}

static bool is_day(const char *text)
{
	static const char form[] = "dddd-dd-dd";

	if (strlen(text) != strlen(form))
		return false;
	for (size_t i = 0; form[i]; i++)
		if (form[i] == 'd' ? !isdigit((unsigned char)text[i]) : text[i] != form[i])
			return false;
	return true;
}

static int parse_date(const char *text, uint64_t *ret_until_ns, struct berth_error *err)
{
	char moment[RUN_DELAY_TEXT_MAX + 16];

	(void)snprintf(moment, sizeof(moment), "%s%s", text, is_day(text) ? "T00:00:00Z" : "");
	if (clock_parse_rfc3339(moment, ret_until_ns, NULL) < 0 || *ret_until_ns > INT64_MAX)
		return berth_fail(err, BERTH_INVALID, 0,
				  "the delay \"%.100s\" is neither a duration like 1h30m nor a "
				  "date like 2026-11-22T22:08:47Z",
				  text);
	return 0;
}

int run_delay_parse(const char *text, uint64_t now_ns, uint64_t *ret_until_ns,
		    struct berth_error *err)
{
	size_t length = strnlen(text, RUN_DELAY_TEXT_MAX + 1);
	uint64_t seconds, until_ns;

	if (length == 0 || length > RUN_DELAY_TEXT_MAX)
		return berth_fail(err, BERTH_INVALID, 0, "a delay has 1 to %d characters",
				  RUN_DELAY_TEXT_MAX);
	if (parse_duration(text, &seconds) == 0) {
		if (seconds > YEARS_100_S)
			return berth_fail(err, BERTH_INVALID, 0,
					  "the delay \"%.100s\" is longer than a hundred years",
					  text);
		until_ns = now_ns + seconds * CLOCK_NS_PER_S;
	} else if (parse_date(text, &until_ns, err) < 0) {
		return -1;
	}
	*ret_until_ns = until_ns > now_ns ? until_ns : 0;
	return 0;
}
