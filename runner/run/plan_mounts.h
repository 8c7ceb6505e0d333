/* SPDX-License-Identifier: Apache-2.0 */
/* The ordered mounts of a run: image, extensions, inputs, the user's own. */
#pragma once

#include "extensions/manifest.h"
#include "runner/run/run_plan.h"

/* Each appends to plan->mounts, in the order in which they must be called. */
int plan_mounts_add_image(struct run_plan *plan, struct berth_error *err);
int plan_mounts_add_task_program(struct run_plan *plan, const char *path, struct berth_error *err);
int plan_mounts_add_extension(struct run_plan *plan, const struct extension *extension,
			      struct berth_error *err);
/* Binds every --input at /input/NAME and fills plan->inputs. */
int plan_mounts_add_inputs(struct run_plan *plan, struct berth_error *err);
/* Adds the path at which a file of that absolute path is shown in the sandbox, another one than
 * those in names; NULL with err. */
const char *plan_mounts_name_input(struct string_list *names, const char *source,
				   struct berth_error *err);
/* --mount SRC:DST[:ro|rw]. A mount of /work takes the place of the volume. */
int plan_mounts_add_user(struct run_plan *plan, struct berth_error *err);
