/* SPDX-License-Identifier: Apache-2.0 */
/* The launcher's whole state, for its own files: one loop, one thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/loop.h"
#include "runner/launcher/launch_spec.h"
#include "runner/launcher/launcher_options.h"
#include "runner/launcher/notify.h"
#include "runner/launcher/outbox.h"
#include "runner/launcher/policy.h"
#include "runner/launcher/run_table.h"
#include "runner/launcher/supervisor_process.h"
#include "sandbox/sandbox.h"

/* What it is about; each later one ends in the end of the process or in an exec. */
enum launcher_phase {
	LAUNCHER_SERVING,
	LAUNCHER_RELOADING_PHASE, /* waiting for the supervisor to end, then exec */
	LAUNCHER_DRAINING,        /* the supervisor was told; what runs may finish */
	LAUNCHER_KILLING,         /* what runs was killed; waiting for its end */
	LAUNCHER_CLOSING,         /* no run is left; waiting for the supervisor's end */
};

/* A packet as it is received; the spec of a LAUNCH is in it, aligned. */
struct launcher_packet {
	_Alignas(16) char bytes[sizeof(struct launcher_launch) + LAUNCHER_SPEC_INLINE_MAX];
	size_t length;
	struct launcher_descriptors descriptors;
};

struct launcher {
	struct launcher_options options;
	struct policy policy;
	struct notify notify;
	struct loop *loop;
	struct sandbox_host *host;
	struct run_table *table;
	struct outbox outbox;
	struct supervisor_process supervisor;
	struct loop_source *socket_source, *supervisor_source, *signals;
	struct loop_source *restart_timer, *idle_timer, *pace_timer, *phase_timer, *watchdog_timer;
	bool idle_armed, was_active, pace_armed;
	enum launcher_phase phase;
	bool is_ready, pong_missing, is_condemned; /* the supervisor: listens, owes, was killed */
	unsigned generation;
	uint32_t abilities;
	int checkpoints_fd; /* STATE/checkpoints; -1: none */
	struct launch_spec_room room;
	struct launch_spec spec;
	struct launcher_packet packet;
	uint32_t resume_count; /* runs of the program before */
};

/* launcher.c: opens everything; --resume takes over what the program before left. */
int launcher_create(const struct launcher_options *options, struct launcher **ret_launcher,
		    struct berth_error *err);
int launcher_run(struct launcher *launcher, struct berth_error *err);
/* Accepts NULL and half-built ones. Kills what still runs. */
void launcher_destroy(struct launcher *launcher);
/* Something was launched or ended: pools are refilled when nothing happens for a moment. */
int launcher_note_activity(struct launcher *launcher, struct berth_error *err);
/* Sends, and asks the loop for what is needed next. */
int launcher_flush(struct launcher *launcher, struct berth_error *err);

/* requests.c: reads what the supervisor asks for, as far as it can be answered. */
int requests_read(struct launcher *launcher, struct berth_error *err);

/* run_start.c: launches what launcher->spec says. */
int run_start(struct launcher *launcher, const struct launcher_header *header,
	      struct launcher_descriptors *descriptors, struct berth_error *err);

/* run_watch.c: follows a run that has a sandbox to its end. */
int run_watch(struct launcher *launcher, struct run *run, struct berth_error *err);
void run_kill(struct run *run);
/* Kills what runs without telling anybody, and forgets every row. */
void run_forget_all(struct launcher *launcher);

/* run_pace.c: freezing and reclaiming, which take time. */
int run_freeze(struct launcher *launcher, struct run *run, struct berth_error *err);
int run_thaw(struct launcher *launcher, struct run *run, struct berth_error *err);
int run_reclaim(struct launcher *launcher, struct run *run, struct berth_error *err);
/* Goes on with what the program before had begun. */
int run_pace_resume(struct launcher *launcher, struct run *run, unsigned pace,
		    struct berth_error *err);
int run_pace_tick(void *launcher, struct berth_error *err);

/* supervise.c: keeps a supervisor there. */
int supervise_start(struct launcher *launcher, struct berth_error *err);
/* Reads and answers what it still said, and lets go of its socket. */
void supervise_close_socket(struct launcher *launcher);

/* watchdog.c: systemd asks whether we are alive, we ask the supervisor. */
int watchdog_start(struct launcher *launcher, struct berth_error *err);
int watchdog_tick(void *launcher, struct berth_error *err);

/* phase.c: serving, reloading, draining; the only place that changes launcher->phase. */
int phase_reload(struct launcher *launcher, struct berth_error *err);
int phase_drain(struct launcher *launcher, struct berth_error *err);
int phase_drained(struct launcher *launcher, struct berth_error *err);
/* A run has ended, or the supervisor has: maybe nothing is left to wait for. */
int phase_advance(struct launcher *launcher, struct berth_error *err);
int phase_handle_timer(void *launcher, struct berth_error *err);
