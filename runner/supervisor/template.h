/* SPDX-License-Identifier: Apache-2.0 */
/* What all attempts of one definition on one machine have in common: the plan of their sandbox,
 * made once and kept while it is used. */
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "runner/engine/engine_attempts.h"
#include "runner/launcher/launch_spec.h"
#include "runner/run/installation.h"
#include "runner/run/run_plan.h"

#define TEMPLATES_MAX     256    /* kept unused; the least recently used goes first */
#define TEMPLATE_APP_PATH "/app" /* the deployed files */

struct run_template {
	struct run_plan *plan;
	uint64_t grace_ms; /* 0: the operator's */
	/* the cache's own */
	struct template_cache *cache;
	struct run_options options;
	struct string_list words; /* owned: what options point to */
	char **command;
	int64_t definition_id;
	char machine[MACHINE_NAME_MAX + 1];
	unsigned users;
	uint64_t last_use;
	struct run_template *next;
};

struct template_cache;

/* bundles is the directory of deployed files, absolute; both are copied. */
int template_cache_create(const struct installation *installation, const char *bundles,
			  struct template_cache **ret_cache, struct berth_error *err);
/* Accepts NULL. Every template was released. */
void template_cache_destroy(struct template_cache *cache);

/* The template of a launch, to be released. BERTH_INVALID, BERTH_NOT_FOUND, BERTH_LIMIT or
 * BERTH_UNSUPPORTED say why this host cannot run the task. */
int template_get(struct template_cache *cache, const struct engine_launch *launch,
		 struct run_template **ret_template, struct berth_error *err);
/* Accepts NULL. */
void template_release(struct run_template *template);
