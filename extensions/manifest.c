/* SPDX-License-Identifier: Apache-2.0 */
/* One extension by its manifest: what it needs, mounts, sets and which tasks it brings. */
#include "extensions/manifest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/field.h"
#include "base/json.h"
#include "extensions/manifest_table.h"

#define KEYS_MAX        3 /* "tasks", "2", "timeout" */
#define PATH_SIZE       4096
#define INDEX_SIZE      24
#define LOWER_DIGITS    "abcdefghijklmnopqrstuvwxyz0123456789"
#define WORD_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

/* The file that is read, and the place in it that is being looked at. */
struct manifest_file {
	const char *path;
	const char *source;
	const char *keys[KEYS_MAX];
	size_t depth;
	char index[INDEX_SIZE]; /* of an array's element, as a key */
};

/* Puts "path:line: " before the message. */
static int fail_here(const struct manifest_file *file, const char *member, struct berth_error *err)
{
	const char *keys[KEYS_MAX + 1];
	size_t count = file->depth, line;

	memcpy(keys, file->keys, sizeof(file->keys));
	if (member)
		keys[count++] = member;
	/* a member that is missing stands nowhere: then the object that lacks it */
	for (line = json_line_of(file->source, keys, count); line == 0 && count > 0;)
		line = json_line_of(file->source, keys, --count);
	return berth_fail_context(err, "%s:%zu", file->path, line);
}

static int refuse(const struct manifest_file *file, const char *member, struct berth_error *err,
		  const char *why)
{
	const char *name = member            ? member
			   : file->depth > 0 ? file->keys[file->depth - 1]
					     : "manifest";

	(void)berth_fail(err, BERTH_INVALID, 0, "%s: %s", name, why);
	return fail_here(file, member, err);
}

static int parse_object(const struct manifest_file *file, json_t *object,
			const struct manifest_rows *rows, void *record, struct berth_error *err)
{
	const char *name;
	json_t *value;

	if (!json_is_object(object))
		return refuse(file, NULL, err, "not an object");
	if (field_set_defaults(rows->rows, rows->count, record, err) < 0)
		return -1;
	for (size_t i = 0; i < rows->count; i++)
		if (rows->rows[i].required && !json_object_get(object, rows->rows[i].name))
			return refuse(file, rows->rows[i].name, err, "missing, it is required");
	json_object_foreach (object, name, value) {
		if (field_parse_member(rows->rows, rows->count, name, value, record, err) < 0)
			return fail_here(file, name, err);
	}
	return 0;
}

/* Every character is of the set, the first is not a dot or a dash. */
static bool is_word(const char *text, const char *set, size_t max)
{
	size_t length = strspn(text, set);

	return length > 0 && length <= max && !text[length] && text[0] != '-' && text[0] != '.';
}

static bool is_file_name(const char *name)
{
	return is_word(name, WORD_CHARACTERS "-.+", NAME_MAX);
}

/* Absolute, without empty, "." and ".." parts. */
static bool is_clean_path(const char *path)
{
	const char *part = path;
	size_t length;

	if (path[0] != '/' || !path[1])
		return false;
	while (*part) {
		length = strcspn(++part, "/");
		if (length == 0 || (length == 1 && part[0] == '.') ||
		    (length == 2 && part[0] == '.' && part[1] == '.'))
			return false;
		part += length;
	}
	return true;
}

static bool is_below(const char *path, const char *directory)
{
	size_t length = strlen(directory);

	return strncmp(path, directory, length) == 0 && (path[length] == '/' || !path[length]);
}

static int check_requirement(const struct manifest_file *file, void *element,
			     struct berth_error *err)
{
	const struct extension_requirement *requirement = element;

	if (!requirement->library == !requirement->program)
		return refuse(file, NULL, err, "needs a library or a program, not both");
	if (requirement->library && !is_file_name(requirement->library))
		return refuse(file, "library", err, "not a file name");
	if (requirement->program && !is_file_name(requirement->program))
		return refuse(file, "program", err, "not a file name");
	if (!is_word(requirement->package, LOWER_DIGITS "+-.", NAME_MAX))
		return refuse(file, "package", err, "not a Debian package's name");
	return 0;
}

static int check_mount(const struct manifest_file *file, void *element, struct berth_error *err)
{
	const struct extension_mount *mount = element;

	if (!is_clean_path(mount->source))
		return refuse(file, "source", err, "not an absolute path without . and ..");
	if (!is_clean_path(mount->target))
		return refuse(file, "target", err, "not an absolute path without . and ..");
	for (size_t i = 0; manifest_reserved_targets[i]; i++)
		if (is_below(mount->target, manifest_reserved_targets[i]) ||
		    is_below(manifest_reserved_targets[i], mount->target))
			return refuse(file, "target", err, "in a place that is the sandbox's own");
	return 0;
}

