/* SPDX-License-Identifier: Apache-2.0 */
/* image.variants on good input: every format in and out, fits, orientation, colour, metadata. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "tests/media/image_picture.h"
#include "tests/media/image_program.h"

static const json_t *variant_of(const struct image_run *run, size_t index)
{
	return json_array_get(json_object_get(run->output, "variants"), index);
}

static int integer_of(const json_t *object, const char *name)
{
	return (int)json_integer_value(json_object_get(object, name));
}

static void assert_size(const char *name, int width, int height)
{
	VipsImage *image = picture_open(name);

	assert_int_equal(vips_image_get_width(image), width);
	assert_int_equal(vips_image_get_height(image), height);
	g_object_unref(image);
}

static void save_quarters(const char *name, int width, int height, const char *options)
{
	VipsImage *image = picture_quarters(width, height);

	picture_save(image, name, options);
	g_object_unref(image);
}

static void test_default_trio(void **state)
{
	struct image_run run = {0};
	struct stat status;
	const json_t *decode, *last;

	(void)state;
	save_quarters("large.jpg", 4000, 2000, "");
	image_run(&run, image_path("large.jpg"));
	assert_int_equal(run.exit_status, 0);
	assert_size("thumb.webp", 200, 200);
	assert_size("w800.webp", 800, 400);
	assert_size("w1920.webp", 1920, 960);
	assert_int_equal(image_output_count(), 3);
	/* one decode, shrunk by the loader itself */
	decode = json_object_get(run.output, "decode");
	assert_float_equal(json_number_value(json_object_get(decode, "shrink")), 2, 0);
	assert_int_equal(integer_of(decode, "width"), 2000);
	last = variant_of(&run, 2);
	assert_int_equal(integer_of(last, "width"), 1920);
	assert_int_equal(integer_of(last, "height"), 960);
	assert_int_equal(stat(json_string_value(json_object_get(last, "path")), &status), 0);
	assert_int_equal(integer_of(last, "bytes"), status.st_size);
	assert_true(run.progress >= 2);
	assert_float_equal(run.last_percent, 100, 1e-6);
	image_run_finish(&run);
}

static void test_small_inputs_are_not_enlarged(void **state)
{
	struct image_run run = {0};

	(void)state;
	save_quarters("small.png", 60, 40, "");
	image_run(&run, image_path("small.png"));
	assert_int_equal(run.exit_status, 0);
	assert_size("thumb.webp", 60, 40);
	assert_size("w1920.webp", 60, 40);
	image_run_finish(&run);
	run.payload = "{\"variants\":[{\"name\":\"a\",\"width\":600,\"format\":\"png\","
		      "\"without_enlargement\":false},{\"name\":\"b\",\"width\":90,\"height\":90,"
		      "\"format\":\"png\",\"without_enlargement\":false}]}";
	image_run(&run, image_path("small.png"));
	assert_int_equal(run.exit_status, 0);
	assert_size("a.png", 600, 400);
	assert_size("b.png", 90, 90);
	image_run_finish(&run);
}

/* A JPEG whose EXIF says that orientation, and which stands upright when it is obeyed. */
static void save_oriented(const char *name, int orientation)
{
	/* How an upright picture is stored: turned by this, and mirrored before that. */
	static const struct {
		bool mirrored;
		VipsAngle angle;
	} stored[] = {
		{false, VIPS_ANGLE_D0  },
                {true,  VIPS_ANGLE_D0  },
                {false, VIPS_ANGLE_D180},
		{true,  VIPS_ANGLE_D180},
                {true,  VIPS_ANGLE_D270},
                {false, VIPS_ANGLE_D270},
		{true,  VIPS_ANGLE_D90 },
                {false, VIPS_ANGLE_D90 }
        };
	VipsImage *upright = picture_quarters(300, 200);
	VipsImage *mirrored = NULL, *turned = NULL, *tagged = NULL;

	if (stored[orientation - 1].mirrored)
		assert_int_equal(vips_flip(upright, &mirrored, VIPS_DIRECTION_HORIZONTAL, NULL), 0);
	else
		mirrored = g_object_ref(upright);
	assert_int_equal(vips_rot(mirrored, &turned, stored[orientation - 1].angle, NULL), 0);
	assert_int_equal(vips_copy(turned, &tagged, NULL), 0);
	vips_image_set_int(tagged, VIPS_META_ORIENTATION, orientation);
	picture_save(tagged, name, "[Q=95,subsample-mode=off]");
	g_object_unref(tagged);
	g_object_unref(turned);
	g_object_unref(mirrored);
	g_object_unref(upright);
}

