/* SPDX-License-Identifier: Apache-2.0 */
/* Field tables: every type from JSON and from text, bounds, defaults, description. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/field.h"
#include "base/json.h"

struct record {
	bool flag;
	int64_t count;
	double ratio;
	char *name;
	int mode;
	uint64_t size, room;
	uint64_t wait_ms;
	uint64_t cpu_millis;
	json_t *extra;
};

static const char *const modes[] = {"fast", "good", "best", NULL};

#define AT(member) offsetof(struct record, member)
/* clang-format off */
static const struct field_row rows[] = {
	{.name = "flag", .type = FIELD_BOOL, .offset = AT(flag), .default_text = "yes", .unit = "", .help = "a flag"},
	{.name = "count", .type = FIELD_INTEGER, .offset = AT(count), .min = -5, .max = 100, .default_text = "7", .unit = "", .help = "a count"},
	{.name = "ratio", .type = FIELD_NUMBER, .offset = AT(ratio), .min = 0, .max = 1, .default_text = "0.5", .unit = "", .help = "a ratio"},
	{.name = "name", .type = FIELD_STRING, .offset = AT(name), .min = 2, .max = 8, .default_text = "noname", .unit = "", .help = "a name"},
	{.name = "mode", .type = FIELD_ENUM, .offset = AT(mode), .choices = modes, .default_text = "good", .unit = "", .help = "a mode"},
	{.name = "size", .type = FIELD_BYTES, .offset = AT(size), .min = 1024, .max = 1048576, .default_text = "64K", .unit = "bytes", .help = "a size"},
	{.name = "wait", .type = FIELD_DURATION_MS, .offset = AT(wait_ms), .min = 0, .max = 60000, .default_text = "1s", .unit = "seconds", .help = "a wait"},
	{.name = "cpu", .type = FIELD_CPU_MILLIS, .offset = AT(cpu_millis), .min = 100, .max = 4000, .default_text = "1", .unit = "CPUs", .help = "a share"},
	{.name = "room", .type = FIELD_BYTES, .offset = AT(room), .min = 4096, .max = 65536, .zero_lifts = true, .unit = "bytes", .help = "a limit"},
	{.name = "extra", .type = FIELD_JSON, .offset = AT(extra), .unit = "", .help = "anything"},
};
/* clang-format on */
#define COUNT      (sizeof(rows) / sizeof(rows[0]))

static int parse(const char *text, struct record *record, struct berth_error *err)
{
	AUTO_JSON json_t *object = NULL;

	assert_int_equal(json_parse(text, strlen(text), &object, NULL), 0);
	return field_parse_object(object, rows, COUNT, record, err);
}

static void sets_defaults(void **state)
{
	struct record record = {0};

	(void)state;
	assert_int_equal(field_set_defaults(rows, COUNT, &record, NULL), 0);
	assert_true(record.flag);
	assert_int_equal(record.count, 7);
	assert_true(record.ratio == 0.5);
	assert_string_equal(record.name, "noname");
	assert_int_equal(record.mode, 1);
	assert_int_equal(record.size, 65536);
	assert_int_equal(record.wait_ms, 1000);
	assert_int_equal(record.cpu_millis, 1000);
	assert_null(record.extra);
	field_finish(rows, COUNT, &record);
	assert_null(record.name);
	assert_int_equal(record.count, 0);
}

