/* SPDX-License-Identifier: Apache-2.0 */
/* Having what was just started begin on another CPU than ours. Fork balancing does that by itself
 * where the scheduler spreads; one that packs (as virtual machines' kernels are made to, to leave
 * CPUs to the host) keeps it waiting behind us until we sleep. */
#pragma once

#include <sched.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

/* Whether no more threads want to run than this process has CPUs, to be asked before anything is
 * started: one of two that share ours can go then. Where all are busy, moving to another one only
 * means to wait in a longer queue. */
bool other_cpu_is_idle(void);

/* The CPUs this process may use, without the one it is on; false when there is no other. */
bool other_cpu_list(cpu_set_t *ret_cpus);

/* Whether this process may use every CPU that is online: nobody's choice is lost then when a
 * process is given "all CPUs" for good. */
bool other_cpu_is_free_choice(void);

/* Moves a process that has not begun yet off our CPU, and lets it use all CPUs again, also those
 * that are plugged in later. Only where the choice is free. */
int other_cpu_move(pid_t pid, struct berth_error *err);