static void test_every_orientation_stands_upright(void **state)
{
	struct image_run run = {
		.payload =
			"{\"strip\":false,\"variants\":[{\"name\":\"w\",\"width\":120,\"format\":"
			"\"png\"},{\"name\":\"c\",\"width\":40,\"height\":40,\"format\":\"jpeg\","
			"\"quality\":95}]}"};

	(void)state;
	for (int orientation = 1; orientation <= 8; orientation++) {
		const char *payload = run.payload;
		VipsImage *image;

		save_oriented("oriented.jpg", orientation);
		image_run(&run, image_path("oriented.jpg"));
		assert_int_equal(run.exit_status, 0);
		assert_int_equal(integer_of(json_object_get(run.output, "input"), "orientation"),
				 orientation);
		assert_int_equal(integer_of(json_object_get(run.output, "input"), "width"), 300);
		assert_size("w.png", 120, 80);
		image = picture_open("w.png");
		picture_assert_quarters(image, 8, -1);
		g_object_unref(image);
		image = picture_open("c.jpg");
		picture_assert_quarters(image, 12, -1);
		/* and nothing turns it again */
		assert_int_equal(vips_image_get_orientation(image), 1);
		g_object_unref(image);
		image_run_finish(&run);
		run.payload = payload;
	}
}

/* Inputs of every format and kind of channel; what must come out of them. */
enum looks {
	LOOKS_SAME,
	LOOKS_GREY,
	LOOKS_INKED, /* through ink and back */
};

/* clang-format off */
#define NONE (-1)
#define HALF 128
#define FULL 255

static const struct input_row {
	const char *file, *options;
	VipsInterpretation space; /* converted to before it is written */
	int alpha; /* that comes out; NONE: no such channel */
	int tolerance;
	enum looks looks;
} inputs[] = {
	{"a.jpg", "[Q=95,subsample-mode=off]", VIPS_INTERPRETATION_sRGB, NONE, 4, LOOKS_SAME},
	{"b.jpg", "[Q=95,interlace,subsample-mode=off]", VIPS_INTERPRETATION_sRGB, NONE, 4, LOOKS_SAME},
	{"c.jpg", "[Q=95]", VIPS_INTERPRETATION_B_W, NONE, 4, LOOKS_GREY},
	{"d.jpg", "[Q=95,strip]", VIPS_INTERPRETATION_CMYK, NONE, 8, LOOKS_INKED},
	{"e.png", "", VIPS_INTERPRETATION_sRGB, NONE, 1, LOOKS_SAME},
	{"f.png", "[interlace]", VIPS_INTERPRETATION_sRGB, HALF, 1, LOOKS_SAME},
	{"g.png", "", VIPS_INTERPRETATION_RGB16, NONE, 1, LOOKS_SAME},
	{"h.png", "", VIPS_INTERPRETATION_RGB16, HALF, 1, LOOKS_SAME},
	{"i.png", "", VIPS_INTERPRETATION_GREY16, NONE, 1, LOOKS_GREY},
	{"j.png", "", VIPS_INTERPRETATION_B_W, HALF, 1, LOOKS_GREY},
	{"k.png", "[palette]", VIPS_INTERPRETATION_sRGB, NONE, 2, LOOKS_SAME},
	{"l.png", "[bitdepth=1]", VIPS_INTERPRETATION_B_W, NONE, 255, LOOKS_GREY},
	{"m.webp", "[Q=95]", VIPS_INTERPRETATION_sRGB, NONE, 8, LOOKS_SAME},
	{"n.webp", "[lossless]", VIPS_INTERPRETATION_sRGB, HALF, 1, LOOKS_SAME},
	{"o.gif", "", VIPS_INTERPRETATION_sRGB, FULL, 2, LOOKS_SAME},
	{"p.tif", "", VIPS_INTERPRETATION_sRGB, HALF, 1, LOOKS_SAME},
	{"q.tif", "[tile,compression=deflate]", VIPS_INTERPRETATION_RGB16, NONE, 1, LOOKS_SAME},
	{"r.tif", "", VIPS_INTERPRETATION_LAB, NONE, 3, LOOKS_SAME},
	{"s.tif", "", VIPS_INTERPRETATION_LABQ, NONE, 14, LOOKS_SAME},
	{"t.tif", "", VIPS_INTERPRETATION_scRGB, NONE, 2, LOOKS_SAME},
	{"u.tif", "", VIPS_INTERPRETATION_CMYK, NONE, 8, LOOKS_INKED},
	{"v.tif", "[bigtiff,compression=lzw]", VIPS_INTERPRETATION_B_W, NONE, 1, LOOKS_GREY},
	{"w.avif", "[Q=90]", VIPS_INTERPRETATION_sRGB, NONE, 8, LOOKS_SAME},
	{"x.avif", "[Q=90]", VIPS_INTERPRETATION_sRGB, HALF, 8, LOOKS_SAME},
	{"y.heic", "[Q=90]", VIPS_INTERPRETATION_sRGB, NONE, 8, LOOKS_SAME},
};
/* clang-format on */