static void parses_an_object(void **state)
{
	struct record record = {0};

	(void)state;
	assert_int_equal(field_set_defaults(rows, COUNT, &record, NULL), 0);
	assert_int_equal(
		parse("{\"flag\":false,\"count\":-5,\"ratio\":1,\"name\":\"abc\",\"mode\":\"best\","
		      "\"size\":2048,\"wait\":1.5,\"cpu\":0.25,\"extra\":[1]}",
		      &record, NULL),
		0);
	assert_false(record.flag);
	assert_int_equal(record.count, -5);
	assert_true(record.ratio == 1.0);
	assert_string_equal(record.name, "abc");
	assert_int_equal(record.mode, 2);
	assert_int_equal(record.size, 2048);
	assert_int_equal(record.wait_ms, 1500);
	assert_int_equal(record.cpu_millis, 250);
	assert_int_equal(json_array_size(record.extra), 1);
	/* texts and whole reals mean the same; what is absent stays */
	assert_int_equal(parse("{\"size\":\"4K\",\"wait\":\"1m\",\"cpu\":\"500m\",\"count\":3.0}",
			       &record, NULL),
			 0);
	assert_int_equal(record.size, 4096);
	assert_int_equal(record.wait_ms, 60000);
	assert_int_equal(record.cpu_millis, 500);
	assert_int_equal(record.count, 3);
	assert_string_equal(record.name, "abc");
	/* a second value frees the first */
	assert_int_equal(parse("{\"name\":\"xyz\",\"extra\":null}", &record, NULL), 0);
	assert_string_equal(record.name, "xyz");
	assert_true(json_is_null(record.extra));
	field_finish(rows, COUNT, &record);
}

struct refusal_row {
	const char *text;
	const char *message;
};

static void refuses_bad_members(void **state)
{
	static const struct refusal_row refusals[] = {
		{"[]",		       "not a JSON object"					  },
		{"null",                     "not a JSON object"                                          },
		{"{\"nope\":1}",             "nope: unknown field"                                        },
		{"{\"a\\u001bb\":1}",        "a\\x1bb: unknown field"                                     },
		{"{\"flag\":1}",             "flag: 1 is not true or false"                               },
		{"{\"flag\":\"true\"}",      "flag: \"true\" is not true or false"                        },
		{"{\"count\":101}",          "count: 101 is not between -5 and 100"                       },
		{"{\"count\":-6}",           "count: -6 is not between -5 and 100"                        },
		{"{\"count\":1.5}",          "count: 1.5 is not a whole number"                           },
		{"{\"count\":1e300}",        "count: 1.0000000000000001e300 is not a whole number"        },
		{"{\"count\":\"5\"}",        "count: \"5\" is not a whole number"                         },
		{"{\"count\":null}",         "count: null is not a whole number"                          },
		{"{\"ratio\":1.01}",         "ratio: 1.01 is not between 0 and 1"                         },
		{"{\"ratio\":[]}",           "ratio: an array is not a number"                            },
		{"{\"name\":\"a\"}",         "name: text of 1 bytes is not between 2 and 8"               },
		{"{\"name\":\"123456789\"}", "name: text of 9 bytes is not between 2 and 8"               },
		{"{\"name\":{}}",            "name: an object is not a text"                              },
		{"{\"mode\":\"slow\"}",      "mode: \"slow\" is not one of fast, good, best"              },
		{"{\"mode\":1}",             "mode: 1 is not one of the choices"                          },
		{"{\"size\":1023}",          "size: 1023 is not between 1 KiB and 1 MiB"                  },
		{"{\"size\":\"2M\"}",        "size: 2M is not between 1 KiB and 1 MiB"                    },
		{"{\"size\":2048.5}",        "size: 2048.5 is not a size"                                 },
		{"{\"size\":-1}",            "size: -1 is not a size"                                     },
		{"{\"size\":true}",          "size: true is not a size"                                   },
		{"{\"room\":1}",             "room: 1 is not between 4 KiB and 64 KiB, nor 0 for no limit"},
		{"{\"room\":65537}",
		 "room: 65537 is not between 4 KiB and 64 KiB, nor 0 for no limit"                        },
		{"{\"wait\":61}",            "wait: 61 is not between 0 ms and 1 m"                       },
		{"{\"wait\":0.00001}",       "wait: 1.0000000000000001e-5 is not a duration"              },
		{"{\"cpu\":5}",              "cpu: 5 is not between 0.1 and 4"                            },
		{"{\"cpu\":0}",              "cpu: 0 is not between 0.1 and 4"                            },
		{"{\"cpu\":0.1001}",         NULL							 },
		{"{\"cpu\":1e308}",          NULL							 },
	};
	struct record record = {0};
	struct berth_error err;

	(void)state;
	assert_int_equal(field_set_defaults(rows, COUNT, &record, NULL), 0);
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		if (parse(refusals[i].text, &record, &err) == 0)
			fail_msg("%s was taken", refusals[i].text);
		assert_int_equal(err.code, BERTH_INVALID);
		if (refusals[i].message)
			assert_string_equal(err.message, refusals[i].message);
	}
	/* nothing was changed by what was refused */
	assert_int_equal(record.count, 7);
	assert_string_equal(record.name, "noname");
	field_finish(rows, COUNT, &record);
}

