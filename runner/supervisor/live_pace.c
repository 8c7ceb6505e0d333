/* SPDX-License-Identifier: Apache-2.0 */
/* Time and pace of a living attempt: its longest duration without waits, the grace of one that was
 * asked to end, the freezing of one that waits, and limits that no counter ends by itself. */
#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "runner/supervisor/live_state.h"

#define FULL_SAMPLES_MAX 2
#define WAIT_TAG         1  /* of a USAGE request: how much CPU it had used when it began to wait */
#define FREEZE_TAG       2  /* … and how much before it is frozen */
#define BUSY_PER_MILLE   10 /* of one CPU: what uses more while it waits is at work */

int live_stop_now(struct live *live, enum run_stop stop, struct berth_error *err)
{
	if (live->has_ended)
		return 0;
	if (stop > live->stop)
		live->stop = stop;
	return launcher_client_ask(live->services->launcher, live_name(live), LAUNCHER_KILL, err);
}

static int handle_grace(void *owner, struct berth_error *err)
{
	struct live *live = owner;

	return live_stop_now(
		live, live->stop == STOP_TIMEOUT ? STOP_TIMEOUT_KILL : STOP_CANCEL_KILL, err);
}

static int arm(struct live *live, struct loop_source **timer, loop_timer_handler handler,
	       uint64_t delay_ns, struct berth_error *err)
{
	if (!*timer && loop_add_timer(live->services->loop, handler, live, timer, err) < 0)
		return -1;
	return loop_arm_timer(*timer, clock_boottime_ns() + delay_ns, err);
}

static int disarm(struct loop_source *timer, struct berth_error *err)
{
	return timer ? loop_arm_timer(timer, 0, err) : 0;
}

static int thaw(struct live *live, struct berth_error *err)
{
	if (!live->is_frozen)
		return 0;
	live->is_frozen = false;
	if (launcher_client_ask(live->services->launcher, live_name(live), LAUNCHER_THAW, err) < 0)
		return -1;
	return live->services->on_awake(live->services->owner, err);
}

static int ask(struct live *live, enum run_stop stop, uint64_t grace_ms, struct berth_error *err)
{
	const char *reason = stop == STOP_TIMEOUT ? "timeout" : "signal";

	if (live->has_ended || live->stop != STOP_NONE)
		return 0;
	live->stop = stop;
	if (arm(live, &live->grace, handle_grace, grace_ms > 0 ? grace_ms * CLOCK_NS_PER_MS : 1,
		err) < 0 ||
	    thaw(live, err) < 0)
		return -1;
	if (live->channel && task_channel_cancel(live->channel, reason, grace_ms, err) < 0)
		return -1;
	return launcher_client_signal(live->services->launcher, live_name(live), SIGTERM, err);
}

int live_ask(struct live *live, uint64_t grace_ms, struct berth_error *err)
{
	return ask(live, STOP_CANCEL, grace_ms, err);
}

int live_kill(struct live *live, struct berth_error *err)
{
	return live_stop_now(live, STOP_CANCEL_KILL, err);
}

static int handle_deadline(void *owner, struct berth_error *err)
{
	struct live *live = owner;

	live->deadline_ns = 0;
	return ask(live, STOP_TIMEOUT, live->services->settings->grace_ms, err);
}

int live_start_clock(struct live *live, uint64_t left_ms, struct berth_error *err)
{
	uint64_t left_ns = left_ms * CLOCK_NS_PER_MS;

	if (left_ms == 0)
		return 0;
	live->deadline_ns = clock_boottime_ns() + left_ns;
	return arm(live, &live->deadline, handle_deadline, left_ns, err);
}

static int stop_clock(struct live *live, struct berth_error *err)
{
	uint64_t now_ns = clock_boottime_ns();

	if (live->deadline_ns == 0)
		return 0;
	live->active_left_ns = live->deadline_ns > now_ns ? live->deadline_ns - now_ns : 1;
	live->deadline_ns = 0;
	return disarm(live->deadline, err);
}

