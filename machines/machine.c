/* SPDX-License-Identifier: Apache-2.0 */
/* Machine presets: named limits from presets.json and an operator's drop-in directory. */
#include "machines/machine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"
#include "machines/presets.h"

#define DESCRIPTION_FIELD "description"
#define KNOWN_NAMES_SIZE  160 /* of the machines that are named in an error */
#define PATH_SIZE         4096

/* One file being applied to the list. */
struct machine_file {
	const char *path;
	const char *source;
	struct machine_list *list;
};

static bool is_name(const char *name)
{
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return length > 0 && length <= MACHINE_NAME_MAX && !name[length] && name[0] != '-';
}

static struct machine *find(const struct machine_list *list, const char *name)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->machines[i].name, name) == 0)
			return &list->machines[i];
	return NULL;
}

/* Puts "path:line: machine." before the message, which begins with the field. */
static int fail_at(const struct machine_file *file, const char *name, const char *field,
		   struct berth_error *err)
{
	const char *const keys[] = {name, field};
	char shown[MACHINE_NAME_MAX + 1];

	(void)text_sanitize(name, strlen(name), shown, sizeof(shown));
	return berth_fail_context(err, "%s:%zu: %s", file->path,
				  json_line_of(file->source, keys, field ? 2 : 1), shown);
}

/* A machine with the rows' defaults at the end of the list. */
static int add(struct machine_list *list, const char *name, struct machine **ret_machine,
	       struct berth_error *err)
{
	struct machine *grown, *machine;

	if (list->count >= MACHINES_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "more than %d machines", MACHINES_MAX);
	grown = realloc(list->machines, (list->count + 1) * sizeof(*grown));
	if (!grown)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "machine %s", name);
	list->machines = grown;
	machine = &grown[list->count];
	memset(machine, 0, sizeof(*machine));
	(void)snprintf(machine->name, sizeof(machine->name), "%s", name);
	if (field_set_defaults(resource_limit_rows, resource_limit_row_count, &machine->limits,
			       err) < 0)
		return -1;
	list->count++;
	*ret_machine = machine;
	return 0;
}

static int set_description(struct machine *machine, const json_t *value, struct berth_error *err)
{
	const char *text = json_string_value(value);

	if (!text)
		return berth_fail(err, BERTH_INVALID, 0, "%s: not a text", DESCRIPTION_FIELD);
	if (json_string_length(value) > MACHINE_DESCRIPTION_MAX)
		return berth_fail(err, BERTH_INVALID, 0, "%s: longer than %d bytes",
				  DESCRIPTION_FIELD, MACHINE_DESCRIPTION_MAX);
	(void)text_sanitize(text, strlen(text), machine->description, sizeof(machine->description));
	return 0;
}

static int apply_machine(const struct machine_file *file, const char *name, const json_t *fields,
			 struct berth_error *err)
{
	struct machine *machine = find(file->list, name);
	const char *field;
	json_t *value;
	int result;

	if (!is_name(name)) {
		(void)berth_fail(err, BERTH_INVALID, 0,
				 "not a machine name: 1 to %d of a-z, 0-9 and inner -",
				 MACHINE_NAME_MAX);
		return fail_at(file, name, NULL, err);
	}
	if (!json_is_object(fields)) {
		(void)berth_fail(err, BERTH_INVALID, 0, "not an object of fields");
		return fail_at(file, name, NULL, err);
	}
	if (!machine && add(file->list, name, &machine, err) < 0)
		return fail_at(file, name, NULL, err);
	/* the iterator's own type is not const although it changes nothing */
	json_object_foreach ((json_t *)(uintptr_t)fields, field, value) {
		if (strcmp(field, DESCRIPTION_FIELD) == 0)
			result = set_description(machine, value, err);
		else
			result = field_parse_member(resource_limit_rows, resource_limit_row_count,
						    field, value, &machine->limits, err);
		if (result < 0)
			return fail_at(file, name, field, err);
	}
	return 0;
}

