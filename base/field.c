/* SPDX-License-Identifier: Apache-2.0 */
/* Field tables: one row per setting, from which parsing, bounds, defaults, --help, JSON
 * descriptions and reference pages are made. */
#include "base/field.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/amount.h"
#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"

#define STRING_BYTES_MAX  65536.0            /* where a row names no bound */
#define EXACT_INTEGER_MAX 9007199254740992.0 /* 2^53: doubles above it skip integers */
#define SHOWN_VALUE_SIZE  48                 /* of a refused value in the error */
#define BOUND_TEXT_SIZE   AMOUNT_TEXT_SIZE
#define CHOICES_TEXT_SIZE 128

/* One value of any type, outside a record. */
union field_value {
	bool boolean;
	int64_t integer;
	double number;
	char *string;
	int choice;
	uint64_t amount;
	json_t *json;
};

struct type_row {
	const char *name;
	size_t size;
	const char *expected; /* after "is not " in errors */
	double per_json_unit; /* the record's units in 1 of a JSON number */
	int (*parse)(const char *text, uint64_t *ret_amount, struct berth_error *err);
};

static const struct type_row types[] = {
	[FIELD_BOOL] = {"bool",     sizeof(bool),     "true or false",      1,    NULL              },
	[FIELD_INTEGER] = {"integer",  sizeof(int64_t),  "a whole number",     1,    NULL              },
	[FIELD_NUMBER] = {"number",   sizeof(double),   "a number",           1,    NULL              },
	[FIELD_STRING] = {"string",   sizeof(char *),   "a text",             1,    NULL              },
	[FIELD_ENUM] = {"enum",     sizeof(int),      "one of the choices", 1,    NULL              },
	[FIELD_BYTES] = {"bytes",    sizeof(uint64_t), "a size",             1,    amount_parse_bytes},
	[FIELD_DURATION_MS] = {"duration", sizeof(uint64_t), "a duration",         1000,
                        amount_parse_duration_ms                                                    },
	[FIELD_CPU_MILLIS] = {"cpu",      sizeof(uint64_t), "a number of CPUs",   1000,
                        amount_parse_cpu_millis						     },
	[FIELD_JSON] = {"json",     sizeof(json_t *), "a JSON value",       1,    NULL              },
};

static void *field_at(const struct field_row *row, void *record)
{
	return (char *)record + row->offset;
}

static union field_value load(const struct field_row *row, const void *record)
{
	union field_value value = {0};

	memcpy(&value, (const char *)record + row->offset, types[row->type].size);
	return value;
}

/* Frees what the field owned before. */
static void store(const struct field_row *row, void *record, union field_value value)
{
	union field_value old = load(row, record);

	if (row->type == FIELD_STRING)
		free(old.string);
	else if (row->type == FIELD_JSON)
		json_decref(old.json);
	memcpy(field_at(row, record), &value, types[row->type].size);
}

static bool has_bounds(const struct field_row *row)
{
	return row->min != 0 || row->max != 0;
}

static void format_bound(const struct field_row *row, double bound, char target[BOUND_TEXT_SIZE])
{
	if (row->type == FIELD_BYTES)
		(void)amount_format_bytes((uint64_t)bound, target);
	else if (row->type == FIELD_DURATION_MS)
		(void)amount_format_duration_ns((uint64_t)bound * 1000000, target);
	else if (row->type == FIELD_CPU_MILLIS)
		(void)amount_format_cpu_millis((uint64_t)bound, target);
	else
		(void)snprintf(target, BOUND_TEXT_SIZE, "%.15g", bound);
}

/* measure is the value, or a text's length. */
static bool is_in_bounds(const struct field_row *row, double measure)
{
	if (row->zero_lifts && measure == 0)
		return true;
	if (has_bounds(row))
		return measure >= row->min && measure <= row->max;
	return row->type != FIELD_STRING || measure <= STRING_BYTES_MAX;
}

static int fail_bounds(const struct field_row *row, const char *shown, struct berth_error *err)
{
	char low[BOUND_TEXT_SIZE], high[BOUND_TEXT_SIZE];

	format_bound(row, row->min, low);
	format_bound(row, has_bounds(row) ? row->max : STRING_BYTES_MAX, high);
	return berth_fail(err, BERTH_INVALID, 0, "%s: %s is not between %s and %s%s", row->name,
			  shown, low, high, row->zero_lifts ? ", nor 0 for no limit" : "");
}

