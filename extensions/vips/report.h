/* SPDX-License-Identifier: Apache-2.0 */
/* What image.variants says as JSON: its description and its output. */
#pragma once

#include <jansson.h>

#include "extensions/vips/pipeline.h"

/* The answer to --describe; NULL when out of memory. */
json_t *report_describe(void);

/* The run's output; NULL when out of memory. directory is where the files are for the reader. */
json_t *report_output(const struct request *request, const struct pipeline_result *result,
		      const char *input, const char *directory);