static int load_file(struct machine_list *list, const char *path, struct berth_error *err)
{
	AUTO_FREE char *source = NULL;
	AUTO_JSON json_t *object = NULL;
	struct machine_file file = {.path = path, .list = list};
	const char *name;
	json_t *fields;

	if (json_parse_file(AT_FDCWD, path, MACHINE_FILE_MAX, &object, &source, err) < 0)
		return -1;
	if (!json_is_object(object))
		return berth_fail(err, BERTH_INVALID, 0, "%s:1: not an object of machines", path);
	file.source = source;
	json_object_foreach (object, name, fields) {
		if (apply_machine(&file, name, fields, err) < 0)
			return -1;
	}
	return 0;
}

static int is_dropin(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return entry->d_name[0] != '.' && dot && strcmp(dot, ".json") == 0;
}

static int compare_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name); /* alphasort(3) would ask the locale */
}

static int load_entries(struct machine_list *list, const char *directory, struct dirent **entries,
			int count, struct berth_error *err)
{
	char path[PATH_SIZE];
	int length;

	if (count > MACHINE_DROPINS_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "%s holds more than %d files", directory,
				  MACHINE_DROPINS_MAX);
	for (int i = 0; i < count; i++) {
		length = snprintf(path, sizeof(path), "%s/%s", directory, entries[i]->d_name);
		if (length < 0 || (size_t)length >= sizeof(path))
			return berth_fail(err, BERTH_LIMIT, 0, "%s: path too long", directory);
		if (load_file(list, path, err) < 0)
			return -1;
	}
	return 0;
}

static int load_directory(struct machine_list *list, const char *directory, struct berth_error *err)
{
	struct dirent **entries = NULL;
	int count, result;

	count = scandir(directory, &entries, is_dropin, compare_bytes);
	if (count < 0 && errno == ENOENT)
		return 0;
	if (count < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "read %s", directory);
	result = load_entries(list, directory, entries, count, err);
	for (int i = 0; i < count; i++)
		free(entries[i]);
	free(entries);
	return result;
}

static int copy_presets(struct machine_list *list, struct berth_error *err)
{
	size_t bytes = machine_preset_count * sizeof(*list->machines);

	list->machines = malloc(bytes);
	if (!list->machines)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "machine presets");
	memcpy(list->machines, machine_presets, bytes);
	list->count = machine_preset_count;
	return 0;
}

int machine_list_load(const char *presets_path, const char *directory,
		      struct machine_list *ret_list, struct berth_error *err)
{
	struct machine_list list = {0};
	int loaded;

	if (!directory)
		directory = getenv(MACHINE_DIRECTORY_VARIABLE);
	if (!directory || !*directory)
		directory = MACHINE_DIRECTORY;
	loaded = presets_path ? load_file(&list, presets_path, err) : copy_presets(&list, err);
	if (loaded < 0 || load_directory(&list, directory, err) < 0) {
		machine_list_finish(&list);
		return -1;
	}
	*ret_list = list;
	return 0;
}

void machine_list_finish(struct machine_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		field_finish(resource_limit_rows, resource_limit_row_count,
			     &list->machines[i].limits);
	free(list->machines);
	*list = (struct machine_list){0};
}

int machine_find(const struct machine_list *list, const char *name,
		 const struct machine **ret_machine, struct berth_error *err)
{
	const struct machine *machine = find(list, name);
	char known[KNOWN_NAMES_SIZE] = "", shown[MACHINE_NAME_MAX + 1];
	size_t used = 0;
	int length;

	if (machine) {
		*ret_machine = machine;
		return 0;
	}
	for (size_t i = 0; i < list->count && used < sizeof(known) - 1; i++) {
		length = snprintf(known + used, sizeof(known) - used, "%s%s", i ? ", " : "",
				  list->machines[i].name);
		used += length > 0 ? (size_t)length : 0;
	}
	(void)text_sanitize(name, strlen(name), shown, sizeof(shown));
	return berth_fail(err, BERTH_NOT_FOUND, 0, "no machine \"%s\"; there are %s", shown, known);
}
