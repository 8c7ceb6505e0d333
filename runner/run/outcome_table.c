/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of how an attempt ends; docs and --result use the same words. */
#include "runner/run/outcome_table.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* A limit the same input will meet again is not retried. Memory is: the next attempt starts with
 * none and goes on from the last checkpoint. */
/* clang-format off */
const struct outcome_row outcome_rows[OUTCOMES] = {
	[OUTCOME_COMPLETED]      = {"completed", NULL, -1, false, "completed", NULL},
	[OUTCOME_FAILED]         = {"failed", "exit_status", -1, true, "failed", NULL},
	[OUTCOME_RETRYABLE]      = {"failed", "retryable", EXIT_RUN_RETRYABLE, true, "failed, another attempt may succeed", "try again, or give --attempts"},
	[OUTCOME_PERMANENT]      = {"failed", "permanent", EXIT_RUN_PERMANENT, false, "failed for good", NULL},
	[OUTCOME_CRASHED]        = {"crashed", "signal", -1, true, "crashed", NULL},
	[OUTCOME_KILLED_MEMORY]  = {"killed", "memory", EXIT_RUN_KILLED, true, "was killed: out of memory", "give it a larger --machine or --memory"},
	[OUTCOME_KILLED_PIDS]    = {"killed", "pids", EXIT_RUN_KILLED, false, "was killed: too many processes", "raise --pids if it needs that many"},
	[OUTCOME_KILLED_DISK]    = {"killed", "disk", EXIT_RUN_KILLED, false, "was killed: its disk is full", "raise --disk if it needs that much"},
	[OUTCOME_KILLED_LOG]     = {"killed", "log", EXIT_RUN_KILLED, false, "was killed: too much log output", "raise --log, or log less"},
	[OUTCOME_KILLED_CANCEL]  = {"cancelled", "killed", EXIT_RUN_KILLED, false, "was cancelled, and killed because it did not end", "give it a longer --grace"},
	[OUTCOME_CANCELLED]      = {"cancelled", "signal", -1, false, "was cancelled", NULL},
	[OUTCOME_TIMED_OUT]      = {"timed_out", "timeout", EXIT_RUN_TIMEOUT, false, "ran out of time", "give it a longer --timeout"},
	[OUTCOME_NOT_EXECUTABLE] = {"not_executable", "exec", EXIT_RUN_NOT_EXECUTABLE, false, "cannot be executed", NULL},
	[OUTCOME_NOT_FOUND]      = {"not_found", "exec", EXIT_RUN_NOT_FOUND, false, "was not found", "the program must be in the image, or brought in by --mount or --ext"},
	[OUTCOME_ERROR]          = {"error", "launch", EXIT_RUN_ERROR, false, "could not be run", "see what this host lacks with: berth doctor"},
};
/* clang-format on */

struct stop_row {
	enum run_stop stop;
	enum run_outcome outcome;
};

static const struct stop_row stop_rows[] = {
	{STOP_TIMEOUT,      OUTCOME_TIMED_OUT    },
        {STOP_TIMEOUT_KILL, OUTCOME_TIMED_OUT    },
	{STOP_CANCEL_KILL,  OUTCOME_KILLED_CANCEL},
        {STOP_PIDS,         OUTCOME_KILLED_PIDS  },
	{STOP_DISK,         OUTCOME_KILLED_DISK  },
        {STOP_LOG,          OUTCOME_KILLED_LOG   },
};

struct hit_row {
	unsigned hit;
	const char *name;
};

/* in the order in which they explain a failure */
static const struct hit_row hit_rows[] = {
	{SANDBOX_HIT_MEMORY, "memory"},
	{SANDBOX_HIT_DISK,   "disk"  },
	{SANDBOX_HIT_TMPFS,  "tmpfs" },
	{SANDBOX_HIT_PIDS,   "pids"  },
};

#define HIT_ROWS (sizeof(hit_rows) / sizeof(hit_rows[0]))

static bool killed_by_oom(const struct sandbox_outcome *sandbox)
{
	return (sandbox->hits & SANDBOX_HIT_MEMORY) && sandbox->end == SANDBOX_SIGNALED &&
	       sandbox->code == SIGKILL;
}

