/* SPDX-License-Identifier: Apache-2.0 */
/* Geometry of the variants and the order in which they are made from each other. */
#include "extensions/vips/plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "extensions/vips/format.h"

/* VIPS_MAX_COORD: no side of an image in libvips is longer. */
#define SIDE_LIMIT     10000000
/* A picture is resized from one at least twice its size, so that resampling twice does not show. */
#define CASCADE_FACTOR 2

static int minimum(int a, int b)
{
	return a < b ? a : b;
}

static int maximum(int a, int b)
{
	return a > b ? a : b;
}

/* The side times the scale, rounded; never below one pixel. */
static double scaled_side(int side, double scale)
{
	return fmax(1.0, round(side * scale));
}

/* How much the picture grows to meet the variant's box. */
static double variant_scale(const struct variant *variant, int width, int height)
{
	double horizontal = (double)variant->width / width;
	double vertical = (double)variant->height / height;
	double scale;

	if (variant->width == 0)
		scale = vertical;
	else if (variant->height == 0)
		scale = horizontal;
	else if (variant->fit == VARIANT_COVER)
		scale = fmax(horizontal, vertical);
	else
		scale = fmin(horizontal, vertical);
	return variant->without_enlargement ? fmin(scale, 1.0) : scale;
}

static bool has_box(const struct variant *variant)
{
	return variant->width > 0 && variant->height > 0;
}

/* The middle of the scaled picture, at most as large as the box. */
static void step_cut(struct plan_step *step, const struct variant *variant)
{
	step->area_width = step->scaled_width;
	step->area_height = step->scaled_height;
	if (has_box(variant)) {
		step->area_width = minimum(step->area_width, (int)variant->width);
		step->area_height = minimum(step->area_height, (int)variant->height);
	}
	step->area_left = (step->scaled_width - step->area_width) / 2;
	step->area_top = (step->scaled_height - step->area_height) / 2;
}

static void step_place(struct plan_step *step, const struct variant *variant)
{
	step->canvas_width = step->area_width;
	step->canvas_height = step->area_height;
	if (has_box(variant) && variant->fit == VARIANT_CONTAIN) {
		step->canvas_width = (int)variant->width;
		step->canvas_height = (int)variant->height;
	}
	step->canvas_left = (step->canvas_width - step->area_width) / 2;
	step->canvas_top = (step->canvas_height - step->area_height) / 2;
}

static int step_make(struct plan_step *step, const struct variant *variant, int width, int height,
		     struct berth_error *err)
{
	double scale = variant_scale(variant, width, height);
	double scaled_width = scaled_side(width, scale);
	double scaled_height = scaled_side(height, scale);

	if (scaled_width > SIDE_LIMIT || scaled_height > SIDE_LIMIT)
		return berth_fail(err, BERTH_LIMIT, 0,
				  "enlarging %d x %d to %.0f x %.0f is beyond %d pixels a side",
				  width, height, scaled_width, scaled_height, SIDE_LIMIT);
	step->scaled_width = (int)scaled_width;
	step->scaled_height = (int)scaled_height;
	/* A side that follows from the other is bounded like one that is given. */
	if (!has_box(variant) &&
	    maximum(step->scaled_width, step->scaled_height) > REQUEST_SIDE_MAX)
		return berth_fail(err, BERTH_LIMIT, 0,
				  "the result would be %d x %d, and a side has at most %d pixels",
				  step->scaled_width, step->scaled_height, REQUEST_SIDE_MAX);
	step_cut(step, variant);
	step_place(step, variant);
	return 0;
}

static int compare_steps(const void *left, const void *right)
{
	const struct plan_step *a = left;
	const struct plan_step *b = right;
	int64_t size_a = (int64_t)a->scaled_width * a->scaled_height;
	int64_t size_b = (int64_t)b->scaled_width * b->scaled_height;

	if (size_a != size_b)
		return size_a > size_b ? -1 : 1;
	return a->variant < b->variant ? -1 : 1;
}

/* The smallest earlier picture that is large enough. An enlarged one holds nothing that the base
 * does not. */
static size_t step_source(const struct plan *plan, size_t index)
{
	const struct plan_step *step = &plan->steps[index];

	for (size_t i = index; i-- > 0;) {
		const struct plan_step *candidate = &plan->steps[i];

		if (candidate->scaled_width > plan->base_width ||
		    candidate->scaled_height > plan->base_height)
			break;
		/* A step of the base's size is the base. */
		if (candidate->scaled_width == plan->base_width &&
		    candidate->scaled_height == plan->base_height)
			break;
		if (candidate->scaled_width / CASCADE_FACTOR >= step->scaled_width &&
		    candidate->scaled_height / CASCADE_FACTOR >= step->scaled_height)
			return i;
	}
	return PLAN_FROM_BASE;
}

int plan_make(const struct request *request, int width, int height, struct plan *ret_plan,
	      struct berth_error *err)
{
	struct plan plan = {.count = request->variant_count};

	for (size_t i = 0; i < plan.count; i++) {
		plan.steps[i].variant = i;
		if (step_make(&plan.steps[i], &request->variants[i], width, height, err) < 0)
			return berth_fail_context(err, "variants[%zu]", i);
	}
	qsort(plan.steps, plan.count, sizeof(plan.steps[0]), compare_steps);
	plan.base_width = minimum(width, plan.steps[0].scaled_width);
	plan.base_height = minimum(height, plan.steps[0].scaled_height);
	for (size_t i = 0; i < plan.count; i++) {
		size_t source = step_source(&plan, i);

		plan.steps[i].source = source;
		if (source != PLAN_FROM_BASE)
			plan.steps[source].kept = true;
	}
	*ret_plan = plan;
	return 0;
}

double plan_shrink(const struct plan *plan, int width, int height)
{
	double across = (double)width / plan->base_width;
	double down = (double)height / plan->base_height;

	return fmax(1.0, fmin(across, down));
}

static uint64_t pixels(int width, int height)
{
	return (uint64_t)width * (uint64_t)height;
}

/* What encoding one step's file holds. */
static uint64_t encoder_memory(const struct plan_step *step, const struct variant *variant,
			       unsigned channels)
{
	const struct format_row *format = &format_rows[variant->format];
	unsigned bytes =
		variant->lossless ? format->lossless_bytes_per_pixel : format->bytes_per_pixel;

	return pixels(step->canvas_width, step->canvas_height) * bytes * channels / 3;
}

uint64_t plan_memory(const struct plan *plan, const struct request *request, unsigned channels,
		     unsigned workers)
{
	uint64_t largest[REQUEST_VARIANTS_MAX] = {0};
	/* Twice: turning the base upright needs the turned one beside it. */
	uint64_t bytes = 2 * pixels(plan->base_width, plan->base_height) * channels;

	if (workers > REQUEST_VARIANTS_MAX)
		workers = REQUEST_VARIANTS_MAX;
	for (size_t i = 0; i < plan->count; i++) {
		const struct plan_step *step = &plan->steps[i];
		uint64_t encoder =
			encoder_memory(step, &request->variants[step->variant], channels);

		if (step->kept)
			bytes += pixels(step->scaled_width, step->scaled_height) * channels;
		/* The largest encoders, as many as work side by side, by insertion. */
		for (unsigned k = 0; k < workers; k++) {
			if (encoder > largest[k]) {
				uint64_t swapped = largest[k];

				largest[k] = encoder;
				encoder = swapped;
			}
		}
	}
	for (unsigned k = 0; k < workers; k++)
		bytes += largest[k];
	return bytes;
}
