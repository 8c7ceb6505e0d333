/* SPDX-License-Identifier: Apache-2.0 */
/* JSON from outside: bounded in size and depth, duplicate keys refused; and writing it. */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "base/error.h"

#define JSON_DEPTH_MAX  64
#define JSON_VALUES_MAX (256 * 1024) /* members, elements and containers in one text */

static inline void cleanup_json(json_t **value)
{
	json_decref(*value);
}
#define AUTO_JSON __attribute__((cleanup(cleanup_json)))

/* Parses exactly one value of any type in length bytes. Refuses invalid UTF-8, "\u0000", duplicate
 * keys, trailing bytes, depth beyond JSON_DEPTH_MAX and more than JSON_VALUES_MAX values with
 * BERTH_INVALID and "line 3, column 7: …".
 * The caller owns *ret_value (json_decref). */
int json_parse(const char *text, size_t length, json_t **ret_value, struct berth_error *err);

/* Reads and parses a file of at most max bytes; errors start with "path:line". When ret_source is
 * not NULL the file's text is returned too, for json_line_of(). */
int json_parse_file(int dirfd, const char *path, size_t max, json_t **ret_value, char **ret_source,
		    struct berth_error *err);

/* The 1-based line in source on which the member named by the keys (outermost first, count of
 * them) stands; an array's element is named by its index in decimal. 0 when it cannot be found.
 * For errors that name file, line and field. */
size_t json_line_of(const char *source, const char *const *keys, size_t count);

/* One line without newline; the caller frees it. NULL when out of memory. */
char *json_format_compact(const json_t *value);
