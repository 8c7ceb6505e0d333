/* SPDX-License-Identifier: Apache-2.0 */
/* What an extension.json may say: a table of fields for each kind of object in it. */
#include "extensions/manifest_table.h"

#include "extensions/manifest.h"

#define PATH_BYTES 4095
#define NAME_BYTES 255
#define TEXT_BYTES 500
#define TEN_YEARS  (3650.0 * 24 * 3600 * 1000) /* ms */
#define ROWS(table)                                                                                \
	{                                                                                          \
		.rows = (table), .count = sizeof(table) / sizeof((table)[0])                       \
	}

/* clang-format off */
#define AT(member) offsetof(struct manifest_head, member)
static const struct field_row head_rows[] = {
	{.name = "name", .type = FIELD_STRING, .offset = AT(name), .min = 1, .max = EXTENSION_NAME_MAX, .unit = "", .help = "the name, that of its directory", .required = true},
	{.name = "description", .type = FIELD_STRING, .offset = AT(description), .min = 1, .max = TEXT_BYTES, .unit = "", .help = "one sentence", .required = true},
	{.name = "requires", .type = FIELD_JSON, .offset = AT(requires), .unit = "", .help = "libraries and programs that the host must have"},
	{.name = "mounts", .type = FIELD_JSON, .offset = AT(mounts), .unit = "", .help = "files and directories of the host, read-only"},
	{.name = "environment", .type = FIELD_JSON, .offset = AT(environment), .unit = "", .help = "variables for its tasks"},
	{.name = "tasks", .type = FIELD_JSON, .offset = AT(tasks), .unit = "", .help = "the tasks it brings"},
};
#undef AT

#define AT(member) offsetof(struct extension_requirement, member)
static const struct field_row requirement_rows[] = {
	{.name = "library", .type = FIELD_STRING, .offset = AT(library), .min = 1, .max = NAME_BYTES, .unit = "", .help = "a shared object's file name"},
	{.name = "program", .type = FIELD_STRING, .offset = AT(program), .min = 1, .max = NAME_BYTES, .unit = "", .help = "a program's file name"},
	{.name = "package", .type = FIELD_STRING, .offset = AT(package), .min = 1, .max = NAME_BYTES, .unit = "", .help = "the Debian package that brings it", .required = true},
};
#undef AT

#define AT(member) offsetof(struct extension_mount, member)
static const struct field_row mount_rows[] = {
	{.name = "source", .type = FIELD_STRING, .offset = AT(source), .min = 1, .max = PATH_BYTES, .unit = "", .help = "absolute path on the host", .required = true},
	{.name = "target", .type = FIELD_STRING, .offset = AT(target), .min = 1, .max = PATH_BYTES, .unit = "", .help = "absolute path in the sandbox", .required = true},
	{.name = "optional", .type = FIELD_BOOL, .offset = AT(optional), .unit = "", .help = "skip it where the host has none"},
};
#undef AT

#define AT(member) offsetof(struct extension_task, member)
static const struct field_row task_rows[] = {
	{.name = "id", .type = FIELD_STRING, .offset = AT(id), .min = 3, .max = EXTENSION_TASK_ID_MAX, .unit = "", .help = "the task's name, with a dot inside", .required = true},
	{.name = "program", .type = FIELD_STRING, .offset = AT(program), .min = 1, .max = NAME_BYTES, .unit = "", .help = "file name in the extension's directory", .required = true},
	{.name = "description", .type = FIELD_STRING, .offset = AT(description), .min = 1, .max = TEXT_BYTES, .unit = "", .help = "one sentence", .required = true},
	{.name = "machine", .type = FIELD_STRING, .offset = AT(machine), .min = 1, .max = EXTENSION_NAME_MAX, .unit = "", .help = "the machine when none is asked for"},
	{.name = "disk", .type = FIELD_BOOL, .offset = AT(disk), .unit = "", .help = "its files need a disk rather than memory"},
	{.name = "timeout", .type = FIELD_DURATION_MS, .offset = AT(timeout_ms), .min = 0, .max = TEN_YEARS, .unit = "seconds", .help = "how long an attempt may take, 0 for no limit of its own"},
	{.name = "attempts", .type = FIELD_INTEGER, .offset = AT(attempts), .min = 1, .max = 100, .default_text = "1", .unit = "", .help = "how often it is tried"},
};
#undef AT

const struct manifest_rows manifest_head_rows = ROWS(head_rows);
const struct manifest_rows manifest_requirement_rows = ROWS(requirement_rows);
const struct manifest_rows manifest_mount_rows = ROWS(mount_rows);
const struct manifest_rows manifest_task_rows = ROWS(task_rows);

const char *const manifest_reserved_targets[] = {
	"/checkpoint", "/dev", "/input", "/opt/berth", "/output", "/proc", "/run/berth", "/sys", "/work", NULL,
};
/* clang-format on */
