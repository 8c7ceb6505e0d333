/* SPDX-License-Identifier: Apache-2.0 */
/* The socket that clients find: systemd's, or one of our own in its place. */
#pragma once

#include "base/error.h"

/* Leaves it where and as sd_listen_fds(3) says, for the program that is executed next: so it
 * outlives whatever serves it. given is --socket, or NULL: control_client_find() says where. */
int serve_socket_provide(const char *given, struct berth_error *err);
