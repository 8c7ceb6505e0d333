/* SPDX-License-Identifier: Apache-2.0 */
/* The unprivileged half of `berth serve`: one loop between the launcher, the engine's threads, the
 * clients and the tasks. docs/engine.md. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/loop.h"
#include "machines/machine.h"
#include "runner/control/control_backend.h"
#include "runner/control/control_server.h"
#include "runner/launcher/launcher_client.h"
#include "runner/run/installation.h"
#include "runner/supervisor/engine_thread.h"
#include "runner/supervisor/followers.h"
#include "runner/supervisor/live.h"
#include "runner/supervisor/settings.h"
#include "runner/supervisor/workers.h"

struct supervisor_options {
	const char *state;  /* directory; its own user's */
	const char *config; /* NULL: the defaults */
	int listen_fd;      /* of the control socket; taken over */
};

struct supervisor {
	struct loop *loop;
	struct settings settings;
	struct engine_settings engine_settings;
	struct machine_list machines;
	struct installation installation;
	struct launcher_client *launcher;
	struct engine_thread *engine;
	struct workers *workers;
	struct followers *followers;
	struct template_cache *templates;
	struct live_services services;
	struct live_table *live;
	struct control_backend backend;
	struct number_index feeds; /* of logs, by run */
	struct control_server *server;
	struct loop_source *sample, *prune;
	struct control_call *reloading; /* is answered when the launcher has decided */
	const char *state;
	int listen_fd, state_fd, logs_fd, bundles_fd;
	struct launcher_hello host;
	uint64_t started_ns;     /* CLOCK_REALTIME */
	struct berth_error sick; /* why the store takes nothing; code BERTH_NONE: it does */
	bool is_sampling, is_recovered, is_draining, is_leaving, has_drained, is_replaced,
		is_backing_up;
};

/* Serves until the launcher says to end or goes away. */
int supervisor_run(const struct supervisor_options *options, struct berth_error *err);

/* supervisor_backend.c */
void supervisor_backend_init(struct supervisor *supervisor);
/* Holds admission; what runs goes on. */
void supervisor_drain(struct supervisor *supervisor);

/* supervisor_events.c: the launcher's and the engine's words. */
extern const struct launcher_handlers supervisor_launcher_handlers;
int supervisor_on_news(void *owner, struct engine_news *news, struct berth_error *err);
void supervisor_on_answered(void *owner);
int supervisor_on_health(void *owner, bool is_healthy, const struct berth_error *why,
			 struct berth_error *err);
/* Something of the table went. */
int supervisor_on_awake(void *owner, struct berth_error *err);
void supervisor_on_gone(void *owner);

/* supervisor_recover.c: what earlier supervisors left; then clients are let in. */
int supervisor_recover(struct supervisor *supervisor, struct berth_error *err);

/* supervisor_prune.c */
/* Removes what no version names any more, later. */
void supervisor_sweep_bundles(struct supervisor *supervisor);
int supervisor_prune_arm(struct supervisor *supervisor, struct berth_error *err);
int supervisor_prune(void *owner, struct control_call *call, struct berth_error *err);
/* Deletes the files of a run that has no row any more. */
void supervisor_forget(struct supervisor *supervisor, int64_t run_id, int64_t last_attempt);

/* supervisor_logs.c */
/* Removes the logs of runs without a row, later. */
void supervisor_sweep_logs(struct supervisor *supervisor);

/* supervisor_backup.c */
int supervisor_backup(void *owner, struct control_call *call, struct berth_error *err);

/* One line on stderr, for the journal. */
void supervisor_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
