/* SPDX-License-Identifier: Apache-2.0 */
/* Sortable unique identifiers: a prefix and a ULID in lower-case Crockford base 32. */
#include "base/identifier.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"

#define NUMBER_EPOCH_MS     UINT64_C(1577836800000) /* 2020-01-01 */
#define NUMBER_SEQUENCE_BIT 22
#define NUMBER_DIGITS       13
#define ULID_BYTES          16
#define TIME_BYTES          6
#define ULID_DIGITS         26

static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

static int fill_random(unsigned char *target, size_t length, struct berth_error *err)
{
	ssize_t got;

	do {
		got = getrandom(target, length, 0);
	} while (got < 0 && errno == EINTR);
	if (got != (ssize_t)length) /* getrandom(2): up to 256 bytes come whole */
		return berth_fail(err, BERTH_SYSTEM, got < 0 ? errno : EIO, "getrandom");
	return 0;
}

/* The 128 bits as 26 digits of 5 bits, the first digit holding only 3. */
static void encode(const unsigned char ulid[ULID_BYTES], char *target)
{
	unsigned bits = 0, have = 2; /* two leading zero bits make 130 = 26 * 5 */

	for (size_t i = 0; i < ULID_BYTES; i++) {
		bits = (bits << 8 | ulid[i]) & 0xffff;
		for (have += 8; have >= 5; have -= 5)
			*target++ = digits[bits >> (have - 5) & 31];
	}
}

int identifier_create(const char *prefix, char ret_text[IDENTIFIER_SIZE], struct berth_error *err)
{
	size_t length = strspn(prefix, "abcdefghijklmnopqrstuvwxyz");
	unsigned char ulid[ULID_BYTES];
	uint64_t ms = clock_realtime_ns() / CLOCK_NS_PER_MS;

	if (length == 0 || length > IDENTIFIER_PREFIX_MAX || prefix[length] != '\0')
		return berth_fail(err, BERTH_INVALID, 0,
				  "identifier prefix \"%.32s\" is not 1 to %d lower-case letters",
				  prefix, IDENTIFIER_PREFIX_MAX);
	for (size_t i = 0; i < TIME_BYTES; i++)
		ulid[i] = (unsigned char)(ms >> (8 * (TIME_BYTES - 1 - i)));
	if (fill_random(ulid + TIME_BYTES, ULID_BYTES - TIME_BYTES, err) < 0)
		return -1;
	memcpy(ret_text, prefix, length);
	ret_text[length] = '_';
	encode(ulid, ret_text + length + 1);
	ret_text[length + 1 + ULID_DIGITS] = '\0';
	return 0;
}

int64_t identifier_first_number(uint64_t realtime_ns)
{
	uint64_t ms = realtime_ns / CLOCK_NS_PER_MS;

	if (ms <= NUMBER_EPOCH_MS)
		return 0;
	return (int64_t)((ms - NUMBER_EPOCH_MS) << NUMBER_SEQUENCE_BIT & INT64_MAX);
}

int64_t identifier_next_number(int64_t last)
{
	int64_t number = identifier_first_number(clock_realtime_ns());

	return number > last ? number : last + 1;
}

uint64_t identifier_number_ms(int64_t number)
{
	return ((uint64_t)number >> NUMBER_SEQUENCE_BIT) + NUMBER_EPOCH_MS;
}

void identifier_format_number(const char *prefix, int64_t number,
			      char ret_text[IDENTIFIER_NUMBER_SIZE])
{
	size_t length = strnlen(prefix, IDENTIFIER_PREFIX_MAX);

	memcpy(ret_text, prefix, length);
	ret_text[length] = '_';
	for (size_t i = 0; i < NUMBER_DIGITS; i++)
		ret_text[length + 1 + i] =
			digits[(uint64_t)number >> (5 * (NUMBER_DIGITS - 1 - i)) & 31];
	ret_text[length + 1 + NUMBER_DIGITS] = '\0';
}

int identifier_parse_number(const char *prefix, const char *text, int64_t *ret_number,
			    struct berth_error *err)
{
	size_t length = strlen(prefix);
	uint64_t number = 0;

	if (strncmp(text, prefix, length) != 0 || text[length] != '_' ||
	    strlen(text) != length + 1 + NUMBER_DIGITS)
		return berth_fail(err, BERTH_INVALID, 0,
				  "\"%.64s\" is no identifier of the form %s_ and %d characters",
				  text, prefix, NUMBER_DIGITS);
	for (const char *next = text + length + 1; *next; next++) {
		const char *digit = strchr(digits, *next);

		if (!digit || number >> 58 != 0)
			return berth_fail(err, BERTH_INVALID, 0, "\"%.64s\" is no identifier",
					  text);
		number = number << 5 | (uint64_t)(digit - digits);
	}
	*ret_number = (int64_t)number;
	return 0;
}
