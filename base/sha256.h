/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 (FIPS 180-4), for names of content and of keys; no secret is kept with it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SHA256_SIZE      32
#define SHA256_TEXT_SIZE 65 /* in hexadecimal, with NUL */

struct sha256 {
	uint32_t state[8];
	uint64_t length; /* bytes taken in so far */
	unsigned char block[64];
};

void sha256_init(struct sha256 *hash);
void sha256_update(struct sha256 *hash, const void *data, size_t length);
/* The hash is used up. */
void sha256_final(struct sha256 *hash, unsigned char ret_digest[SHA256_SIZE]);

/* Of all of data, as 64 lower-case hexadecimal digits. */
void sha256_text(const void *data, size_t length, char ret_text[SHA256_TEXT_SIZE]);
