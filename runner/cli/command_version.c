/* SPDX-License-Identifier: Apache-2.0 */
/* berth version. */
#include <stdio.h>

#include "base/json.h"
#include "extensions/task/protocol_table.h"
#include "images/image.h"
#include "runner/cli/command_table.h"
#include "runner/cli/commands.h"
#include "runner/cli/listing.h"
#include "sandbox/sandbox.h"

static json_t *list_images(void)
{
	json_t *images = json_array();

	for (size_t i = 0; i < image_row_count; i++)
		(void)json_array_append_new(images, json_string(image_rows[i].name));
	return images;
}

int command_version(void *record, const struct option_arguments *arguments)
{
	const struct listing_options *options = record;

	(void)arguments;
	if (options->json)
		return listing_print_json(
			json_pack("{s:s,s:i,s:i,s:o,s:[s,s]}", "version", BERTH_VERSION, "protocol",
				  PROTOCOL_VERSION, "protections", (int)SANDBOX_PROTECTIONS,
				  "images", list_images(), "networks", "none", "host"));
	(void)printf("berth %s, task protocol %d\n", BERTH_VERSION, PROTOCOL_VERSION);
	return EXIT_DONE;
}
