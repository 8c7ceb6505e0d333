/* SPDX-License-Identifier: Apache-2.0 */
/* Files that a request names for the daemon: as absolute paths, which the caller may use itself.
 * That is said early and in its own words; what counts is what the daemon's operator allows. */
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "runner/run/string_list.h"

/* Each adds a member when something was given (not NULL, not empty). BERTH_NOT_FOUND,
 * BERTH_DENIED or BERTH_INVALID name the option. */
int client_files_add_inputs(json_t *request, const struct string_list *paths,
			    struct berth_error *err);
/* A directory that is missing is made, as `berth run` does. */
int client_files_add_output(json_t *request, const char *path, struct berth_error *err);

/* The same of members that are there already, in an item of a batch; what is malformed is left to
 * the daemon to refuse. */
int client_files_complete(json_t *request, struct berth_error *err);
