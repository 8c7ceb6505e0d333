/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor's side of one run: launching it, listening to it, telling how it ended. */
#include "sandbox/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/descriptor.h"
#include "sandbox/control.h"
#include "sandbox/host.h"
#include "sandbox/launch.h"
#include "sandbox/network_ahead.h"
#include "sandbox/other_cpu.h"
#include "sandbox/sandbox_state.h"
#include "sandbox/volume_mount.h"

#define EVENTS_AT_ONCE 4

static int watch(const struct sandbox *sandbox, int fd, struct berth_error *err)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	if (fd >= 0 && epoll_ctl(sandbox->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "watch the sandbox");
	return 0;
}

int sandbox_watch(struct sandbox *sandbox, struct berth_error *err)
{
	sandbox->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (sandbox->epoll_fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "epoll_create1");
	if (watch(sandbox, sandbox->pidfd, err) < 0 || watch(sandbox, sandbox->control_fd, err) < 0)
		return -1;
	return watch(sandbox, sandbox->cgroup.oom_event_fd, err);
}

static int create_handle(struct sandbox_host *host, const struct sandbox_spec *spec,
			 struct sandbox **ret_sandbox, struct berth_error *err)
{
	struct sandbox *sandbox = calloc(1, sizeof(*sandbox));

	if (!sandbox)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "sandbox");
	sandbox->host = host;
	sandbox->identity.lock_fd = -1;
	sandbox->pidfd = sandbox->control_fd = sandbox->channel_fd = sandbox->mounts_fd = -1;
	sandbox->epoll_fd = -1;
	sandbox->channel_expected = spec->channel;
	sandbox->volume_count = spec->volume_count;
	for (size_t i = 0; i < spec->volume_count; i++)
		sandbox->volumes[i] = spec->volumes[i].volume;
	*ret_sandbox = sandbox;
	return 0;
}

/* Born in its group where the kernel can (5.7), in its namespaces, with a pidfd. The network,
 * time and cgroup namespaces are the child's own to make, see init.c. */
static pid_t clone_init(struct sandbox *sandbox)
{
	int group_fd = sandbox->host->cgroup.driver->clone_fd(&sandbox->cgroup);
	struct clone_args arguments = {
		.flags = CLONE_PIDFD | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC |
			 CLONE_NEWUTS,
		.pidfd = (uintptr_t)&sandbox->pidfd,
		.exit_signal = SIGCHLD,
	};

	if (group_fd >= 0) {
		arguments.flags |= CLONE_INTO_CGROUP;
		arguments.cgroup = (uint64_t)group_fd;
	}
	return (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments));
}

/* Clones, in a pooled network namespace when one is ready. */
static int start_init(struct sandbox *sandbox, struct launch *launch, pid_t *ret_pid,
		      struct berth_error *err)
{
	struct network_pool *pool = &sandbox->host->network_pool;
	bool pooled = false, move = sandbox->host->may_move_init && other_cpu_is_idle();
	int clone_errno;
	pid_t pid;

	if (launch->own_network) {
		int entered = network_pool_enter(pool, err);

		if (entered < 0)
			return -1;
		pooled = entered == 0;
		launch->own_network = !pooled;
	}
	pid = clone_init(sandbox);
	clone_errno = errno;
	if (pid == 0)
		init_main(launch);
	if (pid < 0)
		/* the kernel may have written the number of one that it closed again */
		sandbox->pidfd = -1;
	if (pooled && network_pool_leave(pool, err) < 0)
		return -1;
	if (pid < 0)
		return berth_fail(err, BERTH_SYSTEM, clone_errno, "create the namespaces");
	if (move && other_cpu_move(pid, err) < 0)
		return -1;
	*ret_pid = pid;
	return 0;
}

/* A disk must be free for the next run as soon as this one has ended. */
static bool holds_disk(const struct sandbox *sandbox)
{
	for (size_t i = 0; i < sandbox->volume_count; i++)
		if (sandbox_volume_kind(sandbox->volumes[i]) == SANDBOX_VOLUME_DISK)
			return true;
	return false;
}