static enum run_outcome decide_by_itself(const struct outcome_facts *facts)
{
	if (facts->sandbox->end == SANDBOX_SIGNALED)
		return OUTCOME_CRASHED;
	if (facts->fail == RUN_FAIL_PERMANENT)
		return OUTCOME_PERMANENT;
	if (facts->fail == RUN_FAIL_RETRYABLE)
		return OUTCOME_RETRYABLE;
	switch (facts->sandbox->code) {
	case 0:
		return OUTCOME_COMPLETED;
	case EXIT_RUN_RETRYABLE:
		return OUTCOME_RETRYABLE;
	case EXIT_RUN_PERMANENT:
		return OUTCOME_PERMANENT;
	default:
		return OUTCOME_FAILED;
	}
}

enum run_outcome outcome_decide(const struct outcome_facts *facts)
{
	const struct sandbox_outcome *sandbox = facts->sandbox;
	bool succeeded = sandbox->end == SANDBOX_EXITED && sandbox->code == 0 &&
			 facts->fail == RUN_FAIL_NONE;

	if (sandbox->end == SANDBOX_NOT_STARTED)
		return OUTCOME_ERROR;
	if (sandbox->end == SANDBOX_EXEC_FAILED)
		return sandbox->error.errnum == ENOENT ? OUTCOME_NOT_FOUND : OUTCOME_NOT_EXECUTABLE;
	for (size_t i = 0; i < sizeof(stop_rows) / sizeof(stop_rows[0]); i++)
		if (stop_rows[i].stop == facts->stop)
			return stop_rows[i].outcome;
	if (killed_by_oom(sandbox))
		return OUTCOME_KILLED_MEMORY;
	if (facts->stop == STOP_CANCEL && !succeeded)
		return OUTCOME_CANCELLED;
	/* a task that reached its end in the grace period is simply done */
	return decide_by_itself(facts);
}

int outcome_exit_code(enum run_outcome outcome, const struct sandbox_outcome *sandbox)
{
	if (outcome_rows[outcome].exit_code >= 0)
		return outcome_rows[outcome].exit_code;
	if (sandbox->end == SANDBOX_SIGNALED)
		return EXIT_RUN_SIGNAL_BASE + sandbox->code;
	return sandbox->code;
}

static bool failed_by_itself(enum run_outcome outcome)
{
	return outcome == OUTCOME_FAILED || outcome == OUTCOME_RETRYABLE ||
	       outcome == OUTCOME_PERMANENT || outcome == OUTCOME_CRASHED;
}

const char *outcome_reason(enum run_outcome outcome, const struct sandbox_outcome *sandbox)
{
	for (size_t i = 0; failed_by_itself(outcome) && i < HIT_ROWS; i++)
		if (sandbox->hits & hit_rows[i].hit)
			return hit_rows[i].name;
	return outcome_rows[outcome].reason;
}

char *outcome_format_hits(unsigned hits, char target[64])
{
	size_t used = 0;

	target[0] = '\0';
	for (size_t i = 0; i < HIT_ROWS; i++)
		if (hits & hit_rows[i].hit)
			used += (size_t)snprintf(target + used, 64 - used, "%s%s", used ? ", " : "",
						 hit_rows[i].name);
	return target;
}

char *outcome_format_message(enum run_outcome outcome, const struct sandbox_outcome *sandbox,
			     char *target, size_t size)
{
	const struct outcome_row *row = &outcome_rows[outcome];
	char how[sizeof(sandbox->error.message) + 8] = "";
	char hits[64];

	if (sandbox->end == SANDBOX_EXEC_FAILED || sandbox->end == SANDBOX_NOT_STARTED)
		(void)snprintf(how, sizeof(how), ": %s", sandbox->error.message);
	else if (sandbox->end == SANDBOX_SIGNALED && row->exit_code < 0)
		(void)snprintf(how, sizeof(how), ": died of signal %d (%s)", sandbox->code,
			       sigdescr_np(sandbox->code) ?: "unknown");
	else if (sandbox->end == SANDBOX_EXITED && sandbox->code != 0)
		(void)snprintf(how, sizeof(how), ": exit status %d", sandbox->code);
	(void)snprintf(target, size, "%s%s", row->sentence, how);
	if (failed_by_itself(outcome) && sandbox->hits) {
		size_t used = strnlen(target, size - 1);

		(void)snprintf(target + used, size - used, "; it had met its limit of %s",
			       outcome_format_hits(sandbox->hits, hits));
	}
	return target;
}
