/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on lazy libvips images: each replaces *image by its result. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <vips/vips.h>

#include "base/error.h"

/* Channels of 8 or 16 bits that mean what they are: it may be resized as it is. */
bool picture_is_plain(const VipsImage *image);

/* Resamples to exactly that size (Lanczos, with alpha premultiplied). */
int picture_resize(VipsImage **image, int width, int height, struct berth_error *err);

/* Three channels of eight bits in sRGB and, when there was one, alpha. An embedded profile is
 * applied. */
int picture_to_srgb(VipsImage **image, struct berth_error *err);

int picture_cut(VipsImage **image, int left, int top, int width, int height,
		struct berth_error *err);

/* Puts the picture at left, top of a canvas of a colour; the canvas has alpha when the colour is
 * not opaque or the picture has it. */
int picture_place(VipsImage **image, int left, int top, int width, int height,
		  const uint8_t rgba[4], struct berth_error *err);

/* Removes alpha by laying the picture on a colour. */
int picture_flatten(VipsImage **image, const uint8_t rgba[4], struct berth_error *err);

/* Evaluates into memory. */
int picture_keep(VipsImage **image, struct berth_error *err);
