/* SPDX-License-Identifier: Apache-2.0 */
/* The attempts that live: from the engine's word to launch to the launcher's that it is forgotten.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/loop.h"
#include "runner/engine/engine.h"
#include "runner/engine/engine_attempts.h"
#include "runner/launcher/launcher_client.h"
#include "runner/supervisor/engine_thread.h"
#include "runner/supervisor/settings.h"
#include "runner/supervisor/template.h"

struct live;
struct live_table;
struct followers;
struct workers;

/* What they work with; all of it outlives them. */
struct live_services {
	struct loop *loop;
	struct engine_thread *engine;
	struct launcher_client *launcher;
	struct template_cache *templates;
	struct followers *followers;
	struct workers *workers;
	const struct settings *settings;
	int log_directory; /* descriptor */
	bool can_freeze, can_reclaim;
	const bool *is_leaving; /* what is killed from now on is killed by the launcher's end */
	/* one has left the table, or begun to wait */
	void (*on_gone)(void *owner);
	/* one is not frozen any more */
	int (*on_awake)(void *owner, struct berth_error *err);
	void *owner;
};

int live_table_create(const struct live_services *services, struct live_table **ret_table,
		      struct berth_error *err);
/* Leaves what lives to the launcher; accepts NULL. */
void live_table_destroy(struct live_table *table);

/* NULL when no attempt of that run lives; with token, only that attempt. */
struct live *live_find(struct live_table *table, int64_t run_id, const char *token);
size_t live_count(const struct live_table *table);
/* Those that do not wait. */
size_t live_busy_count(const struct live_table *table);

/* ENGINE_LAUNCH; takes the launch over. What keeps it from starting becomes the attempt's end. */
int live_launch(struct live_table *table, struct engine_launch *launch, struct berth_error *err);

/* What an earlier supervisor left, from the launcher's table. Its descriptors are taken over. */
int live_adopt(struct live_table *table, const struct launcher_table_run *run,
	       struct launcher_descriptors *fds, struct berth_error *err);
int live_adopt_connection(struct live_table *table, const struct launcher_hold *hold,
			  struct launcher_descriptors *fds, struct berth_error *err);
/* After the engine recovered: those it knows go on, the others are killed by its ENGINE_KILL. */
int live_adopted_all(struct live_table *table, struct berth_error *err);
/* The tokens of all, for engine_recover(); the caller frees the array. */
int live_list(const struct live_table *table, struct engine_live **ret_list, size_t *ret_count,
	      struct berth_error *err);

/* The launcher's words. */
int live_started(struct live *live, const struct launcher_started *started,
		 struct launcher_descriptors *fds, struct berth_error *err);
int live_ended(struct live *live, const struct sandbox_outcome *outcome, struct berth_error *err);
int live_refused(struct live *live, const struct launcher_refused *refused,
		 struct berth_error *err);
int live_used(struct live *live, const struct launcher_used *used, struct berth_error *err);

/* The engine's words. */
int live_ask(struct live *live, uint64_t grace_ms, struct berth_error *err);
int live_kill(struct live *live, struct berth_error *err);
int live_resumed(struct live *live, struct berth_error *err);

/* Asks for the usage of everything that runs and is not frozen: see live_used(). 0, or
 * LIVE_NOTHING. */
enum { LIVE_NOTHING = 1 };
int live_sample(struct live_table *table, struct berth_error *err);

/* As sampled last. */
void live_usage(const struct live *live, struct sandbox_usage *ret_usage, uint64_t *ret_sampled_ns);
