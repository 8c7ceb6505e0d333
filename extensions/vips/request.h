/* SPDX-License-Identifier: Apache-2.0 */
/* The payload of image.variants: which variants to make, and how far an input is trusted. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/field.h"

#define REQUEST_VARIANTS_MAX 32
#define REQUEST_NAME_MAX     64
#define REQUEST_SIDE_MAX     16383 /* the largest side a WebP file can have */

enum variant_fit {
	VARIANT_COVER,   /* fill the box, cut what stands out, keep the centre */
	VARIANT_CONTAIN, /* fit into the box, fill the rest with the background */
	VARIANT_INSIDE,  /* fit into the box; the result may be smaller than it */
};

enum variant_format {
	VARIANT_WEBP,
	VARIANT_AVIF,
	VARIANT_JPEG,
	VARIANT_PNG,
};

/* One row of payload.variants. */
struct variant {
	char *name;            /* the output's file name without its extension */
	int64_t width, height; /* pixels; 0: follows from the other by the aspect ratio */
	int fit;               /* enum variant_fit */
	int format;            /* enum variant_format */
	int64_t quality;
	int64_t effort; /* -1: the format's default */
	bool lossless;
	char *background; /* "#rrggbb" or "#rrggbbaa" */
	bool without_enlargement;
	uint8_t background_rgba[4]; /* background, parsed */
};

/* What a damaged input does; the same order as libvips' VipsFailOn. */
enum request_fail_on {
	REQUEST_FAIL_ON_NONE,
	REQUEST_FAIL_ON_TRUNCATED,
	REQUEST_FAIL_ON_ERROR,
	REQUEST_FAIL_ON_WARNING,
};

struct request {
	json_t *variants_json; /* as given, or the default trio */
	bool strip;
	int fail_on; /* enum request_fail_on */
	int64_t max_pixels;
	uint64_t decode_limit_ms;
	struct variant variants[REQUEST_VARIANTS_MAX];
	size_t variant_count;
};

extern const struct field_row request_rows[];
extern const size_t request_row_count;
extern const struct field_row variant_rows[];
extern const size_t variant_row_count;

/* Parses a payload object, or null for the defaults. BERTH_INVALID names the field, as
 * "variants[2].width". On failure too the caller owns *ret_request: request_finish(). */
int request_parse(const json_t *payload, struct request *ret_request, struct berth_error *err);
void request_finish(struct request *request);
