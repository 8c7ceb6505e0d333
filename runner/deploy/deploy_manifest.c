/* SPDX-License-Identifier: Apache-2.0 */
/* A berth.json, checked member by member along the tables, then for what they cannot say. */
#include "runner/deploy/deploy_manifest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/field.h"
#include "base/json.h"
#include "base/nearest.h"
#include "base/text.h"
#include "runner/deploy/deploy_path.h"
#include "runner/deploy/deploy_table.h"
#include "runner/engine/payload_schema.h"

#define KEYS_MAX     8 /* "tasks", "2", "retry", "outOfMemory", "machine" */
#define INDEX_SIZE   24
#define SHOWN_SIZE   64
#define ID_FIRST     "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
#define ID_OTHERS    ID_FIRST "._/:-"
#define NAME_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789"

/* The file, and the place in it that is being looked at. */
struct place {
	const char *shown, *source;
	const char *keys[KEYS_MAX];
	size_t depth;
};

/* Puts "berth.json:12: tasks.0: " before the message. */
static int fail_here(const struct place *place, struct berth_error *err)
{
	char path[160] = "";
	size_t used = 0, line = 0, count = place->depth;

	for (size_t i = 0; i + 1 < place->depth; i++) {
		int length = snprintf(path + used, sizeof(path) - used, "%s.", place->keys[i]);

		if (length < 0 || (size_t)length >= sizeof(path) - used)
			break;
		used += (size_t)length;
	}
	/* the message begins with the member's own name */
	if (used > 0) {
		char message[sizeof(err->message)];

		if (err) {
			memcpy(message, err->message, sizeof(message));
			(void)snprintf(err->message, sizeof(err->message), "%.*s%.*s", (int)used,
				       path, (int)(sizeof(err->message) - used - 1), message);
		}
	}
	/* a member that is missing stands nowhere: then the object that lacks it */
	while (place->source && line == 0)
		line = json_line_of(place->source, place->keys, count ? count-- : 0);
	if (line > 0)
		return berth_fail_context(err, "%s:%zu", place->shown, line);
	return berth_fail_context(err, "%s", place->shown);
}

static int refuse(const struct place *place, struct berth_error *err, const char *why)
{
	(void)berth_fail(err, BERTH_INVALID, 0, "%s: %s",
			 place->depth > 0 ? place->keys[place->depth - 1] : "the file", why);
	return fail_here(place, err);
}

static int enter(struct place *place, const char *key, struct berth_error *err)
{
	if (place->depth == KEYS_MAX)
		return refuse(place, err, "too deep");
	place->keys[place->depth++] = key;
	return 0;
}

static void leave(struct place *place)
{
	place->keys[--place->depth] = NULL;
}

static const struct field_row *find_field(const struct deploy_rows *rows, const char *name)
{
	const struct field_row *row;

	for (size_t i = 0; (row = deploy_field(rows, i)); i++)
		if (strcmp(row->name, name) == 0)
			return row;
	return NULL;
}

/* The place is the member's. */
static int refuse_unknown(const struct place *place, const struct deploy_rows *rows,
			  struct berth_error *err)
{
	const char *name = place->keys[place->depth - 1];
	const struct field_row *row;
	struct nearest nearest;
	char shown[SHOWN_SIZE];

	(void)text_sanitize(name, strlen(name), shown, sizeof(shown));
	nearest_start(&nearest, name);
	for (size_t i = 0; (row = deploy_field(rows, i)); i++)
		nearest_offer(&nearest, row->name);
	if (nearest.best)
		(void)berth_fail(err, BERTH_INVALID, 0, "%s: unknown field, did you mean %s?",
				 shown, nearest.best);
	else
		(void)berth_fail(err, BERTH_INVALID, 0,
				 "%s: unknown field; see: berth deploy --schema", shown);
	return fail_here(place, err);
}

static int check_shape(struct place *place, const struct deploy_shape_row *shape,
		       const json_t *value, struct berth_error *err);

/* The place is the member's. */
static int check_member(struct place *place, const struct deploy_rows *rows, const json_t *value,
			struct berth_error *err)
{
	const struct field_row *row = find_field(rows, place->keys[place->depth - 1]);
	union deploy_record record = {0};
	int status;

	if (!row)
		return refuse_unknown(place, rows, err);
	if (row->type == FIELD_JSON)
		return check_shape(place, deploy_shape_find(row->name), value, err);
	status = field_parse_member(row, 1, row->name, value, &record, err);
	field_finish(row, 1, &record);
	return status < 0 ? fail_here(place, err) : 0;
}

static int check_required(struct place *place, const struct deploy_rows *rows, const json_t *object,
			  struct berth_error *err)
{
	const struct field_row *row;

	for (size_t i = 0; (row = deploy_field(rows, i)); i++) {
		bool is_wanted = row->required || (rows->required_name &&
						   strcmp(rows->required_name, row->name) == 0);

		if (!is_wanted || json_object_get(object, row->name))
			continue;
		if (enter(place, row->name, err) < 0)
			return -1;
		return refuse(place, err, "missing, it is required");
	}
	return 0;
}

