/* SPDX-License-Identifier: Apache-2.0 */
/* Geometry of the variants, and which picture each is made from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "extensions/vips/plan.h"

static void prepare(const char *variants, struct request *request)
{
	struct berth_error error = {0};
	AUTO_JSON json_t *list = NULL;
	AUTO_JSON json_t *payload = NULL;

	assert_int_equal(json_parse(variants, strlen(variants), &list, &error), 0);
	payload = json_pack("{s:O}", "variants", list);
	assert_int_equal(request_parse(payload, request, &error), 0);
}

/* One variant of an input: what is scaled, cut and put where. */
static const struct {
	const char *variant; /* fields beside the name */
	int width, height;
	int scaled_width, scaled_height, area_left, area_top, area_width, area_height;
	int canvas_left, canvas_top, canvas_width, canvas_height;
} geometry[] = {
	{"\"width\":800",					      6000,  4000,  800, 533, 0,   0,  800, 533, 0,  0,  800, 533},
	{"\"height\":100",					     6000,  4000,  150, 100, 0,   0,  150, 100, 0,  0,  150, 100},
	{"\"width\":200,\"height\":200",                               6000,  4000,  300, 200, 50,  0,  200, 200, 0,  0,  200, 200},
	{"\"width\":200,\"height\":200",                               4000,  6000,  200, 300, 0,   50, 200, 200, 0,  0,  200, 200},
	{"\"width\":200,\"height\":200,\"fit\":\"inside\"",            6000,  4000,  200, 133, 0,   0,  200, 133, 0,
	 0,													       200, 133},
	{"\"width\":200,\"height\":200,\"fit\":\"contain\"",           6000,  4000,  200, 133, 0,   0,  200, 133,
	 0,													   33, 200, 200},
 /* smaller inputs stay as they are */
	{"\"width\":800",					      100,   50,    100, 50,  0,   0,  100, 50,  0,  0,  100, 50 },
	{"\"width\":200,\"height\":200",                               100,   50,    100, 50,  0,   0,  100, 50,  0,  0,  100, 50 },
	{"\"width\":200,\"height\":20",                                100,   50,    100, 50,  0,   15, 100, 20,  0,  0,  100, 20 },
	{"\"width\":200,\"height\":200,\"fit\":\"contain\"",           100,   50,    100, 50,  0,   0,  100, 50,  50,
	 75,													      200, 200},
 /* unless they are to be enlarged */
	{"\"width\":800,\"without_enlargement\":false",                100,   50,    800, 400, 0,   0,  800, 400, 0,  0,
	 800,														  400},
	{"\"width\":200,\"height\":200,\"without_enlargement\":false", 100,   50,    400, 200, 100, 0,
	 200,												200, 0,  0,  200, 200},
 /* no side is lost */
	{"\"width\":1",						10000, 3,     1,   1,   0,   0,  1,   1,   0,  0,  1,   1  },
	{"\"width\":100,\"height\":100,\"fit\":\"inside\"",            1,     60000, 1,   100, 0,   0,  1,   100, 0,  0,  1,
	 100														      },
};

static void test_geometry(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(geometry) / sizeof(geometry[0]); i++) {
		struct request request;
		struct berth_error error = {0};
		struct plan plan;
		const struct plan_step *step = &plan.steps[0];
		char text[256];

		(void)snprintf(text, sizeof(text), "[{\"name\":\"a\",%s}]", geometry[i].variant);
		prepare(text, &request);
		assert_int_equal(
			plan_make(&request, geometry[i].width, geometry[i].height, &plan, &error),
			0);
		assert_int_equal(step->scaled_width, geometry[i].scaled_width);
		assert_int_equal(step->scaled_height, geometry[i].scaled_height);
		assert_int_equal(step->area_left, geometry[i].area_left);
		assert_int_equal(step->area_top, geometry[i].area_top);
		assert_int_equal(step->area_width, geometry[i].area_width);
		assert_int_equal(step->area_height, geometry[i].area_height);
		assert_int_equal(step->canvas_left, geometry[i].canvas_left);
		assert_int_equal(step->canvas_top, geometry[i].canvas_top);
		assert_int_equal(step->canvas_width, geometry[i].canvas_width);
		assert_int_equal(step->canvas_height, geometry[i].canvas_height);
		request_finish(&request);
	}
}

