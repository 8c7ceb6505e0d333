/* SPDX-License-Identifier: Apache-2.0 */
/* Checking a payloadSchema, and a payload against one, along the table of keywords. */
#include "runner/engine/payload_schema.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"

#define SHOWN_SIZE 64

/* Appends a step, when there is room for all of it, and returns what to take back with leave(). */
static size_t enter(struct payload_place *place, const char *key)
{
	size_t length = strlen(place->path);
	char shown[SHOWN_SIZE];

	if (length + text_sanitize(key, strlen(key), shown, sizeof(shown)) + 2 <
	    sizeof(place->path))
		(void)snprintf(place->path + length, sizeof(place->path) - length, "%s%s",
			       length ? "." : "", shown);
	place->depth++;
	return length;
}

static void leave(struct payload_place *place, size_t length)
{
	place->path[length] = '\0';
	place->depth--;
}

static int refuse(const struct payload_place *place, const char *why, struct berth_error *err)
{
	return berth_fail(err, BERTH_INVALID, 0, "%s%s%s", place->path, place->path[0] ? ": " : "",
			  why);
}

static const struct payload_keyword_row *find_keyword(const char *name)
{
	for (size_t i = 0; i < payload_keyword_row_count; i++)
		if (strcmp(payload_keyword_rows[i].name, name) == 0)
			return &payload_keyword_rows[i];
	return NULL;
}

static bool is_type(const json_t *value)
{
	const char *name = json_string_value(value);

	for (size_t i = 0; name && payload_type_names[i]; i++)
		if (strcmp(payload_type_names[i], name) == 0)
			return true;
	return false;
}

static bool is_list_of(const json_t *value, bool (*is_one)(const json_t *value))
{
	const json_t *element;
	size_t i;

	if (!json_is_array(value) || json_array_size(value) == 0 ||
	    json_array_size(value) > PAYLOAD_SCHEMA_LIST_MAX)
		return false;
	json_array_foreach (value, i, element) {
		if (is_one && !is_one(element))
			return false;
	}
	return true;
}

static bool is_text(const json_t *value)
{
	return json_is_string(value);
}

static int check_schema(struct payload_place *place, const json_t *schema, struct berth_error *err);

static int check_schemas(struct payload_place *place, const json_t *object, struct berth_error *err)
{
	const char *key;
	json_t *schema;

	if (!json_is_object(object))
		return refuse(place, "not an object of schemas", err);
	/* the iterator's own type is not const although it changes nothing */
	json_object_foreach ((json_t *)(uintptr_t)object, key, schema) {
		size_t length = enter(place, key);

		if (check_schema(place, schema, err) < 0)
			return -1;
		leave(place, length);
	}
	return 0;
}

static int check_keyword(struct payload_place *place, const struct payload_keyword_row *row,
			 const json_t *value, struct berth_error *err)
{
	switch (row->shape) {
	case PAYLOAD_KEYWORD_NOTE:
	case PAYLOAD_KEYWORD_ANY:
		return 0;
	case PAYLOAD_KEYWORD_TYPE:
		return is_type(value) || is_list_of(value, is_type)
			       ? 0
			       : refuse(place, "neither the name of a type nor a list of some",
					err);
	case PAYLOAD_KEYWORD_LIST:
		return is_list_of(value, NULL)
			       ? 0
			       : refuse(place, "not a list of 1 to 256 values", err);
	case PAYLOAD_KEYWORD_NAMES:
		return (json_is_array(value) && json_array_size(value) == 0) ||
				       is_list_of(value, is_text)
			       ? 0
			       : refuse(place, "not a list of at most 256 names", err);
	case PAYLOAD_KEYWORD_NUMBER:
		return json_is_number(value) ? 0 : refuse(place, "not a number", err);
	case PAYLOAD_KEYWORD_COUNT:
		return json_is_integer(value) && json_integer_value(value) >= 0
			       ? 0
			       : refuse(place, "not an integer, 0 or more", err);
	case PAYLOAD_KEYWORD_SCHEMA:
		return check_schema(place, value, err);
	case PAYLOAD_KEYWORD_SCHEMAS:
		return check_schemas(place, value, err);
	}
	return 0;
}

