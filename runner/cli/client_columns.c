/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's objects for people. */
#include "runner/cli/client_columns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/amount.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "runner/cli/client_date.h"
#include "runner/cli/listing.h"
#include "runner/run/terminal.h"

#define NAME_SIZE   64
#define TITLE_WIDTH 16

static int fail_memory(struct berth_error *err)
{
	return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
}

static const json_t *follow_path(const json_t *object, const char *path)
{
	char name[NAME_SIZE];

	while (object && *path) {
		size_t length = strcspn(path, ".");

		(void)snprintf(name, sizeof(name), "%.*s", (int)length, path);
		object = json_object_get(object, name);
		path += length + (path[length] == '.');
	}
	return object;
}

/* A list of texts as people write one; NULL when it is something else. */
static char *format_list(const json_t *array)
{
	AUTO_TEXT struct text list = {0};
	const json_t *element;
	size_t i;

	if (json_array_size(array) == 0)
		return strdup("");
	json_array_foreach (array, i, element) {
		if (!json_is_string(element))
			return json_format_compact(array);
		if (text_append_format(&list, NULL, "%s%s", i ? "," : "",
				       json_string_value(element)) < 0)
			return NULL;
	}
	return text_steal(&list);
}

static char *format_text(const json_t *value)
{
	if (json_is_string(value))
		return strdup(json_string_value(value));
	if (json_is_boolean(value))
		return strdup(json_is_true(value) ? "yes" : "no");
	if (json_is_array(value))
		return format_list(value);
	return json_format_compact(value);
}

/* A number that is never negative; what is negative all the same is shown as none. */
static uint64_t count_of(const json_t *value, uint64_t factor)
{
	double number = json_number_value(value);

	return number > 0 ? (uint64_t)(number * (double)factor) : 0;
}

char *columns_format(const struct column_row *column, const json_t *object)
{
	const json_t *value = follow_path(object, column->path);
	char text[AMOUNT_TEXT_SIZE] = "", date[CLIENT_DATE_SIZE];

	if (!value || json_is_null(value))
		return strdup("");
	if (column->kind == COLUMN_DATE && json_is_string(value))
		return strdup(client_date_format(json_string_value(value), date));
	if (column->kind == COLUMN_TEXT || !json_is_number(value))
		return format_text(value);
	switch (column->kind) {
	case COLUMN_TEXT:
	case COLUMN_DATE:
		return format_text(value);
	case COLUMN_BYTES:
		return strdup(amount_format_bytes(count_of(value, 1), text));
	case COLUMN_MS:
		return strdup(amount_format_duration_ns(count_of(value, CLOCK_NS_PER_MS), text));
	case COLUMN_NS:
		return strdup(amount_format_duration_ns(count_of(value, 1), text));
	case COLUMN_SECONDS:
		return strdup(amount_format_duration_ns(count_of(value, CLOCK_NS_PER_S), text));
	case COLUMN_CPU:
		return strdup(amount_format_cpu_millis(count_of(value, 1), text));
	}
	return NULL;
}

static int add_row(struct listing *listing, const struct column_row *columns, const json_t *object,
		   struct berth_error *err)
{
	char *cells[LISTING_COLUMNS_MAX] = {NULL};
	bool is_complete = true;
	int status;

	for (size_t i = 0; columns[i].title; i++) {
		cells[i] = columns_format(&columns[i], object);
		is_complete &= cells[i] != NULL;
	}
	status = is_complete ? listing_add(listing, (const char *const *)cells, err)
			     : fail_memory(err);
	for (size_t i = 0; i < LISTING_COLUMNS_MAX; i++)
		free(cells[i]);
	return status;
}

int columns_print_table(const struct column_row *columns, const json_t *array,
			struct berth_error *err)
{
	const char *titles[LISTING_COLUMNS_MAX + 1] = {NULL};
	struct listing *listing;
	const json_t *object;
	int status = 0;
	size_t i;

	for (i = 0; i < LISTING_COLUMNS_MAX && columns[i].title; i++)
		titles[i] = columns[i].title;
	listing = listing_create(titles);
	if (!listing)
		return fail_memory(err);
	json_array_foreach (array, i, object) {
		status = add_row(listing, columns, object, err);
		if (status < 0)
			break;
	}
	if (status == 0)
		listing_print(listing);
	listing_destroy(listing);
	return status;
}

/* Any length: a run's output is shown whole. */
static int print_safely(const char *text, struct berth_error *err)
{
	size_t size = strlen(text) * 4 + 1; /* "\xHH" */
	AUTO_FREE char *safe = malloc(size);

	if (!safe)
		return fail_memory(err);
	(void)text_sanitize(text, strlen(text), safe, size);
	(void)puts(safe);
	return 0;
}

int columns_print_card(const struct column_row *rows, const json_t *object, struct berth_error *err)
{
	bool colours = terminal_wants_colours(STDOUT_FILENO);

	for (; rows->title; rows++) {
		AUTO_FREE char *text = columns_format(rows, object);

		if (!text)
			return fail_memory(err);
		if (!*text)
			continue;
		(void)printf("%s%-*s%s ", colours ? "\033[1m" : "", TITLE_WIDTH, rows->title,
			     colours ? "\033[0m" : "");
		if (print_safely(text, err) < 0)
			return -1;
	}
	return 0;
}