static void parses_text(void **state)
{
	static const struct {
		const char *name, *text, *shown;
	} good[] = {
		{"flag",  "no",        "false"    },
		{"flag",  "1",         "true"     },
		{"count", "-3",        "-3"       },
		{"ratio", "0.25",      "0.25"     },
		{"name",
		 "\xc3\xbc"
		 "b",		  "\"\xc3\xbc"
		 "b\""       },
		{"mode",  "fast",      "\"fast\"" },
		{"size",  "1K",        "1024"     },
		{"wait",  "250ms",     "0.25"     },
		{"wait",  "0",         "0"        },
		{"cpu",   "0.5",       "0.5"      },
		{"extra", "{\"a\":1}", "{\"a\":1}"},
	};
	struct record record = {0};
	struct berth_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		const struct field_row *row = field_find(rows, COUNT, good[i].name);
		AUTO_JSON json_t *object = NULL;
		AUTO_FREE char *shown = NULL;

		assert_non_null(row);
		if (field_parse_text(row, good[i].text, &record, &err) < 0)
			fail_msg("%s", err.message);
		object = field_format_object(row, 1, &record);
		shown = json_format_compact(json_object_get(object, good[i].name));
		assert_string_equal(shown, good[i].shown);
	}
	field_finish(rows, COUNT, &record);
}

static void refuses_bad_text(void **state)
{
	static const struct {
		const char *name, *text;
	} bad[] = {
		{"flag",  "TRUE"                       },
		{"flag",  ""			   },
		{"count", "101"                        },
		{"count", "1x"                         },
		{"count", ""                           },
		{"count", "0x10"                       },
		{"count", "1 2"                        },
		{"ratio", "nan"                        },
		{"ratio", "inf"                        },
		{"ratio", "2"                          },
		{"name",  "x"                          },
		{"name",  "\xff"
			 "\xff"},
		{"mode",  "FAST"                       },
		{"mode",  ""			   },
		{"size",  "1"                          },
		{"size",  "9M"                         },
		{"wait",  "2m"                         },
		{"cpu",   "0"                          },
		{"cpu",   "9"                          },
		{"extra", "{"                          },
		{"size",  "0"                          },
	};
	struct record record = {0};
	struct berth_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (field_parse_text(field_find(rows, COUNT, bad[i].name), bad[i].text, &record,
				     &err) == 0)
			fail_msg("%s=%s was taken", bad[i].name, bad[i].text);
		assert_int_equal(err.code, BERTH_INVALID);
		assert_int_equal(strncmp(err.message, bad[i].name, strlen(bad[i].name)), 0);
		assert_int_equal(err.message[strlen(bad[i].name)], ':');
	}
	field_finish(rows, COUNT, &record);
}

