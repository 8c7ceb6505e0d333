/* SPDX-License-Identifier: Apache-2.0 */
/* The keywords of a payloadSchema, and what each asks of a value. One that is about another type
 * than the value's asks nothing. */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "runner/engine/payload_schema.h"

#define WORDS_SIZE 128
#define KEY_SIZE   64

const char *const payload_type_names[] = {"object",  "array",   "string", "number",
					  "integer", "boolean", "null",   NULL};

static int refuse(const struct payload_place *place, const char *why, struct berth_error *err)
{
	return berth_fail(err, BERTH_INVALID, 0, "%s: %s", place->path, why);
}

static int refuse_number(const struct payload_place *place, const char *why, double number,
			 struct berth_error *err)
{
	return berth_fail(err, BERTH_INVALID, 0, "%s: %s %.15g", place->path, why, number);
}

/* 1.0 is an integer as well. */
static bool is_integer(const json_t *value)
{
	return json_is_integer(value) ||
	       (json_is_real(value) && trunc(json_real_value(value)) == json_real_value(value));
}

static bool is_of_type(const json_t *value, const char *name)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return strcmp(name, "object") == 0;
	case JSON_ARRAY:
		return strcmp(name, "array") == 0;
	case JSON_STRING:
		return strcmp(name, "string") == 0;
	case JSON_INTEGER:
	case JSON_REAL:
		return strcmp(name, "number") == 0 ||
		       (strcmp(name, "integer") == 0 && is_integer(value));
	case JSON_TRUE:
	case JSON_FALSE:
		return strcmp(name, "boolean") == 0;
	case JSON_NULL:
		return strcmp(name, "null") == 0;
	}
	return false;
}

static int check_type(struct payload_place *place, const json_t *schema, const json_t *limit,
		      const json_t *value, struct berth_error *err)
{
	char words[WORDS_SIZE] = "not of type ";
	const json_t *name;
	size_t i;

	(void)schema;
	if (json_is_string(limit) && is_of_type(value, json_string_value(limit)))
		return 0;
	if (json_is_string(limit))
		(void)strncat(words, json_string_value(limit), 16);
	json_array_foreach (limit, i, name) {
		if (!json_is_string(name) || is_of_type(value, json_string_value(name)))
			return 0;
		if (strlen(words) + 24 < sizeof(words)) {
			(void)strncat(words, i ? " or " : "", sizeof(words) - strlen(words) - 1);
			(void)strncat(words, json_string_value(name), 16);
		}
	}
	return json_is_string(limit) || json_array_size(limit) > 0 ? refuse(place, words, err) : 0;
}

static bool are_equal(const json_t *one, const json_t *other)
{
	if (json_is_integer(one) && json_is_integer(other))
		return json_integer_value(one) == json_integer_value(other);
	if (json_is_number(one) && json_is_number(other))
		return json_number_value(one) == json_number_value(other);
	return json_equal(one, other);
}

static int check_const(struct payload_place *place, const json_t *schema, const json_t *limit,
		       const json_t *value, struct berth_error *err)
{
	(void)schema;
	return are_equal(limit, value) ? 0 : refuse(place, "not the only value there may be", err);
}

static int check_enum(struct payload_place *place, const json_t *schema, const json_t *limit,
		      const json_t *value, struct berth_error *err)
{
	const json_t *choice;
	size_t i;

	(void)schema;
	json_array_foreach (limit, i, choice) {
		if (are_equal(choice, value))
			return 0;
	}
	return json_is_array(limit) ? refuse(place, "none of the values there may be", err) : 0;
}

static int check_required(struct payload_place *place, const json_t *schema, const json_t *limit,
			  const json_t *value, struct berth_error *err)
{
	const json_t *name;
	char shown[KEY_SIZE];
	size_t i;

	(void)schema;
	if (!json_is_object(value))
		return 0;
	json_array_foreach (limit, i, name) {
		const char *key = json_string_value(name);

		if (!key || json_object_get(value, key))
			continue;
		(void)text_sanitize(key, strlen(key), shown, sizeof(shown));
		return berth_fail(err, BERTH_INVALID, 0, "%s: %s is missing", place->path, shown);
	}
	return 0;
}