static void save_input(const struct input_row *row)
{
	VipsImage *image = picture_quarters(300, 200);
	VipsImage *next = NULL;

	if (row->alpha == HALF) {
		VipsImage *with = NULL;

		assert_int_equal(vips_bandjoin_const1(image, &with, HALF, NULL), 0);
		g_object_unref(image);
		image = with;
	}
	if (row->space != VIPS_INTERPRETATION_sRGB) {
		assert_int_equal(vips_colourspace(image, &next, row->space, NULL), 0);
		g_object_unref(image);
		image = next;
	}
	picture_save(image, row->file, row->options);
	g_object_unref(image);
}

static void check_input(const struct input_row *row)
{
	static const int grey[] = {124, 124, 124, HALF}; /* as light as red is */
	static const int inked[] = {236, 52, 46};
	const int *red = row->looks == LOOKS_GREY ? grey : inked;
	struct image_run run = {
		.payload = "{\"variants\":[{\"name\":\"v\",\"width\":90,\"format\":\"png\"}]}"};
	VipsImage *image;

	save_input(row);
	image_run(&run, image_path(row->file));
	if (run.exit_status != 0)
		fail_msg("%s: exit status %d, %s", row->file, run.exit_status, run.message);
	image = picture_open("v.png");
	assert_int_equal(vips_image_get_interpretation(image), VIPS_INTERPRETATION_sRGB);
	assert_int_equal(vips_image_get_format(image), VIPS_FORMAT_UCHAR);
	assert_int_equal(vips_image_get_bands(image), row->alpha == NONE ? 3 : 4);
	if (row->looks == LOOKS_SAME)
		picture_assert_quarters(image, row->tolerance, row->alpha);
	else
		picture_assert_pixel(image, 20, 15, red, row->alpha == NONE ? 3 : 4,
				     row->tolerance + 3);
	g_object_unref(image);
	image_run_finish(&run);
}

static void test_every_input(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++)
		check_input(&inputs[i]);
}

static void test_animations_give_their_first_frame(void **state)
{
	static const char *const files[] = {"anim.gif", "anim.webp"};
	struct image_run run = {0};
	VipsImage *first = picture_quarters(120, 80);
	VipsImage *second = NULL, *both = NULL, *film = NULL;

	(void)state;
	assert_int_equal(vips_invert(first, &second, NULL), 0);
	assert_int_equal(vips_join(first, second, &both, VIPS_DIRECTION_VERTICAL, NULL), 0);
	assert_int_equal(vips_copy(both, &film, NULL), 0);
	vips_image_set_int(film, VIPS_META_PAGE_HEIGHT, 80);
	for (size_t i = 0; i < 2; i++) {
		VipsImage *image;

		picture_save(film, files[i], "");
		run.payload = "{\"variants\":[{\"name\":\"v\",\"width\":60,\"format\":\"png\"}]}";
		image_run(&run, image_path(files[i]));
		assert_int_equal(run.exit_status, 0);
		assert_int_equal(integer_of(json_object_get(run.output, "input"), "pages"), 2);
		assert_size("v.png", 60, 40);
		image = picture_open("v.png");
		/* a GIF of several frames is written with transparency */
		picture_assert_quarters(image, 10, vips_image_hasalpha(image) ? FULL : NONE);
		g_object_unref(image);
		image_run_finish(&run);
	}
	g_object_unref(film);
	g_object_unref(both);
	g_object_unref(second);
	g_object_unref(first);
}

