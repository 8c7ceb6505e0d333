/* SPDX-License-Identifier: Apache-2.0 */
/* berth extensions. */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "extensions/catalog.h"
#include "extensions/requirement.h"
#include "runner/cli/command_table.h"
#include "runner/cli/commands.h"
#include "runner/cli/complaint.h"
#include "runner/cli/listing.h"
#include "runner/run/installation.h"

static int load(struct extension_list *list, struct berth_error *err)
{
	struct installation installation;

	if (installation_find(&installation, err) < 0)
		return -1;
	if (!installation.extensions[0])
		return 0; /* none are installed */
	return extension_list_load(installation.extensions, list, err);
}

static json_t *describe(const struct extension *extension)
{
	struct berth_error missing = {0};
	bool ready = extension_check(extension, &missing) == 0;
	json_t *requirements = json_array(), *tasks = json_array();

	for (size_t i = 0; i < extension->requirement_count; i++) {
		const struct extension_requirement *row = &extension->requirements[i];

		(void)json_array_append_new(
			requirements, json_pack("{s:s?,s:s?,s:s?}", "library", row->library,
						"program", row->program, "package", row->package));
	}
	for (size_t i = 0; i < extension->task_count; i++)
		(void)json_array_append_new(tasks, json_string(extension->tasks[i].id));
	return json_pack("{s:s,s:s,s:b,s:s?,s:o,s:o}", "name", extension->name, "description",
			 extension->description, "ready", ready, "missing",
			 ready ? NULL : missing.message, "requires", requirements, "tasks", tasks);
}

static int add_extension(struct listing *listing, const struct extension *extension,
			 struct berth_error *err)
{
	AUTO_TEXT struct text tasks = {0};
	struct berth_error missing = {0};
	bool ready = extension_check(extension, &missing) == 0;

	for (size_t i = 0; i < extension->task_count; i++)
		if (text_append_format(&tasks, err, "%s%s", i ? " " : "", extension->tasks[i].id) <
		    0)
			return -1;
	return listing_add(listing,
			   (const char *const[]){extension->name, ready ? "yes" : "no", tasks.data,
						 ready ? extension->description : missing.message},
			   err);
}

static int print_table(const struct extension_list *list, struct berth_error *err)
{
	static const char *const titles[] = {"NAME", "READY", "TASKS", "WHAT", NULL};
	struct listing *listing = listing_create(titles);
	int result = 0;

	if (!listing)
		return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
	for (size_t i = 0; result == 0 && i < list->count; i++)
		result = add_extension(listing, &list->extensions[i], err);
	if (result == 0)
		listing_print(listing);
	listing_destroy(listing);
	return result;
}

static int print_json(const struct extension_list *list)
{
	json_t *extensions = json_array();

	for (size_t i = 0; i < list->count; i++)
		(void)json_array_append_new(extensions, describe(&list->extensions[i]));
	return listing_print_json(json_pack("{s:o}", "extensions", extensions));
}

int command_extensions(void *record, const struct option_arguments *arguments)
{
	const struct listing_options *options = record;
	struct extension_list list = {0};
	struct berth_error err;
	int status = EXIT_DONE;

	(void)arguments;
	if (load(&list, &err) < 0 || (!options->json && print_table(&list, &err) < 0)) {
		complaint_print(&err, NULL);
		status = EXIT_BERTH;
	} else if (options->json) {
		status = print_json(&list);
	}
	extension_list_finish(&list);
	return status;
}