static int check_properties(struct payload_place *place, const json_t *schema, const json_t *limit,
			    const json_t *value, struct berth_error *err)
{
	const char *key;
	json_t *member;

	(void)schema;
	json_object_foreach ((json_t *)(uintptr_t)value, key, member) {
		const json_t *own = json_object_get(limit, key);

		if (own && payload_validate_member(place, own, key, member, err) < 0)
			return -1;
	}
	return 0;
}

static int check_additional(struct payload_place *place, const json_t *schema, const json_t *limit,
			    const json_t *value, struct berth_error *err)
{
	const json_t *known = json_object_get(schema, "properties");
	const char *key;
	json_t *member;

	json_object_foreach ((json_t *)(uintptr_t)value, key, member) {
		if (!json_object_get(known, key) &&
		    payload_validate_member(place, limit, key, member, err) < 0)
			return -1;
	}
	return 0;
}

static int check_items(struct payload_place *place, const json_t *schema, const json_t *limit,
		       const json_t *value, struct berth_error *err)
{
	const json_t *element;
	size_t i;

	(void)schema;
	json_array_foreach (value, i, element) {
		if (payload_validate_element(place, limit, i, element, err) < 0)
			return -1;
	}
	return 0;
}

/* -1, 0 or 1; integers exactly. */
static int compare(const json_t *one, const json_t *other)
{
	json_int_t first = json_integer_value(one), second = json_integer_value(other);
	double left = json_number_value(one), right = json_number_value(other);

	if (json_is_integer(one) && json_is_integer(other))
		return (first > second) - (first < second);
	return (left > right) - (left < right);
}

/* Fails when the comparison with the limit gives what it may not: from low to high. */
static int check_number(const struct payload_place *place, const json_t *limit, const json_t *value,
			int low, int high, const char *words, struct berth_error *err)
{
	int compared;

	if (!json_is_number(value) || !json_is_number(limit))
		return 0;
	compared = compare(value, limit);
	return compared < low || compared > high
		       ? 0
		       : refuse_number(place, words, json_number_value(limit), err);
}

#define NUMBER_CHECK(name, low, high, words)                                                       \
	static int name(struct payload_place *place, const json_t *schema, const json_t *limit,    \
			const json_t *value, struct berth_error *err)                              \
	{                                                                                          \
		(void)schema;                                                                      \
		return check_number(place, limit, value, low, high, words, err);                   \
	}
NUMBER_CHECK(check_minimum, -1, -1, "less than")
NUMBER_CHECK(check_maximum, 1, 1, "more than")
NUMBER_CHECK(check_above, -1, 0, "not more than")
NUMBER_CHECK(check_below, 0, 1, "not less than")

/* What a value has of characters, elements or members. */
static json_int_t characters_of(const json_t *value)
{
	const char *text = json_string_value(value);
	json_int_t count = 0;

	for (size_t i = 0; i < json_string_length(value); i++)
		count += ((unsigned char)text[i] & 0xc0) != 0x80; /* UTF-8: where one begins */
	return count;
}

static json_int_t elements_of(const json_t *value)
{
	return (json_int_t)json_array_size(value);
}

static json_int_t members_of(const json_t *value)
{
	return (json_int_t)json_object_size(value);
}

/* sign: of the difference that there may not be. */
static int check_count(const struct payload_place *place, const json_t *limit, json_int_t count,
		       int sign, const char *words, struct berth_error *err)
{
	json_int_t most = json_integer_value(limit);

	if (!json_is_integer(limit) || (count > most) - (count < most) != sign)
		return 0;
	return refuse_number(place, words, (double)most, err);
}

