/* SPDX-License-Identifier: Apache-2.0 */
/* Deployed versions: made, promoted, rolled back. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "runner/engine/engine.h"

#define VERSION_NAME_SIZE 24   /* YYYYMMDD.N */
#define ENGINE_TASKS_MAX  1000 /* in one version */

struct engine_deploy {
	int64_t environment_id; /* 0: 1 */
	const char *bundle;     /* digest of the deployed files; "" when there are none */
	/* JSON object as text, checked by runner/deploy; its "queues" is an array of {name,
	 * concurrencyLimit, keyLimit, sizeLimit} or not there */
	const char *manifest;
	const json_t *tasks; /* array of checked task objects, each with "id" */
	bool promote;
};
/* The whole version, or nothing when it is undone as a piece. The queues that it describes get
 * their limits when it is promoted. *ret_name is the new version's name. */
int engine_deploy(struct engine *engine, const struct engine_deploy *deploy,
		  char ret_name[VERSION_NAME_SIZE], struct berth_error *err);

/* Environment 0: 1. */
int engine_promote(struct engine *engine, int64_t environment_id, const char *name,
		   struct berth_error *err);

/* The tasks that are always there, as version "builtin"; a deployed task of the same name goes
 * before one. Called at start; one that is not named any more stays for the runs that have it. */
int engine_define_builtin(struct engine *engine, const json_t *tasks, struct berth_error *err);
