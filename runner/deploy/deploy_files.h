/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a directory that is deployed, as they go to the daemon: a list, and one sealed memfd
 * with their bytes one behind the other. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct deploy_files {
	json_t *list; /* array of {path, size[, executable]} and {path, link}, in order of path */
	int descriptor;
	uint64_t bytes;
};

/* Collects every regular file and symbolic link below dirfd but .git; other kinds, links that leave
 * the directory, and too many or too large ones are refused by name. */
int deploy_files_collect(int dirfd, struct deploy_files *ret_files, struct berth_error *err);
/* Accepts a zeroed one. */
void deploy_files_finish(struct deploy_files *files);

/* Whether the list has an executable file at path; for deploy_manifest_check_programs(). */
bool deploy_files_is_executable(void *list, const char *path);
