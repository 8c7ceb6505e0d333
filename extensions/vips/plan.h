/* SPDX-License-Identifier: Apache-2.0 */
/* From a request and an input's size: which image is resized from which, to what, cut where. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "extensions/vips/request.h"

#define PLAN_FROM_BASE SIZE_MAX

/* One variant. The whole upright picture is scaled first, then the area is cut out of it, then it
 * is put on a canvas. */
struct plan_step {
	size_t variant; /* in the request */
	size_t source;  /* the step whose scaled picture is resized, or PLAN_FROM_BASE */
	int scaled_width, scaled_height;
	int area_left, area_top, area_width, area_height;
	int canvas_width, canvas_height; /* the size of the result */
	int canvas_left, canvas_top;     /* where the area goes */
	bool kept;                       /* a later step is resized from this one */
};

/* Steps from the largest to the smallest. The base is what the input is decoded to, once: as large
 * as the largest step, never larger than the input. */
struct plan {
	int base_width, base_height;
	struct plan_step steps[REQUEST_VARIANTS_MAX];
	size_t count;
};

/* width and height are the input's once it stands upright. BERTH_LIMIT when an enlargement is
 * beyond what an image can be; the message names the variant. */
int plan_make(const struct request *request, int width, int height, struct plan *ret_plan,
	      struct berth_error *err);

/* The factor, at least 1, by which a loader may shrink an upright picture of that size while it
 * decodes, so that the result is not smaller than the base. */
double plan_shrink(const struct plan *plan, int width, int height);

/* Bytes that making the variants takes at its peak, beyond what decoding holds. channels: bytes of
 * a decoded pixel. workers: encoders at work at the same time. */
uint64_t plan_memory(const struct plan *plan, const struct request *request, unsigned channels,
		     unsigned workers);