static int restart_clock(struct live *live, struct berth_error *err)
{
	uint64_t left_ns = live->active_left_ns;

	if (left_ns == 0 || live->deadline_ns != 0)
		return 0;
	live->active_left_ns = 0;
	live->deadline_ns = clock_boottime_ns() + left_ns;
	return arm(live, &live->deadline, handle_deadline, left_ns, err);
}

static int ask_usage(struct live *live, uint64_t tag, struct berth_error *err)
{
	return launcher_client_usage(live->services->launcher, live_name(live), tag, err);
}

static uint64_t freeze_after_ns(const struct live *live)
{
	uint64_t after_ms = live->services->settings->freeze_after_ms;

	return after_ms > 0 ? after_ms * CLOCK_NS_PER_MS : 1;
}

static bool may_freeze(const struct live *live)
{
	return live->waits > 0 && !live->is_frozen && !live->has_ended && live->stop == STOP_NONE;
}

static int handle_freeze(void *owner, struct berth_error *err)
{
	struct live *live = owner;

	return may_freeze(live) ? ask_usage(live, FREEZE_TAG, err) : 0;
}

/* One thread of a task may wait while another is at work. */
static int freeze_idle(struct live *live, uint64_t cpu_ns, struct berth_error *err)
{
	uint64_t used_ns = cpu_ns > live->waited_cpu_ns ? cpu_ns - live->waited_cpu_ns : 0;

	live->waited_cpu_ns = cpu_ns;
	if (!may_freeze(live))
		return 0;
	if (used_ns > freeze_after_ns(live) * BUSY_PER_MILLE / 1000)
		return arm(live, &live->freeze, handle_freeze, freeze_after_ns(live), err);
	live->is_frozen = true;
	if (launcher_client_ask(live->services->launcher, live_name(live), LAUNCHER_FREEZE, err) <
	    0)
		return -1;
	if (!live->services->can_reclaim)
		return 0;
	return launcher_client_ask(live->services->launcher, live_name(live), LAUNCHER_RECLAIM,
				   err);
}

int live_pace(struct live *live, struct berth_error *err)
{
	if (live->has_ended)
		return 0;
	if (thaw(live, err) < 0)
		return -1;
	if (live->waits == 0)
		return disarm(live->freeze, err) < 0 ? -1 : restart_clock(live, err);
	if (stop_clock(live, err) < 0)
		return -1;
	if (!live->services->can_freeze)
		return 0;
	if (ask_usage(live, WAIT_TAG, err) < 0)
		return -1;
	return arm(live, &live->freeze, handle_freeze, freeze_after_ns(live), err);
}

/* Its slot is there again: whatever is answered next must find it awake. */
int live_resumed(struct live *live, struct berth_error *err)
{
	return thaw(live, err);
}

static bool is_full_for_long(struct live *live, bool is_full)
{
	live->full_samples = is_full ? live->full_samples + 1 : 0;
	return live->full_samples >= FULL_SAMPLES_MAX;
}

int live_used(struct live *live, const struct launcher_used *used, struct berth_error *err)
{
	live->usage = used->usage;
	live->sampled_ns = clock_boottime_ns();
	if (live->has_ended)
		return 0;
	if (used->usage.pids_refused != SANDBOX_USAGE_UNKNOWN &&
	    used->usage.pids_refused > OUTCOME_PIDS_REFUSED_MAX)
		return live_stop_now(live, STOP_PIDS, err);
	if (is_full_for_long(live, used->disk_full == 1))
		return live_stop_now(live, STOP_DISK, err);
	if (used->tag == WAIT_TAG)
		live->waited_cpu_ns = used->usage.cpu_ns;
	else if (used->tag == FREEZE_TAG)
		return freeze_idle(live, used->usage.cpu_ns, err);
	return 0;
}
