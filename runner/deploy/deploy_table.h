/* SPDX-License-Identifier: Apache-2.0 */
/* What a berth.json may say: a table of fields for each kind of object in it, and the shape of what
 * is itself an object or a list. Checking and the JSON Schema for editors come from the same rows.
 */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "base/field.h"
#include "base/limits.h"
#include "runner/engine/definition.h"

#define DEPLOY_FILE_NAME      "berth.json"
#define DEPLOY_FILE_MAX       ((size_t)4 * 1024 * 1024) /* bytes of it */
#define DEPLOY_TASKS_MAX      500
#define DEPLOY_QUEUES_MAX     500
#define DEPLOY_ARGUMENTS_MAX  256
#define DEPLOY_MOUNTS_MAX     32
#define DEPLOY_EXTENSIONS_MAX 16
#define DEPLOY_VARIABLES_MAX  256
#define DEPLOY_TEXT_MAX       32768 /* bytes of an argument or a variable's value */

struct deploy_head {
	char *schema, *name;
	json_t *tasks, *queues;
};

struct deploy_task {
	struct definition definition; /* first: its rows are the engine's */
	char *id, *description, *program, *image, *cwd;
	json_t *command, *extensions, *mounts, *env, *limits;
	int network;
	bool checkpoint_files;
};

struct deploy_memory {
	char *machine;
	bool ladder;
};

/* A record of any of them, to check a member against. */
union deploy_record {
	struct deploy_head head;
	struct deploy_task task;
	struct definition_queue queue;
	struct retry_policy retry;
	struct deploy_memory memory;
	struct resource_limits limits;
};

/* An object's fields: its own rows, and perhaps somebody else's. */
struct deploy_rows {
	const struct field_row *rows;
	const size_t *count;
	const struct field_row *shared;
	const size_t *shared_count;
	const char *required_name; /* of shared rows: what must be there all the same; NULL */
};

enum deploy_shape {
	DEPLOY_PAYLOAD_SCHEMA,
	DEPLOY_OBJECT,         /* of rows */
	DEPLOY_NAME_OR_OBJECT, /* a text, or an object of rows */
	DEPLOY_OBJECTS,        /* a list of objects of rows */
	DEPLOY_TEXTS,          /* a list of texts */
	DEPLOY_VARIABLES,      /* an object whose members are texts */
};

/* What a field of type FIELD_JSON is. */
struct deploy_shape_row {
	const char *name;
	enum deploy_shape shape;
	const struct deploy_rows *rows;
	size_t least, most; /* elements */
};

extern const struct deploy_rows deploy_head_rows;
extern const struct deploy_rows deploy_task_rows;
extern const struct deploy_rows deploy_queue_rows; /* of "queues": with a name */

/* NULL when the field of that name is no object or list. */
const struct deploy_shape_row *deploy_shape_find(const char *name);

/* The index-th field; NULL behind the last. */
const struct field_row *deploy_field(const struct deploy_rows *rows, size_t index);
