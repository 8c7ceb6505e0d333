/* SPDX-License-Identifier: Apache-2.0 */
/* The directory of the packet files: under the run's checkpoint directory, so that the next
 * attempt finds it. */
#pragma once

#include "base/error.h"
#include "extensions/task/task.h"

/* Opens it, creating it where there is none. Without a checkpoint directory it is in the current
 * one and lasts for this attempt. */
int segment_directory_open(const struct berth_task *task, int *ret_directory,
			   struct berth_error *err);

/* Removes every file in it. */
int segment_directory_clear(int directory, struct berth_error *err);
