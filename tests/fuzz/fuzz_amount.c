/* SPDX-License-Identifier: Apache-2.0 */
/* Amounts stay in their bounds, and what is printed is short and plain. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/amount.h"
#include "base/text.h"

#define TEN_YEARS_MS (UINT64_C(3650) * 24 * 3600 * 1000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
	if (!condition)
		abort();
}

static void check_printed(const char *text)
{
	require(strlen(text) > 0 && strlen(text) < AMOUNT_TEXT_SIZE);
	require(text[0] >= '0' && text[0] <= '9');
}

static void check_refused(const struct berth_error *err)
{
	char plain[sizeof(err->message) * 4];

	(void)text_sanitize(err->message, strlen(err->message), plain, sizeof(plain));
	require(strcmp(plain, err->message) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char target[AMOUNT_TEXT_SIZE], *text = malloc(size + 1);
	struct berth_error err = {0};
	uint64_t value;

	require(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	if (amount_parse_bytes(text, &value, &err) == 0)
		require(value <= UINT64_MAX / 2);
	if (amount_parse_duration_ms(text, &value, &err) == 0)
		require(value <= TEN_YEARS_MS);
	if (amount_parse_cpu_millis(text, &value, &err) == 0) {
		require(value >= 1 && value <= 4096000);
		/* a CPU share is printed exactly */
		require(amount_parse_cpu_millis(amount_format_cpu_millis(value, target), &value,
						NULL) == 0);
	}
	check_refused(&err);
	if (size >= sizeof(value)) {
		memcpy(&value, data, sizeof(value));
		check_printed(amount_format_bytes(value, target));
		check_printed(amount_format_duration_ns(value, target));
		check_printed(amount_format_cpu_millis(value, target));
	}
	free(text);
	return 0;
}