static int make_pending_cgroup(struct sandbox *sandbox, const struct launch *launch,
			       struct berth_error *err)
{
	sandbox->cgroup_pending = false;
	return cgroup_make(&sandbox->cgroup, &launch->spec->limits, err);
}

/* What only a process outside may do for one in new namespaces; then lets it go on. */
static int admit(struct sandbox *sandbox, struct launch *launch, pid_t pid, struct berth_error *err)
{
	const struct control_message go = {.kind = CONTROL_GO};
	AUTO_CLOSE int proc_fd = -1, namespace_fd = -1;
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/%d", pid);
	proc_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (proc_fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "open %s", path);
	if (identity_write_maps(&sandbox->identity, proc_fd, err) < 0)
		return berth_fail_context(err, "map ids");
	if (sandbox->cgroup_pending && make_pending_cgroup(sandbox, launch, err) < 0)
		return -1;
	if (launch->privileged) {
		namespace_fd = openat(proc_fd, "ns/user", O_RDONLY | O_CLOEXEC);
		if (namespace_fd < 0)
			return berth_fail(err, BERTH_SYSTEM, errno, "open %s/ns/user", path);
		if (root_map_ownership(&launch->root, namespace_fd, err) < 0)
			return -1;
	}
	if (descriptor_send(sandbox->control_fd, &go, sizeof(go), NULL, 0, err) < 0)
		return -1;
	if (sandbox->host->cgroup_pool.size > 0 && !holds_disk(sandbox))
		/* a process that ended already took its mounts apart itself */
		sandbox->mounts_fd = openat(proc_fd, "ns/mnt", O_RDONLY | O_CLOEXEC);
	return 0;
}

static int open_control(struct sandbox *sandbox, int *ret_child_fd, struct berth_error *err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "socketpair");
	sandbox->control_fd = pair[0];
	*ret_child_fd = pair[1];
	/* a run that is stopped and reads nothing must not stop the supervisor */
	if (fcntl(pair[0], F_SETFL, O_NONBLOCK) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "make the control socket non-blocking");
	return 0;
}

/* A ready one, or one made now; where the child joins by itself, only its name: it is made while
 * a network namespace is made, which takes as long. */
static int prepare_cgroup(struct sandbox *sandbox, const struct sandbox_spec *spec,
			  struct berth_error *err)
{
	struct cgroup_host *host = &sandbox->host->cgroup;

	if (cgroup_pool_take(&sandbox->host->cgroup_pool, &spec->limits, &sandbox->cgroup) == 0)
		return 0;
	cgroup_begin(&sandbox->cgroup, host, spec->name);
	sandbox->cgroup_pending = host->driver->join != NULL;
	if (sandbox->cgroup_pending)
		return 0;
	return cgroup_make(&sandbox->cgroup, &spec->limits, err);
}

/* A child that gave up says why in words; what the supervisor sees is only that it went away. */
static void prefer_reason_of_child(const struct sandbox *sandbox, struct berth_error *err)
{
	struct control_message message;

	if (err &&
	    recv(sandbox->control_fd, &message, sizeof(message), MSG_DONTWAIT) == sizeof(message) &&
	    message.kind == CONTROL_SETUP_FAILED)
		*err = message.error;
}

static int note_protections(struct sandbox *sandbox, const struct sandbox_spec *spec,
			    struct berth_error *err)
{
	struct sandbox_protection_state states[SANDBOX_PROTECTIONS];

	sandbox_host_protections(sandbox->host, spec, states);
	sandbox_host_correct_protections(sandbox->host, &sandbox->cgroup, &spec->limits, states);
	return protection_set_take(&sandbox->host->protections, states, &sandbox->protections, err);
}

