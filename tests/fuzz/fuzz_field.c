/* SPDX-License-Identifier: Apache-2.0 */
/* A record that field_parse_object took is in its bounds and survives printing and parsing. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/field.h"
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct record {
	bool flag;
	int64_t count;
	double ratio;
	char *name;
	int mode;
	uint64_t size;
	uint64_t wait_ms;
	uint64_t cpu_millis;
	json_t *extra;
};

static const char *const modes[] = {"fast", "good", "best", NULL};

#define AT(member) offsetof(struct record, member)
/* clang-format off */
static const struct field_row rows[] = {
	{.name = "flag", .type = FIELD_BOOL, .offset = AT(flag)},
	{.name = "count", .type = FIELD_INTEGER, .offset = AT(count), .min = -5, .max = 1e15},
	{.name = "ratio", .type = FIELD_NUMBER, .offset = AT(ratio)},
	{.name = "name", .type = FIELD_STRING, .offset = AT(name), .min = 1, .max = 20, .default_text = "x"},
	{.name = "mode", .type = FIELD_ENUM, .offset = AT(mode), .choices = modes},
	{.name = "size", .type = FIELD_BYTES, .offset = AT(size), .min = 0, .max = 1e15},
	{.name = "wait", .type = FIELD_DURATION_MS, .offset = AT(wait_ms), .min = 0, .max = 1e9},
	{.name = "cpu", .type = FIELD_CPU_MILLIS, .offset = AT(cpu_millis), .min = 0, .max = 4096000},
	{.name = "extra", .type = FIELD_JSON, .offset = AT(extra)},
};
/* clang-format on */
#define COUNT      (sizeof(rows) / sizeof(rows[0]))

static void require(int condition)
{
	if (!condition)
		abort();
}

static void check_record(const struct record *record)
{
	struct record again = {0};
	json_t *first = field_format_object(rows, COUNT, record), *second;

	require(record->count >= -5 && record->count <= 1000000000000000);
	require(isfinite(record->ratio));
	require(record->mode >= 0 && record->mode <= 2);
	require(record->wait_ms <= 1000000000 && record->cpu_millis <= 4096000);
	require(record->name && strlen(record->name) >= 1 && strlen(record->name) <= 20);
	require(field_parse_object(first, rows, COUNT, &again, NULL) == 0);
	second = field_format_object(rows, COUNT, &again);
	require(json_equal(first, second));
	json_decref(first);
	json_decref(second);
	field_finish(rows, COUNT, &again);
}

/* The first line is a JSON object of fields, the others are values as on a command line. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *newline = size ? memchr(data, '\n', size) : NULL;
	size_t length = newline ? (size_t)(newline - data) : size, row = 0;
	char *text = malloc(size + 1), *rest, *line;
	struct record record = {0};
	json_t *object = NULL;

	require(text && field_set_defaults(rows, COUNT, &record, NULL) == 0);
	memcpy(text, data, size);
	text[size] = '\0';
	if (json_parse(text, length, &object, NULL) == 0)
		(void)field_parse_object(object, rows, COUNT, &record, NULL);
	json_decref(object);
	check_record(&record);
	for (rest = text + length; (line = strsep(&rest, "\n"));)
		(void)field_parse_text(&rows[row++ % COUNT], line, &record, NULL);
	check_record(&record);
	field_finish(rows, COUNT, &record);
	free(text);
	return 0;
}