static int fail_type(const struct field_row *row, const char *shown, struct berth_error *err)
{
	return berth_fail(err, BERTH_INVALID, 0, "%s: %s is not %s", row->name, shown,
			  types[row->type].expected);
}

static int check_choice(const struct field_row *row, const char *text, int *ret_choice,
			struct berth_error *err)
{
	char shown[SHOWN_VALUE_SIZE], list[CHOICES_TEXT_SIZE] = "";
	size_t used = 0;
	int length;

	for (int i = 0; row->choices[i]; i++) {
		if (strcmp(row->choices[i], text) == 0) {
			*ret_choice = i;
			return 0;
		}
		length = snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "",
				  row->choices[i]);
		used = used + (size_t)length < sizeof(list) ? used + (size_t)length
							    : sizeof(list) - 1;
	}
	(void)text_sanitize(text, strlen(text), shown, sizeof(shown));
	return berth_fail(err, BERTH_INVALID, 0, "%s: \"%s\" is not one of %s", row->name, shown,
			  list);
}

static int parse_string(const struct field_row *row, const char *text, char **ret_string,
			struct berth_error *err)
{
	size_t length = strlen(text);
	char shown[SHOWN_VALUE_SIZE];

	if (!is_in_bounds(row, (double)length)) {
		(void)snprintf(shown, sizeof(shown), "text of %zu bytes", length);
		return fail_bounds(row, shown, err);
	}
	if (!text_is_utf8(text, length))
		return berth_fail(err, BERTH_INVALID, 0, "%s: text is not UTF-8", row->name);
	*ret_string = strdup(text);
	if (!*ret_string)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "%s", row->name);
	return 0;
}

static int parse_amount(const struct field_row *row, const char *text, uint64_t *ret_amount,
			struct berth_error *err)
{
	char shown[SHOWN_VALUE_SIZE];
	uint64_t amount = 0;

	/* "0" where the row allows it, also for the forms that have no zero of their own */
	if (strcmp(text, "0") != 0 && types[row->type].parse(text, &amount, err) < 0)
		return berth_fail_context(err, "%s", row->name);
	if (!is_in_bounds(row, (double)amount)) {
		(void)text_sanitize(text, strlen(text), shown, sizeof(shown));
		return fail_bounds(row, shown, err);
	}
	*ret_amount = amount;
	return 0;
}

enum verdict { TAKEN, WRONG_TYPE, OUT_OF_BOUNDS };

/* From a JSON number: bytes, seconds or CPUs. */
static enum verdict convert_amount(const struct field_row *row, double number, uint64_t *ret_amount)
{
	double amount = number * types[row->type].per_json_unit;
	double rounded = nearbyint(amount);

	if (amount < 0 || amount > EXACT_INTEGER_MAX || fabs(amount - rounded) > 1e-6)
		return WRONG_TYPE;
	*ret_amount = (uint64_t)rounded;
	return is_in_bounds(row, rounded) ? TAKEN : OUT_OF_BOUNDS;
}

static enum verdict convert_integer(const struct field_row *row, const json_t *json,
				    int64_t *ret_integer)
{
	double real = json_number_value(json);

	if (json_is_integer(json))
		*ret_integer = json_integer_value(json);
	else if (json_is_real(json) && fabs(real) <= EXACT_INTEGER_MAX && real == nearbyint(real))
		*ret_integer = (int64_t)real; /* JSON knows one kind of number: 3.0 is 3 */
	else
		return WRONG_TYPE;
	return is_in_bounds(row, (double)*ret_integer) ? TAKEN : OUT_OF_BOUNDS;
}

/* What is no text. */
static enum verdict convert_plain(const struct field_row *row, const json_t *json,
				  union field_value *value)
{
	switch (row->type) {
	case FIELD_BOOL:
		value->boolean = json_is_true(json);
		return json_is_boolean(json) ? TAKEN : WRONG_TYPE;
	case FIELD_INTEGER:
		return convert_integer(row, json, &value->integer);
	case FIELD_NUMBER:
		value->number = json_number_value(json);
		if (!json_is_number(json))
			return WRONG_TYPE;
		return is_in_bounds(row, value->number) ? TAKEN : OUT_OF_BOUNDS;
	case FIELD_BYTES:
	case FIELD_DURATION_MS:
	case FIELD_CPU_MILLIS:
		if (!json_is_number(json))
			return WRONG_TYPE;
		return convert_amount(row, json_number_value(json), &value->amount);
	case FIELD_JSON:
		/* the value is shared, and nobody changes what a parser made */
		value->json = json_incref((json_t *)(uintptr_t)json);
		return TAKEN;
	case FIELD_STRING:
	case FIELD_ENUM:
		return WRONG_TYPE;
	}
	return WRONG_TYPE;
}

