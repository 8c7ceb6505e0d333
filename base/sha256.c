/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 (FIPS 180-4). */
#include "base/sha256.h"

#include <string.h>

#define BLOCK       64
#define LENGTH_AT   56 /* in the last block: the length in bits */
#define ROUNDS      64
#define STATE_WORDS 8
#define FIRST_WORDS 16

/* 4.2.2: the first 32 bits of the fractional parts of the cube roots of the first 64 primes */
static const uint32_t constants[ROUNDS] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
	0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
	0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
	0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
	0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
	0xc67178f2,
};

static uint32_t rotate(uint32_t word, unsigned count)
{
	return word >> count | word << (32 - count);
}

static uint32_t read_word(const unsigned char *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
	       bytes[3];
}

/* 6.2.2, step 1 */
static void schedule(const unsigned char *block, uint32_t words[ROUNDS])
{
	for (size_t i = 0; i < FIRST_WORDS; i++)
		words[i] = read_word(block + 4 * i);
	for (size_t i = FIRST_WORDS; i < ROUNDS; i++) {
		uint32_t before = words[i - 15], after = words[i - 2];

		words[i] = words[i - 16] + words[i - 7] +
			   (rotate(before, 7) ^ rotate(before, 18) ^ before >> 3) +
			   (rotate(after, 17) ^ rotate(after, 19) ^ after >> 10);
	}
}

/* 6.2.2, steps 2 to 4; the eight working variables a … h are v[0] … v[7] */
static void compress(uint32_t state[STATE_WORDS], const unsigned char *block)
{
	uint32_t words[ROUNDS], v[STATE_WORDS];

	schedule(block, words);
	memcpy(v, state, sizeof(v));
	for (size_t i = 0; i < ROUNDS; i++) {
		uint32_t first = v[7] + (rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25)) +
				 ((v[4] & v[5]) ^ (~v[4] & v[6])) + constants[i] + words[i];
		uint32_t second = (rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22)) +
				  ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));

		memmove(v + 1, v, 7 * sizeof(v[0]));
		v[4] += first;
		v[0] = first + second;
	}
	for (size_t i = 0; i < STATE_WORDS; i++)
		state[i] += v[i];
}

void sha256_init(struct sha256 *hash)
{
	/* 5.3.3 */
	static const uint32_t first[STATE_WORDS] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
						    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

	memcpy(hash->state, first, sizeof(first));
	hash->length = 0;
}

void sha256_update(struct sha256 *hash, const void *data, size_t length)
{
	const unsigned char *bytes = data;

	while (length > 0) {
		size_t used = hash->length % BLOCK;
		size_t taken = length < BLOCK - used ? length : BLOCK - used;

		memcpy(hash->block + used, bytes, taken);
		bytes += taken;
		length -= taken;
		hash->length += taken;
		if (used + taken == BLOCK)
			compress(hash->state, hash->block);
	}
}

void sha256_final(struct sha256 *hash, unsigned char ret_digest[SHA256_SIZE])
{
	static const unsigned char padding[BLOCK] = {0x80};
	uint64_t bits = hash->length * 8;
	size_t used = hash->length % BLOCK;
	unsigned char length[8];

	for (size_t i = 0; i < sizeof(length); i++)
		length[i] = (unsigned char)(bits >> (56 - 8 * i));
	sha256_update(hash, padding, (used < LENGTH_AT ? LENGTH_AT : LENGTH_AT + BLOCK) - used);
	sha256_update(hash, length, sizeof(length));
	for (size_t i = 0; i < SHA256_SIZE; i++)
		ret_digest[i] = (unsigned char)(hash->state[i / 4] >> (24 - 8 * (i % 4)));
}

void sha256_text(const void *data, size_t length, char ret_text[SHA256_TEXT_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char digest[SHA256_SIZE];
	struct sha256 hash;

	sha256_init(&hash);
	sha256_update(&hash, data, length);
	sha256_final(&hash, digest);
	for (size_t i = 0; i < SHA256_SIZE; i++) {
		ret_text[2 * i] = digits[digest[i] >> 4];
		ret_text[2 * i + 1] = digits[digest[i] & 15];
	}
	ret_text[2 * SHA256_SIZE] = '\0';
}
