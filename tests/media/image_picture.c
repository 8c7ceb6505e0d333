/* SPDX-License-Identifier: Apache-2.0 */
/* Making test pictures with libvips, and comparing pixels. */
#include "tests/media/image_picture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/media/image_program.h"

static const int quarters[4][3] = {
	{255, 0,   0  },
        {0,   128, 0  },
        {0,   0,   255},
        {255, 255, 0  }
};

static VipsImage *from_bytes(uint8_t *bytes, int width, int height)
{
	VipsImage *image = vips_image_new_from_memory_copy(bytes, (size_t)width * height * 3, width,
							   height, 3, VIPS_FORMAT_UCHAR);
	VipsImage *typed = NULL;

	free(bytes);
	assert_non_null(image);
	assert_int_equal(vips_copy(image, &typed, "interpretation", VIPS_INTERPRETATION_sRGB, NULL),
			 0);
	g_object_unref(image);
	return typed;
}

VipsImage *picture_quarters(int width, int height)
{
	uint8_t *bytes = malloc((size_t)width * height * 3);
	uint8_t *pixel = bytes;

	assert_non_null(bytes);
	for (int y = 0; y < height; y++)
		for (int x = 0; x < width; x++)
			for (int channel = 0; channel < 3; channel++)
				*pixel++ = (uint8_t)
					quarters[(y >= height / 2) * 2 + (x >= width / 2)][channel];
	return from_bytes(bytes, width, height);
}

VipsImage *picture_noise(int width, int height)
{
	size_t size = (size_t)width * height * 3;
	uint8_t *bytes = malloc(size);
	uint32_t state = 1;

	assert_non_null(bytes);
	for (size_t i = 0; i < size; i++) {
		state = state * 1664525 + 1013904223;
		bytes[i] = (uint8_t)(state >> 24);
	}
	return from_bytes(bytes, width, height);
}

void picture_save(VipsImage *image, const char *name, const char *options)
{
	char target[600];

	(void)snprintf(target, sizeof(target), "%s%s", image_path(name), options);
	if (vips_image_write_to_file(image, target, NULL) != 0)
		fail_msg("%s: %s", target, vips_error_buffer());
}

VipsImage *picture_open(const char *name)
{
	char path[300];
	VipsImage *image;

	(void)snprintf(path, sizeof(path), "out/%s", name);
	image = vips_image_new_from_file(image_path(path), NULL);
	if (!image)
		fail_msg("%s: %s", path, vips_error_buffer());
	return image;
}

void picture_assert_pixel(VipsImage *image, int x, int y, const int *expected, int channels,
			  int tolerance)
{
	double *pixel = NULL;
	int count = 0;

	assert_int_equal(vips_getpoint(image, &pixel, &count, x, y, NULL), 0);
	assert_int_equal(count, channels);
	for (int i = 0; i < channels; i++)
		if (abs((int)pixel[i] - expected[i]) > tolerance)
			fail_msg("channel %d at %d,%d is %d, expected %d", i, x, y, (int)pixel[i],
				 expected[i]);
	g_free(pixel);
}

void picture_assert_quarters(VipsImage *image, int tolerance, int alpha)
{
	int width = vips_image_get_width(image);
	int height = vips_image_get_height(image);

	for (int i = 0; i < 4; i++) {
		int expected[4] = {quarters[i][0], quarters[i][1], quarters[i][2], alpha};

		picture_assert_pixel(image, width * (1 + 2 * (i % 2)) / 4,
				     height * (1 + 2 * (i / 2)) / 4, expected, alpha < 0 ? 3 : 4,
				     tolerance);
	}
}
