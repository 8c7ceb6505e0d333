/* SPDX-License-Identifier: Apache-2.0 */
/* The image.variants payload: defaults, bounds, and errors that name the field. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "extensions/vips/request.h"

static int parse(const char *text, struct request *request, struct berth_error *err)
{
	AUTO_JSON json_t *payload = NULL;

	assert_int_equal(json_parse(text, strlen(text), &payload, err), 0);
	return request_parse(payload, request, err);
}

static void test_null_is_the_default_trio(void **state)
{
	struct request request;
	struct berth_error error = {0};

	(void)state;
	assert_int_equal(parse("null", &request, &error), 0);
	assert_int_equal(request.variant_count, 3);
	assert_string_equal(request.variants[0].name, "thumb");
	assert_int_equal(request.variants[0].width, 200);
	assert_int_equal(request.variants[0].height, 200);
	assert_int_equal(request.variants[0].fit, VARIANT_COVER);
	assert_int_equal(request.variants[0].quality, 80);
	assert_int_equal(request.variants[1].width, 800);
	assert_int_equal(request.variants[1].height, 0);
	assert_int_equal(request.variants[1].quality, 80);
	assert_int_equal(request.variants[2].width, 1920);
	assert_int_equal(request.variants[2].quality, 85);
	assert_int_equal(request.variants[2].format, VARIANT_WEBP);
	assert_int_equal(request.variants[2].effort, 4);
	assert_true(request.variants[2].without_enlargement);
	assert_true(request.strip);
	assert_int_equal(request.fail_on, REQUEST_FAIL_ON_WARNING);
	assert_int_equal(request.max_pixels, 268402689);
	assert_int_equal(request.decode_limit_ms, 60000);
	request_finish(&request);
}

static void test_every_field_is_taken(void **state)
{
	struct request request;
	struct berth_error error = {0};
	const struct variant *variant = &request.variants[0];

	(void)state;
	assert_int_equal(parse("{\"variants\":[{\"name\":\"a.B-c_1\",\"width\":16383,\"height\":1,"
			       "\"fit\":\"contain\",\"format\":\"avif\",\"quality\":1,"
			       "\"effort\":9,\"lossless\":true,\"background\":\"#01fF7f80\","
			       "\"without_enlargement\":false}],\"strip\":false,"
			       "\"fail_on\":\"error\",\"max_pixels\":1,\"decode_limit\":0.5}",
			       &request, &error),
			 0);
	assert_string_equal(variant->name, "a.B-c_1");
	assert_int_equal(variant->width, 16383);
	assert_int_equal(variant->height, 1);
	assert_int_equal(variant->fit, VARIANT_CONTAIN);
	assert_int_equal(variant->format, VARIANT_AVIF);
	assert_int_equal(variant->quality, 1);
	assert_int_equal(variant->effort, 9);
	assert_true(variant->lossless);
	assert_int_equal(variant->background_rgba[0], 0x01);
	assert_int_equal(variant->background_rgba[1], 0xff);
	assert_int_equal(variant->background_rgba[2], 0x7f);
	assert_int_equal(variant->background_rgba[3], 0x80);
	assert_false(variant->without_enlargement);
	assert_false(request.strip);
	assert_int_equal(request.fail_on, REQUEST_FAIL_ON_ERROR);
	assert_int_equal(request.max_pixels, 1);
	assert_int_equal(request.decode_limit_ms, 500);
	request_finish(&request);
}

static void test_formats_have_their_own_effort(void **state)
{
	static const struct {
		const char *format;
		int effort;
	} rows[] = {
		{"webp", 4},
                {"avif", 4},
                {"jpeg", 0},
                {"png",  6}
        };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct request request;
		struct berth_error error = {0};
		AUTO_JSON json_t *payload = json_pack("{s:[{s:s, s:i, s:s}]}", "variants", "name",
						      "a", "width", 1, "format", rows[i].format);

		assert_int_equal(request_parse(payload, &request, &error), 0);
		assert_int_equal(request.variants[0].effort, rows[i].effort);
		assert_int_equal(request.variants[0].background_rgba[3], 255);
		request_finish(&request);
	}
}

/* Each bad payload, and the start of what is said about it. */
static const struct {
	const char *payload, *said;
} bad[] = {
	{"[]",										  "not a JSON object"                            },
	{"{\"varants\":[]}",								    "varants: unknown field"                       },
	{"{\"variants\":[]}",								   "variants: must be a list of 1 to 32"          },
	{"{\"variants\":{}}",								   "variants: must be a list of 1 to 32"          },
	{"{\"variants\":7}",								    "variants: must be a list of 1 to 32"          },
	{"{\"variants\":[7]}",								  "variants[0].name: missing"                    },
	{"{\"variants\":[{\"width\":1}]}",						      "variants[0].name: missing"                    },
	{"{\"variants\":[{\"name\":\"a\"}]}",						   "variants[0].width: give width, height or both"},
	{"{\"variants\":[{\"name\":\"\",\"width\":1}]}",                                        "variants[0].name: text of 0 bytes"            },
	{"{\"variants\":[{\"name\":\"..\",\"width\":1}]}",                                      "variants[0].name: \"..\" is not made"         },
	{"{\"variants\":[{\"name\":\"-a\",\"width\":1}]}",                                      "variants[0].name: \"-a\" is not made"         },
	{"{\"variants\":[{\"name\":\"a/b\",\"width\":1}]}",
	 "variants[0].name: \"a/b\" is not made"											       },
	{"{\"variants\":[{\"name\":\"a\\u00e9\",\"width\":1}]}",                                "variants[0].name: "                           },
	{"{\"variants\":[{\"name\":\"a\",\"width\":16384}]}",                                   "variants[0].width: 16384 is not"              },
	{"{\"variants\":[{\"name\":\"a\",\"width\":-1}]}",                                      "variants[0].width: -1 is not"                 },
	{"{\"variants\":[{\"name\":\"a\",\"width\":1.5}]}",                                     "variants[0].width: 1.5 is not"                },
	{"{\"variants\":[{\"name\":\"a\",\"width\":\"1\"}]}",                                   "variants[0].width: "                          },
	{"{\"variants\":[{\"name\":\"a\",\"width\":1},{\"name\":\"b\",\"width\":1},"
	 "{\"name\":\"c\",\"width\":99999}]}",					 "variants[2].width: 99999 is not"              },
	{"{\"variants\":[{\"name\":\"a\",\"width\":1,\"quality\":0}]}",                         "variants[0].quality: 0"                       },
	{"{\"variants\":[{\"name\":\"a\",\"width\":1,\"quality\":101}]}",
	 "variants[0].quality: 101"													    },
	{"{\"variants\":[{\"name\":\"a\",\"width\":1,\"fit\":\"fill\"}]}",
	 "variants[0].fit: \"fill\""													   },
	{"{\"variants\":[{\"name\":\"a\",\"width\":1,\"format\":\"gif\"}]}",
	 "variants[0].format: \"gif\""													 },
	{"{\"variants\":[{\"name\":\"a\",\"width\":1,\"effort\":7}]}",
	 "variants[0].effort: webp takes 0 to 6, not 7"											},
	{"{\"variants\":[{\"name\":\"a\",\"width\":1,\"effort\":-2}]}",                         "variants[0].effort: -2"                       },
	{"{\"variants\":[{\"name\":\"a\",\"width\":1,\"format\":\"jpeg\",\"lossless\":true}]}",
	 "variants[0].lossless: jpeg"													  },
	{"{\"variants\":[{\"name\":\"a\",\"width\":1,\"background\":\"white\"}]}",
	 "variants[0].background: "													    },
	{"{\"variants\":[{\"name\":\"a\",\"width\":1,\"background\":\"#12345g\"}]}",
	 "variants[0].background: \"#12345g\""												 },
	{"{\"variants\":[{\"name\":\"a\",\"width\":1,\"background\":\"#1234567\"}]}",
	 "variants[0].background: \"#1234567\""												},
	{"{\"variants\":[{\"name\":\"a\",\"width\":1},{\"name\":\"A\",\"width\":2}]}",
	 "variants[1].name: \"A\" is taken by variants[0]"										     },
	{"{\"max_pixels\":0}",								  "max_pixels: 0 is not"                         },
	{"{\"decode_limit\":0}",								"decode_limit: 0 is not"                       },
	{"{\"decode_limit\":\"2h\"}",							   "decode_limit: 2h is not"                      },
	{"{\"fail_on\":true}",								  "fail_on: "                                    },
	{"{\"strip\":1}",								       "strip: 1 is not true or false"                },
};

