/* SPDX-License-Identifier: Apache-2.0 */
/* Every keyword against values that it takes and values that it does not; schemas that are refused
 * when they are deployed; and such as an older berth let pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"
#include "runner/engine/payload_schema.h"

struct row {
	const char *schema, *value;
	const char *says; /* NULL: it is taken */
};

static json_t *parse(const char *text)
{
	json_t *value = NULL;

	assert_int_equal(json_parse(text, strlen(text), &value, NULL), 0);
	return value;
}

/* clang-format off */
static const struct row values[] = {
	{"{}", "null", NULL},
	{"{\"type\":\"object\"}", "{}", NULL},
	{"{\"type\":\"object\"}", "null", "payload: not of type object"},
	{"{\"type\":\"array\"}", "{}", "payload: not of type array"},
	{"{\"type\":\"string\"}", "\"\"", NULL},
	{"{\"type\":\"boolean\"}", "false", NULL},
	{"{\"type\":\"boolean\"}", "0", "payload: not of type boolean"},
	{"{\"type\":\"null\"}", "null", NULL},
	{"{\"type\":\"number\"}", "1", NULL},
	{"{\"type\":\"number\"}", "\"1\"", "payload: not of type number"},
	{"{\"type\":\"integer\"}", "2.0", NULL},
	{"{\"type\":\"integer\"}", "2.5", "payload: not of type integer"},
	{"{\"type\":[\"string\",\"null\"]}", "null", NULL},
	{"{\"type\":[\"string\",\"null\"]}", "3", "payload: not of type string or null"},
	{"{\"enum\":[1,\"a\",null,{\"x\":[1]}]}", "{\"x\":[1]}", NULL},
	{"{\"enum\":[1,\"a\",null]}", "1.0", NULL},
	{"{\"enum\":[1,\"a\",null]}", "2", "payload: none of the values there may be"},
	{"{\"const\":\"a\"}", "\"a\"", NULL},
	{"{\"const\":\"a\"}", "\"b\"", "payload: not the only value there may be"},
	{"{\"required\":[\"a\",\"b\"]}", "{\"a\":1}", "payload: b is missing"},
	{"{\"required\":[\"a\"]}", "[]", NULL},
	{"{\"properties\":{\"a\":{\"type\":\"string\"}}}", "{\"b\":1}", NULL},
	{"{\"properties\":{\"a\":{\"type\":\"string\"}}}", "{\"a\":1}", "payload.a: not of type string"},
	{"{\"properties\":{\"a\":false}}", "{\"a\":1}", "payload.a: not allowed here"},
	{"{\"properties\":{\"a\":true},\"additionalProperties\":false}", "{\"a\":1}", NULL},
	{"{\"properties\":{\"a\":true},\"additionalProperties\":false}", "{\"c\":1}", "payload.c: not allowed here"},
	{"{\"additionalProperties\":{\"type\":\"integer\"}}", "{\"c\":1,\"d\":\"\"}", "payload.d: not of type integer"},
	{"{\"items\":{\"properties\":{\"w\":{\"maximum\":10}}}}", "[{},{\"w\":10},{\"w\":11}]", "payload.2.w: more than 10"},
	{"{\"minItems\":2}", "[1]", "payload: fewer elements than 2"},
	{"{\"maxItems\":2}", "[1,2,3]", "payload: more elements than 2"},
	{"{\"minProperties\":1}", "{}", "payload: fewer members than 1"},
	{"{\"maxProperties\":1}", "{\"a\":1,\"b\":1}", "payload: more members than 1"},
	{"{\"minimum\":1.5}", "1", "payload: less than 1.5"},
	{"{\"minimum\":1}", "\"0\"", NULL},
	{"{\"maximum\":9007199254740992}", "9007199254740993", "payload: more than 9.00719925474099e+15"},
	{"{\"exclusiveMinimum\":0}", "0", "payload: not more than 0"},
	{"{\"exclusiveMinimum\":0}", "0.1", NULL},
	{"{\"exclusiveMaximum\":5}", "5", "payload: not less than 5"},
	{"{\"minLength\":2}", "\"\\u00fc\"", "payload: fewer characters than 2"},
	{"{\"maxLength\":2}", "\"\\u00fc\\u00fc\"", NULL},
	{"{\"maxLength\":2}", "\"abc\"", "payload: more characters than 2"},
	{"{\"items\":{\"items\":{\"type\":\"null\"}}}", "[[null],[null,1]]", "payload.1.1: not of type null"},
	/* an older berth did not look */
	{"{\"type\":\"thing\",\"minimum\":\"x\",\"required\":3,\"properties\":[],\"items\":7,\"enum\":{}}", "5", "payload: not of type thing"},
	{"{\"type\":7,\"minimum\":\"x\",\"required\":[3],\"properties\":[],\"items\":7,\"enum\":{},\"allOf\":[false]}", "{\"a\":1}", NULL},
};

