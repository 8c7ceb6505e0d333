/* SPDX-License-Identifier: Apache-2.0 */
/* Machine presets: named limits from presets.json and an operator's drop-in directory. */
#pragma once

#include <stddef.h>

#include "base/error.h"
#include "base/limits.h"

#define MACHINE_DEFAULT            "small-1x"
#define MACHINE_NAME_MAX           32 /* [a-z0-9][a-z0-9-]* */
#define MACHINE_DESCRIPTION_MAX    200
#define MACHINES_MAX               64
#define MACHINE_FILE_MAX           (64 * 1024) /* bytes of presets.json and of each drop-in */
#define MACHINE_DROPINS_MAX        64
#define MACHINE_DIRECTORY          "/etc/berth/machines.d"
#define MACHINE_DIRECTORY_VARIABLE "BERTH_MACHINES_DIR"
#define MACHINE_NO_DIRECTORY       "/nonexistent/berth"

struct machine {
	char name[MACHINE_NAME_MAX + 1];
	char description[MACHINE_DESCRIPTION_MAX + 1]; /* may be empty */
	struct resource_limits limits;
};

/* In the order of presets.json, added ones after it. Owned by whoever loaded it. */
struct machine_list {
	struct machine *machines;
	size_t count;
};

/* Loads presets_path (NULL: the presets compiled in) and then every *.json of the drop-in directory
 * in name order. Each file is one object {name: {field: value, …}, …} with the rows of
 * resource_limit_rows and "description" as fields: a known name is resized (only the fields given
 * change), a new one is added with the rows' defaults. directory NULL means $BERTH_MACHINES_DIR or
 * else MACHINE_DIRECTORY; one that does not exist holds nothing. BERTH_INVALID is "path:line:
 * machine: field: why". */
int machine_list_load(const char *presets_path, const char *directory,
		      struct machine_list *ret_list, struct berth_error *err);
/* Accepts a zeroed list. */
void machine_list_finish(struct machine_list *list);

/* BERTH_NOT_FOUND names the known ones. The machine belongs to the list. */
int machine_find(const struct machine_list *list, const char *name,
		 const struct machine **ret_machine, struct berth_error *err);
