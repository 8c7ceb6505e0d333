/* SPDX-License-Identifier: Apache-2.0 */
/* Requests on their way to the engine and back. While the disk refuses they wait, and with them
 * their lines in the task's sockets. */
#include "runner/supervisor/live_ask.h"

#include <errno.h>
#include <stdlib.h>

#include "runner/crash/crash_point.h"
#include "runner/supervisor/live_waits.h"

void *live_ask_create(struct live *live, const struct task_request *request, size_t size,
		      struct berth_error *err)
{
	struct live_ask *ask = calloc(1, size);

	if (!ask) {
		(void)berth_fail(err, BERTH_MEMORY, ENOMEM, "request");
		return NULL;
	}
	ask->live = live;
	ask->request = *request;
	return ask;
}

void live_ask_destroy(struct live_ask *ask)
{
	if (!ask)
		return;
	if (ask->finish)
		ask->finish(ask);
	json_decref(ask->reply);
	free(ask);
}

static int work(struct engine *engine, void *argument, struct berth_error *err)
{
	struct live_ask *ask = argument;

	return ask->work(engine, ask, err);
}

static void answer(struct live_ask *ask, int result, const struct berth_error *why)
{
	struct task_channel *channel = ask->live->channel;
	struct berth_error stale = {0};

	if (result == ENGINE_STALE) {
		(void)berth_fail(&stale, BERTH_DENIED, 0, "another attempt has taken over");
		why = &stale;
	}
	if (ask->waits && result == 0) {
		crash_point(CRASH_WAIT_BEFORE_LEDGER);
		(void)task_channel_commit(channel, &ask->request);
		crash_point(CRASH_WAIT_AFTER_LEDGER);
	} else {
		crash_point(CRASH_REQUEST_BEFORE_ANSWER);
		/* who has gone meanwhile asks again, and memory that is out ends the connection */
		(void)task_channel_answer(channel, &ask->request, ask->reply,
					  result == 0 ? NULL : why, NULL);
	}
}

static void done(struct engine_job *job, int result, const struct berth_error *why)
{
	struct live_ask *ask = (struct live_ask *)job;
	struct live *live = ask->live;

	if (ask->waits && result != 0)
		live_waits_remove(live, &ask->request);
	if (live->channel)
		answer(ask, result, why);
	live_ask_destroy(ask);
	live->jobs--;
	live_go_on(live);
}

int live_ask_submit(struct live_ask *ask)
{
	ask->job.work = work;
	ask->job.done = done;
	ask->live->jobs++;
	engine_thread_submit(ask->live->services->engine, &ask->job, true);
	return TASK_CHANNEL_DEFERRED;
}