static int launch_run(struct sandbox *sandbox, struct launch *launch, struct berth_error *err)
{
	AUTO_CLOSE int child_fd = -1;
	pid_t pid = -1;

	if (identity_acquire(&sandbox->identity, sandbox->host->state_fd, launch->privileged, err) <
	    0)
		return -1;
	launch->identity = sandbox->identity;
	launch->cgroup = &sandbox->cgroup;
	launch->root.identity = &launch->identity;
	if (prepare_cgroup(sandbox, launch->spec, err) < 0)
		return -1;
	if (launch->privileged && root_prepare(&launch->root, err) < 0)
		return -1;
	if (open_control(sandbox, &child_fd, err) < 0)
		return -1;
	launch->control_fd = child_fd;
	launch->supervisor_fd = sandbox->control_fd;
	/* a better use of the time than waiting */
	if (sandbox->cgroup_pending && network_ahead_is_busy(sandbox->host->ahead) &&
	    make_pending_cgroup(sandbox, launch, err) < 0)
		return -1;
	/* before the clone in any case: what it copies has one thread */
	network_ahead_fill(sandbox->host->ahead,
			   launch->privileged ? &sandbox->host->network_pool : NULL);
	sandbox->launched_ns = clock_boottime_ns();
	if (start_init(sandbox, launch, &pid, err) < 0)
		return -1;
	if (admit(sandbox, launch, pid, err) < 0) {
		prefer_reason_of_child(sandbox, err);
		return -1;
	}
	if (note_protections(sandbox, launch->spec, err) < 0)
		return -1;
	return sandbox_watch(sandbox, err);
}

int sandbox_launch(struct sandbox_host *host, const struct sandbox_spec *spec,
		   struct sandbox **ret_sandbox, struct berth_error *err)
{
	struct sandbox *sandbox = NULL;
	struct launch launch = {
		.spec = spec,
		.privileged = host->privileged,
		.own_network = spec->network == SANDBOX_NETWORK_NONE,
		.time_namespace = host->time_namespaces,
		.count_processes = !(host->cgroup.features & CGROUP_PIDS),
		.landlock_abi = host->landlock_abi,
		.vfork_task = host->vfork_task,
	};
	int launched;

	if (sandbox_spec_check(spec, err) < 0)
		return -1;
	if (create_handle(host, spec, &sandbox, err) < 0)
		return -1;
	root_plan_init(&launch.root);
	launch.root.spec = spec;
	launch.root.privileged = launch.privileged;
	launch.root.sets = &host->root_sets;
	launched = launch_run(sandbox, &launch, err);
	root_plan_finish(&launch.root);
	if (launched < 0) {
		sandbox_destroy(sandbox);
		return -1;
	}
	*ret_sandbox = sandbox;
	return 0;
}

int sandbox_descriptor(const struct sandbox *sandbox)
{
	return sandbox->epoll_fd;
}

/* The channel comes first, then the volumes a rootless run mounted inside. */
static void take_started(struct sandbox *sandbox, int *fds, size_t count)
{
	size_t next = 0;

	if (sandbox->channel_expected && count > 0)
		sandbox->channel_fd = fds[next++];
	for (size_t i = 0; next < count; i++, next++) {
		if (i < sandbox->volume_count)
			sandbox_volume_adopt(sandbox->volumes[i], fds[next]);
		else
			(void)close(fds[next]);
	}
	sandbox->started = true;
}

