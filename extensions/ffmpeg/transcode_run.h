/* SPDX-License-Identifier: Apache-2.0 */
/* One attempt at a transcode: look, decide, encode what is missing, join, clean up. */
#pragma once

#include <jansson.h>

#include "base/error.h"
#include "extensions/task/task.h"

/* media_task.run of video.transcode; settings is a struct transcode_settings. */
int transcode_run(struct berth_task *task, const void *settings, json_t **ret_output,
		  struct berth_error *err);