static int check_object(struct place *place, const struct deploy_rows *rows, const json_t *object,
			struct berth_error *err)
{
	const char *name;
	json_t *value;

	if (!json_is_object(object))
		return refuse(place, err, "not an object");
	if (check_required(place, rows, object, err) < 0)
		return -1;
	/* the iterator's own type is not const although it changes nothing */
	json_object_foreach ((json_t *)(uintptr_t)object, name, value) {
		if (enter(place, name, err) < 0 || check_member(place, rows, value, err) < 0)
			return -1;
		leave(place);
	}
	return 0;
}

static int check_text(const struct place *place, const json_t *value, struct berth_error *err)
{
	if (!json_is_string(value) || json_string_length(value) > DEPLOY_TEXT_MAX)
		return refuse(place, err, "not a text of at most 32 KiB");
	return 0;
}

static int check_list(struct place *place, const struct deploy_shape_row *shape, const json_t *list,
		      struct berth_error *err)
{
	char index[INDEX_SIZE], why[SHOWN_SIZE];
	const json_t *value;
	int status = 0;
	size_t i;

	if (!json_is_array(list) || json_array_size(list) < shape->least ||
	    json_array_size(list) > shape->most) {
		(void)snprintf(why, sizeof(why), "not a list of %zu to %zu", shape->least,
			       shape->most);
		return refuse(place, err, why);
	}
	json_array_foreach (list, i, value) {
		(void)snprintf(index, sizeof(index), "%zu", i);
		if (enter(place, index, err) < 0)
			return -1;
		status = shape->shape == DEPLOY_TEXTS
				 ? check_text(place, value, err)
				 : check_object(place, shape->rows, value, err);
		leave(place);
		if (status < 0)
			return -1;
	}
	return 0;
}

static bool is_variable(const char *name)
{
	return name[0] && !(name[0] >= '0' && name[0] <= '9') &&
	       !name[strspn(name, NAME_LETTERS)] && strlen(name) <= 255;
}

static int check_variables(struct place *place, const json_t *object, size_t most,
			   struct berth_error *err)
{
	const char *name;
	json_t *value;

	if (!json_is_object(object) || json_object_size(object) > most)
		return refuse(place, err, "not an object of at most 256 texts");
	json_object_foreach ((json_t *)(uintptr_t)object, name, value) {
		if (enter(place, name, err) < 0)
			return -1;
		if (!is_variable(name))
			return refuse(place, err, "not a variable's name");
		if (strncmp(name, "BERTH_", strlen("BERTH_")) == 0 || strcmp(name, "BERTH") == 0)
			return refuse(place, err, "BERTH_ variables are berth's own");
		if (check_text(place, value, err) < 0)
			return -1;
		leave(place);
	}
	return 0;
}

static int check_payload_schema(const struct place *place, const json_t *value,
				struct berth_error *err)
{
	struct berth_error why = {0};

	if (!json_is_object(value))
		return refuse(place, err, "not an object");
	return payload_schema_check(value, &why) < 0 ? refuse(place, err, why.message) : 0;
}

static int check_shape(struct place *place, const struct deploy_shape_row *shape,
		       const json_t *value, struct berth_error *err)
{
	switch (shape->shape) {
	case DEPLOY_PAYLOAD_SCHEMA:
		return check_payload_schema(place, value, err);
	case DEPLOY_OBJECT:
		return check_object(place, shape->rows, value, err);
	case DEPLOY_NAME_OR_OBJECT:
		if (json_is_string(value) && json_string_length(value) > 0)
			return 0;
		if (!json_is_object(value))
			return refuse(place, err, "neither a name nor an object");
		return check_object(place, shape->rows, value, err);
	case DEPLOY_OBJECTS:
	case DEPLOY_TEXTS:
		return check_list(place, shape, value, err);
	case DEPLOY_VARIABLES:
		return check_variables(place, value, shape->most, err);
	}
	return 0;
}

static int refuse_member(struct place *place, const char *member, struct berth_error *err,
			 const char *why)
{
	if (enter(place, member, err) < 0)
		return -1;
	return refuse(place, err, why);
}

static const char *text_of(const json_t *object, const char *member)
{
	return json_string_value(json_object_get(object, member));
}

/* "SRC:DST", "SRC:DST:ro" or "SRC:DST:rw". */
static bool is_mount(const char *text)
{
	AUTO_FREE char *copy = strdup(text);
	char *target, *mode;

	target = copy ? strchr(copy, ':') : NULL;
	if (!target)
		return false;
	*target++ = '\0';
	mode = strchr(target, ':');
	if (mode)
		*mode++ = '\0';
	return deploy_path_is_absolute(copy) && deploy_path_is_absolute(target) &&
	       (!mode || strcmp(mode, "ro") == 0 || strcmp(mode, "rw") == 0);
}

static int check_mounts(struct place *place, const json_t *mounts, struct berth_error *err)
{
	const json_t *mount;
	size_t i;

	json_array_foreach (mounts, i, mount) {
		if (!is_mount(json_string_value(mount)))
			return refuse_member(place, "mounts", err,
					     "not SRC:DST, SRC:DST:ro or SRC:DST:rw with absolute "
					     "paths");
	}
	return 0;
}