/* Writes what a refused value looks like. */
static void show_json(const json_t *json, char target[SHOWN_VALUE_SIZE])
{
	AUTO_FREE char *text = NULL;

	if (json_is_object(json) || json_is_array(json)) {
		(void)snprintf(target, SHOWN_VALUE_SIZE, "an %s",
			       json_is_object(json) ? "object" : "array");
		return;
	}
	text = json_format_compact(json);
	(void)text_sanitize(text ? text : "", text ? strlen(text) : 0, target, SHOWN_VALUE_SIZE);
}

static int convert(const struct field_row *row, const json_t *json, union field_value *value,
		   struct berth_error *err)
{
	const char *text = json_string_value(json);
	char shown[SHOWN_VALUE_SIZE];
	enum verdict verdict;

	if (text && row->type == FIELD_STRING)
		return parse_string(row, text, &value->string, err);
	if (text && row->type == FIELD_ENUM)
		return check_choice(row, text, &value->choice, err);
	if (text && types[row->type].parse)
		return parse_amount(row, text, &value->amount, err);
	verdict = convert_plain(row, json, value);
	if (verdict == TAKEN)
		return 0;
	show_json(json, shown);
	return verdict == WRONG_TYPE ? fail_type(row, shown, err) : fail_bounds(row, shown, err);
}

const struct field_row *field_find(const struct field_row *rows, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	return NULL;
}

int field_parse_member(const struct field_row *rows, size_t count, const char *name,
		       const json_t *value, void *record, struct berth_error *err)
{
	const struct field_row *row = field_find(rows, count, name);
	union field_value converted = {0};
	char shown[SHOWN_VALUE_SIZE];

	if (!row) {
		(void)text_sanitize(name, strlen(name), shown, sizeof(shown));
		return berth_fail(err, BERTH_INVALID, 0, "%s: unknown field", shown);
	}
	if (convert(row, value, &converted, err) < 0)
		return -1;
	store(row, record, converted);
	return 0;
}

int field_parse_object(const json_t *object, const struct field_row *rows, size_t count,
		       void *record, struct berth_error *err)
{
	const char *name;
	json_t *value;

	if (!json_is_object(object))
		return berth_fail(err, BERTH_INVALID, 0, "not a JSON object");
	for (size_t i = 0; i < count; i++)
		if (rows[i].required && !json_object_get(object, rows[i].name))
			return berth_fail(err, BERTH_INVALID, 0, "%s: missing, it is required",
					  rows[i].name);
	/* the iterator's own type is not const although it changes nothing */
	json_object_foreach ((json_t *)(uintptr_t)object, name, value) {
		if (field_parse_member(rows, count, name, value, record, err) < 0)
			return -1;
	}
	return 0;
}

static int parse_boolean(const struct field_row *row, const char *text, bool *ret_boolean,
			 struct berth_error *err)
{
	static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
	char shown[SHOWN_VALUE_SIZE];

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i], text) == 0) {
			*ret_boolean = i % 2 == 1;
			return 0;
		}
	}
	(void)text_sanitize(text, strlen(text), shown, sizeof(shown));
	return fail_type(row, shown, err);
}

/* Numbers are written as in JSON; anything else falls to the row's own message. */
static int parse_as_json(const struct field_row *row, const char *text,
			 union field_value *ret_value, struct berth_error *err)
{
	AUTO_JSON json_t *json = NULL;
	char shown[SHOWN_VALUE_SIZE];

	(void)text_sanitize(text, strlen(text), shown, sizeof(shown));
	if (json_parse(text, strlen(text), &json, err) < 0)
		return row->type == FIELD_JSON ? berth_fail_context(err, "%s", row->name)
					       : fail_type(row, shown, err);
	return convert(row, json, ret_value, err);
}

int field_parse_text(const struct field_row *row, const char *text, void *record,
		     struct berth_error *err)
{
	union field_value value = {0};
	int result = -1;

	switch (row->type) {
	case FIELD_BOOL:
		result = parse_boolean(row, text, &value.boolean, err);
		break;
	case FIELD_STRING:
		result = parse_string(row, text, &value.string, err);
		break;
	case FIELD_ENUM:
		result = check_choice(row, text, &value.choice, err);
		break;
	case FIELD_BYTES:
	case FIELD_DURATION_MS:
	case FIELD_CPU_MILLIS:
		result = parse_amount(row, text, &value.amount, err);
		break;
	case FIELD_INTEGER:
	case FIELD_NUMBER:
	case FIELD_JSON:
		result = parse_as_json(row, text, &value, err);
		break;
	}
	if (result == 0)
		store(row, record, value);
	return result;
}