static void test_errors_name_the_field(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct request request;
		struct berth_error error = {0};

		assert_int_equal(parse(bad[i].payload, &request, &error), -1);
		assert_int_equal(error.code, BERTH_INVALID);
		if (strncmp(error.message, bad[i].said, strlen(bad[i].said)) != 0)
			fail_msg("%s: \"%s\"", bad[i].payload, error.message);
		request_finish(&request);
	}
}

static void test_same_name_in_two_formats_is_two_files(void **state)
{
	struct request request;
	struct berth_error error = {0};

	(void)state;
	assert_int_equal(parse("{\"variants\":[{\"name\":\"a\",\"width\":1},"
			       "{\"name\":\"a\",\"width\":1,\"format\":\"png\"}]}",
			       &request, &error),
			 0);
	assert_int_equal(request.variant_count, 2);
	request_finish(&request);
}

static void test_variants_are_bounded(void **state)
{
	AUTO_JSON json_t *variants = json_array();
	AUTO_JSON json_t *payload = json_pack("{s:O}", "variants", variants);
	struct request request;
	struct berth_error error = {0};

	(void)state;
	for (int i = 0; i < REQUEST_VARIANTS_MAX; i++)
		assert_int_equal(json_array_append_new(variants, json_pack("{s:o, s:i}", "name",
									   json_sprintf("v%d", i),
									   "width", i + 1)),
				 0);
	assert_int_equal(request_parse(payload, &request, &error), 0);
	assert_int_equal(request.variant_count, REQUEST_VARIANTS_MAX);
	request_finish(&request);
	assert_int_equal(
		json_array_append_new(variants, json_pack("{s:s, s:i}", "name", "x", "width", 1)),
		0);
	assert_int_equal(request_parse(payload, &request, &error), -1);
	assert_string_equal(error.message, "variants: must be a list of 1 to 32");
	request_finish(&request);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_null_is_the_default_trio),
		cmocka_unit_test(test_every_field_is_taken),
		cmocka_unit_test(test_formats_have_their_own_effort),
		cmocka_unit_test(test_errors_name_the_field),
		cmocka_unit_test(test_same_name_in_two_formats_is_two_files),
		cmocka_unit_test(test_variants_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
