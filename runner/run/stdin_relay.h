/* SPDX-License-Identifier: Apache-2.0 */
/* Carries a stdin that the task must not hold itself (a terminal, a socket) to it by a pipe. */
#pragma once

#include "base/error.h"

struct loop;
struct stdin_relay;

/* source stays the caller's. *ret_task_fd is the end for the task, the caller's to close. */
int stdin_relay_create(struct loop *loop, int source, struct stdin_relay **ret_relay,
		       int *ret_task_fd, struct berth_error *err);
/* Accepts NULL. */
void stdin_relay_destroy(struct stdin_relay *relay);
