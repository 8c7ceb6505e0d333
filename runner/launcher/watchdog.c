/* SPDX-License-Identifier: Apache-2.0 */
/* systemd's watchdog is answered twice in its time, and a supervisor that listens is asked as
 * often. One that owes an answer when the next is due hangs: it is killed, and the next one takes
 * over what runs. Only when even that does not end it is systemd left without an answer: it kills
 * everything.
 *
 * Without a watchdog nobody is asked, and nothing wakes. */
#include <signal.h>

#include "base/clock.h"
#include "runner/launcher/launcher.h"
#include "runner/launcher/say.h"

static void look_at_supervisor(struct launcher *launcher)
{
	if (launcher->pong_missing) {
		say("the supervisor does not answer, and is killed");
		supervisor_process_kill(&launcher->supervisor, SIGKILL);
		launcher->pong_missing = false;
		launcher->is_condemned = true;
		return;
	}
	launcher->pong_missing = true;
	outbox_notice(&launcher->outbox, NOTICE_PING);
}

int watchdog_tick(void *owner, struct berth_error *err)
{
	struct launcher *launcher = owner;

	if (!launcher->is_condemned)
		notify_alive(&launcher->notify);
	/* before it listens it reads the store, for as long as that takes; the phases but SERVING
	 * have a patience of their own */
	if (launcher->phase == LAUNCHER_SERVING && launcher->is_ready && !launcher->is_condemned)
		look_at_supervisor(launcher);
	if (loop_arm_timer(launcher->watchdog_timer,
			   clock_boottime_ns() + launcher->notify.watchdog_ns / 2, err) < 0)
		return -1;
	return launcher_flush(launcher, err);
}

/* At once: a program that took over does not know when the one before was last heard. */
int watchdog_start(struct launcher *launcher, struct berth_error *err)
{
	if (launcher->notify.watchdog_ns == 0)
		return 0;
	return loop_arm_timer(launcher->watchdog_timer, clock_boottime_ns(), err);
}
