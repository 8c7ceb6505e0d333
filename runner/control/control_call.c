/* SPDX-License-Identifier: Apache-2.0 */
/* Answers, events, and the end of calls. */
#include "runner/control/control_call.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/identifier.h"
#include "base/json.h"
#include "runner/control/control_connection.h"
#include "runner/control/control_error_table.h"

static void call_unlink(struct control_call *call)
{
	if (!call->connection)
		return;
	*call->previous = call->next;
	if (call->next)
		call->next->previous = call->previous;
	call->connection->call_count--;
	call->connection = NULL;
}

static void call_destroy(struct control_call *call)
{
	call_unlink(call);
	if (call->finish_state)
		call->finish_state(call->state);
	control_record_finish(call->operation, &call->record);
	json_decref(call->fields);
	json_decref(call->result);
	for (size_t i = 0; i < call->operation->descriptors; i++)
		close_fd(&call->descriptors[i]);
	for (size_t i = 0; i < call->passed_count; i++)
		close_fd(&call->passed[i]);
	free(call);
}

/* Says it to the client, if there is one; a connection that cannot take it is given up, for a reply
 * that is missing would be waited for. */
static void call_say(struct control_call *call, json_t *object)
{
	struct control_connection *connection = call->connection;

	if (!connection) {
		json_decref(object);
		return;
	}
	if (control_connection_say(connection, object, NULL) < 0)
		connection->is_dead = true;
	connection->wake(connection);
}

void control_call_answer(struct control_call *call, json_t *result)
{
	struct berth_error err;

	if (!result) {
		(void)berth_fail(&err, BERTH_MEMORY, ENOMEM, "%s", call->operation->name);
		control_call_fail(call, &err);
		return;
	}
	if (call->passed_count > 0 && call->connection &&
	    control_connection_pass(call->connection, call->passed, call->passed_count, &err) < 0) {
		json_decref(result);
		control_call_fail(call, &err);
		return;
	}
	call_say(call, json_pack("{s:I, s:b, s:o}", "id", (json_int_t)call->id, "ok", 1, "result",
				 result));
	call_destroy(call);
}

void control_call_fail(struct control_call *call, const struct berth_error *err)
{
	json_t *error = control_error_format(err);

	call_say(call, error ? json_pack("{s:I, s:b, s:o}", "id", (json_int_t)call->id, "ok", 0,
					 "error", error)
			     : NULL);
	call_destroy(call);
}

static bool is_listening(const struct control_call *call)
{
	const struct control_connection *connection = call->connection;

	return connection && !connection->is_gone && !connection->is_dead;
}

static int stream_outcome(const struct control_call *call)
{
	struct control_connection *connection = call->connection;

	if (connection->is_dead)
		return CONTROL_CALL_GONE;
	if (control_connection_pending(connection) < CONTROL_EVENT_PAUSE)
		return 0;
	connection->is_wanted = true;
	return CONTROL_CALL_FULL;
}

int control_call_event(struct control_call *call, json_t *event)
{
	if (!is_listening(call)) {
		json_decref(event);
		return CONTROL_CALL_GONE;
	}
	call_say(call, event ? json_pack("{s:I, s:o}", "id", (json_int_t)call->id, "event", event)
			     : NULL);
	return stream_outcome(call);
}

int control_call_events(struct control_call *call, const struct text *lines)
{
	struct control_connection *connection = call->connection;

	if (!is_listening(call))
		return CONTROL_CALL_GONE;
	if (lines->length > 0) {
		if (control_connection_say_events(connection, call->id, lines, NULL) < 0)
			connection->is_dead = true;
		connection->wake(connection);
	}
	return stream_outcome(call);
}

int control_parse_id(const char *prefix, const char *text, int64_t *ret_number,
		     struct berth_error *err)
{
	*ret_number = 0;
	return text ? identifier_parse_number(prefix, text, ret_number, err) : 0;
}