static int check_schema(struct payload_place *place, const json_t *schema, struct berth_error *err)
{
	const char *key;
	json_t *value;

	if (json_is_boolean(schema))
		return 0;
	if (!json_is_object(schema))
		return refuse(place, "not a schema: an object, true or false", err);
	if (place->depth > 2 * PAYLOAD_SCHEMA_DEPTH_MAX ||
	    ++place->schemas > PAYLOAD_SCHEMA_SCHEMAS_MAX)
		return refuse(place, "too deep, or too many schemas", err);
	json_object_foreach ((json_t *)(uintptr_t)schema, key, value) {
		const struct payload_keyword_row *row = find_keyword(key);
		size_t length = enter(place, key);

		if (!row)
			return refuse(place,
				      "not a keyword that berth knows; see: berth deploy --schema",
				      err);
		if (check_keyword(place, row, value, err) < 0)
			return -1;
		leave(place, length);
	}
	return 0;
}

int payload_schema_check(const json_t *schema, struct berth_error *err)
{
	struct payload_place place = {0};

	return check_schema(&place, schema, err);
}

static int validate(struct payload_place *place, const json_t *schema, const json_t *value,
		    struct berth_error *err)
{
	const char *key;
	json_t *limit;

	if (json_is_false(schema))
		return refuse(place, "not allowed here", err);
	/* one that an older berth did not look at may be anything */
	json_object_foreach ((json_t *)(uintptr_t)schema, key, limit) {
		const struct payload_keyword_row *row = find_keyword(key);

		if (row && row->check && row->check(place, schema, limit, value, err) < 0)
			return -1;
	}
	return 0;
}

int payload_validate_member(struct payload_place *place, const json_t *schema, const char *key,
			    const json_t *value, struct berth_error *err)
{
	size_t length = enter(place, key);

	if (validate(place, schema, value, err) < 0)
		return -1;
	leave(place, length);
	return 0;
}

int payload_validate_element(struct payload_place *place, const json_t *schema, size_t index,
			     const json_t *value, struct berth_error *err)
{
	char key[24];

	(void)snprintf(key, sizeof(key), "%zu", index);
	return payload_validate_member(place, schema, key, value, err);
}

int payload_schema_validate(const json_t *schema, const json_t *payload, struct berth_error *err)
{
	struct payload_place place = {.path = "payload"};

	return schema ? validate(&place, schema, payload, err) : 0;
}

static json_t *keyword_schema(const struct payload_keyword_row *row)
{
	switch (row->shape) {
	case PAYLOAD_KEYWORD_NOTE:
	case PAYLOAD_KEYWORD_ANY:
		return json_object();
	case PAYLOAD_KEYWORD_TYPE:
		return json_pack("{s:[s, s]}", "type", "string", "array");
	case PAYLOAD_KEYWORD_LIST:
		return json_pack("{s:s, s:i, s:i}", "type", "array", "minItems", 1, "maxItems",
				 PAYLOAD_SCHEMA_LIST_MAX);
	case PAYLOAD_KEYWORD_NAMES:
		return json_pack("{s:s, s:{s:s}, s:i}", "type", "array", "items", "type", "string",
				 "maxItems", PAYLOAD_SCHEMA_LIST_MAX);
	case PAYLOAD_KEYWORD_NUMBER:
		return json_pack("{s:s}", "type", "number");
	case PAYLOAD_KEYWORD_COUNT:
		return json_pack("{s:s, s:i}", "type", "integer", "minimum", 0);
	case PAYLOAD_KEYWORD_SCHEMA:
		return json_pack("{s:[s, s]}", "type", "object", "boolean");
	case PAYLOAD_KEYWORD_SCHEMAS:
		return json_pack("{s:s}", "type", "object");
	}
	return NULL;
}

json_t *payload_schema_schema(void)
{
	AUTO_JSON json_t *properties = json_object();

	for (size_t i = 0; i < payload_keyword_row_count; i++) {
		json_t *schema = keyword_schema(&payload_keyword_rows[i]);

		if (json_object_set_new(schema, "description",
					json_string(payload_keyword_rows[i].help)) < 0 ||
		    json_object_set_new(properties, payload_keyword_rows[i].name, schema) < 0)
			return NULL;
	}
	return json_pack("{s:s, s:O, s:b}", "type", "object", "properties", properties,
			 "additionalProperties", 0);
}