static void take_message(struct sandbox *sandbox, struct control_message *message)
{
	struct sandbox_outcome *outcome = &sandbox->outcome;

	/* whoever wrote it: rootless, init has the task's own uid */
	message->error.message[sizeof(message->error.message) - 1] = '\0';
	switch (message->kind) {
	case CONTROL_SETUP_FAILED:
	case CONTROL_EXEC_FAILED:
		outcome->end = message->kind == CONTROL_EXEC_FAILED ? SANDBOX_EXEC_FAILED
								    : SANDBOX_NOT_STARTED;
		outcome->error = message->error;
		sandbox->exec_failed = true;
		break;
	case CONTROL_ENDED:
		sandbox->reported_end = true;
		if (message->tmpfs_full)
			outcome->hits |= SANDBOX_HIT_TMPFS;
		outcome->usage.cpu_user_ns = message->cpu_user_ns;
		outcome->usage.cpu_system_ns = message->cpu_system_ns;
		outcome->usage.cpu_ns = message->cpu_user_ns + message->cpu_system_ns;
		outcome->usage.memory_peak_bytes = message->memory_peak_bytes;
		if (sandbox->exec_failed)
			break;
		outcome->end = WIFEXITED(message->value) ? SANDBOX_EXITED : SANDBOX_SIGNALED;
		outcome->code = WIFEXITED(message->value) ? WEXITSTATUS(message->value)
							  : WTERMSIG(message->value);
		break;
	case CONTROL_GO:
	case CONTROL_SIGNAL:
	case CONTROL_SIGNAL_GROUP:
	case CONTROL_STARTED:
		break;
	}
}

/* Positive when there is nothing more to read now. */
static int read_message(struct sandbox *sandbox, struct berth_error *err)
{
	struct control_message message;
	int fds[DESCRIPTOR_PASS_MAX];
	size_t length, count;
	char probe;

	if (recv(sandbox->control_fd, &probe, 1, MSG_PEEK | MSG_DONTWAIT) <= 0)
		return 1;
	if (descriptor_receive(sandbox->control_fd, &message, sizeof(message), &length, fds,
			       DESCRIPTOR_PASS_MAX, &count, err) < 0)
		return -1;
	if (length != sizeof(message))
		return 1;
	if (message.kind == CONTROL_STARTED)
		take_started(sandbox, fds, count);
	else
		take_message(sandbox, &message);
	return 0;
}

static int read_messages(struct sandbox *sandbox, struct berth_error *err)
{
	int outcome;

	do {
		outcome = read_message(sandbox, err);
	} while (outcome == 0);
	return outcome < 0 ? -1 : 0;
}

static void forget_usage(struct sandbox_usage *usage)
{
	*usage = (struct sandbox_usage){
		.cpu_ns = SANDBOX_USAGE_UNKNOWN,
		.cpu_user_ns = SANDBOX_USAGE_UNKNOWN,
		.cpu_system_ns = SANDBOX_USAGE_UNKNOWN,
		.throttled_ns = SANDBOX_USAGE_UNKNOWN,
		.memory_peak_bytes = SANDBOX_USAGE_UNKNOWN,
		.memory_bytes = SANDBOX_USAGE_UNKNOWN,
		.io_read_bytes = SANDBOX_USAGE_UNKNOWN,
		.io_write_bytes = SANDBOX_USAGE_UNKNOWN,
		.pids = SANDBOX_USAGE_UNKNOWN,
		.pids_refused = SANDBOX_USAGE_UNKNOWN,
		.oom_kills = SANDBOX_USAGE_UNKNOWN,
		.oom_events = SANDBOX_USAGE_UNKNOWN,
	};
}

static bool counts(uint64_t value)
{
	return value != SANDBOX_USAGE_UNKNOWN && value > 0;
}

/* It has ended or is about to: a signal to the supervisor must not leave a zombie. */
static void reap(const struct sandbox *sandbox, siginfo_t *ret_facts)
{
	*ret_facts = (siginfo_t){0};
	while (waitid(P_PIDFD, (id_t)sandbox->pidfd, ret_facts, WEXITED) < 0 && errno == EINTR)
		continue;
}

/* Init went away without a word. Killed by sandbox_kill(), by an OOM kill of the group, or on the
 * host; or it gave up before the task ran and had not even the memory for a message. */
