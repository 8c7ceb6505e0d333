/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's control socket: accepts, tells who it is, bounds what a client may cost, and hands
 * each checked request to its handler. docs/control.md is its protocol. Never blocks the loop. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/loop.h"
#include "runner/control/control_backend.h"
#include "runner/control/control_roles.h"

struct control_server;

struct control_server_options {
	const struct control_backend *backend; /* lasts as long as the server */
	const struct control_handler_row
		*handlers; /* indexed by enum control_op; control_handlers */
	struct control_policy policy;
	uint64_t slow_ms, silent_ms; /* 0: CONTROL_SLOW_MS, CONTROL_SILENT_MS */
	/* What a client did wrong, in one printable sentence, at most 16 a minute; NULL: nobody is
	 * told. */
	void (*problem)(void *owner, const char *message);
	void *owner;
};

/* Takes listen_fd, a listening Unix stream socket, over on success. */
int control_server_create(struct loop *loop, int listen_fd,
			  const struct control_server_options *options,
			  struct control_server **ret_server, struct berth_error *err);

/* Closes every connection; accepts NULL. To be called when neither the engine's thread nor a worker
 * has work of a call any more. */
void control_server_destroy(struct control_server *server);

/* Sends what was answered, as far as it is taken at once, and not when the loop comes to it:
 * another process is about to be woken, or this one to end. Accepts NULL. */
void control_server_flush(struct control_server *server);

struct control_server_counts {
	size_t connections, calls;
	uint64_t requests, dropped;
};
void control_server_count(const struct control_server *server,
			  struct control_server_counts *ret_counts);
