/* SPDX-License-Identifier: Apache-2.0 */
/* Where the checkpoints of a run live, over all of its attempts: the named ones that berth keeps
 * and the /checkpoint volume that the task writes; in --checkpoint DIR, or for this run only. */
#pragma once

#include <stddef.h>

#include "base/error.h"
#include "runner/run/run_plan.h"

struct checkpoint_place;
struct sandbox_host;
struct sandbox_volume;

/* Opens or makes what the plan asks for. BERTH_DENIED when another run uses the directory. */
int checkpoint_place_open(struct sandbox_host *host, const struct run_plan *plan,
			  struct checkpoint_place **ret_place, struct berth_error *err);
/* Accepts NULL. Without --checkpoint everything is deleted. */
void checkpoint_place_close(struct checkpoint_place *place);

/* NULL when the run has none. */
struct sandbox_volume *checkpoint_place_volume(const struct checkpoint_place *place);

/* See checkpoint_store.h for both. */
int checkpoint_place_save(struct checkpoint_place *place, const char *name, const char *data,
			  size_t length, struct berth_error *err);
int checkpoint_place_load(struct checkpoint_place *place, const char *name, char **ret_data,
			  struct berth_error *err);
