/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever json_parse takes can be printed and read again, and every member has a line. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
	if (!condition)
		abort();
}

static void check_round_trip(const json_t *value)
{
	char *printed = json_format_compact(value), *second;
	json_t *again = NULL;

	require(printed != NULL);
	require(json_parse(printed, strlen(printed), &again, NULL) == 0);
	second = json_format_compact(again);
	require(second && strcmp(printed, second) == 0);
	json_decref(again);
	free(printed);
	free(second);
}

static void check_lines(json_t *value, const char *source)
{
	const char *name;
	json_t *member;

	if (strchr(source, '\\')) /* an escaped key is not found, and says so */
		return;
	json_object_foreach (value, name, member) {
		require(json_line_of(source, &name, 1) > 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const keys[] = {"a", "0", "b"};
	struct berth_error err = {0};
	json_t *value = NULL;
	char *source = malloc(size + 1);

	require(source != NULL);
	memcpy(source, data, size);
	source[size] = '\0';
	(void)json_line_of(source, keys, 3);
	if (json_parse(source, size, &value, &err) == 0) {
		check_round_trip(value);
		check_lines(value, source);
		json_decref(value);
	} else {
		require(strncmp(err.message, "line ", 5) == 0);
	}
	free(source);
	return 0;
}