static const struct row schemas[] = {
	{"{\"type\":\"object\",\"title\":\"t\",\"properties\":{\"a\":{\"type\":[\"string\",\"null\"],\"default\":\"x\"},\"b\":true},\"required\":[\"a\"],\"additionalProperties\":false}", NULL, NULL},
	{"{\"required\":[]}", NULL, NULL},
	{"{\"type\":\"text\"}", NULL, "type: neither the name of a type nor a list of some"},
	{"{\"type\":[]}", NULL, "type: neither"},
	{"{\"properties\":{\"a\":{\"minimum\":\"1\"}}}", NULL, "properties.a.minimum: not a number"},
	{"{\"properties\":[1]}", NULL, "properties: not an object of schemas"},
	{"{\"items\":[{}]}", NULL, "items: not a schema"},
	{"{\"maxLength\":-1}", NULL, "maxLength: not an integer, 0 or more"},
	{"{\"maxLength\":1.5}", NULL, "maxLength: not an integer, 0 or more"},
	{"{\"enum\":[]}", NULL, "enum: not a list of 1 to 256 values"},
	{"{\"required\":[1]}", NULL, "required: not a list of at most 256 names"},
	{"{\"items\":{\"pattern\":\"a*\"}}", NULL, "items.pattern: not a keyword that berth knows"},
	{"{\"oneOf\":[{}]}", NULL, "oneOf: not a keyword"},
	{"{\"$ref\":\"#\"}", NULL, "$ref: not a keyword"},
};
/* clang-format on */

static void expect(int status, const struct berth_error *err, const struct row *row)
{
	if (status == (row->says ? -1 : 0) && (!row->says || strstr(err->message, row->says)))
		return;
	fail_msg("%s with %s: %d, %s", row->schema, row->value ? row->value : "-", status,
		 err->message);
}

static void test_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		AUTO_JSON json_t *schema = parse(values[i].schema);
		AUTO_JSON json_t *value = parse(values[i].value);
		struct berth_error err = {0};

		expect(payload_schema_validate(schema, value, &err), &err, &values[i]);
	}
}

static void test_schemas(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(schemas) / sizeof(schemas[0]); i++) {
		AUTO_JSON json_t *schema = parse(schemas[i].schema);
		struct berth_error err = {0};

		expect(payload_schema_check(schema, &err), &err, &schemas[i]);
	}
}

/* A table row without a test of its own would not be noticed otherwise. */
static void test_every_keyword_has_a_row_here(void **state)
{
	(void)state;
	for (size_t i = 0; i < payload_keyword_row_count; i++) {
		char name[64];
		bool is_there = payload_keyword_rows[i].check == NULL;

		(void)snprintf(name, sizeof(name), "\"%s\":", payload_keyword_rows[i].name);
		for (size_t j = 0; j < sizeof(values) / sizeof(values[0]); j++)
			is_there |= values[j].says && strstr(values[j].schema, name);
		if (!is_there)
			fail_msg("%s", name);
	}
}

static void test_bounds(void **state)
{
	struct berth_error err = {0};
	json_t *deep = json_true(), *wide = json_object(), *list = json_array();
	char key[16];

	(void)state;
	for (int i = 0; i < 2 * PAYLOAD_SCHEMA_DEPTH_MAX + 2; i++)
		deep = json_pack("{s:o}", "items", deep);
	assert_int_equal(payload_schema_check(deep, &err), -1);
	expect(-1, &err, &(struct row){"deep", NULL, "too deep"});
	for (int i = 0; i < PAYLOAD_SCHEMA_SCHEMAS_MAX; i++) {
		(void)snprintf(key, sizeof(key), "k%d", i);
		assert_int_equal(json_object_set_new(wide, key, json_object()), 0);
		if (i <= PAYLOAD_SCHEMA_LIST_MAX)
			assert_int_equal(json_array_append_new(list, json_integer(i)), 0);
	}
	wide = json_pack("{s:o}", "properties", wide);
	assert_int_equal(payload_schema_check(wide, &err), -1);
	list = json_pack("{s:o}", "enum", list);
	assert_int_equal(payload_schema_check(list, &err), -1);
	json_decref(deep);
	json_decref(wide);
	json_decref(list);
}

/* Keys that would not fit the place, or would not be safe to print. */
static void test_odd_keys(void **state)
{
	AUTO_JSON json_t *schema =
		parse("{\"additionalProperties\":{\"additionalProperties\":false}}");
	AUTO_JSON json_t *value = json_object();
	struct berth_error err = {0};
	char key[1000];

	(void)state;
	memset(key, 'k', sizeof(key) - 1);
	key[sizeof(key) - 1] = '\0';
	key[0] = '\033';
	assert_int_equal(json_object_set_new(value, key, json_pack("{s:i}", key, 1)), 0);
	assert_int_equal(payload_schema_validate(schema, value, &err), -1);
	assert_null(strchr(err.message, '\033'));
	assert_true(text_is_utf8(err.message, strlen(err.message)));
	expect(-1, &err, &(struct row){"odd", NULL, "not allowed here"});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_schemas),
		cmocka_unit_test(test_every_keyword_has_a_row_here),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_odd_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
