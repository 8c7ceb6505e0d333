/* SPDX-License-Identifier: Apache-2.0 */
/* All extensions of an installation, and finding one by its name or by a task's. */
#pragma once

#include <stddef.h>

#include "base/error.h"
#include "extensions/manifest.h"

#define EXTENSIONS_MAX 64

/* In name order. */
struct extension_list {
	struct extension *extensions;
	size_t count;
};

/* Loads every directory of root that has a manifest. A root that does not exist is BERTH_NOT_FOUND;
 * a task id that is claimed twice is BERTH_INVALID. */
int extension_list_load(const char *root, struct extension_list *ret_list, struct berth_error *err);
/* Accepts a zeroed one. */
void extension_list_finish(struct extension_list *list);

/* BERTH_NOT_FOUND names the known ones. Results belong to the list. */
int extension_find(const struct extension_list *list, const char *name,
		   const struct extension **ret_extension, struct berth_error *err);
int extension_find_task(const struct extension_list *list, const char *id,
			const struct extension **ret_extension,
			const struct extension_task **ret_task, struct berth_error *err);
