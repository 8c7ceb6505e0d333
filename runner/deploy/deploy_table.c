/* SPDX-License-Identifier: Apache-2.0 */
/* What a berth.json may say. */
#include "runner/deploy/deploy_table.h"

#include <string.h>

#include "runner/engine/engine_queues.h"
#include "sandbox/sandbox.h"

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))
#define PATH_BYTES  4095.0
#define NAME_BYTES  64.0
#define LINE_BYTES  500.0

static const char *const network_choices[] = {
	[SANDBOX_NETWORK_NONE] = "none", [SANDBOX_NETWORK_HOST] = "host", NULL};

/* clang-format off */
#define AT(member) offsetof(struct deploy_head, member)
static const struct field_row head_rows[] = {
	{.name = "$schema", .type = FIELD_STRING, .offset = AT(schema), .min = 1, .max = PATH_BYTES, .unit = "", .help = "for editors: what berth deploy --schema printed"},
	{.name = "name", .type = FIELD_STRING, .offset = AT(name), .min = 1, .max = NAME_BYTES, .unit = "", .help = "what people call it"},
	{.name = "tasks", .type = FIELD_JSON, .offset = AT(tasks), .unit = "", .help = "what can be triggered", .required = true},
	{.name = "queues", .type = FIELD_JSON, .offset = AT(queues), .unit = "", .help = "queues that several tasks share"},
};
#undef AT

#define AT(member) offsetof(struct deploy_task, member)
static const struct field_row task_rows[] = {
	{.name = "id", .type = FIELD_STRING, .offset = AT(id), .min = 1, .max = TASK_NAME_MAX, .unit = "", .help = "the task's name: letters, digits, and . _ / : - inside", .required = true},
	{.name = "description", .type = FIELD_STRING, .offset = AT(description), .min = 1, .max = LINE_BYTES, .unit = "", .help = "one sentence"},
	{.name = "command", .type = FIELD_JSON, .offset = AT(command), .unit = "", .help = "what is executed, one text an argument; this or program"},
	{.name = "program", .type = FIELD_STRING, .offset = AT(program), .min = 1, .max = PATH_BYTES, .unit = "", .help = "an executable file of the deployed directory; this or command"},
	{.name = "image", .type = FIELD_STRING, .offset = AT(image), .min = 1, .max = NAME_BYTES, .unit = "", .help = "the image the root is made from; host unless said"},
	{.name = "extensions", .type = FIELD_JSON, .offset = AT(extensions), .unit = "", .help = "extensions to mount"},
	{.name = "env", .type = FIELD_JSON, .offset = AT(env), .unit = "", .help = "variables"},
	{.name = "network", .type = FIELD_ENUM, .offset = AT(network), .choices = network_choices, .default_text = "none", .unit = "", .help = "none is loopback only, host is the host's own"},
	{.name = "mounts", .type = FIELD_JSON, .offset = AT(mounts), .unit = "", .help = "files and directories of the host, as SRC:DST, SRC:DST:ro or SRC:DST:rw; read-only unless :rw"},
	{.name = "cwd", .type = FIELD_STRING, .offset = AT(cwd), .min = 1, .max = PATH_BYTES, .unit = "", .help = "the working directory; /app, the deployed files, unless said"},
	{.name = "limits", .type = FIELD_JSON, .offset = AT(limits), .unit = "", .help = "what an attempt may use, in place of the machine's"},
	{.name = "checkpointFiles", .type = FIELD_BOOL, .offset = AT(checkpoint_files), .unit = "", .help = "whether files below /checkpoint outlive an attempt; making that disk takes 60 ms"},
};
#undef AT

#define AT(member) offsetof(struct deploy_memory, member)
static const struct field_row memory_rows[] = {
	{.name = "machine", .type = FIELD_STRING, .offset = AT(machine), .min = 1, .max = NAME_BYTES, .unit = "", .help = "the preset of further attempts"},
	{.name = "ladder", .type = FIELD_BOOL, .offset = AT(ladder), .unit = "", .help = "the next larger preset each time"},
};
#undef AT
/* clang-format on */

static const size_t head_count = COUNT(head_rows);
static const size_t task_count = COUNT(task_rows);
static const size_t memory_count = COUNT(memory_rows);

const struct deploy_rows deploy_head_rows = {.rows = head_rows, .count = &head_count};
const struct deploy_rows deploy_task_rows = {
	.rows = task_rows,
	.count = &task_count,
	.shared = definition_rows,
	.shared_count = &definition_row_count,
};
const struct deploy_rows deploy_queue_rows = {
	.rows = definition_queue_rows,
	.count = &definition_queue_row_count,
	.required_name = "name",
};
static const struct deploy_rows own_queue_rows = {
	.rows = definition_queue_rows,
	.count = &definition_queue_row_count,
};
static const struct deploy_rows retry_rows = {
	.rows = definition_retry_rows,
	.count = &definition_retry_row_count,
};
static const struct deploy_rows memory_object_rows = {.rows = memory_rows, .count = &memory_count};
static const struct deploy_rows limit_rows = {
	.rows = resource_limit_rows,
	.count = &resource_limit_row_count,
};

/* clang-format off */
static const struct deploy_shape_row shape_rows[] = {
	{"tasks", DEPLOY_OBJECTS, &deploy_task_rows, 1, DEPLOY_TASKS_MAX},
	{"queues", DEPLOY_OBJECTS, &deploy_queue_rows, 0, DEPLOY_QUEUES_MAX},
	{"command", DEPLOY_TEXTS, NULL, 1, DEPLOY_ARGUMENTS_MAX},
	{"extensions", DEPLOY_TEXTS, NULL, 0, DEPLOY_EXTENSIONS_MAX},
	{"mounts", DEPLOY_TEXTS, NULL, 0, DEPLOY_MOUNTS_MAX},
	{"env", DEPLOY_VARIABLES, NULL, 0, DEPLOY_VARIABLES_MAX},
	{"queue", DEPLOY_NAME_OR_OBJECT, &own_queue_rows, 0, 0},
	{"retry", DEPLOY_OBJECT, &retry_rows, 0, 0},
	{"outOfMemory", DEPLOY_OBJECT, &memory_object_rows, 0, 0},
	{"limits", DEPLOY_OBJECT, &limit_rows, 0, 0},
	{"payloadSchema", DEPLOY_PAYLOAD_SCHEMA, NULL, 0, 0},
};
/* clang-format on */

const struct deploy_shape_row *deploy_shape_find(const char *name)
{
	for (size_t i = 0; i < COUNT(shape_rows); i++)
		if (strcmp(shape_rows[i].name, name) == 0)
			return &shape_rows[i];
	return NULL;
}

const struct field_row *deploy_field(const struct deploy_rows *rows, size_t index)
{
	if (index < *rows->count)
		return &rows->rows[index];
	index -= *rows->count;
	return rows->shared && index < *rows->shared_count ? &rows->shared[index] : NULL;
}
