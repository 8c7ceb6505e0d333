/* SPDX-License-Identifier: Apache-2.0 */
/* One attempt of a run, from launch to outcome, on the caller's loop. */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "runner/run/run_plan.h"
#include "runner/run/run_record.h"

struct attempt;
struct checkpoint_place;
struct log_sink;
struct loop;
struct sandbox_host;

/* What the attempts of a run share. */
struct attempt_context {
	struct loop *loop;
	struct sandbox_host *host;
	const struct run_plan *plan;
	struct log_sink *log;
	struct checkpoint_place *checkpoints;
	struct run_record *record; /* output, metadata, failure, protections go here */
};

/* Sets up and launches. */
int attempt_start(const struct attempt_context *context, struct attempt_record *record,
		  struct attempt **ret_attempt, struct berth_error *err);

/* Runs the loop until the attempt has ended and its streams are passed on, then fills its
 * record. Fails only for berth's own reasons; the record says those, too. */
int attempt_finish(struct attempt *attempt, struct berth_error *err);

/* Kills what still runs; accepts NULL. */
void attempt_destroy(struct attempt *attempt);

/* What the task is asked with. */
struct attempt_signal {
	int number;
	bool group; /* its process group hears it too, as it does of a terminal */
};

/* Asks the task to save and end: the cancel event and the signal, then the grace period, then the
 * kill. A repeated call passes on the signal and changes nothing else. */
int attempt_cancel(struct attempt *attempt, struct attempt_signal signal, struct berth_error *err);

/* Ends it now. */
void attempt_kill(struct attempt *attempt);
