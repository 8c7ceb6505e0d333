/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 against the examples of FIPS 180-4, whole and in pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/sha256.h"

struct example {
	const char *text;
	size_t repeat;
	const char *digest;
};

/* https://csrc.nist.gov/projects/cryptographic-standards-and-guidelines/example-values */
static const struct example examples[] = {
	{"",							 1,       "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
	{"abc",						      1,       "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
	{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
	 "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"                                                                     },
	{"a",							1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
};

static void test_examples(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		unsigned char digest[SHA256_SIZE], wanted[SHA256_SIZE];
		struct sha256 hash;

		sha256_init(&hash);
		for (size_t n = 0; n < examples[i].repeat; n++)
			sha256_update(&hash, examples[i].text, strlen(examples[i].text));
		sha256_final(&hash, digest);
		for (size_t n = 0; n < SHA256_SIZE; n++) {
			unsigned high = (unsigned char)examples[i].digest[2 * n];
			unsigned low = (unsigned char)examples[i].digest[2 * n + 1];

			high = high > '9' ? high - 'a' + 10 : high - '0';
			low = low > '9' ? low - 'a' + 10 : low - '0';
			wanted[n] = (unsigned char)(high << 4 | low);
		}
		assert_memory_equal(digest, wanted, SHA256_SIZE);
	}
}

static void test_text(void **state)
{
	char text[SHA256_TEXT_SIZE];

	(void)state;
	sha256_text("abc", 3, text);
	assert_string_equal(text, examples[1].digest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
