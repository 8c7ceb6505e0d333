/* SPDX-License-Identifier: Apache-2.0 */
/* The environment of a run: defaults, what extensions set, what the user gave; later ones win. */
#pragma once

#include "extensions/manifest.h"
#include "runner/run/run_plan.h"

int plan_environment_add_defaults(struct run_plan *plan, struct berth_error *err);
int plan_environment_add_extension(struct run_plan *plan, const struct extension *extension,
				   struct berth_error *err);
/* --env K=V, or K to pass the caller's own value on (nothing when it is not set). */
int plan_environment_add_user(struct run_plan *plan, struct berth_error *err);
