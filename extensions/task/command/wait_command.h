/* SPDX-License-Identifier: Apache-2.0 */
/* What berth-task wait does. */
#pragma once

#include "base/error.h"

struct berth_task;
struct command_line;

/* Prints the results of everything the options name; COMMAND_NO when one of them is not ok. */
int command_wait(struct berth_task *task, const struct command_line *line, struct berth_error *err);
