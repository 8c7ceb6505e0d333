/* SPDX-License-Identifier: Apache-2.0 */
/* Columns as wide as their widest cell; the last one is not padded. */
#include "runner/cli/listing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "runner/cli/command_table.h"
#include "runner/cli/complaint.h"
#include "runner/run/string_list.h"
#include "runner/run/terminal.h"

#define CELL_SIZE 512
#define GAP       "  "

struct listing {
	const char *const *titles;
	size_t columns;
	size_t widths[LISTING_COLUMNS_MAX];
	struct string_list cells; /* owned, row by row */
};

/* Columns on a terminal: every UTF-8 character counts as one. */
static size_t width_of(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

static void widen(struct listing *listing, size_t column, const char *text)
{
	size_t width = width_of(text);

	if (width > listing->widths[column])
		listing->widths[column] = width;
}

struct listing *listing_create(const char *const *titles)
{
	struct listing *listing = calloc(1, sizeof(*listing));

	if (!listing)
		return NULL;
	listing->titles = titles;
	while (listing->columns < LISTING_COLUMNS_MAX && titles[listing->columns]) {
		widen(listing, listing->columns, titles[listing->columns]);
		listing->columns++;
	}
	return listing;
}

void listing_destroy(struct listing *listing)
{
	if (!listing)
		return;
	string_list_finish_owned(&listing->cells);
	free(listing);
}

int listing_add(struct listing *listing, const char *const *values, struct berth_error *err)
{
	char safe[CELL_SIZE];

	for (size_t i = 0; i < listing->columns; i++) {
		const char *value = values[i] ?: "";

		(void)text_sanitize(value, strlen(value), safe, sizeof(safe));
		if (!string_list_add_format(&listing->cells, err, "%s", safe))
			return -1;
		widen(listing, i, safe);
	}
	return 0;
}

static void print_row(const struct listing *listing, const char *const *cells)
{
	for (size_t i = 0; i < listing->columns; i++) {
		size_t padding = listing->widths[i] - width_of(cells[i]);

		if (i + 1 == listing->columns)
			padding = 0;
		(void)printf("%s%s%*s", i ? GAP : "", cells[i], (int)padding, "");
	}
	(void)putchar('\n');
}

void listing_print(const struct listing *listing)
{
	bool colours = terminal_wants_colours(STDOUT_FILENO);

	(void)fputs(colours ? "\033[1m" : "", stdout);
	print_row(listing, listing->titles);
	(void)fputs(colours ? "\033[0m" : "", stdout);
	for (size_t i = 0; i < listing->cells.count; i += listing->columns)
		print_row(listing, (const char *const *)(listing->cells.items + i));
}

int listing_print_json(json_t *value)
{
	size_t flags = JSON_INDENT(terminal_is(STDOUT_FILENO) ? 2 : 0) | JSON_ENCODE_ANY;
	AUTO_FREE char *text = value ? json_dumps(value, flags) : NULL;
	struct berth_error err;

	json_decref(value);
	if (!text) {
		(void)berth_fail(&err, BERTH_MEMORY, 0, "out of memory");
		complaint_print(&err, NULL);
		return EXIT_BERTH;
	}
	(void)puts(text);
	return EXIT_DONE;
}
