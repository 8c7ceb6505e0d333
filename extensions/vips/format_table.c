/* SPDX-License-Identifier: Apache-2.0 */
/* The formats variants are written in: their limits, and the memory their encoders take. */
#include "extensions/vips/format.h"

/* clang-format off */
const struct format_row format_rows[] = {
	[VARIANT_WEBP] = {.name = "webp", .extension = "webp", .effort_default = 4, .effort_max = 6, .lossless = true, .alpha = true, .bytes_per_pixel = 6, .lossless_bytes_per_pixel = 33},
	[VARIANT_AVIF] = {.name = "avif", .extension = "avif", .effort_default = 4, .effort_max = 9, .lossless = true, .alpha = true, .bytes_per_pixel = 22, .lossless_bytes_per_pixel = 22},
	[VARIANT_JPEG] = {.name = "jpeg", .extension = "jpg", .effort_default = 0, .effort_max = 9, .lossless = false, .alpha = false, .bytes_per_pixel = 6, .lossless_bytes_per_pixel = 6},
	[VARIANT_PNG] = {.name = "png", .extension = "png", .effort_default = 6, .effort_max = 9, .lossless = false, .alpha = true, .bytes_per_pixel = 1, .lossless_bytes_per_pixel = 1},
};
/* clang-format on */