static int check_task(const struct manifest_file *file, void *element, struct berth_error *err)
{
	const struct extension_task *task = element;

	/* a task is told from a command by its dot: berth run video.probe */
	if (!is_word(task->id, LOWER_DIGITS ".-", EXTENSION_TASK_ID_MAX) || !strchr(task->id, '.'))
		return refuse(file, "id", err, "not a task's name such as video.probe");
	if (!is_file_name(task->program))
		return refuse(file, "program", err, "not a file name");
	if (task->machine && !is_word(task->machine, LOWER_DIGITS "-", EXTENSION_NAME_MAX))
		return refuse(file, "machine", err, "not a machine's name");
	return 0;
}

/* An array of objects that becomes an array of records. */
struct array_row {
	const char *name;
	const struct manifest_rows *rows;
	size_t size; /* of a record */
	size_t max;
	int (*check)(const struct manifest_file *file, void *element, struct berth_error *err);
};

static const struct array_row requirements_row = {"requires", &manifest_requirement_rows,
						  sizeof(struct extension_requirement),
						  EXTENSION_REQUIREMENTS_MAX, check_requirement};
static const struct array_row mounts_row = {"mounts", &manifest_mount_rows,
					    sizeof(struct extension_mount), EXTENSION_MOUNTS_MAX,
					    check_mount};
static const struct array_row tasks_row = {"tasks", &manifest_task_rows,
					   sizeof(struct extension_task), EXTENSION_TASKS_MAX,
					   check_task};

/* Appends the array's elements to records[*count], which has room for row->max. */
static int parse_elements(struct manifest_file *file, const struct array_row *row, json_t *array,
			  char *records, size_t *count, struct berth_error *err)
{
	json_t *value;
	bool failed = false;
	size_t i;

	file->keys[0] = row->name;
	file->depth = 1;
	if (!json_is_array(array))
		return refuse(file, NULL, err, "not an array");
	if (json_array_size(array) > row->max)
		return refuse(file, NULL, err, "too many");
	file->keys[1] = file->index;
	file->depth = 2;
	json_array_foreach (array, i, value) {
		void *record = records + *count * row->size;

		(void)snprintf(file->index, sizeof(file->index), "%zu", i);
		(*count)++; /* so that a half-parsed one is freed too */
		failed = parse_object(file, value, row->rows, record, err) < 0 ||
			 row->check(file, record, err) < 0;
		if (failed)
			break;
	}
	file->keys[1] = NULL; /* it was this function's */
	file->depth = 0;
	return failed ? -1 : 0;
}

/* Allocates the records, with extra ones that the caller fills itself. */
static int parse_array(struct manifest_file *file, const struct array_row *row, json_t *array,
		       void *ret_records, size_t *count, struct berth_error *err)
{
	size_t extra = *count;
	void *records = calloc((array ? json_array_size(array) : 0) + extra + 1, row->size);

	if (!records)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "%s", file->path);
	memcpy(ret_records, &records, sizeof(records));
	return array ? parse_elements(file, row, array, records, count, err) : 0;
}

static int parse_variable(const struct manifest_file *file, const char *name, const json_t *value,
			  struct extension *extension, struct berth_error *err)
{
	const char *text = json_string_value(value);

	if (!is_word(name, WORD_CHARACTERS, NAME_MAX) || (name[0] >= '0' && name[0] <= '9'))
		return refuse(file, name, err, "not a variable's name");
	if (strncmp(name, "BERTH_", strlen("BERTH_")) == 0)
		return refuse(file, name, err, "BERTH_ variables are berth's own");
	if (!text || strlen(text) > PATH_SIZE)
		return refuse(file, name, err, "not a text of at most 4096 bytes");
	if (asprintf(&extension->environment[extension->environment_count], "%s=%s", name, text) <
	    0) {
		extension->environment[extension->environment_count] = NULL;
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "%s", file->path);
	}
	extension->environment_count++;
	return 0;
}

static int parse_environment(struct manifest_file *file, json_t *object,
			     struct extension *extension, struct berth_error *err)
{
	const char *name;
	json_t *value;

	file->keys[0] = "environment";
	file->depth = 1;
	if (object && !json_is_object(object))
		return refuse(file, NULL, err, "not an object");
	if (json_object_size(object) > EXTENSION_ENVIRONMENT_MAX)
		return refuse(file, NULL, err, "too many");
	extension->environment = calloc(json_object_size(object) + 1, sizeof(char *));
	if (!extension->environment)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "%s", file->path);
	json_object_foreach (object, name, value) {
		if (parse_variable(file, name, value, extension, err) < 0)
			return -1;
	}
	file->depth = 0;
	return 0;
}

/* The extension's own directory is its first mount. */
static int mount_directory(struct extension *extension, struct berth_error *err)
{
	struct extension_mount *mount = &extension->mounts[0];

	mount->source = strdup(extension->directory);
	if (!mount->source ||
	    asprintf(&mount->target, "%s/%s", EXTENSION_MOUNT_PATH, extension->name) < 0) {
		mount->target = NULL;
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "%s", extension->directory);
	}
	return 0;
}