static void wants_what_is_required(void **state)
{
	static const struct field_row required = {
		.name = "id", .type = FIELD_STRING, .offset = AT(name), .required = true};
	AUTO_JSON json_t *object = json_object();
	struct record record = {0};
	struct berth_error err;

	(void)state;
	assert_int_equal(field_parse_object(object, &required, 1, &record, &err), -1);
	assert_string_equal(err.message, "id: missing, it is required");
	assert_int_equal(json_object_set_new(object, "id", json_string("")), 0);
	assert_int_equal(field_parse_object(object, &required, 1, &record, &err), 0);
	field_finish(&required, 1, &record);
}

static void bounds_texts_without_bounds(void **state)
{
	static const struct field_row unbounded = {
		.name = "t", .type = FIELD_STRING, .offset = AT(name)};
	AUTO_FREE char *text = malloc(65538);
	struct record record = {0};

	(void)state;
	assert_non_null(text);
	memset(text, 'x', 65537);
	text[65537] = '\0';
	assert_int_equal(field_parse_text(&unbounded, text, &record, NULL), -1);
	text[65536] = '\0';
	assert_int_equal(field_parse_text(&unbounded, text, &record, NULL), 0);
	field_finish(&unbounded, 1, &record);
}

static void what_is_formatted_parses_again(void **state)
{
	struct record record = {0}, again = {0};
	AUTO_JSON json_t *object = NULL, *second = NULL;

	(void)state;
	assert_int_equal(field_set_defaults(rows, COUNT, &record, NULL), 0);
	assert_int_equal(parse("{\"wait\":0.001,\"cpu\":0.333,\"extra\":{\"x\":1}}", &record, NULL),
			 0);
	object = field_format_object(rows, COUNT, &record);
	assert_int_equal(field_parse_object(object, rows, COUNT, &again, NULL), 0);
	second = field_format_object(rows, COUNT, &again);
	assert_true(json_equal(object, second));
	assert_int_equal(again.wait_ms, 1);
	assert_int_equal(again.cpu_millis, 333);
	field_finish(rows, COUNT, &record);
	field_finish(rows, COUNT, &again);
}

static void describes_its_rows(void **state)
{
	AUTO_JSON json_t *array = field_describe(rows, COUNT);
	AUTO_FREE char *cpu = NULL, *mode = NULL, *name = NULL;

	(void)state;
	assert_int_equal(json_array_size(array), COUNT);
	name = json_format_compact(json_array_get(array, 3));
	assert_string_equal(name, "{\"name\":\"name\",\"type\":\"string\",\"min\":2,\"max\":8,"
				  "\"default\":\"noname\",\"unit\":\"\",\"help\":\"a name\","
				  "\"required\":false}");
	mode = json_format_compact(json_array_get(array, 4));
	assert_string_equal(mode, "{\"name\":\"mode\",\"type\":\"enum\",\"default\":\"good\","
				  "\"choices\":[\"fast\",\"good\",\"best\"],\"unit\":\"\","
				  "\"help\":\"a mode\",\"required\":false}");
	cpu = json_format_compact(json_array_get(array, 7));
	assert_string_equal(cpu,
			    "{\"name\":\"cpu\",\"type\":\"cpu\",\"min\":0.10000000000000001,"
			    "\"max\":4,\"default\":\"1\",\"unit\":\"CPUs\",\"help\":\"a share\","
			    "\"required\":false}");
}

static void finds_rows(void **state)
{
	(void)state;
	assert_ptr_equal(field_find(rows, COUNT, "ratio"), &rows[2]);
	assert_null(field_find(rows, COUNT, "rati"));
	assert_null(field_find(rows, 0, "flag"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sets_defaults),
		cmocka_unit_test(parses_an_object),
		cmocka_unit_test(refuses_bad_members),
		cmocka_unit_test(parses_text),
		cmocka_unit_test(refuses_bad_text),
		cmocka_unit_test(wants_what_is_required),
		cmocka_unit_test(bounds_texts_without_bounds),
		cmocka_unit_test(what_is_formatted_parses_again),
		cmocka_unit_test(describes_its_rows),
		cmocka_unit_test(finds_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
