/* SPDX-License-Identifier: Apache-2.0 */
/* Values as shell scripts give them: key=value words, and data as text, from a file or stdin. */
#pragma once

#include <stddef.h>

#include "base/error.h"

/* A JSON object of key=value words: numbers, true, false and null become such, anything else a
 * string (key="…" with quotes of its own always is one). The caller frees *ret_object. */
int values_parse_pairs(const char *const *words, size_t count, char **ret_object,
		       struct berth_error *err);

/* The text a word stands for: "-" reads stdin to its end, "@FILE" a file, anything else itself.
 * At most max bytes; the caller frees *ret_text. */
int values_read_data(const char *word, size_t max, char **ret_text, struct berth_error *err);

/* The name that a script gives a request of its own. BERTH_INVALID names the option. */
int values_check_name(const char *option, const char *name, struct berth_error *err);
