/* SPDX-License-Identifier: Apache-2.0 */
/* What an extension.json may say: a table of fields for each kind of object in it. */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "base/field.h"

/* The manifest's own members; the arrays are parsed one by one. */
struct manifest_head {
	char *name;
	char *description;
	json_t *requires;
	json_t *mounts;
	json_t *environment;
	json_t *tasks;
};

struct manifest_rows {
	const struct field_row *rows;
	size_t count;
};

extern const struct manifest_rows manifest_head_rows;        /* struct manifest_head */
extern const struct manifest_rows manifest_requirement_rows; /* struct extension_requirement */
extern const struct manifest_rows manifest_mount_rows;       /* struct extension_mount */
extern const struct manifest_rows manifest_task_rows;        /* struct extension_task */

/* Where an extension cannot mount anything; NULL-terminated. */
extern const char *const manifest_reserved_targets[];
