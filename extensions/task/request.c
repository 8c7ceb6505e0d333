/* SPDX-License-Identifier: Apache-2.0 */
/* Requests from what programs pass in: text made safe for JSON, JSON text checked. */
#include "extensions/task/request.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"

json_t *sdk_request_create(enum protocol_op op)
{
	return json_pack("{s:s}", "op", protocol_messages[op].name);
}

int sdk_request_set_text(json_t *request, const char *key, const char *text, size_t max,
			 struct berth_error *err)
{
	AUTO_FREE char *safe = NULL;
	size_t length = strlen(text);

	if (length > max || !text_is_utf8(text, length)) {
		safe = malloc(max + 1);
		if (!safe)
			return berth_fail(err, BERTH_MEMORY, ENOMEM, "%s", key);
		length = text_sanitize(text, length, safe, max + 1);
	}
	if (json_object_set_new(request, key, json_stringn(safe ? safe : text, length)) < 0)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "%s", key);
	return 0;
}

int sdk_request_set_name(json_t *request, const char *key, struct berth_error *err)
{
	uint64_t random[2];
	char name[PROTOCOL_NAME_MAX + 1];

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return berth_fail(err, BERTH_SYSTEM, errno, "name a request");
	(void)snprintf(name, sizeof(name), "r-%016" PRIx64 "%016" PRIx64, random[0], random[1]);
	if (json_object_set_new(request, key, json_string(name)) < 0)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "name a request");
	return 0;
}

int sdk_request_set_json(json_t *request, const char *key, const char *json, size_t max,
			 bool object_only, struct berth_error *err)
{
	AUTO_JSON json_t *value = NULL;
	size_t length = strlen(json);

	if (length > max)
		return berth_fail(err, BERTH_LIMIT, 0, "%s: %zu bytes are more than %zu", key,
				  length, max);
	if (json_parse(json, length, &value, err) < 0)
		return berth_fail_context(err, "%s", key);
	if (object_only && !json_is_object(value))
		return berth_fail(err, BERTH_INVALID, 0, "%s is not a JSON object", key);
	if (json_object_set(request, key, value) < 0)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "%s", key);
	return 0;
}

int sdk_request_merge(json_t *request, const char *object, struct berth_error *err)
{
	AUTO_JSON json_t *members = NULL;

	if (json_parse(object, strlen(object), &members, err) < 0)
		return -1;
	if (!json_is_object(members))
		return berth_fail(err, BERTH_INVALID, 0, "not a JSON object");
	if (json_object_update_missing(request, members) < 0)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "prepare a message");
	return 0;
}
