/* SPDX-License-Identifier: Apache-2.0 */
/* What each command of berth-task does. */
#pragma once

#include "base/error.h"

struct berth_task;
struct command_line;

int command_log(struct berth_task *task, const struct command_line *line, struct berth_error *err);
int command_progress(struct berth_task *task, const struct command_line *line,
		     struct berth_error *err);
int command_metadata(struct berth_task *task, const struct command_line *line,
		     struct berth_error *err);
int command_checkpoint_save(struct berth_task *task, const struct command_line *line,
			    struct berth_error *err);
int command_checkpoint_load(struct berth_task *task, const struct command_line *line,
			    struct berth_error *err);
int command_output(struct berth_task *task, const struct command_line *line,
		   struct berth_error *err);
int command_fail(struct berth_task *task, const struct command_line *line, struct berth_error *err);
int command_payload(struct berth_task *task, const struct command_line *line,
		    struct berth_error *err);
int command_info(struct berth_task *task, const struct command_line *line, struct berth_error *err);
int command_usage(struct berth_task *task, const struct command_line *line,
		  struct berth_error *err);
int command_cancelled(struct berth_task *task, const struct command_line *line,
		      struct berth_error *err);