static void test_every_output_format(void **state)
{
	static const char payload[] =
		"{\"variants\":["
		"{\"name\":\"a\",\"width\":150,\"format\":\"webp\",\"quality\":90},"
		"{\"name\":\"b\",\"width\":150,\"format\":\"webp\",\"lossless\":true},"
		"{\"name\":\"c\",\"width\":150,\"format\":\"avif\",\"quality\":80},"
		"{\"name\":\"d\",\"width\":150,\"format\":\"png\",\"effort\":9},"
		"{\"name\":\"e\",\"width\":150,\"format\":\"jpeg\",\"quality\":90,"
		"\"background\":\"#000000\"}]}";
	static const struct {
		const char *file, *loader;
		bool alpha;
		int tolerance;
	} rows[] = {
		{"a.webp", "webpload", true, 10},
		{"b.webp", "webpload", true, 2 },
		{"c.avif", "heifload", true, 10},
		{"d.png",  "pngload",  true, 2 }
        };
	static const int half_red[] = {128, 0, 0};
	struct image_run run = {.payload = payload};
	const struct input_row input = {"alpha.png", "", VIPS_INTERPRETATION_sRGB,
					HALF,        0,  LOOKS_SAME};
	VipsImage *image;

	(void)state;
	save_input(&input);
	image_run(&run, image_path("alpha.png"));
	assert_int_equal(run.exit_status, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *loader = NULL;

		image = picture_open(rows[i].file);
		assert_int_equal(vips_image_get_string(image, "vips-loader", &loader), 0);
		assert_string_equal(loader, rows[i].loader);
		picture_assert_quarters(image, rows[i].tolerance, 128);
		g_object_unref(image);
	}
	/* JPEG has no alpha: half of red over black */
	image = picture_open("e.jpg");
	picture_assert_pixel(image, 30, 20, half_red, 3, 10);
	g_object_unref(image);
	image_run_finish(&run);
}

static void test_fits(void **state)
{
	static const int white[] = {255, 255, 255}, clear[] = {0, 0, 255, 0}, red[] = {255, 0, 0};
	struct image_run run = {
		.payload = "{\"variants\":["
			   "{\"name\":\"cover\",\"width\":60,\"height\":60,\"format\":\"png\"},"
			   "{\"name\":\"inside\",\"width\":60,\"height\":60,\"fit\":\"inside\","
			   "\"format\":\"png\"},"
			   "{\"name\":\"contain\",\"width\":60,\"height\":60,\"fit\":\"contain\","
			   "\"format\":\"png\"},"
			   "{\"name\":\"clear\",\"width\":60,\"height\":60,\"fit\":\"contain\","
			   "\"format\":\"png\",\"background\":\"#0000ff00\"}]}"};
	VipsImage *image;

	(void)state;
	save_quarters("fit.png", 300, 200, "");
	image_run(&run, image_path("fit.png"));
	assert_int_equal(run.exit_status, 0);
	assert_size("cover.png", 60, 60);
	assert_size("inside.png", 60, 40);
	assert_size("contain.png", 60, 60);
	image = picture_open("cover.png");
	picture_assert_quarters(image, 1, -1);
	g_object_unref(image);
	image = picture_open("contain.png");
	picture_assert_pixel(image, 30, 4, white, 3, 0);
	picture_assert_pixel(image, 15, 15, red, 3, 1);
	g_object_unref(image);
	image = picture_open("clear.png");
	picture_assert_pixel(image, 30, 4, clear, 4, 0);
	g_object_unref(image);
	image_run_finish(&run);
}

