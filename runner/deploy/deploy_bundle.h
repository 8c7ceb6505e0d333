/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's side: a list of files and their bytes become STATE/bundles/<digest>/, whole or not
 * at all. Waits for the disk: for a worker thread. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/sha256.h"

/* Checks the list and the descriptor of a stranger and writes the files; a bundle that is there
 * already is left as it is. list is as deploy_files_collect() makes it; source must be a memfd that
 * nobody can change. ret_digest names the bundle. BERTH_INVALID, BERTH_LIMIT (also with ENOSPC). */
int deploy_bundle_write(int bundles, const json_t *list, int source,
			char ret_digest[SHA256_TEXT_SIZE], struct berth_error *err);

/* Removes a bundle, or what is left of one; 0 also when there is none. */
int deploy_bundle_remove(int bundles, const char *name, struct berth_error *err);

/* Removes what writers that died left; nobody may be writing. */
int deploy_bundle_sweep(int bundles, struct berth_error *err);

/* Whether a bundle is there. */
bool deploy_bundle_exists(int bundles, const char *digest);

/* Gives those that are not kept another name, and nothing else: quick, and in one step for each.
 * *ret_count is how many. keep is a function of who asks; a bundle that is being written has no
 * digest for a name yet. */
typedef bool (*deploy_bundle_keep)(void *owner, const char *digest);
int deploy_bundle_set_aside(int bundles, deploy_bundle_keep keep, void *owner, size_t *ret_count,
			    struct berth_error *err);
/* Removes what was set aside, now or in another life. */
int deploy_bundle_sweep_aside(int bundles, struct berth_error *err);
