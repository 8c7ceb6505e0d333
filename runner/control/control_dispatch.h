/* SPDX-License-Identifier: Apache-2.0 */
/* One line of a client: parsed, checked against its operation's row and the client's role, and made
 * a call. */
#pragma once

#include <stddef.h>

#include "base/error.h"
#include "runner/control/control_connection.h"
#include "runner/control/control_handlers.h"

struct control_dispatch {
	const struct control_backend *backend;
	const struct control_handler_row *handlers;
};

#define CONTROL_DISPATCH_CLOSE 1 /* it is answered; close the connection */

/* Handles one line without its newline: 0, CLOSE, or -1: the line is broken, the connection is to
 * be closed with this reason. */
int control_dispatch_line(const struct control_dispatch *dispatch,
			  struct control_connection *connection, const char *line, size_t length,
			  struct berth_error *err);
