/* SPDX-License-Identifier: Apache-2.0 */
/* What the launcher and the engine say, and to whom it goes. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "runner/control/control_call.h"
#include "runner/supervisor/live_waits.h"
#include "runner/supervisor/supervisor.h"

#define SAMPLE_NS CLOCK_NS_PER_S

static int on_hello(void *owner, const struct launcher_hello *hello, struct berth_error *err)
{
	struct supervisor *supervisor = owner;

	(void)err;
	supervisor->host = *hello;
	supervisor->services.can_freeze = hello->abilities & LAUNCHER_CAN_FREEZE;
	supervisor->services.can_reclaim = hello->abilities & LAUNCHER_CAN_RECLAIM;
	return 0;
}

static int on_table_run(void *owner, const struct launcher_table_run *run,
			struct launcher_descriptors *fds, struct berth_error *err)
{
	struct supervisor *supervisor = owner;

	return live_adopt(supervisor->live, run, fds, err);
}

static int on_table_hold(void *owner, const struct launcher_hold *hold,
			 struct launcher_descriptors *fds, struct berth_error *err)
{
	struct supervisor *supervisor = owner;

	return live_adopt_connection(supervisor->live, hold, fds, err);
}

static int on_table_end(void *owner, const struct launcher_table_end *end, struct berth_error *err)
{
	(void)end;
	return supervisor_recover(owner, err);
}

/* Counters that nobody tells of are looked at only while there is something to count. */
static int handle_sample(void *owner, struct berth_error *err)
{
	struct supervisor *supervisor = owner;
	int sampled = live_sample(supervisor->live, err);

	supervisor->is_sampling = sampled == 0;
	if (sampled != 0)
		return sampled < 0 ? -1 : 0;
	return loop_arm_timer(supervisor->sample, clock_boottime_ns() + SAMPLE_NS, err);
}

int supervisor_on_awake(void *owner, struct berth_error *err)
{
	struct supervisor *supervisor = owner;

	if (supervisor->is_sampling)
		return 0;
	if (!supervisor->sample && loop_add_timer(supervisor->loop, handle_sample, supervisor,
						  &supervisor->sample, err) < 0)
		return -1;
	supervisor->is_sampling = true;
	return loop_arm_timer(supervisor->sample, clock_boottime_ns() + SAMPLE_NS, err);
}

static int on_started(void *owner, const struct launcher_started *started,
		      struct launcher_descriptors *fds, struct berth_error *err)
{
	struct supervisor *supervisor = owner;
	struct live *live = live_find(supervisor->live, started->header.run, started->header.token);

	if (!live)
		return 0;
	if (live_started(live, started, fds, err) < 0)
		return -1;
	return supervisor_on_awake(supervisor, err);
}

static int on_ended(void *owner, const struct launcher_ended *ended, struct berth_error *err)
{
	struct supervisor *supervisor = owner;
	struct live *live = live_find(supervisor->live, ended->header.run, ended->header.token);

	return live ? live_ended(live, &ended->outcome, err) : 0;
}

static int on_refused(void *owner, const struct launcher_refused *refused, struct berth_error *err)
{
	struct supervisor *supervisor = owner;
	struct live *live;

	if (refused->request == LAUNCHER_RELOAD) {
		if (supervisor->reloading)
			control_call_fail(steal_ptr(&supervisor->reloading), &refused->error);
		return 0;
	}
	live = live_find(supervisor->live, refused->header.run, refused->header.token);
	return live ? live_refused(live, refused, err) : 0;
}

static int on_used(void *owner, const struct launcher_used *used, struct berth_error *err)
{
	struct supervisor *supervisor = owner;
	struct live *live = live_find(supervisor->live, used->header.run, used->header.token);

	return live ? live_used(live, used, err) : 0;
}

static int on_reloading(void *owner, struct berth_error *err)
{
	struct supervisor *supervisor = owner;

	(void)err;
	if (supervisor->reloading)
		control_call_answer(steal_ptr(&supervisor->reloading), json_null());
	control_server_flush(supervisor->server);
	supervisor->is_replaced = true;
	loop_stop(supervisor->loop);
	return 0;
}

