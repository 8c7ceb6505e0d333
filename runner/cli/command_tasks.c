/* SPDX-License-Identifier: Apache-2.0 */
/* berth tasks. */
#include <stdlib.h>
#include <string.h>

#include "base/amount.h"
#include "base/clock.h"
#include "base/json.h"
#include "extensions/catalog.h"
#include "machines/machine.h"
#include "runner/cli/client_commands.h"
#include "runner/cli/client_tasks.h"
#include "runner/cli/commands.h"
#include "runner/cli/complaint.h"
#include "runner/cli/listing.h"
#include "runner/run/installation.h"

/* clang-format off */
static const struct option_row rows[] = {
	{.field = {.name = "deployed", .type = FIELD_BOOL, .offset = offsetof(struct tasks_options, deployed), .help = "those that the daemon knows, instead of those that berth run knows"}},
	CLIENT_OPTION_ROWS(tasks_options, client),
};
/* clang-format on */

const struct option_table command_tasks_options = {
	.rows = rows,
	.count = sizeof(rows) / sizeof(rows[0]),
};

static int load(struct extension_list *list, struct berth_error *err)
{
	struct installation installation;

	if (installation_find(&installation, err) < 0)
		return -1;
	if (!installation.extensions[0])
		return 0; /* none are installed */
	return extension_list_load(installation.extensions, list, err);
}

static json_t *describe(const struct extension *extension, const struct extension_task *task)
{
	json_t *object =
		json_pack("{s:s,s:s,s:s,s:s,s:b,s:I,s:I}", "task", task->id, "extension",
			  extension->name, "description", task->description, "machine",
			  task->machine ?: MACHINE_DEFAULT, "disk", task->disk, "timeoutMs",
			  (json_int_t)task->timeout_ms, "attempts", (json_int_t)task->attempts);
	json_t *said = NULL;

	/* the payload's fields and what the output is, as the program itself says */
	if (extension_read_task_description(extension, task, &said, NULL) == 0) {
		(void)json_object_set(object, "payload", json_object_get(said, "payload"));
		(void)json_object_set(object, "output", json_object_get(said, "output"));
		json_decref(said);
	}
	return object;
}

static int print_json(const struct extension_list *list, const char *only)
{
	json_t *tasks = json_array();

	for (size_t i = 0; i < list->count; i++)
		for (size_t j = 0; j < list->extensions[i].task_count; j++) {
			const struct extension_task *task = &list->extensions[i].tasks[j];

			if (!only || strcmp(only, task->id) == 0)
				(void)json_array_append_new(tasks,
							    describe(&list->extensions[i], task));
		}
	return listing_print_json(json_pack("{s:o}", "tasks", tasks));
}

static int add_task(struct listing *listing, const struct extension *extension,
		    const struct extension_task *task, struct berth_error *err)
{
	char timeout[AMOUNT_TEXT_SIZE] = "none", attempts[24];
	const char *const values[] = {task->id, extension->name, task->machine ?: MACHINE_DEFAULT,
				      timeout,  attempts,        task->description};

	if (task->timeout_ms)
		(void)amount_format_duration_ns(task->timeout_ms * CLOCK_NS_PER_MS, timeout);
	(void)snprintf(attempts, sizeof(attempts), "%lld", (long long)task->attempts);
	return listing_add(listing, values, err);
}

static int print_table(const struct extension_list *list, struct berth_error *err)
{
	static const char *const titles[] = {"TASK",     "EXTENSION", "MACHINE", "TIMEOUT",
					     "ATTEMPTS", "WHAT",      NULL};
	struct listing *listing = listing_create(titles);
	int result = 0;

	if (!listing)
		return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
	for (size_t i = 0; result == 0 && i < list->count; i++)
		for (size_t j = 0; result == 0 && j < list->extensions[i].task_count; j++)
			result = add_task(listing, &list->extensions[i],
					  &list->extensions[i].tasks[j], err);
	if (result == 0)
		listing_print(listing);
	listing_destroy(listing);
	return result;
}

/* A value of a field description as text; the array of choices as words. */
static char *text_of(const json_t *value)
{
	if (!value || json_is_null(value))
		return strdup("");
	if (json_is_string(value))
		return strdup(json_string_value(value));
	return json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
}

static int add_field(struct listing *listing, const json_t *field, struct berth_error *err)
{
	static const char *const keys[] = {"name",    "type",    "min", "max",
					   "default", "choices", "help"};
	char *values[sizeof(keys) / sizeof(keys[0])];
	int result;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		values[i] = text_of(json_object_get(field, keys[i]));
	result = listing_add(listing, (const char *const *)values, err);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		free(values[i]);
	return result;
}

static int print_fields(const json_t *payload, struct berth_error *err)
{
	static const char *const titles[] = {"FIELD",   "TYPE",    "MIN",  "MAX",
					     "DEFAULT", "CHOICES", "WHAT", NULL};
	struct listing *listing = listing_create(titles);
	const json_t *field;
	int result = 0;
	size_t index;

	if (!listing)
		return berth_fail(err, BERTH_MEMORY, 0, "out of memory");
	json_array_foreach (payload, index, field) {
		if (result == 0)
			result = add_field(listing, field, err);
	}
	if (result == 0)
		listing_print(listing);
	listing_destroy(listing);
	return result;
}

static int print_one(const struct extension_list *list, const char *id, struct berth_error *err)
{
	const struct extension *extension;
	const struct extension_task *task;
	AUTO_JSON json_t *object = NULL;

	if (extension_find_task(list, id, &extension, &task, err) < 0)
		return -1;
	object = describe(extension, task);
	(void)printf("%s: %s\nmachine %s, extension %s\n\n", task->id, task->description,
		     task->machine ?: MACHINE_DEFAULT, extension->name);
	return print_fields(json_object_get(object, "payload"), err);
}

static int print(const struct extension_list *list, const char *only, struct berth_error *err)
{
	return only ? print_one(list, only, err) : print_table(list, err);
}

int command_tasks(void *record, const struct option_arguments *arguments)
{
	const char *only = arguments->words.count ? arguments->words.items[0] : NULL;
	const struct tasks_options *options = record;
	struct extension_list list = {0};
	struct berth_error err;
	int status = EXIT_DONE;

	if (options->deployed)
		return client_tasks_show(&options->client, only);
	if (load(&list, &err) < 0 || (!options->client.json && print(&list, only, &err) < 0)) {
		complaint_print(&err, NULL);
		status = EXIT_BERTH;
	} else if (options->client.json) {
		status = print_json(&list, only);
	}
	extension_list_finish(&list);
	return status;
}
