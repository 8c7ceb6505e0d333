/* SPDX-License-Identifier: Apache-2.0 */
/* The formats variants are written in. */
#pragma once

#include <stdbool.h>

#include "extensions/vips/request.h"

struct format_row {
	const char *name;
	const char *extension;
	int effort_default, effort_max;
	bool lossless;            /* has a lossless mode to choose */
	bool alpha;               /* keeps transparency */
	unsigned bytes_per_pixel; /* what its encoder holds for a pixel of the result */
};

/* Indexed by enum variant_format. */
extern const struct format_row format_rows[];
