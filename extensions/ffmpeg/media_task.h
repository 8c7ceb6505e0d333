/* SPDX-License-Identifier: Apache-2.0 */
/* The frame every native media task hangs in: --describe, the channel, the payload's rows, and how
 * the program ends. */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "base/error.h"
#include "base/field.h"
#include "extensions/ffmpeg/media_guard.h"
#include "extensions/task/task.h"

struct media_task {
	const char *id;
	const char *description; /* one sentence */
	const char *output;      /* what the output holds, for people */
	const struct field_row *rows;
	size_t row_count;
	size_t record_size;
	/* *ret_output is a new reference */
	int (*run)(struct berth_task *task, const void *settings, json_t **ret_output,
		   struct berth_error *err);
};

/* The program's main(): returns its exit status (0, 65 permanent, 75 retryable). */
int media_task_main(const struct media_task *definition, int argc, char **argv);

/* The run's only input; none or several are BERTH_INVALID. */
int media_task_input(const struct berth_task *task, const char **ret_path, struct berth_error *err);

/* A guard that follows the task's own cancellation, for tasks of one thread. */
void media_task_guard(struct berth_task *task, uint64_t patience_ns, struct media_guard *ret_guard);

/* An output file's path: directory/name.extension; the name is the payload's or, when NULL, the
 * input's without its extension. The caller frees *ret_path. */
int media_task_output_path(const struct berth_task *task, const char *name, const char *extension,
			   char **ret_path, struct berth_error *err);