static void conclude_unreported(const struct sandbox *sandbox, const siginfo_t *facts,
				struct sandbox_outcome *outcome)
{
	if (facts->si_code == CLD_EXITED && !sandbox->started) {
		outcome->end = SANDBOX_NOT_STARTED;
		(void)berth_fail(&outcome->error, BERTH_MEMORY, ENOMEM,
				 "process 1 gave up before the task ran and could not say why: "
				 "the memory limit is too small to build a sandbox in");
		return;
	}
	outcome->end = SANDBOX_SIGNALED;
	/* it ends by itself, too, when it loses the supervisor: what is left is killed */
	outcome->code = facts->si_code == CLD_EXITED ? SIGKILL : facts->si_status;
}

/* Told without a kill that the kernel counted: on v1 ours was quicker, on v2 nobody else killed. */
static bool was_out_of_memory(const struct sandbox *sandbox)
{
	bool unexplained =
		!sandbox->reported_end && !sandbox->exec_failed && !sandbox->kill_requested;

	return sandbox->oom_seen || (unexplained && counts(sandbox->outcome.usage.oom_events));
}

/* Everything is gone: read the counters for the last time and give the group back. */
static void conclude(struct sandbox *sandbox)
{
	struct sandbox_outcome *outcome = &sandbox->outcome;
	siginfo_t facts;

	reap(sandbox, &facts);
	if (!sandbox->reported_end)
		forget_usage(&outcome->usage);
	else
		outcome->usage.throttled_ns = outcome->usage.io_read_bytes =
			outcome->usage.io_write_bytes = outcome->usage.pids_refused =
				outcome->usage.oom_kills = outcome->usage.oom_events =
					SANDBOX_USAGE_UNKNOWN;
	sandbox->host->cgroup.driver->read_usage(&sandbox->cgroup, false, &outcome->usage);
	outcome->usage.memory_bytes = outcome->usage.pids = 0;
	outcome->usage.wall_ns = clock_boottime_ns() - sandbox->launched_ns;
	if (!sandbox->reported_end && !sandbox->exec_failed)
		conclude_unreported(sandbox, &facts, outcome);
	if (!counts(outcome->usage.oom_kills) && was_out_of_memory(sandbox))
		outcome->usage.oom_kills = 1;
	if (counts(outcome->usage.oom_kills))
		outcome->hits |= SANDBOX_HIT_MEMORY;
	if (counts(outcome->usage.pids_refused))
		outcome->hits |= SANDBOX_HIT_PIDS;
	for (size_t i = 0; i < sandbox->volume_count; i++)
		if (sandbox_volume_is_full(sandbox->volumes[i]))
			outcome->hits |= SANDBOX_HIT_DISK;
	cgroup_pool_retire(&sandbox->host->cgroup_pool, &sandbox->cgroup);
	sandbox_host_retire_mounts(sandbox->host, &sandbox->mounts_fd);
	identity_release(&sandbox->identity);
	sandbox->ended = true;
}

int sandbox_dispatch(struct sandbox *sandbox, struct berth_error *err)
{
	struct epoll_event events[EVENTS_AT_ONCE];
	bool gone = false;
	int count;

	if (sandbox->ended)
		return SANDBOX_ENDED;
	count = epoll_wait(sandbox->epoll_fd, events, EVENTS_AT_ONCE, 0);
	for (int i = 0; i < count; i++) {
		if (events[i].data.fd == sandbox->pidfd)
			gone = true;
		else if (events[i].data.fd == sandbox->cgroup.oom_event_fd) {
			/* v1 kills one process; a run that lost one is of no use. The event comes
			 * before the kill, which then may find nobody left to count. */
			sandbox->oom_seen = true;
			sandbox_kill(sandbox);
			(void)epoll_ctl(sandbox->epoll_fd, EPOLL_CTL_DEL,
					sandbox->cgroup.oom_event_fd, NULL);
		}
	}
	if (read_messages(sandbox, err) < 0)
		return -1;
	if (sandbox->started && !sandbox->start_told) {
		sandbox->start_told = true;
		return SANDBOX_STARTED; /* the end, if it came too, is told by the next call */
	}
	if (!gone) {
		/* its end of the socket closes a moment before init is gone: do not spin on it */
		for (int i = 0; i < count; i++)
			if (events[i].data.fd == sandbox->control_fd &&
			    (events[i].events & EPOLLHUP))
				(void)epoll_ctl(sandbox->epoll_fd, EPOLL_CTL_DEL,
						sandbox->control_fd, NULL);
		return 0;
	}
	conclude(sandbox);
	return SANDBOX_ENDED;
}

