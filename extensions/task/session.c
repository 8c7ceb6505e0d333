/* SPDX-License-Identifier: Apache-2.0 */
/* An open task: the transport, what the run is, and the progress that waits to be sent. */
#include "extensions/task/session.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "extensions/task/connection.h"
#include "extensions/task/protocol_table.h"
#include "extensions/task/stand_in.h"

#ifndef BERTH_TASK_SDK_NAME
#	define BERTH_TASK_SDK_NAME "libberth-task"
#endif

static volatile sig_atomic_t terminated; /* the one thing a signal handler may touch */

static void on_terminate(int number)
{
	(void)number;
	terminated = 1;
}

bool sdk_session_terminated(void)
{
	return terminated != 0;
}

/* what a supervisor passes on; one that the program was started without stays ignored */
static const int asking_signals[] = {SIGTERM, SIGINT, SIGHUP};

static int handlers_install(struct berth_error *err)
{
	struct sigaction action = {.sa_handler = on_terminate, .sa_flags = SA_RESTART}, former;

	(void)sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < sizeof(asking_signals) / sizeof(asking_signals[0]); i++) {
		if (sigaction(asking_signals[i], NULL, &former) == 0 &&
		    former.sa_handler == SIG_IGN)
			continue;
		if (sigaction(asking_signals[i], &action, NULL) < 0)
			return berth_fail(err, BERTH_SYSTEM, errno, "handle SIG%s",
					  sigabbrev_np(asking_signals[i]));
	}
	return 0;
}

static int transport_create(struct sdk_transport **ret_transport, struct berth_error *err)
{
	const char *path = getenv("BERTH_TASK_SOCKET");
	struct berth_error why = {0};

	if (path && path[0] != '\0')
		return sdk_connection_open(path, ret_transport, err);
	if (sdk_connection_open(BERTH_TASK_SOCKET_PATH, ret_transport, &why) == 0)
		return 0;
	if (why.code == BERTH_NOT_FOUND)
		return sdk_stand_in_create(ret_transport, err);
	if (err)
		*err = why;
	return -1;
}

static int open_transport(struct berth_task *task, struct berth_error *err)
{
	if (transport_create(&task->transport, err) < 0)
		return -1;
	task->transport->is_ending = sdk_session_terminated;
	return 0;
}

static int hello(struct berth_task *task, bool with_payload, struct berth_error *err)
{
	AUTO_JSON json_t *request = NULL, *reply = NULL;

	request = json_pack("{s:s, s:i, s:s}", "op", protocol_messages[PROTOCOL_HELLO].name,
			    "protocol", PROTOCOL_VERSION, "sdk", BERTH_TASK_SDK_NAME);
	if (!request ||
	    (!with_payload && json_object_set_new(request, "payload", json_false()) < 0))
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "say hello");
	if (task->transport->call(task->transport, request, &reply, err) < 0)
		return berth_fail_context(err, "hello");
	if (json_is_true(json_object_get(reply, "cancelled")))
		task->transport->cancelled = true;
	return sdk_info_init(&task->info, reply, err);
}

int sdk_session_open(const struct sdk_session_options *options, struct berth_task **ret_task,
		     struct berth_error *err)
{
	struct berth_task *task = calloc(1, sizeof(*task));

	if (!task)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "open the task");
	if (open_transport(task, err) < 0 || hello(task, !options->without_payload, err) < 0 ||
	    (!options->without_signal_handlers && handlers_install(err) < 0)) {
		berth_task_close(task);
		return -1;
	}
	*ret_task = task;
	return 0;
}

int sdk_session_send(struct berth_task *task, json_t *request, struct berth_error *err)
{
	AUTO_JSON json_t *owned = request;

	if (!owned)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "prepare a message");
	return task->transport->send(task->transport, owned, err);
}

static void flush(struct berth_task *task, json_t *waiting)
{
	/* lost progress is not worth failing a call over; a broken connection shows there too */
	if (waiting)
		(void)sdk_session_send(task, waiting, NULL);
}

int sdk_session_call(struct berth_task *task, json_t *request, json_t **ret_reply,
		     struct berth_error *err)
{
	AUTO_JSON json_t *owned = request, *reply = NULL;

	if (!owned)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "prepare a message");
	flush(task, sdk_progress_take(&task->progress, clock_boottime_ns()));
	if (task->transport->call(task->transport, owned, &reply, err) < 0)
		return -1;
	if (ret_reply)
		*ret_reply = steal_ptr(&reply);
	return 0;
}

void sdk_session_flush_due(struct berth_task *task)
{
	if (task->progress.pending)
		flush(task, sdk_progress_take_due(&task->progress, clock_boottime_ns()));
}

void berth_task_close(struct berth_task *task)
{
	if (!task)
		return;
	if (task->transport) {
		flush(task, sdk_progress_take(&task->progress, clock_boottime_ns()));
		task->transport->destroy(task->transport);
	}
	sdk_progress_finish(&task->progress);
	sdk_info_finish(&task->info);
	free(task);
}
