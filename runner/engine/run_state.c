/* SPDX-License-Identifier: Apache-2.0 */
/* The states of a run, what moves it from one to another, and nothing else. */
#include "runner/engine/run_state.h"

struct state_row {
	const char *name;
	const char *api_name;
	bool is_queued, has_slot, has_attempt, is_final;
	const char *meaning;
};

struct event_row {
	const char *name;
	const char *meaning;
};

/* clang-format off */
static const struct state_row state_rows[RUN_STATES] = {
	[RUN_PENDING_VERSION] = {"PENDING_VERSION", "PENDING_VERSION", false, false, false, false, "locked to a version that is not deployed yet"},
	[RUN_DELAYED]         = {"DELAYED",         "DELAYED",         false, false, false, false, "its time has not come"},
	[RUN_QUEUED]          = {"QUEUED",          "QUEUED",          true,  false, false, false, "waits in its lane for a slot"},
	[RUN_DEQUEUED]        = {"DEQUEUED",        "DEQUEUED",        false, true,  true,  false, "admitted; its attempt is being launched"},
	[RUN_EXECUTING]       = {"EXECUTING",       "EXECUTING",       false, true,  true,  false, "its task runs"},
	[RUN_WAITING]         = {"WAITING",         "WAITING",         false, false, true,  false, "its attempt lives and waits; it holds no slot"},
	[RUN_RETRYING]        = {"RETRYING",        "EXECUTING",       false, false, false, false, "between two attempts, until the next is due"},
	[RUN_RESUMING]        = {"RESUMING",        "WAITING",         true,  false, true,  false, "its waits are over; waits for a slot in its old place"},
	[RUN_COMPLETED]       = {"COMPLETED",       "COMPLETED",       false, false, false, true,  "its task ended well"},
	[RUN_CANCELED]        = {"CANCELED",        "CANCELED",        false, false, false, true,  "somebody cancelled it"},
	[RUN_FAILED]          = {"FAILED",          "FAILED",          false, false, false, true,  "its task said that it failed"},
	[RUN_CRASHED]         = {"CRASHED",         "CRASHED",         false, false, false, true,  "its task died, or met a limit"},
	[RUN_SYSTEM_FAILURE]  = {"SYSTEM_FAILURE",  "SYSTEM_FAILURE",  false, false, false, true,  "the host could not run it"},
	[RUN_EXPIRED]         = {"EXPIRED",         "EXPIRED",         false, false, false, true,  "it did not start within its ttl"},
	[RUN_TIMED_OUT]       = {"TIMED_OUT",       "TIMED_OUT",       false, false, false, true,  "it executed longer than its maxDuration"},
};

static const struct event_row event_rows[RUN_EVENTS] = {
	[RUN_EVENT_DEPLOYED]       = {"deployed",       "the version it waits for is there"},
	[RUN_EVENT_DUE]            = {"due",            "its delay, or its retry's, is over"},
	[RUN_EVENT_ADMIT]          = {"admit",          "it got a slot"},
	[RUN_EVENT_STARTED]        = {"started",        "the task executes"},
	[RUN_EVENT_WAIT]           = {"wait",           "the task waits"},
	[RUN_EVENT_RESUME]         = {"resume",         "its last wait is over"},
	[RUN_EVENT_RETRY]          = {"retry",          "the attempt ended, another is due later"},
	[RUN_EVENT_REQUEUE]        = {"requeue",        "the attempt ended or was interrupted, another is due at once"},
	[RUN_EVENT_COMPLETE]       = {"complete",       "the attempt ended well"},
	[RUN_EVENT_CANCEL]         = {"cancel",         "it is cancelled"},
	[RUN_EVENT_FAIL]           = {"fail",           "the attempt failed for good"},
	[RUN_EVENT_CRASH]          = {"crash",          "the attempt crashed for good"},
	[RUN_EVENT_SYSTEM_FAILURE] = {"system failure", "it cannot be run"},
	[RUN_EVENT_EXPIRE]         = {"expire",         "its ttl is over"},
	[RUN_EVENT_TIME_OUT]       = {"time out",       "its maxDuration is over"},
};
/* clang-format on */

/* However an attempt that lives may end. */
#define ENDS(from)                                                                                 \
	{from, RUN_EVENT_RETRY, RUN_RETRYING}, {from, RUN_EVENT_REQUEUE, RUN_QUEUED},              \
		{from, RUN_EVENT_COMPLETE, RUN_COMPLETED}, {from, RUN_EVENT_CANCEL, RUN_CANCELED}, \
		{from, RUN_EVENT_FAIL, RUN_FAILED}, {from, RUN_EVENT_CRASH, RUN_CRASHED},          \
		{from, RUN_EVENT_SYSTEM_FAILURE, RUN_SYSTEM_FAILURE},                              \
	{                                                                                          \
		from, RUN_EVENT_TIME_OUT, RUN_TIMED_OUT                                            \
	}

