/* SPDX-License-Identifier: Apache-2.0 */
/* The command line's end of the control socket: blocking, one request at a time. */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/un.h>

#include "base/error.h"
#include "runner/control/control_table.h"

#define CONTROL_SOCKET_VARIABLE "BERTH_SOCKET"
#define CONTROL_SOCKET_SYSTEM   "/run/berth/control.sock"
#define CONTROL_PATH_SIZE       sizeof(((struct sockaddr_un *)NULL)->sun_path)

struct control_client;

/* Where the socket is: given (--socket) when not NULL, else $BERTH_SOCKET, else of root
 * CONTROL_SOCKET_SYSTEM, of others $XDG_RUNTIME_DIR/berth/control.sock or, when there is none,
 * CONTROL_SOCKET_SYSTEM too. */
int control_client_find(const char *given, char ret_path[CONTROL_PATH_SIZE],
			struct berth_error *err);

/* Connects and says hello. BERTH_NOT_FOUND: nothing listens there. */
int control_client_open(const char *given, struct control_client **ret_client,
			struct berth_error *err);
/* Accepts NULL. */
void control_client_close(struct control_client *client);

/* Sends a request; fields is an object or NULL and stays the caller's. */
int control_client_send(struct control_client *client, enum control_op op, const json_t *fields,
			const int *descriptors, size_t descriptor_count, struct berth_error *err);

/* The next line about it: 0 and the result, CONTROL_CLIENT_EVENT and the event, or -1: refused, or
 * broken off. The caller owns the value. */
#define CONTROL_CLIENT_EVENT 1
int control_client_receive(struct control_client *client, json_t **ret_value,
			   struct berth_error *err);

/* Both, for operations without events. */
int control_client_call(struct control_client *client, enum control_op op, const json_t *fields,
			json_t **ret_result, struct berth_error *err);

/* Of the last failure: the status of the daemon's refusal; 0: it was no refusal. */
int control_client_status(const struct control_client *client);

/* The descriptors that came with answers, in their order; they are the caller's then. */
size_t control_client_take_descriptors(struct control_client *client,
				       int ret_descriptors[CONTROL_DESCRIPTORS_MAX]);

/* For poll(2): readable when there may be something to receive. Buffered lines do not show. */
int control_client_descriptor(const struct control_client *client);
