/* SPDX-License-Identifier: Apache-2.0 */
/* Failures in the form that programs are given them. */
#pragma once

#include <stdio.h>

#include "base/error.h"
#include "extensions/task/task.h"

/* Hands a failure on; returns status. */
static inline int sdk_outcome(int status, const struct berth_error *why,
			      struct berth_task_error *err)
{
	if (status >= 0 || !err)
		return status;
	err->errnum = why->errnum;
	(void)snprintf(err->message, sizeof(err->message), "%s", why->message);
	return status;
}
