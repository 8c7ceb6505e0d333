/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the engine only: parsed definitions and the numbers behind names, kept as long as they
 * are used. Everything in it can be read again from the store. */
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "runner/engine/definition.h"
#include "runner/store/store.h"

struct definition_cache;

int definition_cache_create(struct definition_cache **ret_cache, struct berth_error *err);
/* Accepts NULL. */
void definition_cache_destroy(struct definition_cache *cache);
/* Nothing that it gave is valid any more. */
void definition_cache_clear(struct definition_cache *cache);

/* The definition of that number; valid until the next call or the end of the piece.
 * BERTH_NOT_FOUND, or BERTH_INVALID when what is stored cannot be read. */
int definition_cache_get(struct definition_cache *cache, struct store *store, int64_t definition_id,
			 const struct definition **ret_definition, struct berth_error *err);

/* A task's number. BERTH_NOT_FOUND: nobody ever defined it. */
int definition_cache_task(struct definition_cache *cache, struct store *store,
			  int64_t environment_id, const char *name, int64_t *ret_task_id,
			  struct berth_error *err);

/* Which definition a task has now: the current version's, or else the built-in one's; 0: none. */
int definition_cache_current(struct definition_cache *cache, struct store *store,
			     int64_t environment_id, int64_t task_id, int64_t *ret_definition_id,
			     struct berth_error *err);

/* The definition of a task in one version (0: none), or else in the built-in one; 1: there is none.
 */
int definition_of_version(struct store *store, int64_t environment_id, int64_t version_id,
			  const char *task, int64_t *ret_definition_id, struct berth_error *err);
