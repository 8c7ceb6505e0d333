/* SPDX-License-Identifier: Apache-2.0 */
/* Putting the launcher together, and its loop. */
#include "runner/launcher/launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/descriptor.h"
#include "runner/launcher/checkpoint_directory.h"
#include "runner/launcher/reload.h"
#include "runner/launcher/say.h"
#include "sandbox/handover.h"
#include "sandbox/pause.h"

#define IDLE_NS    (1 * CLOCK_NS_PER_MS)
#define OPEN_FILES 131072 /* thirty for each of the runs there may be */
#define WHY_SIZE   128
#define SWAPS_SIZE 4096

static bool has_swap(void)
{
	char text[SWAPS_SIZE];

	/* a headline, then a line for each (proc(5)) */
	return descriptor_read_control(AT_FDCWD, "/proc/swaps", text, sizeof(text), NULL) == 0 &&
	       strchr(text, '\n');
}

static uint32_t find_abilities(struct launcher *launcher)
{
	const enum sandbox_pause_method pause = sandbox_host_pause_method(launcher->host);
	const struct supervisor_process *process = &launcher->supervisor;
	uint32_t abilities = 0;

	if (sandbox_host_is_privileged(launcher->host))
		abilities |= LAUNCHER_IS_PRIVILEGED;
	if (process->other_user)
		abilities |= LAUNCHER_OTHER_USER;
	if (pause != SANDBOX_PAUSE_NONE)
		abilities |= LAUNCHER_CAN_FREEZE;
	if (pause == SANDBOX_PAUSE_GROUP)
		abilities |= LAUNCHER_FREEZES_GROUP;
	if (sandbox_host_can_reclaim(launcher->host) && has_swap())
		abilities |= LAUNCHER_CAN_RECLAIM;
	if (sandbox_host_views_memory(launcher->host, process->uid, process->gid))
		abilities |= LAUNCHER_CAN_VIEW_MEMORY;
	if (launcher->policy.allows_host_network)
		abilities |= LAUNCHER_ALLOWS_HOST_NETWORK;
	if (launcher->notify.fd >= 0)
		abilities |= LAUNCHER_USES_SYSTEMD;
	return abilities;
}

/* Each run is a dozen descriptors. */
static void raise_limits(void)
{
	struct rlimit files = {.rlim_cur = OPEN_FILES, .rlim_max = OPEN_FILES};
	struct rlimit now;

	if (getrlimit(RLIMIT_NOFILE, &now) < 0 || now.rlim_cur >= OPEN_FILES)
		return;
	if (now.rlim_max > OPEN_FILES)
		files.rlim_max = now.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &files) < 0) {
		now.rlim_cur = now.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &now);
	}
}

static int handle_signal(void *owner, int signal, pid_t sender, struct berth_error *err)
{
	struct launcher *launcher = owner;
	struct berth_error failure = {0};

	(void)sender;
	if (signal != SIGHUP)
		return phase_drain(launcher, err);
	if (phase_reload(launcher, &failure) < 0) {
		say("no reload: %s", failure.message);
		return 0;
	}
	return launcher_flush(launcher, err);
}

/* Only when nothing has happened since the timer was armed: launches go first. */
static int handle_idle(void *owner, struct berth_error *err)
{
	struct launcher *launcher = owner;

	launcher->idle_armed = false;
	if (launcher->was_active)
		return launcher_note_activity(launcher, err) < 0
			       ? -1
			       : (launcher->was_active = false, 0);
	if (!sandbox_host_refill_step(launcher->host))
		return 0;
	launcher->idle_armed = true;
	return loop_arm_timer(launcher->idle_timer, 1, err); /* in the past: at the next turn */
}

int launcher_note_activity(struct launcher *launcher, struct berth_error *err)
{
	launcher->was_active = true;
	if (launcher->idle_armed)
		return 0;
	launcher->idle_armed = true;
	return loop_arm_timer(launcher->idle_timer, clock_boottime_ns() + IDLE_NS, err);
}

static int handle_restart(void *owner, struct berth_error *err)
{
	struct launcher *launcher = owner;

	if (launcher->phase != LAUNCHER_SERVING)
		return phase_advance(launcher, err);
	if (launcher->supervisor.pid) {
		/* it gave up its socket, and does not end */
		if (launcher->supervisor.socket_fd < 0)
			supervisor_process_kill(&launcher->supervisor, SIGKILL);
		return 0;
	}
	return supervise_start(launcher, err);
}

int launcher_flush(struct launcher *launcher, struct berth_error *err)
{
	struct outbox *outbox = &launcher->outbox;
	uint32_t events = 0;
	int left;

	if (!launcher->socket_source)
		return 0;
	left = outbox_flush(outbox, err);
	if (left < 0)
		return -1;
	if (left > 0)
		events |= EPOLLOUT;
	if (!outbox_is_telling_table(outbox) && outbox_has_room(outbox))
		events |= EPOLLIN;
	if (loop_modify_descriptor(launcher->socket_source, events, err) < 0)
		return -1;
	return launcher->phase == LAUNCHER_CLOSING ? phase_advance(launcher, err) : 0;
}

