/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of an attempt share: its life (attempt.c), its end before its time
 * (attempt_stop.c) and what the task says (attempt_channel.c). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "runner/run/attempt.h"
#include "runner/run/streams.h"
#include "runner/run/task_channel.h"
#include "sandbox/volume.h"

struct loop_source;

struct attempt {
	struct attempt_context context;
	struct attempt_record *record;
	struct sandbox *sandbox;
	struct task_channel *channel;
	struct streams *streams;
	struct sandbox_volume *work, *output;
	struct loop_source *sandbox_source;
	struct loop_source *deadline, *grace, *sample; /* timers; NULL: not armed yet */
	enum run_stop stop;
	struct attempt_signal stop_signal;
	bool started, ended, stop_told;
	unsigned full_samples; /* how often in a row a disk volume was full */
};

/* attempt_stop.c */

/* Arms the timeout and the sampling of limits that no kernel counter ends by itself. */
int attempt_arm(struct attempt *attempt, struct berth_error *err);

/* Asks, or asks again what could not be asked before the task was there. stop is STOP_CANCEL or
 * STOP_TIMEOUT. */
int attempt_ask(struct attempt *attempt, enum run_stop stop, struct attempt_signal signal,
		struct berth_error *err);

/* The sandbox has ended: a reader that does not read does not hold back a run that was stopped. */
int attempt_bound_drain(struct attempt *attempt, struct berth_error *err);

/* Kills, and remembers why. */
void attempt_stop_now(struct attempt *attempt, enum run_stop stop);

/* Counts log bytes; false when the limit is passed, the attempt is being killed then. */
bool attempt_count_log(struct attempt *attempt, size_t length);

/* attempt_channel.c */

int attempt_open_channel(struct attempt *attempt, struct berth_error *err);
