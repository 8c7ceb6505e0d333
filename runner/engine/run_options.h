/* SPDX-License-Identifier: Apache-2.0 */
/* Inside the engine only: what a run was asked to have, kept so that it can be applied again to
 * another definition, and replayed. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "machines/machine.h"
#include "runner/engine/definition.h"
#include "runner/engine/engine.h"
#include "runner/engine/engine_runs.h"
#include "runner/store/store_runs.h"

/* Zero and NULL: not given. */
struct run_options {
	char *machine, *queue, *concurrency_key;
	json_t *inputs; /* NULL: none */
	char *output_directory;
	int64_t max_attempts, priority;
	uint64_t max_duration_ms, ttl_ms;
	bool has_ttl;
};
void run_options_finish(struct run_options *options);
#define AUTO_RUN_OPTIONS __attribute__((cleanup(run_options_finish)))

/* JSON text of what the request gives, the caller's; NULL when it gives nothing. */
int run_options_format(const struct run_trigger *request, char **ret_text, struct berth_error *err);
/* text may be NULL. */
int run_options_parse(const char *text, struct run_options *ret_options, struct berth_error *err);

/* Sets the machine, and the shares of the host that a run on it holds. */
void run_take_machine(struct run_row *run, const struct machine *machine,
		      const struct definition *definition);

/* Sets machine, shares, attempts and duration of *run: what was asked, else what the definition
 * says, else the defaults. BERTH_NOT_FOUND: no such machine. */
int run_options_apply(const struct engine *engine, const struct run_options *options,
		      const struct definition *definition, struct run_row *run,
		      struct berth_error *err);
