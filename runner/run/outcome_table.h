/* SPDX-License-Identifier: Apache-2.0 */
/* How an attempt can end: one row per outcome with its words, exit code and retry rule, and the
 * one function that tells which it was. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "sandbox/sandbox.h"

enum {
	EXIT_RUN_PERMANENT = 65,
	EXIT_RUN_RETRYABLE = 75,
	EXIT_RUN_TIMEOUT = 124,
	EXIT_RUN_ERROR = 125,
	EXIT_RUN_NOT_EXECUTABLE = 126,
	EXIT_RUN_NOT_FOUND = 127,
	EXIT_RUN_SIGNAL_BASE = 128,
	EXIT_RUN_KILLED = 137,
};

/* Forks refused before a run counts as a fork bomb: an occasional refusal is a task's own bug to
 * handle, thousands are an attack. */
#define OUTCOME_PIDS_REFUSED_MAX 1024

enum run_outcome {
	OUTCOME_COMPLETED,
	OUTCOME_FAILED,
	OUTCOME_RETRYABLE,
	OUTCOME_PERMANENT,
	OUTCOME_CRASHED,
	OUTCOME_KILLED_MEMORY,
	OUTCOME_KILLED_PIDS,
	OUTCOME_KILLED_DISK,
	OUTCOME_KILLED_LOG,
	OUTCOME_KILLED_CANCEL,
	OUTCOME_CANCELLED,
	OUTCOME_TIMED_OUT,
	OUTCOME_NOT_EXECUTABLE,
	OUTCOME_NOT_FOUND,
	OUTCOME_ERROR,
	OUTCOMES,
};

/* Why berth itself stopped an attempt. Order: a later one replaces an earlier one. */
enum run_stop {
	STOP_NONE,
	STOP_CANCEL,       /* asked to save and end */
	STOP_TIMEOUT,      /* likewise, the time is over */
	STOP_CANCEL_KILL,  /* cancelled, killed after the grace period or on the second signal */
	STOP_TIMEOUT_KILL, /* likewise after a timeout */
	STOP_PIDS,
	STOP_DISK,
	STOP_LOG,
};

enum run_fail_kind { RUN_FAIL_NONE, RUN_FAIL_RETRYABLE, RUN_FAIL_PERMANENT };

struct outcome_row {
	const char *name;     /* "killed": the class of outcome */
	const char *reason;   /* "memory": which of its class; NULL when there is one only */
	int exit_code;        /* -1: the task's own, or 128 + the signal it died of */
	bool retry;           /* another attempt may end otherwise */
	const char *sentence; /* for people; follows the run's name */
	const char *remedy;   /* what to do about it, or NULL */
};

extern const struct outcome_row outcome_rows[OUTCOMES];

struct outcome_facts {
	const struct sandbox_outcome *sandbox;
	enum run_stop stop;
	enum run_fail_kind fail; /* the fail message of the task channel */
};

enum run_outcome outcome_decide(const struct outcome_facts *facts);

/* The exit status of berth for an attempt that ended so. */
int outcome_exit_code(enum run_outcome outcome, const struct sandbox_outcome *sandbox);

/* The word for --result: the row's, or of an attempt that failed by itself the limit it ran into
 * ("disk"), else NULL. */
const char *outcome_reason(enum run_outcome outcome, const struct sandbox_outcome *sandbox);

/* "memory, disk" of the SANDBOX_HIT_* bits; empty without. Returns target. */
char *outcome_format_hits(unsigned hits, char target[64]);

/* One sentence about the end: what happened, the exit status or signal, the limits it met.
 * Returns target. */
char *outcome_format_message(enum run_outcome outcome, const struct sandbox_outcome *sandbox,
			     char *target, size_t size);
