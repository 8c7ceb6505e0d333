/* SPDX-License-Identifier: Apache-2.0 */
/* The requests of an attempt that wait: which there are, and their answers on the way back. */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "runner/run/task_channel.h"

struct live;

/* Said again, it is the same. */
int live_waits_add(struct live *live, const struct task_request *request, struct berth_error *err);
/* It was refused. */
void live_waits_remove(struct live *live, const struct task_request *request);
void live_waits_finish(struct live *live);

/* An earlier supervisor had committed it: asks the engine whether it is over. */
int live_waits_resume(struct live *live, const struct task_request *request,
		      struct berth_error *err);

/* ENGINE_ANSWER: json is the array of results. */
int live_answer(struct live *live, const char *wait_id, const char *json, struct berth_error *err);

/* A line has come on that connection: what was answered there before has been read. */
void live_waits_note_line(struct live *live, uint64_t connection);