static void test_default_trio_is_a_cascade(void **state)
{
	struct request request;
	struct berth_error error = {0};
	struct plan plan;

	(void)state;
	assert_int_equal(request_parse(NULL, &request, &error), 0);
	assert_int_equal(plan_make(&request, 6028, 3391, &plan, &error), 0);
	assert_int_equal(plan.base_width, 1920);
	assert_int_equal(plan.base_height, 1080);
	/* 1920 is the base, 800 comes from it, and the square from 800 */
	assert_int_equal(plan.steps[0].variant, 2);
	assert_int_equal(plan.steps[0].source, PLAN_FROM_BASE);
	assert_false(plan.steps[0].kept);
	assert_int_equal(plan.steps[1].variant, 1);
	assert_int_equal(plan.steps[1].source, PLAN_FROM_BASE);
	assert_true(plan.steps[1].kept);
	assert_int_equal(plan.steps[2].variant, 0);
	assert_int_equal(plan.steps[2].source, 1);
	assert_false(plan.steps[2].kept);
	request_finish(&request);
}

static void test_near_sizes_are_not_resampled_twice(void **state)
{
	struct request request;
	struct berth_error error = {0};
	struct plan plan;

	(void)state;
	prepare("[{\"name\":\"a\",\"width\":1000},{\"name\":\"b\",\"width\":900},"
		"{\"name\":\"c\",\"width\":800},{\"name\":\"d\",\"width\":400}]",
		&request);
	assert_int_equal(plan_make(&request, 5000, 5000, &plan, &error), 0);
	assert_int_equal(plan.steps[1].source, PLAN_FROM_BASE);
	assert_int_equal(plan.steps[2].source, PLAN_FROM_BASE);
	assert_int_equal(plan.steps[3].source, 2); /* exactly half of 800 */
	request_finish(&request);
}

static void test_enlarged_pictures_are_no_source(void **state)
{
	struct request request;
	struct berth_error error = {0};
	struct plan plan;

	(void)state;
	prepare("[{\"name\":\"a\",\"width\":1000,\"without_enlargement\":false},"
		"{\"name\":\"b\",\"width\":90}]",
		&request);
	assert_int_equal(plan_make(&request, 100, 100, &plan, &error), 0);
	assert_int_equal(plan.base_width, 100);
	assert_int_equal(plan.steps[0].scaled_width, 1000);
	assert_int_equal(plan.steps[0].source, PLAN_FROM_BASE);
	assert_int_equal(plan.steps[1].source, PLAN_FROM_BASE);
	request_finish(&request);
}

static void test_impossible_enlargements_are_refused(void **state)
{
	static const char *const texts[] = {
		"[{\"name\":\"a\",\"width\":1},{\"name\":\"b\",\"width\":9000,\"height\":9000,"
		"\"without_enlargement\":false}]",
		"[{\"name\":\"a\",\"width\":1},{\"name\":\"b\",\"height\":100,"
		"\"without_enlargement\":false}]",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct request request;
		struct berth_error error = {0};
		struct plan plan;

		prepare(texts[i], &request);
		assert_int_equal(plan_make(&request, 60000, 2, &plan, &error), -1);
		assert_int_equal(error.code, BERTH_LIMIT);
		assert_memory_equal(error.message, "variants[1]: ", 13);
		request_finish(&request);
	}
}

static void test_shrink_never_goes_below_the_base(void **state)
{
	static const struct {
		int width, height;
		double shrink;
	} rows[] = {
		{3840, 2160, 2            },
                {1920, 1080, 1            },
                {6028, 3391, 6028.0 / 1920},
                {1900, 1080, 1            }
        };
	struct plan plan = {.base_width = 1920, .base_height = 1080};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_float_equal(plan_shrink(&plan, rows[i].width, rows[i].height),
				   rows[i].shrink, 1e-9);
}

static void test_memory_counts_what_is_held(void **state)
{
	struct request request;
	struct berth_error error = {0};
	struct plan plan;
	uint64_t one, two;

	(void)state;
	assert_int_equal(request_parse(NULL, &request, &error), 0);
	assert_int_equal(plan_make(&request, 6000, 4000, &plan, &error), 0);
	one = plan_memory(&plan, &request, 3, 1);
	two = plan_memory(&plan, &request, 3, 2);
	assert_true(one > 2 * UINT64_C(1920) * 1280 * 3);
	assert_true(two > one);
	assert_true(two < 100 * UINT64_C(1048576));
	/* more workers than files cost nothing */
	assert_int_equal(plan_memory(&plan, &request, 3, 3), plan_memory(&plan, &request, 3, 16));
	request_finish(&request);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_geometry),
		cmocka_unit_test(test_default_trio_is_a_cascade),
		cmocka_unit_test(test_near_sizes_are_not_resampled_twice),
		cmocka_unit_test(test_enlarged_pictures_are_no_source),
		cmocka_unit_test(test_impossible_enlargements_are_refused),
		cmocka_unit_test(test_shrink_never_goes_below_the_base),
		cmocka_unit_test(test_memory_counts_what_is_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
