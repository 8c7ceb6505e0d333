/* SPDX-License-Identifier: Apache-2.0 */
/* The waits of an attempt. An answer is taken back from the engine only when the task has said
 * something after it: a supervisor that dies in between finds it again. */
#include "runner/supervisor/live_waits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "runner/crash/crash_point.h"
#include "runner/engine/engine_waits.h"
#include "runner/supervisor/live_ask.h"

struct live_wait {
	struct live_wait *next;
	struct task_request request;
	bool is_answered;
};

static struct live_wait *find(const struct live *live, const char *name)
{
	struct live_wait *wait = live->wait_list;

	while (wait && strcmp(wait->request.name, name) != 0)
		wait = wait->next;
	return wait;
}

static void forget(struct live *live, struct live_wait *wait)
{
	struct live_wait **at = &live->wait_list;

	while (*at != wait)
		at = &(*at)->next;
	*at = wait->next;
	if (!wait->is_answered)
		live->waits--;
	free(wait);
}

int live_waits_add(struct live *live, const struct task_request *request, struct berth_error *err)
{
	struct live_wait *wait = find(live, request->name);

	if (wait && !wait->is_answered) {
		wait->request = *request; /* asked by a connection that came back */
		return 0;
	}
	if (!wait) {
		wait = calloc(1, sizeof(*wait));
		if (!wait)
			return berth_fail(err, BERTH_MEMORY, ENOMEM, "wait");
		wait->next = live->wait_list;
		live->wait_list = wait;
	}
	wait->request = *request;
	wait->is_answered = false;
	live->waits++;
	live->services->on_gone(live->services->owner);
	return live_pace(live, err);
}

void live_waits_remove(struct live *live, const struct task_request *request)
{
	struct live_wait *wait = find(live, request->name);

	if (!wait)
		return;
	forget(live, wait);
	(void)live_pace(live, NULL); /* a clock that cannot be armed again only runs longer */
}

void live_waits_finish(struct live *live)
{
	while (live->wait_list)
		forget(live, live->wait_list);
}

static json_t *make_reply(const char *json, struct berth_error *err)
{
	AUTO_JSON json_t *results = NULL;
	json_t *reply;

	if (json_parse(json, strlen(json), &results, err) < 0)
		return NULL;
	reply = json_pack("{s:O}", "results", results);
	if (!reply)
		(void)berth_fail(err, BERTH_MEMORY, ENOMEM, "answer of a wait");
	return reply;
}

int live_answer(struct live *live, const char *wait_id, const char *json, struct berth_error *err)
{
	struct live_wait *wait = find(live, wait_id);
	AUTO_JSON json_t *reply = NULL;
	int outcome;

	if (!wait || wait->is_answered || !live->channel)
		return 0; /* its connection is not there yet, or asks again */
	reply = make_reply(json, err);
	if (!reply)
		return -1;
	crash_point(CRASH_RESUME_BEFORE_ANSWER);
	outcome = task_channel_answer(live->channel, &wait->request, reply, NULL, err);
	if (outcome < 0)
		return -1;
	crash_point(CRASH_RESUME_AFTER_ANSWER);
	wait->is_answered = true;
	live->waits--;
	if (outcome == TASK_CHANNEL_GONE)
		forget(live, wait);
	return live_pace(live, err);
}

struct result_ask {
	struct live_ask ask;
	char *json;
};

static int read_result(struct engine *engine, struct live_ask *ask, struct berth_error *err)
{
	struct result_ask *result = (struct result_ask *)ask;

	return engine_wait_result(engine, ask->live->run_id, ask->live->token, ask->request.name,
				  &result->json, err);
}

static void finish_result(struct live_ask *ask)
{
	struct result_ask *result = (struct result_ask *)ask;

	if (result->json)
		(void)live_answer(ask->live, ask->request.name, result->json, NULL);
	free(result->json);
}

int live_waits_resume(struct live *live, const struct task_request *request,
		      struct berth_error *err)
{
	struct live_ask *ask;

	if (live_waits_add(live, request, err) < 0)
		return -1;
	ask = live_ask_create(live, request, sizeof(struct result_ask), err);
	if (!ask)
		return -1;
	ask->work = read_result;
	ask->finish = finish_result;
	ask->waits = true;
	(void)live_ask_submit(ask);
	return 0;
}

static int take(struct engine *engine, struct live_ask *ask, struct berth_error *err)
{
	return engine_wait_taken(engine, ask->live->run_id, ask->live->token, ask->request.name,
				 err);
}

void live_waits_note_line(struct live *live, uint64_t connection)
{
	struct live_wait *next;

	for (struct live_wait *wait = live->wait_list; wait; wait = next) {
		struct live_ask *ask;

		next = wait->next;
		if (!wait->is_answered || wait->request.connection != connection)
			continue;
		ask = live_ask_create(live, &wait->request, sizeof(*ask), NULL);
		if (!ask)
			return; /* the next line tries again */
		ask->work = take;
		ask->waits = true; /* nothing is to be answered */
		(void)live_ask_submit(ask);
		forget(live, wait);
	}
}