#define COUNT_CHECK(name, is_one, count_of, sign, words)                                           \
	static int name(struct payload_place *place, const json_t *schema, const json_t *limit,    \
			const json_t *value, struct berth_error *err)                              \
	{                                                                                          \
		(void)schema;                                                                      \
		return is_one(value)                                                               \
			       ? check_count(place, limit, count_of(value), sign, words, err)      \
			       : 0;                                                                \
	}
COUNT_CHECK(check_min_length, json_is_string, characters_of, -1, "fewer characters than")
COUNT_CHECK(check_max_length, json_is_string, characters_of, 1, "more characters than")
COUNT_CHECK(check_min_items, json_is_array, elements_of, -1, "fewer elements than")
COUNT_CHECK(check_max_items, json_is_array, elements_of, 1, "more elements than")
COUNT_CHECK(check_min_members, json_is_object, members_of, -1, "fewer members than")
COUNT_CHECK(check_max_members, json_is_object, members_of, 1, "more members than")

#define NOTE(name, help)                                                                           \
	{                                                                                          \
		name, PAYLOAD_KEYWORD_NOTE, NULL, help                                             \
	}

/* clang-format off */
const struct payload_keyword_row payload_keyword_rows[] = {
	{"type",                 PAYLOAD_KEYWORD_TYPE,    check_type,        "object, array, string, number, integer, boolean, null, or a list of some"},
	{"enum",                 PAYLOAD_KEYWORD_LIST,    check_enum,        "the values there may be"},
	{"const",                PAYLOAD_KEYWORD_ANY,     check_const,       "the only value there may be"},
	{"required",             PAYLOAD_KEYWORD_NAMES,   check_required,    "members that an object must have"},
	{"properties",           PAYLOAD_KEYWORD_SCHEMAS, check_properties,  "schemas of an object's members"},
	{"additionalProperties", PAYLOAD_KEYWORD_SCHEMA,  check_additional,  "the schema of all other members; false: there are none"},
	{"minProperties",        PAYLOAD_KEYWORD_COUNT,   check_min_members, "members that an object has at least"},
	{"maxProperties",        PAYLOAD_KEYWORD_COUNT,   check_max_members, "and at most"},
	{"items",                PAYLOAD_KEYWORD_SCHEMA,  check_items,       "the schema of an array's elements"},
	{"minItems",             PAYLOAD_KEYWORD_COUNT,   check_min_items,   "elements that an array has at least"},
	{"maxItems",             PAYLOAD_KEYWORD_COUNT,   check_max_items,   "and at most"},
	{"minimum",              PAYLOAD_KEYWORD_NUMBER,  check_minimum,     "the least that a number may be"},
	{"maximum",              PAYLOAD_KEYWORD_NUMBER,  check_maximum,     "the most that a number may be"},
	{"exclusiveMinimum",     PAYLOAD_KEYWORD_NUMBER,  check_above,       "what a number must be more than"},
	{"exclusiveMaximum",     PAYLOAD_KEYWORD_NUMBER,  check_below,       "what a number must be less than"},
	{"minLength",            PAYLOAD_KEYWORD_COUNT,   check_min_length,  "characters that a text has at least"},
	{"maxLength",            PAYLOAD_KEYWORD_COUNT,   check_max_length,  "and at most"},
	NOTE("$schema",     "which JSON Schema; that of 2020-12 is meant"),
	NOTE("$id",         "not looked at"),
	NOTE("$comment",    "for whoever reads the file"),
	NOTE("title",       "what people call it"),
	NOTE("description", "what it is"),
	NOTE("default",     "for people: nothing is filled in"),
	NOTE("examples",    "for people"),
	NOTE("format",      "for people: not checked"),
	NOTE("deprecated",  "for people"),
};
/* clang-format on */

const size_t payload_keyword_row_count =
	sizeof(payload_keyword_rows) / sizeof(payload_keyword_rows[0]);