/* The same numbers as libvips' own transform, and no profile left. */
static void test_profiles_become_srgb(void **state)
{
	struct image_run run = {
		.payload = "{\"variants\":[{\"name\":\"v\",\"width\":300,\"format\":\"png\"}]}"};
	VipsImage *srgb = picture_quarters(300, 200);
	VipsImage *wide = NULL, *expected = NULL, *image;

	(void)state;
	assert_int_equal(vips_icc_export(srgb, &wide, "output_profile", "p3", NULL), 0);
	picture_save(wide, "wide.png", "");
	assert_int_equal(vips_icc_transform(wide, &expected, "srgb", "embedded", TRUE, NULL), 0);
	image_run(&run, image_path("wide.png"));
	assert_int_equal(run.exit_status, 0);
	assert_true(json_is_true(json_object_get(json_object_get(run.output, "input"), "profile")));
	image = picture_open("v.png");
	assert_int_equal(vips_image_get_typeof(image, VIPS_META_ICC_NAME), 0);
	for (int i = 0; i < 4; i++) {
		int x = i % 2 ? 250 : 50, y = i / 2 ? 150 : 50, channels[3], count;
		double *pixel = NULL;

		assert_int_equal(vips_getpoint(expected, &pixel, &count, x, y, NULL), 0);
		for (int k = 0; k < 3; k++)
			channels[k] = (int)pixel[k];
		g_free(pixel);
		picture_assert_pixel(image, x, y, channels, 3, 0);
	}
	g_object_unref(image);
	g_object_unref(expected);
	g_object_unref(wide);
	g_object_unref(srgb);
	image_run_finish(&run);
}

static void test_metadata_is_stripped_unless_kept(void **state)
{
	static const char *const payloads[] = {
		"{\"variants\":[{\"name\":\"v\",\"width\":50,\"format\":\"jpeg\"}]}",
		"{\"strip\":false,\"variants\":[{\"name\":\"v\",\"width\":50,\"format\":\"jpeg\"}]}",
	};
	VipsImage *image = picture_quarters(100, 100);
	VipsImage *tagged = NULL;

	(void)state;
	assert_int_equal(vips_copy(image, &tagged, NULL), 0);
	vips_image_set_string(tagged, "exif-ifd0-Artist", "A. Photographer");
	picture_save(tagged, "tagged.jpg", "");
	g_object_unref(tagged);
	g_object_unref(image);
	for (int kept = 0; kept < 2; kept++) {
		struct image_run run = {.payload = payloads[kept]};

		image_run(&run, image_path("tagged.jpg"));
		assert_int_equal(run.exit_status, 0);
		image = picture_open("v.jpg");
		assert_int_equal(vips_image_get_typeof(image, "exif-ifd0-Artist") != 0, kept);
		g_object_unref(image);
		image_run_finish(&run);
	}
}

static void test_thirty_two_variants(void **state)
{
	char payload[4096] = "{\"variants\":[";
	struct image_run run = {.payload = payload};
	size_t used = strlen(payload);

	(void)state;
	for (int i = 0; i < 32; i++)
		used += (size_t)snprintf(payload + used, sizeof(payload) - used,
					 "%s{\"name\":\"v%d\",\"width\":%d}", i ? "," : "", i,
					 (i + 1) * 10);
	(void)snprintf(payload + used, sizeof(payload) - used, "]}");
	save_quarters("many.jpg", 900, 600, "");
	image_run(&run, image_path("many.jpg"));
	assert_int_equal(run.exit_status, 0);
	assert_int_equal(image_output_count(), 32);
	assert_size("v0.webp", 10, 7);
	assert_size("v31.webp", 320, 213);
	image_run_finish(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_default_trio),
		cmocka_unit_test(test_small_inputs_are_not_enlarged),
		cmocka_unit_test(test_every_orientation_stands_upright),
		cmocka_unit_test(test_every_input),
		cmocka_unit_test(test_animations_give_their_first_frame),
		cmocka_unit_test(test_every_output_format),
		cmocka_unit_test(test_fits),
		cmocka_unit_test(test_profiles_become_srgb),
		cmocka_unit_test(test_metadata_is_stripped_unless_kept),
		cmocka_unit_test(test_thirty_two_variants),
	};

	return cmocka_run_group_tests(tests, image_group_setup, image_group_teardown);
}
