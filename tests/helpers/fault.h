/* SPDX-License-Identifier: Apache-2.0 */
/* Making the n-th system call or allocation of a piece of code fail, so that a test can loop n
 * until nothing fails any more and see that each failure is clean (as SQLite's tests do). */
#pragma once

#include <stdbool.h>

enum fault_kind {
	FAULT_FAIL,      /* any call that can fail: with errnum */
	FAULT_INTERRUPT, /* a call that a signal can interrupt: with EINTR; all must go well */
};

struct fault_plan {
	enum fault_kind kind;
	unsigned nth; /* from 1, counted between fault_start() and fault_stop() */
	int errnum;   /* FAULT_FAIL */
};

struct fault_result {
	bool injected;    /* false: there were fewer calls */
	int number;       /* of the call that failed */
	bool in_scenario; /* it was the scenario's own process, not one it started */
	int status;       /* wait status of the scenario */
	bool survivors;   /* a process that it started did not end */
	bool hung;
};

/* Runs the scenario in a child and makes one system call of it, or of what it starts, fail. The
 * scenario's return value is the child's exit status. Returns -1 when this host cannot do it
 * (seccomp user notification, Linux 5.5, and CAP_SYS_ADMIN). */
int fault_run(const struct fault_plan *plan, int (*scenario)(void *argument), void *argument,
	      struct fault_result *ret_result);

/* In the scenario: calls are counted from here, and no longer from there. */
void fault_start(void);
void fault_stop(void);

/* The n-th allocation from now on fails, for a program linked with berth_test_allocation; 0: none.
 * Returns true when the previous one was reached. */
bool fault_set_allocation(unsigned nth);
