/* SPDX-License-Identifier: Apache-2.0 */
/* One request from its arrival to its answer. It lasts until control_call_answer() or
 * control_call_fail(), also when its client has gone meanwhile; each of these frees it. Only the
 * loop touches it, but for the work of a job, which reads the record and makes the result. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/text.h"
#include "runner/control/control_backend.h"
#include "runner/control/control_table.h"
#include "runner/engine/engine.h"
#include "runner/supervisor/engine_thread.h"

struct control_connection;
struct control_server;

/* Who asks. */
struct control_peer {
	uid_t uid;
	pid_t pid; /* when it connected; for messages only */
	enum control_role role;
};

struct control_call {
	/* the handler's to read */
	const struct control_backend *backend;
	const struct control_operation *operation;
	struct control_peer peer;
	json_t *fields; /* as they were sent, without op and id */
	union control_record record;
	int descriptors[CONTROL_DESCRIPTORS_MAX]; /* as the operation's row says; -1: taken */

	/* the handler's own */
	void *state;
	void (*finish_state)(void *state);          /* NULL: there is nothing to free */
	void (*on_gone)(struct control_call *call); /* its client has gone; may answer */
	void (*on_room)(struct control_call *call); /* after CONTROL_CALL_FULL */

	/* control_call.c's and control_job.c's */
	struct engine_job job;
	int (*work)(struct engine *engine, struct control_call *call, struct berth_error *err);
	int (*read)(struct store *store, struct control_call *call, struct berth_error *err);
	void (*then)(struct control_call *call);
	json_t *result;
	int passed[CONTROL_DESCRIPTORS_MAX]; /* that go with the answer */
	size_t passed_count;

	/* the server's */
	struct control_server *server;
	struct control_connection *connection; /* NULL: its client has gone */
	struct control_call *next, **previous; /* of the connection */
	int64_t id;
};

/* Answers now or later: 0, or -1 with err, which is then the answer. */
typedef int (*control_handler)(struct control_call *call, struct berth_error *err);

/* The answer: result is taken over; NULL is out of memory. */
void control_call_answer(struct control_call *call, json_t *result);
void control_call_fail(struct control_call *call, const struct berth_error *err);

/* A streaming operation's event, which is taken over. CONTROL_CALL_FULL: it was taken, but the
 * client is behind; wait for on_room. CONTROL_CALL_GONE: nobody listens; answer soon. */
enum { CONTROL_CALL_FULL = 1, CONTROL_CALL_GONE = 2 };
int control_call_event(struct control_call *call, json_t *event);
/* Several, one a line, that are JSON already. */
int control_call_events(struct control_call *call, const struct text *lines);

/* The number of a run, batch or token that a field names: BERTH_INVALID says which. NULL is 0. */
int control_parse_id(const char *prefix, const char *text, int64_t *ret_number,
		     struct berth_error *err);