int sandbox_take_channel(struct sandbox *sandbox)
{
	return steal_fd(&sandbox->channel_fd);
}

/* The run has ended and the next dispatch will tell: no signal can reach it. */
static bool is_hang_up(int errnum)
{
	return errnum == EPIPE || errnum == ECONNRESET || errnum == ENOTCONN ||
	       errnum == ECONNREFUSED;
}

static int send_signal(struct sandbox *sandbox, enum control_kind kind, int signal,
		       struct berth_error *err)
{
	const struct control_message message = {.kind = kind, .value = signal};
	struct berth_error failure = {0};

	if (signal <= 0 || signal >= NSIG)
		return berth_fail(err, BERTH_INVALID, 0, "signal %d does not exist", signal);
	if (sandbox->ended)
		return 0;
	if (descriptor_send(sandbox->control_fd, &message, sizeof(message), NULL, 0, &failure) <
		    0 &&
	    !is_hang_up(failure.errnum)) {
		if (err)
			*err = failure;
		return -1;
	}
	return 0;
}

int sandbox_signal(struct sandbox *sandbox, int signal, struct berth_error *err)
{
	return send_signal(sandbox, CONTROL_SIGNAL, signal, err);
}

int sandbox_signal_group(struct sandbox *sandbox, int signal, struct berth_error *err)
{
	return send_signal(sandbox, CONTROL_SIGNAL_GROUP, signal, err);
}

void sandbox_kill(struct sandbox *sandbox)
{
	if (sandbox->ended || sandbox->pidfd < 0)
		return;
	sandbox->kill_requested = true;
	/* pid_namespaces(7): the kernel kills the rest with it; ESRCH is the aim */
	(void)syscall(SYS_pidfd_send_signal, sandbox->pidfd, SIGKILL, NULL, 0);
	if (sandbox->frozen)
		sandbox_let_die(sandbox);
}

int sandbox_read_usage(struct sandbox *sandbox, struct sandbox_usage *ret_usage,
		       struct berth_error *err)
{
	(void)err;
	if (sandbox->ended) {
		*ret_usage = sandbox->outcome.usage;
		return 0;
	}
	forget_usage(ret_usage);
	sandbox->host->cgroup.driver->read_usage(&sandbox->cgroup, true, ret_usage);
	ret_usage->wall_ns = clock_boottime_ns() - sandbox->launched_ns;
	return 0;
}

const struct sandbox_outcome *sandbox_outcome(const struct sandbox *sandbox)
{
	return &sandbox->outcome;
}

const struct sandbox_protection_state *sandbox_protections(const struct sandbox *sandbox)
{
	return sandbox->protections->states;
}

void sandbox_destroy(struct sandbox *sandbox)
{
	if (!sandbox)
		return;
	if (!sandbox->ended && sandbox->pidfd >= 0) {
		siginfo_t facts;

		sandbox_kill(sandbox);
		reap(sandbox, &facts);
	}
	protection_set_release(sandbox->protections);
	cgroup_destroy(&sandbox->cgroup);
	identity_release(&sandbox->identity);
	close_fd(&sandbox->mounts_fd);
	close_fd(&sandbox->channel_fd);
	close_fd(&sandbox->control_fd);
	close_fd(&sandbox->pidfd);
	close_fd(&sandbox->epoll_fd);
	free(sandbox);
}
