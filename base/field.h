/* SPDX-License-Identifier: Apache-2.0 */
/* Field tables: one row per setting, from which parsing, bounds, defaults, --help, JSON
 * descriptions and reference pages are made. A setting that is in no table does not exist. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* The C type at row->offset in the record. */
enum field_type {
	FIELD_BOOL,        /* bool */
	FIELD_INTEGER,     /* int64_t */
	FIELD_NUMBER,      /* double; NaN and infinities refused */
	FIELD_STRING,      /* char *, owned; min and max bound its length in bytes */
	FIELD_ENUM,        /* int, index into choices */
	FIELD_BYTES,       /* uint64_t; JSON number of bytes or text as "512M" */
	FIELD_DURATION_MS, /* uint64_t; JSON number of seconds or text as "90s" */
	FIELD_CPU_MILLIS,  /* uint64_t; JSON number of CPUs or text as "0.5" */
	FIELD_JSON,        /* json_t *, owned reference; any JSON value */
};

struct field_row {
	const char *name;
	enum field_type type;
	size_t offset;              /* in the record */
	double min, max;            /* inclusive, in the record's unit (bytes, ms, millis); both 0:
				       the type's own bounds, 64 KiB for text */
	const char *default_text;   /* as on the command line; NULL: zero / NULL / false */
	const char *const *choices; /* FIELD_ENUM: NULL-terminated */
	const char *unit;           /* for people: "bytes", "seconds", "" */
	const char *help;           /* one clause, no full stop */
	bool required;
	bool zero_lifts; /* 0 is allowed below min: not limited */
};

/* Sets every row's default in a zeroed record. Fails only when out of memory (a default out of
 * bounds is our bug and asserted). */
int field_set_defaults(const struct field_row *rows, size_t count, void *record,
		       struct berth_error *err);

/* Sets the record's fields from a JSON object. Unknown keys, wrong types, values out of bounds and
 * missing required fields are BERTH_INVALID and name the field, the value and what is allowed.
 * Fields absent from the object keep what the record has. On failure the record is still valid for
 * field_finish. */
int field_parse_object(const json_t *object, const struct field_row *rows, size_t count,
		       void *record, struct berth_error *err);

/* The same for one member, so that callers can tell which one was wrong. */
int field_parse_member(const struct field_row *rows, size_t count, const char *name,
		       const json_t *value, void *record, struct berth_error *err);

/* Sets one field from text (a command-line value). */
int field_parse_text(const struct field_row *row, const char *text, void *record,
		     struct berth_error *err);

/* NULL when no row has that name. */
const struct field_row *field_find(const struct field_row *rows, size_t count, const char *name);

/* A new JSON array of {name,type,min,max,zero_lifts,default,choices,unit,help,required}, with
 * bounds in the units of JSON values (bytes, seconds, CPUs); NULL when out of memory. Printed by
 * --describe and by the reference pages. */
json_t *field_describe(const struct field_row *rows, size_t count);

/* A new JSON object of the record's values; NULL when out of memory. */
json_t *field_format_object(const struct field_row *rows, size_t count, const void *record);

/* Frees what the rows own in the record and zeroes those fields. */
void field_finish(const struct field_row *rows, size_t count, void *record);
