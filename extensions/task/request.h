/* SPDX-License-Identifier: Apache-2.0 */
/* Requests from what programs pass in: text made safe for JSON, JSON text checked. */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "base/error.h"
#include "extensions/task/protocol_table.h"

/* {"op": …}; the caller owns it, NULL when out of memory. */
json_t *sdk_request_create(enum protocol_op op);

/* Sets a member to text of any bytes: at most max of them, invalid ones written as \xHH. */
int sdk_request_set_text(json_t *request, const char *key, const char *text, size_t max,
			 struct berth_error *err);

/* Sets a member to a name that no other request has: repeated after a broken connection, the
 * request is known by it. */
int sdk_request_set_name(json_t *request, const char *key, struct berth_error *err);

/* Adds the members of a JSON object, in text, that the request does not have. */
int sdk_request_merge(json_t *request, const char *object, struct berth_error *err);

/* Sets a member to the value that JSON text of at most max bytes stands for; object_only refuses
 * everything but objects. */
int sdk_request_set_json(json_t *request, const char *key, const char *json, size_t max,
			 bool object_only, struct berth_error *err);