/* clang-format off */
const struct run_transition run_transitions[] = {
	{RUN_PENDING_VERSION, RUN_EVENT_DEPLOYED, RUN_QUEUED},
	{RUN_PENDING_VERSION, RUN_EVENT_CANCEL, RUN_CANCELED},
	{RUN_PENDING_VERSION, RUN_EVENT_EXPIRE, RUN_EXPIRED},
	{RUN_DELAYED, RUN_EVENT_DUE, RUN_QUEUED},
	{RUN_DELAYED, RUN_EVENT_CANCEL, RUN_CANCELED},
	{RUN_QUEUED, RUN_EVENT_ADMIT, RUN_DEQUEUED},
	{RUN_QUEUED, RUN_EVENT_CANCEL, RUN_CANCELED},
	{RUN_QUEUED, RUN_EVENT_EXPIRE, RUN_EXPIRED},
	{RUN_QUEUED, RUN_EVENT_SYSTEM_FAILURE, RUN_SYSTEM_FAILURE},
	{RUN_DEQUEUED, RUN_EVENT_STARTED, RUN_EXECUTING},
	ENDS(RUN_DEQUEUED),
	{RUN_EXECUTING, RUN_EVENT_WAIT, RUN_WAITING},
	ENDS(RUN_EXECUTING),
	{RUN_WAITING, RUN_EVENT_RESUME, RUN_RESUMING},
	ENDS(RUN_WAITING),
	{RUN_RESUMING, RUN_EVENT_ADMIT, RUN_EXECUTING},
	{RUN_RESUMING, RUN_EVENT_WAIT, RUN_WAITING},
	ENDS(RUN_RESUMING),
	{RUN_RETRYING, RUN_EVENT_DUE, RUN_QUEUED},
	{RUN_RETRYING, RUN_EVENT_CANCEL, RUN_CANCELED},
};
/* clang-format on */
const size_t run_transition_count = sizeof(run_transitions) / sizeof(run_transitions[0]);

int run_state_advance(enum run_state from, enum run_event event)
{
	for (size_t i = 0; i < run_transition_count; i++)
		if (run_transitions[i].from == from && run_transitions[i].event == event)
			return (int)run_transitions[i].to;
	return -1;
}

const char *run_state_api_name(enum run_state state)
{
	return state_rows[state].api_name;
}

const char *run_state_name(enum run_state state)
{
	return state_rows[state].name;
}

const char *run_event_name(enum run_event event)
{
	return event_rows[event].name;
}

bool run_state_is_final(enum run_state state)
{
	return state_rows[state].is_final;
}

bool run_state_is_queued(enum run_state state)
{
	return state_rows[state].is_queued;
}

bool run_state_has_slot(enum run_state state)
{
	return state_rows[state].has_slot;
}

bool run_state_has_attempt(enum run_state state)
{
	return state_rows[state].has_attempt;
}

bool run_state_is_success(enum run_state state)
{
	return state == RUN_COMPLETED;
}

static const char *yes(bool value)
{
	return value ? "yes" : "";
}

void run_state_print(FILE *stream)
{
	(void)fputs(
		"# States of a run\n\nPrinted from `runner/engine/run_state.c`; a test compares.\n\n"
		"| state | API status | meaning | queued | slot | attempt lives | final |\n"
		"|---|---|---|---|---|---|---|\n",
		stream);
	for (size_t i = 0; i < RUN_STATES; i++)
		(void)fprintf(stream, "| %s | %s | %s | %s | %s | %s | %s |\n", state_rows[i].name,
			      state_rows[i].api_name, state_rows[i].meaning,
			      yes(state_rows[i].is_queued), yes(state_rows[i].has_slot),
			      yes(state_rows[i].has_attempt), yes(state_rows[i].is_final));
	(void)fputs("\n| from | when | to |\n|---|---|---|\n", stream);
	for (size_t i = 0; i < run_transition_count; i++)
		(void)fprintf(stream, "| %s | %s: %s | %s |\n",
			      state_rows[run_transitions[i].from].name,
			      event_rows[run_transitions[i].event].name,
			      event_rows[run_transitions[i].event].meaning,
			      state_rows[run_transitions[i].to].name);
}
