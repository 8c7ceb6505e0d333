/* SPDX-License-Identifier: Apache-2.0 */
/* One line of a client: parsed, checked against its operation's row and the client's role, and made
 * a call. */
#include "runner/control/control_dispatch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/text.h"

#define SHOWN_NAME_SIZE 48

static void link_call(struct control_connection *connection, struct control_call *call)
{
	call->connection = connection;
	call->next = connection->calls;
	call->previous = &connection->calls;
	if (call->next)
		call->next->previous = &call->next;
	connection->calls = call;
	connection->call_count++;
}

/* Takes "op" and "id" out of a request's object. */
static int check_envelope(json_t *object, int64_t *ret_id, const char **ret_name,
			  struct berth_error *err)
{
	const json_t *id, *op;

	if (!json_is_object(object))
		return berth_fail(err, BERTH_PROTOCOL, 0, "a line that is not a JSON object");
	id = json_object_get(object, "id");
	*ret_id = json_is_integer(id) ? json_integer_value(id) : -1;
	if (*ret_id < 0 || *ret_id > CONTROL_ID_MAX)
		return berth_fail(err, BERTH_PROTOCOL, 0, "id: not an integer from 0 to 2^53");
	op = json_object_get(object, "op");
	if (!json_is_string(op))
		return berth_fail(err, BERTH_PROTOCOL, 0, "op: missing, or not a text");
	*ret_name = json_string_value(op);
	return 0;
}

static int find_operation(const struct control_connection *connection, const char *name,
			  enum control_op *ret_op, struct berth_error *err)
{
	char shown[SHOWN_NAME_SIZE];

	(void)text_sanitize(name, strlen(name), shown, sizeof(shown));
	*ret_op = control_find(name);
	if (!connection->is_greeted && *ret_op != CONTROL_HELLO)
		return berth_fail(err, BERTH_PROTOCOL, 0, "the first request has to be hello");
	if (connection->is_greeted && *ret_op == CONTROL_HELLO)
		return berth_fail(err, BERTH_PROTOCOL, 0, "hello: said before");
	if (*ret_op == CONTROL_OP_COUNT)
		return berth_fail(err, BERTH_NOT_FOUND, 0, "op: there is no \"%s\"", shown);
	return 0;
}

static int check_role(const struct control_connection *connection,
		      const struct control_operation *operation, struct berth_error *err)
{
	const struct control_peer *peer = &connection->peer;

	if (peer->role == CONTROL_NOBODY)
		return berth_fail(err, BERTH_DENIED, 0,
				  "user %u is neither root, nor the daemon's user, nor in its "
				  "group, and others may not look",
				  (unsigned)peer->uid);
	if (peer->role < operation->role)
		return berth_fail(err, BERTH_DENIED, 0, "%s: needs the role %s, user %u is %s",
				  operation->name, control_role_name(operation->role),
				  (unsigned)peer->uid, control_role_name(peer->role));
	return 0;
}

static int take_descriptors(struct control_connection *connection, struct control_call *call,
			    struct berth_error *err)
{
	size_t wanted = call->operation->descriptors;

	if (connection->descriptor_count < wanted)
		return berth_fail(err, BERTH_INVALID, 0, "%s: %zu descriptor must come with it",
				  call->operation->name, wanted);
	if (wanted == 0)
		return 0;
	memcpy(call->descriptors, connection->descriptors, wanted * sizeof(int));
	connection->descriptor_count -= wanted;
	memmove(connection->descriptors, connection->descriptors + wanted,
		connection->descriptor_count * sizeof(int));
	return 0;
}

static int parse_record(struct control_call *call, struct berth_error *err)
{
	if (control_record_parse(call->operation, call->fields, &call->record, err) < 0)
		return berth_fail_context(err, "%s", call->operation->name);
	return 0;
}

static int check_draining(const struct control_call *call, struct berth_error *err)
{
	if (!call->operation->is_new_work || !call->backend->is_draining(call->backend->owner))
		return 0;
	(void)berth_fail(err, BERTH_DENIED, 0, "%s: the daemon drains, it takes no new work",
			 call->operation->name);
	if (err)
		err->errnum = ESHUTDOWN; /* which error it is on the wire; its words say nothing */
	return -1;
}

/* The call is answered when this fails. */
static int start(const struct control_dispatch *dispatch, struct control_connection *connection,
		 struct control_call *call, struct berth_error *err)
{
	const struct control_handler_row *row =
		&dispatch->handlers[call->operation - control_operations];

	if (check_role(connection, call->operation, err) < 0 ||
	    take_descriptors(connection, call, err) < 0 || parse_record(call, err) < 0 ||
	    check_draining(call, err) < 0)
		return -1;
	if (row->handle)
		return row->handle(call, err);
	if (row->work)
		control_job_work(call, row->work, NULL);
	else if (row->read)
		control_job_read(call, row->read, NULL);
	else
		return berth_fail(err, BERTH_NOT_FOUND, 0, "%s: not offered",
				  call->operation->name);
	return 0;
}

static struct control_call *make_call(const struct control_dispatch *dispatch,
				      struct control_connection *connection, enum control_op op,
				      int64_t id, json_t *object)
{
	struct control_call *call = calloc(1, sizeof(*call));

	if (!call)
		return NULL;
	(void)json_object_del(object, "id");
	(void)json_object_del(object, "op");
	call->backend = dispatch->backend;
	call->operation = &control_operations[op];
	call->peer = connection->peer;
	call->fields = json_incref(object);
	call->server = connection->server;
	call->id = id;
	for (size_t i = 0; i < CONTROL_DESCRIPTORS_MAX; i++)
		call->descriptors[i] = -1;
	link_call(connection, call);
	return call;
}

static int dispatch_object(const struct control_dispatch *dispatch,
			   struct control_connection *connection, json_t *object,
			   struct berth_error *err)
{
	bool is_hello = !connection->is_greeted;
	struct control_call *call;
	struct berth_error why;
	const char *name = NULL;
	enum control_op op;
	int64_t id = 0;
	int status;

	if (check_envelope(object, &id, &name, err) < 0)
		return -1;
	status = find_operation(connection, name, &op, &why);
	if (status < 0 && why.code == BERTH_PROTOCOL) {
		*err = why;
		return -1;
	}
	/* what does not exist is answered like any other refusal: as a call of ping, say */
	call = make_call(dispatch, connection, status < 0 ? CONTROL_PING : op, id, object);
	if (!call)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "handle a request");
	if (status == 0)
		status = start(dispatch, connection, call, &why);
	if (status < 0)
		control_call_fail(call, &why);
	if (!is_hello)
		return 0;
	connection->is_greeted = status == 0;
	return status < 0 ? CONTROL_DISPATCH_CLOSE : 0;
}

int control_dispatch_line(const struct control_dispatch *dispatch,
			  struct control_connection *connection, const char *line, size_t length,
			  struct berth_error *err)
{
	AUTO_JSON json_t *object = NULL;
	struct berth_error why;

	if (json_parse(line, length, &object, &why) < 0) {
		if (why.code == BERTH_INVALID)
			why.code = BERTH_PROTOCOL;
		*err = why;
		return -1;
	}
	return dispatch_object(dispatch, connection, object, err);
}
