/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures that tests make, and looking at the pictures that came out. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <vips/vips.h>

/* Four quarters in sRGB: red, green, blue, yellow, from the upper left; the caller owns it. */
VipsImage *picture_quarters(int width, int height);
/* Much detail, the same each time; the caller owns it. */
VipsImage *picture_noise(int width, int height);

/* Writes image_path(name) in the format of its extension; options as vips_image_write_to_file()
 * takes them, "" for none. */
void picture_save(VipsImage *image, const char *name, const char *options);

/* A file of out/; the caller owns it. */
VipsImage *picture_open(const char *name);

/* The pixel's channels are within tolerance of the expected ones. */
void picture_assert_pixel(VipsImage *image, int x, int y, const int *expected, int channels,
			  int tolerance);

/* The four quarters are where and what they were; alpha is -1 for a picture that has none. */
void picture_assert_quarters(VipsImage *image, int tolerance, int alpha);