static int add_sources(struct launcher *launcher, struct berth_error *err)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
	const struct {
		loop_timer_handler handler;
		struct loop_source **source;
	} timers[] = {
		{handle_restart,     &launcher->restart_timer },
		{handle_idle,        &launcher->idle_timer    },
		{run_pace_tick,      &launcher->pace_timer    },
		{phase_handle_timer, &launcher->phase_timer   },
		{watchdog_tick,      &launcher->watchdog_timer},
	};

	if (loop_create(&launcher->loop, err) < 0 ||
	    loop_add_signals(launcher->loop, signals, sizeof(signals) / sizeof(signals[0]),
			     handle_signal, launcher, &launcher->signals, err) < 0)
		return -1;
	for (size_t i = 0; i < sizeof(timers) / sizeof(timers[0]); i++)
		if (loop_add_timer(launcher->loop, timers[i].handler, launcher, timers[i].source,
				   err) < 0)
			return -1;
	return watchdog_start(launcher, err);
}

/* What the installation brings and what the supervisor deploys, whatever else the operator allows:
 * without them no task of any file could run. */
static int add_own_mounts(struct launcher *launcher, struct berth_error *err)
{
	struct policy *policy = &launcher->policy;
	char path[POLICY_PATH_MAX + sizeof("/bundles")];

	for (size_t i = 0; i < LAUNCHER_PLACES_MAX; i++)
		if (launcher->options.places[i][0] &&
		    policy_add_mount(policy, launcher->options.places[i], false, err) < 0)
			return -1;
	if (!policy->mounts_given && policy_add_default_mounts(policy, err) < 0)
		return -1;
	policy->mounts_given = true;
	if (!policy->state[0])
		return 0;
	(void)snprintf(path, sizeof(path), "%s/bundles", policy->state);
	return policy_add_mount(policy, path, false, err);
}

static int read_policy(struct launcher *launcher, struct berth_error *err)
{
	const struct launcher_options *options = &launcher->options;
	struct policy *policy = &launcher->policy;

	policy_init(policy);
	if (options->config && policy_read(policy, options->config, err) < 0)
		return -1;
	if (options->user && snprintf(policy->user, sizeof(policy->user), "%s", options->user) >=
				     (int)sizeof(policy->user))
		return berth_fail(err, BERTH_LIMIT, 0, "--user: the name is too long");
	if (options->state && snprintf(policy->state, sizeof(policy->state), "%s",
				       options->state) >= (int)sizeof(policy->state))
		return berth_fail(err, BERTH_LIMIT, 0, "--state: the path is too long");
	return 0;
}

static int open_state(struct launcher *launcher, struct berth_error *err)
{
	struct supervisor_process *process = &launcher->supervisor;
	char why[WHY_SIZE];

	if (read_policy(launcher, err) < 0 ||
	    supervisor_process_init(process, launcher->policy.user, why, sizeof(why), err) < 0)
		return -1;
	if (why[0] && launcher->options.resume_fd < 0)
		say("%s", why);
	launcher->policy.uid = process->uid;
	return 0;
}

static int open_host(struct launcher *launcher, struct berth_error *err)
{
	struct sandbox_host_options options = {
		.pauses = true,
		.cgroup_driver = launcher->options.cgroup,
		.state_path = launcher->options.runtime,
		.pool_size = (unsigned)launcher->options.pool,
	};
	bool resumes = launcher->options.resume_fd >= 0;

	if (resumes && reload_read_host(launcher, &options.group_sequence, err) < 0)
		return -1;
	if (sandbox_host_open(&options, &launcher->host, err) < 0)
		return -1;
	if (!resumes && launcher->policy.state[0] &&
	    checkpoint_directory_open(launcher->policy.state, launcher->supervisor.uid,
				      launcher->supervisor.gid, &launcher->checkpoints_fd, err) < 0)
		return -1;
	if (add_own_mounts(launcher, err) < 0 || policy_open_mounts(&launcher->policy, err) < 0)
		return -1;
	launcher->abilities = find_abilities(launcher);
	return resumes ? reload_read_runs(launcher, err) : 0;
}

int launcher_create(const struct launcher_options *options, struct launcher **ret_launcher,
		    struct berth_error *err)
{
	struct launcher *launcher = calloc(1, sizeof(*launcher));

	if (!launcher)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "launcher");
	launcher->options = *options;
	if (options->supervisor == options->beside)
		launcher->options.supervisor = launcher->options.beside;
	launcher->checkpoints_fd = -1;
	launcher->notify.fd = -1;
	launcher->supervisor.pidfd = launcher->supervisor.socket_fd = -1;
	launcher_descriptors_init(&launcher->packet.descriptors);
	raise_limits();
	if (run_table_create(&launcher->table, err) < 0)
		goto destroy;
	outbox_init(&launcher->outbox, launcher->table);
	if (notify_open(&launcher->notify, err) < 0 || open_state(launcher, err) < 0 ||
	    add_sources(launcher, err) < 0 || open_host(launcher, err) < 0)
		goto destroy;
	*ret_launcher = launcher;
	return 0;

destroy:
	launcher_destroy(launcher);
	return -1;
}

int launcher_run(struct launcher *launcher, struct berth_error *err)
{
	if (supervise_start(launcher, err) < 0 || launcher_note_activity(launcher, err) < 0)
		return -1;
	return loop_run(launcher->loop, err);
}

void launcher_destroy(struct launcher *launcher)
{
	if (!launcher)
		return;
	outbox_close(&launcher->outbox);
	supervisor_process_finish(&launcher->supervisor);
	if (launcher->table)
		run_forget_all(launcher);
	run_table_destroy(launcher->table);
	sandbox_host_close(launcher->host);
	loop_destroy(launcher->loop);
	policy_finish(&launcher->policy);
	notify_close(&launcher->notify);
	close_fd(&launcher->checkpoints_fd);
	free(launcher);
}