static int on_shutdown(void *owner, struct berth_error *err)
{
	struct supervisor *supervisor = owner;

	(void)err;
	supervisor->is_leaving = true;
	supervisor_drain(supervisor);
	supervisor_on_gone(supervisor);
	return 0;
}

static int on_gone(void *owner, struct berth_error *err)
{
	struct supervisor *supervisor = owner;

	if (!supervisor->is_leaving)
		return berth_fail(err, BERTH_SYSTEM, 0, "the launcher is gone");
	supervisor->has_drained = true;
	loop_stop(supervisor->loop);
	return 0;
}

const struct launcher_handlers supervisor_launcher_handlers = {
	.on_hello = on_hello,
	.on_table_run = on_table_run,
	.on_table_hold = on_table_hold,
	.on_table_end = on_table_end,
	.on_started = on_started,
	.on_ended = on_ended,
	.on_refused = on_refused,
	.on_used = on_used,
	.on_reloading = on_reloading,
	.on_shutdown = on_shutdown,
	.on_gone = on_gone,
};

/* What waits would wait for longer than anybody waits for a shutdown: it goes on from its
 * checkpoints. */
void supervisor_on_gone(void *owner)
{
	struct supervisor *supervisor = owner;

	if (!supervisor->is_leaving || supervisor->has_drained ||
	    live_busy_count(supervisor->live) > 0)
		return;
	supervisor->has_drained = true;
	(void)launcher_client_drained(supervisor->launcher, NULL); /* or its patience ends */
}

static int on_launch(struct supervisor *supervisor, struct engine_news *news,
		     struct berth_error *err)
{
	if (news->launch.run_id == 0)
		return 0; /* it went on meanwhile */
	return live_launch(supervisor->live, &news->launch, err);
}

static int tell_live(struct live *live, const struct engine_news *news, struct berth_error *err)
{
	switch (news->effect.kind) {
	case ENGINE_ASK:
		return live_ask(live, news->effect.grace_ms, err);
	case ENGINE_KILL:
		return live_kill(live, err);
	case ENGINE_ANSWER:
		return news->answer ? live_answer(live, news->effect.wait_id, news->answer, err)
				    : 0;
	case ENGINE_RESUMED:
		return live_resumed(live, err);
	case ENGINE_LAUNCH:
	case ENGINE_CHANGED:
	case ENGINE_ENDED:
	case ENGINE_FORGET:
		break;
	}
	return 0;
}

int supervisor_on_news(void *owner, struct engine_news *news, struct berth_error *err)
{
	struct supervisor *supervisor = owner;
	int64_t run_id = news->effect.run_id;
	struct live *live;

	switch (news->effect.kind) {
	case ENGINE_LAUNCH:
		return on_launch(supervisor, news, err);
	case ENGINE_ASK:
	case ENGINE_KILL:
	case ENGINE_ANSWER:
	case ENGINE_RESUMED:
		live = live_find(supervisor->live, run_id,
				 news->effect.token[0] ? news->effect.token : NULL);
		return live ? tell_live(live, news, err) : 0;
	case ENGINE_CHANGED:
		followers_tell(supervisor->followers, run_id, CONTROL_FOLLOW_STATE, NULL);
		return 0;
	case ENGINE_ENDED:
		followers_tell(supervisor->followers, run_id, CONTROL_FOLLOW_ENDED, NULL);
		return 0;
	case ENGINE_FORGET:
		supervisor_forget(supervisor, run_id, news->effect.attempt);
		return 0;
	}
	return 0;
}

void supervisor_on_answered(void *owner)
{
	struct supervisor *supervisor = owner;

	control_server_flush(supervisor->server);
}

int supervisor_on_health(void *owner, bool is_healthy, const struct berth_error *why,
			 struct berth_error *err)
{
	struct supervisor *supervisor = owner;

	(void)err;
	supervisor->sick = is_healthy ? (struct berth_error){0} : *why;
	if (is_healthy)
		supervisor_say("the store can be written to again");
	else
		supervisor_say("the store cannot be written to, new work is refused: %s",
			       why->message);
	return 0;
}