static int check_head(const struct manifest_file *file, const struct extension *extension,
		      struct berth_error *err)
{
	const char *slash = strrchr(extension->directory, '/');

	if (!is_word(extension->name, LOWER_DIGITS "-", EXTENSION_NAME_MAX))
		return refuse(file, "name", err, "not 1 to 32 of a-z, 0-9 and inner -");
	if (strcmp(extension->name, slash ? slash + 1 : extension->directory) != 0)
		return refuse(file, "name", err, "not the name of its directory");
	return 0;
}

static int parse_manifest(struct manifest_file *file, json_t *object, struct extension *extension,
			  struct berth_error *err)
{
	struct manifest_head head = {0};
	int result = -1;

	if (parse_object(file, object, &manifest_head_rows, &head, err) < 0)
		goto finish_head;
	extension->name = steal_ptr(&head.name);
	extension->description = steal_ptr(&head.description);
	extension->mount_count = 1;
	if (check_head(file, extension, err) < 0 ||
	    parse_array(file, &requirements_row, head.requires, &extension->requirements,
			&extension->requirement_count, err) < 0 ||
	    parse_array(file, &mounts_row, head.mounts, &extension->mounts, &extension->mount_count,
			err) < 0 ||
	    parse_environment(file, head.environment, extension, err) < 0 ||
	    parse_array(file, &tasks_row, head.tasks, &extension->tasks, &extension->task_count,
			err) < 0)
		goto finish_head;
	result = mount_directory(extension, err);

finish_head:
	field_finish(manifest_head_rows.rows, manifest_head_rows.count, &head);
	return result;
}

static int build(json_t *object, struct manifest_file *file, const char *directory,
		 struct extension *ret_extension, struct berth_error *err)
{
	struct extension extension = {0};

	extension.directory = strdup(directory);
	if (!extension.directory)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "%s", file->path);
	if (parse_manifest(file, object, &extension, err) < 0) {
		extension_finish(&extension);
		return -1;
	}
	*ret_extension = extension;
	return 0;
}

int extension_parse(const char *text, size_t length, const char *directory,
		    struct extension *ret_extension, struct berth_error *err)
{
	struct manifest_file file = {.path = EXTENSION_MANIFEST, .source = text};
	AUTO_JSON json_t *object = NULL;

	if (json_parse(text, length, &object, err) < 0)
		return berth_fail_context(err, "%s", file.path);
	return build(object, &file, directory, ret_extension, err);
}

int extension_load(const char *directory, struct extension *ret_extension, struct berth_error *err)
{
	AUTO_FREE char *source = NULL, *resolved = NULL;
	AUTO_JSON json_t *object = NULL;
	struct manifest_file file = {0};
	char path[PATH_SIZE];

	if (snprintf(path, sizeof(path), "%s/%s", directory, EXTENSION_MANIFEST) >=
	    (int)sizeof(path))
		return berth_fail(err, BERTH_LIMIT, 0, "%.100s…: path too long", directory);
	if (json_parse_file(AT_FDCWD, path, EXTENSION_MANIFEST_MAX, &object, &source, err) < 0)
		return -1;
	resolved = realpath(directory, NULL);
	if (!resolved)
		return berth_fail(err, BERTH_SYSTEM, errno, "resolve %s", directory);
	file.path = path;
	file.source = source;
	return build(object, &file, resolved, ret_extension, err);
}

static void finish_records(const struct manifest_rows *rows, void *records, size_t count,
			   size_t size)
{
	for (size_t i = 0; records && i < count; i++)
		field_finish(rows->rows, rows->count, (char *)records + i * size);
	free(records);
}

void extension_finish(struct extension *extension)
{
	finish_records(&manifest_requirement_rows, extension->requirements,
		       extension->requirement_count, sizeof(*extension->requirements));
	finish_records(&manifest_mount_rows, extension->mounts, extension->mount_count,
		       sizeof(*extension->mounts));
	finish_records(&manifest_task_rows, extension->tasks, extension->task_count,
		       sizeof(*extension->tasks));
	for (size_t i = 0; i < extension->environment_count; i++)
		free(extension->environment[i]);
	free(extension->environment);
	free(extension->directory);
	free(extension->name);
	free(extension->description);
	*extension = (struct extension){0};
}

char *extension_task_path(const struct extension *extension, const struct extension_task *task)
{
	char *path;

	return asprintf(&path, "%s/%s/%s", EXTENSION_MOUNT_PATH, extension->name, task->program) < 0
		       ? NULL
		       : path;
}

int extension_read_task_description(const struct extension *extension,
				    const struct extension_task *task, json_t **ret_description,
				    struct berth_error *err)
{
	char path[PATH_SIZE];

	if (snprintf(path, sizeof(path), "%s/%s.json", extension->directory, task->id) >=
	    (int)sizeof(path))
		return berth_fail(err, BERTH_LIMIT, 0, "%s: path too long", task->id);
	return json_parse_file(AT_FDCWD, path, EXTENSION_DESCRIPTION_MAX, ret_description, NULL,
			       err);
}
