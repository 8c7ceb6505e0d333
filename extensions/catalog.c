/* SPDX-License-Identifier: Apache-2.0 */
/* All extensions of an installation, and finding one by its name or by a task's. */
#include "extensions/catalog.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

#define PATH_SIZE        4096
#define KNOWN_NAMES_SIZE 160 /* of the names that are listed in an error */
#define SHOWN_NAME_SIZE  48  /* of the one asked for */

void extension_list_finish(struct extension_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		extension_finish(&list->extensions[i]);
	free(list->extensions);
	*list = (struct extension_list){0};
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int compare_bytes(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name); /* alphasort(3) would ask the locale */
}

/* An entry without a manifest is no extension: a build tree has other directories too. */
static int load_entry(struct extension_list *list, const char *root, const char *name,
		      struct berth_error *err)
{
	char directory[PATH_SIZE], manifest[PATH_SIZE];

	if (snprintf(directory, sizeof(directory), "%s/%s", root, name) >= (int)sizeof(directory) ||
	    snprintf(manifest, sizeof(manifest), "%s/%s/%s", root, name, EXTENSION_MANIFEST) >=
		    (int)sizeof(manifest))
		return berth_fail(err, BERTH_LIMIT, 0, "%.100s…: path too long", root);
	if (access(manifest, F_OK) < 0)
		return 0;
	if (list->count >= EXTENSIONS_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "%s holds more than %d extensions", root,
				  EXTENSIONS_MAX);
	if (extension_load(directory, &list->extensions[list->count], err) < 0)
		return -1;
	list->count++;
	return 0;
}

static const struct extension_task *find_task(const struct extension *extension, const char *id,
					      size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(extension->tasks[i].id, id) == 0)
			return &extension->tasks[i];
	return NULL;
}

/* No task of list->extensions[index] is claimed before it. */
static int check_unique(const struct extension_list *list, size_t index, struct berth_error *err)
{
	const struct extension *extension = &list->extensions[index], *other;
	const char *id;

	for (size_t t = 0; t < extension->task_count; t++) {
		id = extension->tasks[t].id;
		for (size_t i = 0; i <= index; i++) {
			other = &list->extensions[i];
			if (find_task(other, id, i == index ? t : other->task_count))
				return berth_fail(err, BERTH_INVALID, 0,
						  "task %s is claimed by extension %s and by %s",
						  id, other->name, extension->name);
		}
	}
	return 0;
}

static int load_entries(struct extension_list *list, const char *root, struct dirent **entries,
			int count, struct berth_error *err)
{
	list->extensions = calloc(EXTENSIONS_MAX, sizeof(*list->extensions));
	if (!list->extensions)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "extensions of %s", root);
	for (int i = 0; i < count; i++)
		if (load_entry(list, root, entries[i]->d_name, err) < 0)
			return -1;
	for (size_t i = 0; i < list->count; i++)
		if (check_unique(list, i, err) < 0)
			return -1;
	return 0;
}

int extension_list_load(const char *root, struct extension_list *ret_list, struct berth_error *err)
{
	struct extension_list list = {0};
	struct dirent **entries = NULL;
	int count, result;

	count = scandir(root, &entries, is_visible, compare_bytes);
	if (count < 0)
		return berth_fail(err, errno == ENOENT ? BERTH_NOT_FOUND : BERTH_SYSTEM, errno,
				  "extensions in %s", root);
	result = load_entries(&list, root, entries, count, err);
	for (int i = 0; i < count; i++)
		free(entries[i]);
	free(entries);
	if (result < 0)
		extension_list_finish(&list);
	else
		*ret_list = list;
	return result;
}

/* Appends ", name" to a list that is cut when it is full. */
static void append_name(char known[KNOWN_NAMES_SIZE], const char *name)
{
	size_t used = strlen(known);

	(void)snprintf(known + used, KNOWN_NAMES_SIZE - used, "%s%s", used ? ", " : "", name);
}

static int fail_unknown(const char *kind, const char *name, const char *known,
			struct berth_error *err)
{
	char shown[SHOWN_NAME_SIZE];

	(void)text_sanitize(name, strlen(name), shown, sizeof(shown));
	return berth_fail(err, BERTH_NOT_FOUND, 0, "no %s \"%s\"; known are: %s", kind, shown,
			  known[0] ? known : "none");
}

int extension_find(const struct extension_list *list, const char *name,
		   const struct extension **ret_extension, struct berth_error *err)
{
	char known[KNOWN_NAMES_SIZE] = "";

	for (size_t i = 0; i < list->count; i++) {
		if (strcmp(list->extensions[i].name, name) == 0) {
			*ret_extension = &list->extensions[i];
			return 0;
		}
		append_name(known, list->extensions[i].name);
	}
	return fail_unknown("extension", name, known, err);
}

int extension_find_task(const struct extension_list *list, const char *id,
			const struct extension **ret_extension,
			const struct extension_task **ret_task, struct berth_error *err)
{
	char known[KNOWN_NAMES_SIZE] = "";

	for (size_t i = 0; i < list->count; i++) {
		const struct extension *extension = &list->extensions[i];
		const struct extension_task *task = find_task(extension, id, extension->task_count);

		if (task) {
			*ret_extension = extension;
			*ret_task = task;
			return 0;
		}
		for (size_t t = 0; t < extension->task_count; t++)
			append_name(known, extension->tasks[t].id);
	}
	return fail_unknown("task", id, known, err);
}
