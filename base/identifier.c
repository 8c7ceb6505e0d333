/* SPDX-License-Identifier: Apache-2.0 */
/* Sortable unique identifiers: a prefix and a ULID in lower-case Crockford base 32. */
#include "base/identifier.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

#include "base/clock.h"

#define ULID_BYTES  16
#define TIME_BYTES  6
#define ULID_DIGITS 26

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
	static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";
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
