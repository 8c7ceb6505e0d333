/* SPDX-License-Identifier: Apache-2.0 */
/* The description of the task and the facts of a finished run. */
#include "extensions/vips/report.h"

#include <string.h>

#include "base/field.h"
#include "base/json.h"
#include "extensions/vips/format.h"
#include "extensions/vips/loader.h"
#include "extensions/vips/request.h"

/* The rows of the payload, with those of one variant below the row that holds them. */
static json_t *payload_rows(void)
{
	json_t *rows = field_describe(request_rows, request_row_count);
	const char *name;
	json_t *row;
	size_t index;

	json_array_foreach (rows, index, row) {
		name = json_string_value(json_object_get(row, "name"));
		if (name && strcmp(name, "variants") == 0)
			(void)json_object_set_new(row, "items",
						  field_describe(variant_rows, variant_row_count));
	}
	return rows;
}

json_t *report_describe(void)
{
	return json_pack("{s:s, s:s, s:o, s:s}", "task", "image.variants", "description",
			 "Make resized and re-encoded variants of one picture from one decode",
			 "payload", payload_rows(), "output",
			 "input: its format, size, orientation, colour; variants: path, format, "
			 "width, height and bytes of each file");
}

static json_t *input_facts(const struct source *source, const char *path)
{
	const struct source_facts *facts = &source->facts;

	return json_pack("{s:s, s:s, s:I, s:i, s:i, s:i, s:s, s:i, s:i, s:b, s:b, s:i}", "path",
			 path, "format", source->loader->name, "bytes",
			 (json_int_t)facts->file_bytes, "width", facts->width, "height",
			 facts->height, "orientation", facts->orientation, "colour", facts->colour,
			 "bands", facts->bands, "depth", facts->depth, "alpha", (int)facts->alpha,
			 "profile", (int)facts->profile, "pages", facts->pages);
}

static json_t *variant_facts(const struct variant *variant, const struct output *output,
			     const char *directory)
{
	char name[OUTPUT_NAME_SIZE];

	output_name(variant, name);
	return json_pack("{s:s, s:o, s:s, s:i, s:i, s:I}", "name", variant->name, "path",
			 json_sprintf("%s/%s", directory, name), "format",
			 format_rows[variant->format].name, "width", output->width, "height",
			 output->height, "bytes", (json_int_t)output->bytes);
}

json_t *report_output(const struct request *request, const struct pipeline_result *result,
		      const char *input, const char *directory)
{
	AUTO_JSON json_t *variants = json_array();

	for (size_t i = 0; i < request->variant_count; i++)
		if (json_array_append_new(variants, variant_facts(&request->variants[i],
								  &result->outputs[i], directory)) <
		    0)
			return NULL;
	return json_pack("{s:o, s:{s:f, s:i, s:i}, s:O}", "input",
			 input_facts(result->source, input), "decode", "shrink",
			 result->decoded->shrink, "width", result->decoded->loaded_width, "height",
			 result->decoded->loaded_height, "variants", variants);
}
