/* SPDX-License-Identifier: Apache-2.0 */
/* The formats variants are written in. */
#pragma once

#include <stdbool.h>

#include "extensions/vips/request.h"

struct format_row {
	const char *name;
	const char *extension;
	int effort_default, effort_max;
	bool lossless; /* has a lossless mode to choose */
	bool alpha;    /* keeps transparency */
	/* What its encoder holds for a pixel of three channels; measured, at 16 megapixels. */
	unsigned bytes_per_pixel, lossless_bytes_per_pixel;
};

/* Indexed by enum variant_format. */
extern const struct format_row format_rows[];
