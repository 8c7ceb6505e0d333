/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands about other runs do: triggers, batches and tokens. */
#pragma once

#include "base/error.h"

struct berth_task;
struct command_line;

int command_trigger(struct berth_task *task, const struct command_line *line,
		    struct berth_error *err);
int command_trigger_and_wait(struct berth_task *task, const struct command_line *line,
			     struct berth_error *err);
int command_batch(struct berth_task *task, const struct command_line *line,
		  struct berth_error *err);
int command_token_create(struct berth_task *task, const struct command_line *line,
			 struct berth_error *err);
int command_token_complete(struct berth_task *task, const struct command_line *line,
			   struct berth_error *err);
int command_run_get(struct berth_task *task, const struct command_line *line,
		    struct berth_error *err);
