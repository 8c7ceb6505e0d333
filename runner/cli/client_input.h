/* SPDX-License-Identifier: Apache-2.0 */
/* Values of requests that come from the command line, a file or stdin. */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "base/error.h"
#include "runner/run/string_list.h"

/* Each adds a member to the request when something was given (not NULL, not empty), and names the
 * option in errors: BERTH_INVALID, BERTH_LIMIT, BERTH_NOT_FOUND. given is JSON, "@FILE" or "-". */
int client_input_add_json(json_t *request, const char *name, const char *given, size_t max,
			  struct berth_error *err);
/* The payload is text, which is checked to be JSON unless type says otherwise (NULL: JSON). */
int client_input_add_payload(json_t *request, const char *given, const char *type,
			     struct berth_error *err);
int client_input_add_texts(json_t *request, const char *name, const struct string_list *texts,
			   struct berth_error *err);

/* A JSON array, or values a line each, of a file or "-"; the caller owns the array. */
int client_input_read_items(const char *path, size_t max, json_t **ret_items,
			    struct berth_error *err);
