/* SPDX-License-Identifier: Apache-2.0 */
/* A variant's file: encoded under a temporary name, renamed when it is complete. */
#pragma once

#include <stdint.h>
#include <vips/vips.h>

#include "base/error.h"
#include "extensions/vips/plan.h"
#include "extensions/vips/request.h"

#define OUTPUT_NAME_SIZE (REQUEST_NAME_MAX + 16)

struct output {
	int width, height;
	uint64_t bytes;
};

/* The file's name in the output directory. */
void output_name(const struct variant *variant, char ret_name[OUTPUT_NAME_SIZE]);

/* Cuts, pads and encodes the scaled picture into directory; takes image over. *ret_output is what
 * was written. BERTH_SYSTEM with errnum when the file could not be written. */
int output_write(VipsImage *image, const struct plan_step *step, const struct request *request,
		 int directory, struct output *ret_output, struct berth_error *err);

/* Removes what an interrupted output_write() left. */
void output_discard(const struct variant *variant, int directory);
