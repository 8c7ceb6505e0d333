/* SPDX-License-Identifier: Apache-2.0 */
/* Sizes, durations and CPU shares as people write them: parsing with bounds, and printing. */
#include "base/amount.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

#define BILLION         UINT64_C(1000000000)
#define FRACTION_DIGITS 9
#define BYTES_MAX       (UINT64_MAX / 2)
#define DURATION_MAX_MS (UINT64_C(3650) * 24 * 3600 * 1000)
#define CPU_MILLIS_MAX  (UINT64_C(4096) * 1000)
#define SHOWN_TEXT_SIZE 48 /* of a refused text in the error */
#define NS_PER_TENTH_MS (CLOCK_NS_PER_MS / 10)
#define NS_PER_TENTH_S  (CLOCK_NS_PER_S / 10)

struct decimal {
	uint64_t whole;
	uint64_t billionths;
	bool has_fraction;
};

static int fail_form(struct berth_error *err, const char *text, const char *form)
{
	char shown[SHOWN_TEXT_SIZE];

	(void)text_sanitize(text, strnlen(text, sizeof(shown)), shown, sizeof(shown));
	return berth_fail(err, BERTH_INVALID, 0, "\"%s\" is not %s", shown, form);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits with an optional fraction of at most nine digits; moves *cursor past them. */
static bool parse_decimal(const char **cursor, struct decimal *ret_value)
{
	const char *at = *cursor;
	struct decimal value = {0};
	uint64_t scale = BILLION;

	if (!is_digit(*at))
		return false;
	for (; is_digit(*at); at++)
		if (__builtin_mul_overflow(value.whole, 10, &value.whole) ||
		    __builtin_add_overflow(value.whole, (uint64_t)(*at - '0'), &value.whole))
			return false;
	if (*at == '.') {
		value.has_fraction = true;
		if (!is_digit(*++at))
			return false;
		for (; is_digit(*at); at++) {
			if (scale == 1)
				return false;
			scale /= 10;
			value.billionths += (uint64_t)(*at - '0') * scale;
		}
	}
	*cursor = at;
	*ret_value = value;
	return true;
}

/* value * unit, rounded up so that a small limit never becomes 0, which lifts it. */
static bool multiply(struct decimal value, uint64_t unit, uint64_t max, uint64_t *ret_product)
{
	unsigned __int128 product = (unsigned __int128)value.whole * unit;

	product += ((unsigned __int128)value.billionths * unit + BILLION - 1) / BILLION;
	if (product > max)
		return false;
	*ret_product = (uint64_t)product;
	return true;
}

int amount_parse_bytes(const char *text, uint64_t *ret_bytes, struct berth_error *err)
{
	static const char form[] = "a size such as 1048576, 512K, 64MiB or 1.5G";
	static const char letters[] = "KMGTkmgt";
	const char *cursor = text, *letter;
	uint64_t unit = 1, bytes;
	struct decimal value;

	if (!parse_decimal(&cursor, &value))
		return fail_form(err, text, form);
	letter = *cursor ? strchr(letters, *cursor) : NULL;
	if (letter) {
		unit <<= 10 * ((size_t)(letter - letters) % 4 + 1);
		cursor++;
		if (*cursor == 'i' && cursor[1] == 'B')
			cursor++;
	}
	if (*cursor == 'B')
		cursor++;
	if (*cursor != '\0' || (unit == 1 && value.has_fraction))
		return fail_form(err, text, form);
	if (!multiply(value, unit, BYTES_MAX, &bytes))
		return fail_form(err, text, "a size below 8 EiB");
	*ret_bytes = bytes;
	return 0;
}

struct duration_unit {
	const char *name;
	uint64_t ms;
};

/* Longer names before their own prefixes. */
static const struct duration_unit duration_units[] = {
	{"ms", 1		  },
	{"hr", UINT64_C(3600000)  },
	{"w",  UINT64_C(604800000)},
	{"d",  UINT64_C(86400000) },
	{"h",  UINT64_C(3600000)  },
	{"m",  UINT64_C(60000)    },
	{"s",  UINT64_C(1000)     },
};
#define DURATION_UNITS (sizeof(duration_units) / sizeof(duration_units[0]))

static const struct duration_unit *take_duration_unit(const char **cursor)
{
	size_t length;

	for (size_t i = 0; i < DURATION_UNITS; i++) {
		length = strlen(duration_units[i].name);
		if (strncmp(*cursor, duration_units[i].name, length) == 0) {
			*cursor += length;
			return &duration_units[i];
		}
	}
	return NULL;
}

/* true when the unit, or another name of the same one, is in seen; notes it. */
static bool is_repeated(const struct duration_unit *unit, uint64_t seen[DURATION_UNITS],
			size_t *count)
{
	for (size_t i = 0; i < *count; i++)
		if (seen[i] == unit->ms)
			return true;
	seen[(*count)++] = unit->ms;
	return false;
}

int amount_parse_duration_ms(const char *text, uint64_t *ret_ms, struct berth_error *err)
{
	static const char form[] = "a duration such as 90, 250ms, 90s, 1h30m, 2d or 1w";
	static const struct duration_unit seconds = {"", 1000};
	const struct duration_unit *unit;
	uint64_t seen[DURATION_UNITS], total = 0, part;
	size_t parts = 0;
	const char *cursor = text;
	struct decimal value;
	bool has_fraction = false;

	do {
		if (!parse_decimal(&cursor, &value))
			return fail_form(err, text, form);
		unit = *cursor == '\0' && parts == 0 ? &seconds : take_duration_unit(&cursor);
		if (!unit || is_repeated(unit, seen, &parts))
			return fail_form(err, text, form);
		has_fraction |= value.has_fraction;
		if (has_fraction && (parts > 1 || *cursor != '\0'))
			return fail_form(err, text, form);
		if (!multiply(value, unit->ms, DURATION_MAX_MS - total, &part))
			return fail_form(err, text, "a duration of at most ten years");
		total += part;
	} while (*cursor != '\0');
	*ret_ms = total;
	return 0;
}

int amount_parse_cpu_millis(const char *text, uint64_t *ret_millis, struct berth_error *err)
{
	static const char form[] = "a number of CPUs such as 2, 0.25 or 500m";
	const char *cursor = text;
	struct decimal value;
	uint64_t millis;
	bool in_millis;

	if (!parse_decimal(&cursor, &value))
		return fail_form(err, text, form);
	in_millis = *cursor == 'm';
	cursor += in_millis;
	if (*cursor != '\0' || (in_millis && value.has_fraction) ||
	    value.billionths % (BILLION / 1000) != 0)
		return fail_form(err, text, form);
	if (!multiply(value, in_millis ? 1 : 1000, CPU_MILLIS_MAX, &millis) || millis == 0)
		return fail_form(err, text, "between 0.001 and 4096 CPUs");
	*ret_millis = millis;
	return 0;
}

char *amount_format_bytes(uint64_t bytes, char target[AMOUNT_TEXT_SIZE])
{
	static const char letters[] = "KMGTPE";
	unsigned __int128 tenths = (unsigned __int128)bytes * 10, unit = 1;
	size_t step = 0;

	while (step < sizeof(letters) - 1 && (tenths + unit / 2) / unit >= 10240) {
		unit <<= 10;
		step++;
	}
	tenths = (tenths + unit / 2) / unit;
	if (step == 0)
		(void)snprintf(target, AMOUNT_TEXT_SIZE, "%" PRIu64 " B", bytes);
	else if (tenths % 10 == 0)
		(void)snprintf(target, AMOUNT_TEXT_SIZE, "%u %ciB", (unsigned)(tenths / 10),
			       letters[step - 1]);
	else
		(void)snprintf(target, AMOUNT_TEXT_SIZE, "%u.%u %ciB", (unsigned)(tenths / 10),
			       (unsigned)(tenths % 10), letters[step - 1]);
	return target;
}

static void format_tenths(uint64_t tenths, const char *unit, char target[AMOUNT_TEXT_SIZE])
{
	if (tenths % 10 == 0)
		(void)snprintf(target, AMOUNT_TEXT_SIZE, "%" PRIu64 " %s", tenths / 10, unit);
	else
		(void)snprintf(target, AMOUNT_TEXT_SIZE, "%" PRIu64 ".%" PRIu64 " %s", tenths / 10,
			       tenths % 10, unit);
}

static void format_pair(uint64_t count, unsigned per_unit, const char *const units[2],
			char target[AMOUNT_TEXT_SIZE])
{
	uint64_t whole = count / per_unit;
	unsigned rest = (unsigned)(count % per_unit);

	if (rest == 0)
		(void)snprintf(target, AMOUNT_TEXT_SIZE, "%" PRIu64 " %s", whole, units[0]);
	else
		(void)snprintf(target, AMOUNT_TEXT_SIZE, "%" PRIu64 " %s %u %s", whole, units[0],
			       rest, units[1]);
}

/* Division to the nearest, without overflow. */
static uint64_t divide_rounded(uint64_t value, uint64_t by)
{
	return value / by + (value % by >= by - by / 2 ? 1 : 0);
}

char *amount_format_duration_ns(uint64_t ns, char target[AMOUNT_TEXT_SIZE])
{
	static const char *const minutes[] = {"m", "s"}, *const hours[] = {"h", "m"},
				 *const days[] = {"d", "h"};
	uint64_t seconds = divide_rounded(ns, CLOCK_NS_PER_S);

	if (divide_rounded(ns, NS_PER_TENTH_MS) < 100)
		format_tenths(divide_rounded(ns, NS_PER_TENTH_MS), "ms", target);
	else if (divide_rounded(ns, CLOCK_NS_PER_MS) < 1000)
		format_tenths(divide_rounded(ns, CLOCK_NS_PER_MS) * 10, "ms", target);
	else if (divide_rounded(ns, NS_PER_TENTH_S) < 600)
		format_tenths(divide_rounded(ns, NS_PER_TENTH_S), "s", target);
	else if (seconds < 3600)
		format_pair(seconds, 60, minutes, target);
	else if (divide_rounded(seconds, 60) < UINT64_C(24) * 60)
		format_pair(divide_rounded(seconds, 60), 60, hours, target);
	else
		format_pair(divide_rounded(seconds, 3600), 24, days, target);
	return target;
}

char *amount_format_cpu_millis(uint64_t millis, char target[AMOUNT_TEXT_SIZE])
{
	size_t length;

	(void)snprintf(target, AMOUNT_TEXT_SIZE, "%" PRIu64 ".%03u", millis / 1000,
		       (unsigned)(millis % 1000));
	for (length = strlen(target); target[length - 1] == '0'; length--)
		target[length - 1] = '\0';
	if (target[length - 1] == '.')
		target[length - 1] = '\0';
	return target;
}
