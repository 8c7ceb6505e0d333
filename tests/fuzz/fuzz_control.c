/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of a client, after hello, as an operator: none may crash, each is answered or closes. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runner/control/control_dispatch.h"
#include "runner/control/control_operations.h"

static int handle_any(struct control_call *call, struct berth_error *err)
{
	(void)err;
	control_call_answer(call, json_incref(call->fields));
	return 0;
}

static bool is_draining(void *owner)
{
	(void)owner;
	return false;
}

static void wake(struct control_connection *connection)
{
	(void)connection;
}

static void init_handlers(struct control_handler_row handlers[CONTROL_OP_COUNT])
{
	memset(handlers, 0, CONTROL_OP_COUNT * sizeof(*handlers));
	for (enum control_op op = CONTROL_PING; op < CONTROL_OP_COUNT; op++)
		handlers[op].handle = handle_any;
	handlers[CONTROL_HELLO].handle = control_hello;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct control_handler_row handlers[CONTROL_OP_COUNT];
	const struct control_backend backend = {.is_draining = is_draining};
	const struct control_dispatch dispatch = {.backend = &backend, .handlers = handlers};
	struct control_budget budget = {0};
	struct control_connection connection;
	struct berth_error err;
	const char *line = (const char *)data;
	size_t left = size;
	int status = 0;

	init_handlers(handlers);
	control_connection_init(&connection, -1);
	connection.wake = wake;
	connection.budget = &budget;
	connection.peer.role = CONTROL_OPERATOR;
	connection.is_greeted = size % 2 == 0;
	while (status == 0 && left > 0) {
		const char *newline = memchr(line, '\n', left);
		size_t length = newline ? (size_t)(newline - line) : left;

		status = control_dispatch_line(&dispatch, &connection, line, length, &err);
		left -= length + (newline != NULL);
		line += length + (newline != NULL);
	}
	if (connection.call_count > 0 || connection.is_dead)
		abort();
	control_connection_finish(&connection);
	return 0;
}
