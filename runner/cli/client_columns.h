/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's objects for people: which members are shown, under which title, written how. */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "base/error.h"

enum column_kind {
	COLUMN_TEXT, /* also numbers and yes or no; a list of texts with commas; else compact JSON
		      */
	COLUMN_DATE,
	COLUMN_BYTES,
	COLUMN_MS,      /* a duration in milliseconds */
	COLUMN_NS,      /* in nanoseconds */
	COLUMN_SECONDS, /* in seconds */
	COLUMN_CPU,     /* thousandths of a CPU */
};

struct column_row {
	const char *title; /* NULL: the end of the rows */
	const char *path;  /* of the member: "usage.cpuMs" */
	enum column_kind kind;
};

/* The cell as a text of the caller, "" for what is absent or null; NULL when out of memory. */
char *columns_format(const struct column_row *column, const json_t *object);

/* A table on stdout, a line for each object of the array. */
int columns_print_table(const struct column_row *columns, const json_t *array,
			struct berth_error *err);

/* One object, a line for each member that is there. */
int columns_print_card(const struct column_row *rows, const json_t *object,
		       struct berth_error *err);
