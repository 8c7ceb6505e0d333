/* SPDX-License-Identifier: Apache-2.0 */
/* Sanitized text is UTF-8 without controls, fits its target and does not change again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
	if (!condition)
		abort();
}

static void check_plain(const char *text, size_t length)
{
	require(strlen(text) == length);
	require(text_is_utf8(text, length));
	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)text[i];

		require(byte >= 0x20 || byte == '\t');
		require(byte != 0x7f);
		require(byte != 0xc2 || (unsigned char)text[i + 1] >= 0xa0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t target_size = size > 0 ? data[0] : 0, full_size = size * 4 + 1, length, again;
	char *target = malloc(target_size ? target_size : 1), *full = malloc(full_size);
	char *second = malloc(full_size);

	require(target && full && second);
	length = text_sanitize((const char *)data, size, target, target_size);
	require(target_size == 0 ? length == 0 : length < target_size);
	if (target_size > 0)
		check_plain(target, length);
	length = text_sanitize((const char *)data, size, full, full_size);
	check_plain(full, length);
	require(length >= size / 4);
	again = text_sanitize(full, length, second, full_size);
	require(again == length && memcmp(full, second, length) == 0);
	if (text_is_utf8((const char *)data, size))
		require(memchr(data, 0, size) == NULL);
	free(target);
	free(full);
	free(second);
	return 0;
}
