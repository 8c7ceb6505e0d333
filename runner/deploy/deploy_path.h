/* SPDX-License-Identifier: Apache-2.0 */
/* Which paths a manifest and a bundle may have. */
#pragma once

#include <stdbool.h>

#define DEPLOY_PATH_MAX 1024 /* bytes of a path in a bundle */

/* Absolute, without empty, "." and ".." parts. */
bool deploy_path_is_absolute(const char *path);
/* Relative, likewise, of at most DEPLOY_PATH_MAX bytes. */
bool deploy_path_is_relative(const char *path);
/* A symbolic link at path that says target stays in the directory, whatever other links there are
 * not. */
bool deploy_path_link_stays(const char *path, const char *target);
