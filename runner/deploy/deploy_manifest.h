/* SPDX-License-Identifier: Apache-2.0 */
/* A berth.json, read and checked; errors name the file, the line, the field and the remedy. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/error.h"

/* Checks what a berth.json says. source is the file's text, for lines, or NULL; shown is what
 * errors call the file. BERTH_INVALID. */
int deploy_manifest_check(const json_t *manifest, const char *shown, const char *source,
			  struct berth_error *err);

/* Reads and checks dirfd/berth.json; shown is what errors call it. The caller owns *ret_manifest.
 */
int deploy_manifest_read(int dirfd, const char *shown, json_t **ret_manifest,
			 struct berth_error *err);

/* What the files must have: every task's program. is_executable answers for a path in the deployed
 * directory. */
int deploy_manifest_check_programs(const json_t *manifest,
				   bool (*is_executable)(void *owner, const char *path),
				   void *owner, struct berth_error *err);

/* A new JSON Schema (draft 2020-12) of the file, for editors; NULL when out of memory. */
json_t *deploy_schema(void);
