/* SPDX-License-Identifier: Apache-2.0 */
/* Sortable unique identifiers: a prefix and a ULID in lower-case Crockford base 32. */
#pragma once

#include <stdint.h>

#include "base/error.h"

#define IDENTIFIER_PREFIX_MAX 15
#define IDENTIFIER_SIZE       (IDENTIFIER_PREFIX_MAX + 1 + 26 + 1)

/* "run_01jd…": the first 48 bits are CLOCK_REALTIME milliseconds, 80 bits come from getrandom(2);
 * see https://github.com/ulid/spec. prefix is lower-case letters. */
int identifier_create(const char *prefix, char ret_text[IDENTIFIER_SIZE], struct berth_error *err);

#define IDENTIFIER_NUMBER_SIZE (IDENTIFIER_PREFIX_MAX + 1 + 13 + 1)

/* A number made to be kept as a key and to name things in order of age: CLOCK_REALTIME milliseconds
 * since 2020 in the upper 41 bits, a sequence in the lower 22; always greater than last, which is
 * the newest number of that kind, or 0. */
int64_t identifier_next_number(int64_t last);

/* The time in a number that is not negative: milliseconds since 1970. */
uint64_t identifier_number_ms(int64_t number);

/* The least number that identifier_next_number() makes at that date; 0 before 2020. A number is
 * never less than its date says. */
int64_t identifier_first_number(uint64_t realtime_ns);

/* "run_0c2…": the prefix and the number in 13 characters of lower-case Crockford base 32. number is
 * not negative. */
void identifier_format_number(const char *prefix, int64_t number,
			      char ret_text[IDENTIFIER_NUMBER_SIZE]);

/* The inverse, strict: exactly what identifier_format_number() writes, else BERTH_INVALID. */
int identifier_parse_number(const char *prefix, const char *text, int64_t *ret_number,
			    struct berth_error *err);