static bool is_task_id(const char *id)
{
	return strspn(id, ID_FIRST) > 0 && !id[strspn(id, ID_OTHERS)];
}

/* What a task's rows cannot say. The place is the task's. */
static int check_task(struct place *place, const json_t *task, struct berth_error *err)
{
	const char *program = text_of(task, "program"), *cwd = text_of(task, "cwd");
	const char *dead_letter = text_of(task, "deadLetter"), *id = text_of(task, "id");
	const char *resume = text_of(task, "resume");
	const json_t *command = json_object_get(task, "command");

	if (!is_task_id(id))
		return refuse_member(place, "id", err,
				     "not letters, digits, and . _ / : - behind the first");
	if (!command == !program)
		return refuse_member(place, command ? "program" : "command", err,
				     "either command or program is needed, not both");
	if (command && json_string_length(json_array_get(command, 0)) == 0)
		return refuse_member(place, "command", err, "begins with an empty text");
	if (program && !deploy_path_is_relative(program))
		return refuse_member(place, "program", err,
				     "not a path inside the deployed directory");
	if (cwd && !deploy_path_is_absolute(cwd))
		return refuse_member(place, "cwd", err, "not an absolute path without . and ..");
	if (dead_letter && strcmp(dead_letter, id) == 0)
		return refuse_member(place, "deadLetter", err, "the task itself");
	if (json_is_true(json_object_get(task, "checkpointFiles")) && resume &&
	    strcmp(resume, "restart") == 0)
		return refuse_member(place, "checkpointFiles", err,
				     "of no use with \"resume\":\"restart\"");
	if (json_object_get(json_object_get(task, "limits"), "memory") &&
	    json_object_get(json_object_get(task, "retry"), "outOfMemory"))
		return refuse_member(place, "limits", err,
				     "memory is the same on every machine: of no use with "
				     "retry.outOfMemory");
	return check_mounts(place, json_object_get(task, "mounts"), err);
}

/* That no two elements of the list have the same name; the place is the list's. */
static int check_names(struct place *place, const json_t *list, const char *member,
		       struct berth_error *err)
{
	AUTO_JSON json_t *seen = json_object();
	char index[INDEX_SIZE];
	const json_t *element;
	size_t i;

	json_array_foreach (list, i, element) {
		const char *name = text_of(element, member);

		if (json_object_get(seen, name)) {
			(void)snprintf(index, sizeof(index), "%zu", i);
			if (enter(place, index, err) < 0)
				return -1;
			return refuse_member(place, member, err, "stands there twice");
		}
		if (json_object_set_new(seen, name, json_true()) < 0)
			return berth_fail(err, BERTH_MEMORY, ENOMEM, "%s", place->shown);
	}
	return 0;
}

static int check_lists(struct place *place, const json_t *manifest, struct berth_error *err)
{
	const json_t *tasks = json_object_get(manifest, "tasks"), *task;
	char index[INDEX_SIZE];
	size_t i;

	if (enter(place, "tasks", err) < 0 || check_names(place, tasks, "id", err) < 0)
		return -1;
	json_array_foreach (tasks, i, task) {
		(void)snprintf(index, sizeof(index), "%zu", i);
		if (enter(place, index, err) < 0 || check_task(place, task, err) < 0)
			return -1;
		leave(place);
	}
	leave(place);
	if (enter(place, "queues", err) < 0)
		return -1;
	return check_names(place, json_object_get(manifest, "queues"), "name", err);
}

int deploy_manifest_check(const json_t *manifest, const char *shown, const char *source,
			  struct berth_error *err)
{
	struct place place = {.shown = shown, .source = source};

	if (check_object(&place, &deploy_head_rows, manifest, err) < 0)
		return -1;
	return check_lists(&place, manifest, err);
}

int deploy_manifest_read(int dirfd, const char *shown, json_t **ret_manifest,
			 struct berth_error *err)
{
	AUTO_JSON json_t *manifest = NULL;
	AUTO_FREE char *source = NULL;

	if (json_parse_file(dirfd, DEPLOY_FILE_NAME, DEPLOY_FILE_MAX, &manifest, &source, err) < 0)
		return -1;
	if (deploy_manifest_check(manifest, shown, source, err) < 0)
		return -1;
	*ret_manifest = steal_ptr(&manifest);
	return 0;
}

int deploy_manifest_check_programs(const json_t *manifest,
				   bool (*is_executable)(void *owner, const char *path),
				   void *owner, struct berth_error *err)
{
	const json_t *task;
	size_t i;

	json_array_foreach (json_object_get(manifest, "tasks"), i, task) {
		const char *program = text_of(task, "program");

		if (program && !is_executable(owner, program))
			return berth_fail(err, BERTH_INVALID, 0,
					  "tasks.%zu.program: %.160s is no executable file of the "
					  "directory (chmod +x)",
					  i, program);
	}
	return 0;
}
