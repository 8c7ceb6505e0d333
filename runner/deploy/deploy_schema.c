/* SPDX-License-Identifier: Apache-2.0 */
/* The tables as a JSON Schema. */
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "runner/deploy/deploy_manifest.h"
#include "runner/deploy/deploy_table.h"
#include "runner/engine/payload_schema.h"

static json_t *object_schema(const struct deploy_rows *rows);

static json_t *texts_schema(const char *type, size_t least, size_t most)
{
	return json_pack("{s:s, s:{s:s}, s:I, s:I}", "type", type, "items", "type", "string",
			 "minItems", (json_int_t)least, "maxItems", (json_int_t)most);
}

static json_t *shape_schema(const struct deploy_shape_row *shape)
{
	switch (shape->shape) {
	case DEPLOY_PAYLOAD_SCHEMA:
		return payload_schema_schema();
	case DEPLOY_OBJECT:
		return object_schema(shape->rows);
	case DEPLOY_NAME_OR_OBJECT:
		return json_pack("{s:[{s:s}, o]}", "anyOf", "type", "string",
				 object_schema(shape->rows));
	case DEPLOY_OBJECTS:
		return json_pack("{s:s, s:o, s:I, s:I}", "type", "array", "items",
				 object_schema(shape->rows), "minItems", (json_int_t)shape->least,
				 "maxItems", (json_int_t)shape->most);
	case DEPLOY_TEXTS:
		return texts_schema("array", shape->least, shape->most);
	case DEPLOY_VARIABLES:
		return json_pack("{s:s, s:{s:s}}", "type", "object", "additionalProperties", "type",
				 "string");
	}
	return NULL;
}

/* A number in the unit of JSON values, or a text as people write it. */
static json_t *amount_schema(const char *number_type)
{
	return json_pack("{s:[s, s]}", "type", number_type, "string");
}

static json_t *number_schema(const struct field_row *row, const char *type)
{
	json_t *schema = json_pack("{s:s}", "type", type);

	if (row->min != 0 || row->max != 0) {
		(void)json_object_set_new(schema, "minimum", json_real(row->min));
		(void)json_object_set_new(schema, "maximum", json_real(row->max));
	}
	return schema;
}

static json_t *enum_schema(const struct field_row *row)
{
	json_t *choices = json_array();

	for (size_t i = 0; row->choices[i]; i++)
		(void)json_array_append_new(choices, json_string(row->choices[i]));
	return json_pack("{s:o}", "enum", choices);
}

static json_t *field_schema(const struct field_row *row)
{
	switch (row->type) {
	case FIELD_BOOL:
		return json_pack("{s:s}", "type", "boolean");
	case FIELD_INTEGER:
		return number_schema(row, "integer");
	case FIELD_NUMBER:
		return number_schema(row, "number");
	case FIELD_STRING:
		return json_pack("{s:s, s:I, s:I}", "type", "string", "minLength",
				 (json_int_t)row->min, "maxLength", (json_int_t)row->max);
	case FIELD_ENUM:
		return enum_schema(row);
	case FIELD_BYTES:
		return amount_schema("integer");
	case FIELD_DURATION_MS:
	case FIELD_CPU_MILLIS:
		return amount_schema("number");
	case FIELD_JSON:
		return shape_schema(deploy_shape_find(row->name));
	}
	return NULL;
}

static json_t *object_schema(const struct deploy_rows *rows)
{
	AUTO_JSON json_t *properties = json_object();
	AUTO_JSON json_t *required = json_array();
	const struct field_row *row;

	for (size_t i = 0; (row = deploy_field(rows, i)); i++) {
		json_t *schema = field_schema(row);

		if (json_object_set_new(schema, "description", json_string(row->help)) < 0 ||
		    json_object_set_new(properties, row->name, schema) < 0)
			return NULL;
		if (row->required ||
		    (rows->required_name && strcmp(rows->required_name, row->name) == 0))
			(void)json_array_append_new(required, json_string(row->name));
	}
	return json_pack("{s:s, s:O, s:O, s:b}", "type", "object", "properties", properties,
			 "required", required, "additionalProperties", 0);
}

json_t *deploy_schema(void)
{
	json_t *schema = object_schema(&deploy_head_rows);

	(void)json_object_set_new(schema, "$schema",
				  json_string("https://json-schema.org/draft/2020-12/schema"));
	(void)json_object_set_new(schema, "title", json_string(DEPLOY_FILE_NAME));
	return schema;
}
