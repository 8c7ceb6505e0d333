/* SPDX-License-Identifier: Apache-2.0 */
/* From serving to a reload or to the end:
 *
 *   SERVING ──reload──▶ RELOADING ──supervisor gone──▶ exec (or, failing that, SERVING)
 *   SERVING ──SIGTERM─▶ DRAINING ──drained, timeout, SIGTERM──▶ KILLING ──no run──▶ CLOSING ──▶ end
 */
#include <signal.h>

#include "base/clock.h"
#include "runner/launcher/launcher.h"
#include "runner/launcher/reload.h"
#include "runner/launcher/say.h"

#define RELOAD_NS (10 * CLOCK_NS_PER_S) /* for the supervisor to end by itself */
#define CLOSE_NS  (5 * CLOCK_NS_PER_S)

static int arm(struct launcher *launcher, uint64_t delay_ns, struct berth_error *err)
{
	return loop_arm_timer(launcher->phase_timer, clock_boottime_ns() + delay_ns, err);
}

static bool has_supervisor(const struct launcher *launcher)
{
	return launcher->supervisor.pid != 0;
}

int phase_reload(struct launcher *launcher, struct berth_error *err)
{
	if (launcher->phase != LAUNCHER_SERVING)
		return berth_fail(err, BERTH_DENIED, 0, "a reload or the end is under way");
	if (reload_check(launcher, err) < 0)
		return -1;
	say("reloading");
	notify_reloading(&launcher->notify);
	launcher->phase = LAUNCHER_RELOADING_PHASE;
	outbox_notice(&launcher->outbox, NOTICE_RELOADING);
	return arm(launcher, has_supervisor(launcher) ? RELOAD_NS : 1, err);
}

static int go_on_reloading(struct launcher *launcher, struct berth_error *err)
{
	struct berth_error failure = {0};

	if (has_supervisor(launcher))
		return 0;
	reload_execute(launcher, &failure);
	say("the reload failed, going on: %s", failure.message);
	launcher->phase = LAUNCHER_SERVING;
	notify_ready(&launcher->notify, "serving; the last reload failed");
	if (loop_arm_timer(launcher->phase_timer, 0, err) < 0)
		return -1;
	return supervise_start(launcher, err);
}

static int begin_killing(struct launcher *launcher, struct berth_error *err)
{
	launcher->phase = LAUNCHER_KILLING;
	for (struct run *run = run_table_next(launcher->table, 0); run;
	     run = run_table_next(launcher->table, run_table_index(launcher->table, run) + 1))
		run_kill(run);
	/* the last step also when no run is left: not in the middle of a handler's work */
	return arm(launcher, 1, err);
}

int phase_drain(struct launcher *launcher, struct berth_error *err)
{
	switch (launcher->phase) {
	case LAUNCHER_SERVING:
		say("draining");
		notify_stopping(&launcher->notify);
		launcher->phase = LAUNCHER_DRAINING;
		outbox_notice(&launcher->outbox, NOTICE_SHUTDOWN);
		if (!has_supervisor(launcher))
			return begin_killing(launcher, err);
		if (arm(launcher, (uint64_t)launcher->options.drain_seconds * CLOCK_NS_PER_S ?: 1,
			err) < 0)
			return -1;
		return launcher_flush(launcher, err);
	case LAUNCHER_RELOADING_PHASE:
	case LAUNCHER_DRAINING:
		notify_stopping(&launcher->notify);
		return begin_killing(launcher, err);
	case LAUNCHER_KILLING:
	case LAUNCHER_CLOSING:
		break;
	}
	return 0;
}

int phase_drained(struct launcher *launcher, struct berth_error *err)
{
	if (launcher->phase != LAUNCHER_DRAINING)
		return berth_fail(err, BERTH_INVALID, 0, "nobody asked for the end");
	return begin_killing(launcher, err);
}

/* The supervisor has what it is to be told of the runs' ends, or does not read it. */
static int go_on_closing(struct launcher *launcher)
{
	if (has_supervisor(launcher)) {
		if (launcher->supervisor.socket_fd >= 0 &&
		    outbox_flush(&launcher->outbox, NULL) == 0)
			supervise_close_socket(launcher);
		return 0;
	}
	loop_stop(launcher->loop);
	return 0;
}

int phase_advance(struct launcher *launcher, struct berth_error *err)
{
	switch (launcher->phase) {
	case LAUNCHER_SERVING:
		return 0;
	case LAUNCHER_RELOADING_PHASE:
		return go_on_reloading(launcher, err);
	case LAUNCHER_DRAINING:
		return has_supervisor(launcher) ? 0 : begin_killing(launcher, err);
	case LAUNCHER_KILLING:
		if (launcher->table->live_count > 0)
			return 0;
		launcher->phase = LAUNCHER_CLOSING;
		if (arm(launcher, CLOSE_NS, err) < 0)
			return -1;
		return go_on_closing(launcher);
	case LAUNCHER_CLOSING:
		return go_on_closing(launcher);
	}
	return 0;
}

int phase_handle_timer(void *owner, struct berth_error *err)
{
	struct launcher *launcher = owner;

	switch (launcher->phase) {
	case LAUNCHER_SERVING:
		return 0;
	case LAUNCHER_RELOADING_PHASE:
	case LAUNCHER_CLOSING:
		supervisor_process_kill(&launcher->supervisor, SIGKILL);
		break;
	case LAUNCHER_DRAINING:
		say("killing what still runs");
		return begin_killing(launcher, err);
	case LAUNCHER_KILLING:
		break;
	}
	return phase_advance(launcher, err);
}
