/* SPDX-License-Identifier: Apache-2.0 */
/* The states of a run, what moves it from one to another, and nothing else. docs/run-states.md is
 * printed from the table. The numbers are kept in the store: append, never reorder. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum run_state {
	RUN_PENDING_VERSION = 0, /* locked to a version that is not deployed yet */
	RUN_DELAYED = 1,
	RUN_QUEUED = 2,
	RUN_DEQUEUED = 3,  /* admitted; its attempt is being launched */
	RUN_EXECUTING = 4, /* its task runs */
	RUN_WAITING = 5,   /* its attempt lives and waits; it holds no slot */
	RUN_RETRYING = 6,  /* between attempts, until its retry is due */
	RUN_RESUMING = 7,  /* its waits are over; queued for a slot */
	RUN_COMPLETED = 8,
	RUN_CANCELED = 9,
	RUN_FAILED = 10,
	RUN_CRASHED = 11,
	RUN_SYSTEM_FAILURE = 12,
	RUN_EXPIRED = 13,
	RUN_TIMED_OUT = 14,
	RUN_STATES = 15,
};

enum run_event {
	RUN_EVENT_DEPLOYED, /* the version it waits for is there */
	RUN_EVENT_DUE,      /* its delay, or its retry's, is over */
	RUN_EVENT_ADMIT,    /* it got a slot */
	RUN_EVENT_STARTED,  /* the task executes */
	RUN_EVENT_WAIT,
	RUN_EVENT_RESUME,  /* the last wait is over */
	RUN_EVENT_RETRY,   /* the attempt ended, another is due later */
	RUN_EVENT_REQUEUE, /* the attempt ended or was interrupted, another is due at once */
	RUN_EVENT_COMPLETE,
	RUN_EVENT_CANCEL,
	RUN_EVENT_FAIL,
	RUN_EVENT_CRASH,
	RUN_EVENT_SYSTEM_FAILURE,
	RUN_EVENT_EXPIRE,
	RUN_EVENT_TIME_OUT,
	RUN_EVENTS,
};

struct run_transition {
	enum run_state from;
	enum run_event event;
	enum run_state to;
};
extern const struct run_transition run_transitions[];
extern const size_t run_transition_count;

/* The new state, or -1 when the event cannot happen in that state. */
int run_state_advance(enum run_state from, enum run_event event);

/* "QUEUED": what the API says (docs/engine.md); RETRYING is "EXECUTING", RESUMING is "WAITING". */
const char *run_state_api_name(enum run_state state);
/* Its own name, for tables and tests. */
const char *run_state_name(enum run_state state);
const char *run_event_name(enum run_event event);

bool run_state_is_final(enum run_state state);
bool run_state_is_queued(enum run_state state);   /* waits in a lane: QUEUED, RESUMING */
bool run_state_has_slot(enum run_state state);    /* DEQUEUED, EXECUTING */
bool run_state_has_attempt(enum run_state state); /* DEQUEUED, EXECUTING, WAITING, RESUMING */
bool run_state_is_success(enum run_state state);

/* docs/run-states.md. */
void run_state_print(FILE *stream);
