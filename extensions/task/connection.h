/* SPDX-License-Identifier: Apache-2.0 */
/* The task's end of the task channel: lines over a Unix socket, replies matched by id. */
#pragma once

#include "base/error.h"
#include "extensions/task/transport.h"

/* Connects; says nothing yet. BERTH_NOT_FOUND when there is no such socket. */
int sdk_connection_open(const char *path, struct sdk_transport **ret_transport,
			struct berth_error *err);
