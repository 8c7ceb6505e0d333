/* SPDX-License-Identifier: Apache-2.0 */
/* Following runs: what their sandboxes tell becomes the row's state and the supervisor's news. */
#include <sys/epoll.h>

#include "base/clock.h"
#include "runner/launcher/launcher.h"
#include "sandbox/handover.h"

static int note_started(struct launcher *launcher, struct run *run, struct berth_error *err)
{
	run->started = true;
	run->channel_fd = sandbox_take_channel(run->sandbox);
	for (size_t i = 0; i < run->volume_count; i++) {
		struct run_volume *volume = &run->volumes[i];

		if (volume->viewed && volume->view_fd < 0 &&
		    sandbox_volume_open_view(launcher->host, volume->volume,
					     launcher->supervisor.uid, launcher->supervisor.gid,
					     &volume->view_fd, err) < 0)
			return -1;
	}
	outbox_tell(&launcher->outbox, run, TELL_STARTED);
	return 0;
}

static int note_ended(struct launcher *launcher, struct run *run, struct berth_error *err)
{
	loop_source_destroy(run->source);
	run->source = NULL;
	run->outcome = *sandbox_outcome(run->sandbox);
	sandbox_destroy(run->sandbox);
	run->sandbox = NULL;
	run->frozen = false;
	run->pace = 0;
	launcher->table->live_count--;
	outbox_tell(&launcher->outbox, run, TELL_ENDED);
	if (launcher_note_activity(launcher, err) < 0)
		return -1;
	return phase_advance(launcher, err);
}

/* A run that cannot be followed any longer is killed, and does not end the others: its end is told
 * by its pidfd. */
static int handle_run(void *owner, uint32_t events, struct berth_error *err)
{
	struct run *run = owner;
	struct launcher *launcher = run->launcher;
	int happened;

	(void)events;
	while ((happened = sandbox_dispatch(run->sandbox, NULL)) == SANDBOX_STARTED)
		if (note_started(launcher, run, NULL) < 0)
			run_kill(run);
	if (happened < 0)
		run_kill(run);
	if (happened == SANDBOX_ENDED && note_ended(launcher, run, err) < 0)
		return -1;
	return launcher_flush(launcher, err);
}

int run_watch(struct launcher *launcher, struct run *run, struct berth_error *err)
{
	if (launcher_note_activity(launcher, err) < 0 ||
	    loop_add_descriptor(launcher->loop, sandbox_descriptor(run->sandbox), EPOLLIN,
				handle_run, run, &run->source, err) < 0)
		return -1;
	if (!run->protections)
		run->protections = sandbox_share_protections(run->sandbox);
	if (!run->launched_ns)
		run->launched_ns = clock_boottime_ns();
	run->launcher = launcher;
	launcher->table->live_count++;
	return 0;
}

void run_kill(struct run *run)
{
	if (!run->sandbox)
		return;
	run->kill_asked = true;
	sandbox_kill(run->sandbox);
}

void run_forget_all(struct launcher *launcher)
{
	struct run *run;

	/* all at once, so that they die side by side */
	for (run = run_table_next(launcher->table, 0); run;
	     run = run_table_next(launcher->table, run_table_index(launcher->table, run) + 1))
		run_kill(run);
	while ((run = run_table_next(launcher->table, 0))) {
		loop_source_destroy(run->source);
		run->source = NULL;
		sandbox_destroy(run->sandbox);
		run->sandbox = NULL;
		outbox_forget(&launcher->outbox, run);
		run_table_remove(launcher->table, run);
	}
}