int field_set_defaults(const struct field_row *rows, size_t count, void *record,
		       struct berth_error *err)
{
	struct berth_error reason;

	for (size_t i = 0; i < count; i++) {
		if (!rows[i].default_text)
			continue;
		if (field_parse_text(&rows[i], rows[i].default_text, record, &reason) == 0)
			continue;
		assert(reason.code == BERTH_MEMORY);
		if (err)
			*err = reason;
		return -1;
	}
	return 0;
}

static json_t *format_number(double number)
{
	if (number == nearbyint(number) && fabs(number) <= EXACT_INTEGER_MAX)
		return json_integer((json_int_t)number);
	return json_real(number);
}

static json_t *format_value(const struct field_row *row, union field_value value)
{
	switch (row->type) {
	case FIELD_BOOL:
		return json_boolean(value.boolean);
	case FIELD_INTEGER:
		return json_integer(value.integer);
	case FIELD_NUMBER:
		return json_real(value.number);
	case FIELD_STRING:
		return value.string ? json_string(value.string) : json_null();
	case FIELD_ENUM:
		return json_string(row->choices[value.choice]);
	case FIELD_BYTES:
		return json_integer((json_int_t)value.amount);
	case FIELD_DURATION_MS:
	case FIELD_CPU_MILLIS:
		return format_number((double)value.amount / types[row->type].per_json_unit);
	case FIELD_JSON:
		return value.json ? json_incref(value.json) : json_null();
	}
	return NULL;
}

/* The default as a JSON value that would set it; amounts as people write them. */
static json_t *format_default(const struct field_row *row)
{
	struct field_row alone = *row;
	union field_value value = {0};
	json_t *json;

	if (!row->default_text)
		return json_null();
	if (types[row->type].parse)
		return json_string(row->default_text);
	alone.offset = 0;
	if (field_set_defaults(&alone, 1, &value, NULL) < 0)
		return NULL;
	json = format_value(&alone, value);
	field_finish(&alone, 1, &value);
	return json;
}

static json_t *format_choices(const struct field_row *row)
{
	json_t *array = json_array();

	for (size_t i = 0; array && row->choices[i]; i++) {
		if (json_array_append_new(array, json_string(row->choices[i])) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

/* -1 when out of memory. json_object_set_new refuses a NULL value. */
static int describe_row(const struct field_row *row, json_t *object)
{
	double unit = types[row->type].per_json_unit;
	int failed = 0;

	failed |= json_object_set_new(object, "name", json_string(row->name));
	failed |= json_object_set_new(object, "type", json_string(types[row->type].name));
	if (has_bounds(row)) {
		failed |= json_object_set_new(object, "min", format_number(row->min / unit));
		failed |= json_object_set_new(object, "max", format_number(row->max / unit));
	}
	if (row->zero_lifts)
		failed |= json_object_set_new(object, "zero_lifts", json_true());
	failed |= json_object_set_new(object, "default", format_default(row));
	if (row->type == FIELD_ENUM)
		failed |= json_object_set_new(object, "choices", format_choices(row));
	failed |= json_object_set_new(object, "unit", json_string(row->unit ? row->unit : ""));
	failed |= json_object_set_new(object, "help", json_string(row->help ? row->help : ""));
	failed |= json_object_set_new(object, "required", json_boolean(row->required));
	return failed;
}

json_t *field_describe(const struct field_row *rows, size_t count)
{
	AUTO_JSON json_t *array = json_array();
	json_t *object;

	for (size_t i = 0; i < count; i++) {
		object = json_object();
		if (json_array_append_new(array, object) < 0 || describe_row(&rows[i], object) < 0)
			return NULL;
	}
	return steal_ptr(&array);
}

json_t *field_format_object(const struct field_row *rows, size_t count, const void *record)
{
	AUTO_JSON json_t *object = json_object();

	for (size_t i = 0; i < count; i++)
		if (json_object_set_new(object, rows[i].name,
					format_value(&rows[i], load(&rows[i], record))) < 0)
			return NULL;
	return steal_ptr(&object);
}

void field_finish(const struct field_row *rows, size_t count, void *record)
{
	for (size_t i = 0; i < count; i++)
		store(&rows[i], record, (union field_value){0});
}
