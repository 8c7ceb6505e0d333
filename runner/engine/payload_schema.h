/* SPDX-License-Identifier: Apache-2.0 */
/* A task's payloadSchema: a part of JSON Schema (2020-12) without anything that could take long.
 * What of it means something is in payload_schema_table.c; other keywords are refused when it is
 * deployed, and passed over when a payload is checked. */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "base/error.h"

#define PAYLOAD_SCHEMA_DEPTH_MAX   32
#define PAYLOAD_SCHEMA_SCHEMAS_MAX 2000 /* of one task: it and those in it */
#define PAYLOAD_SCHEMA_LIST_MAX    256  /* elements of enum and required */
#define PAYLOAD_SCHEMA_PATH_SIZE   128

/* Where in the schema, or in the payload. */
struct payload_place {
	char path[PAYLOAD_SCHEMA_PATH_SIZE];
	size_t depth, schemas;
};

enum payload_keyword_shape {
	PAYLOAD_KEYWORD_NOTE, /* for people and editors; any value, not checked */
	PAYLOAD_KEYWORD_ANY,
	PAYLOAD_KEYWORD_TYPE,    /* a name of a type, or a list of some */
	PAYLOAD_KEYWORD_LIST,    /* of values */
	PAYLOAD_KEYWORD_NAMES,   /* a list of texts */
	PAYLOAD_KEYWORD_NUMBER,  /* any */
	PAYLOAD_KEYWORD_COUNT,   /* an integer, 0 or more */
	PAYLOAD_KEYWORD_SCHEMA,  /* an object, true or false */
	PAYLOAD_KEYWORD_SCHEMAS, /* an object of them */
};

/* 0, or -1 with "payload.sizes.3: …". limit is the keyword's value, schema what it stands in. */
typedef int (*payload_keyword_check)(struct payload_place *place, const json_t *schema,
				     const json_t *limit, const json_t *value,
				     struct berth_error *err);

struct payload_keyword_row {
	const char *name;
	enum payload_keyword_shape shape;
	payload_keyword_check check; /* NULL: a note */
	const char *help;
};
extern const struct payload_keyword_row payload_keyword_rows[];
extern const size_t payload_keyword_row_count;
extern const char *const payload_type_names[]; /* NULL behind the last */

/* Whether a schema says only what is understood: 0, or BERTH_INVALID with "properties.width.type:
 * …". */
int payload_schema_check(const json_t *schema, struct berth_error *err);

/* 0, or BERTH_INVALID with "payload.width: …". schema NULL takes anything. */
int payload_schema_validate(const json_t *schema, const json_t *payload, struct berth_error *err);

/* The same of a part, for keywords that hold schemas; key and index (when key is NULL) are appended
 * to the place. */
int payload_validate_member(struct payload_place *place, const json_t *schema, const char *key,
			    const json_t *value, struct berth_error *err);
int payload_validate_element(struct payload_place *place, const json_t *schema, size_t index,
			     const json_t *value, struct berth_error *err);

/* The schema of such a schema, for editors; NULL when out of memory. */
json_t *payload_schema_schema(void);
