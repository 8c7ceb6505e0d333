/* SPDX-License-Identifier: Apache-2.0 */
/* Process 1 of a sandbox: builds it, forks the task, reaps, forwards signals, reports the end.
 * When it ends, the kernel kills whatever is left of its pid namespace (pid_namespaces(7)). */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/descriptor.h"
#include "sandbox/control.h"
#include "sandbox/landlock.h"
#include "sandbox/launch.h"
#include "sandbox/network.h"
#include "sandbox/privileges.h"
#include "sandbox/rlimits.h"
#include "sandbox/volume_mount.h"

#ifndef CLONE_NEWTIME
#	define CLONE_NEWTIME 0x80
#endif

#define CHANNEL_BACKLOG  64
#define TASK_STACK_BYTES 65536
#define DEFAULT_HOSTNAME "berth"
#define KIB              1024
#define HANDED_OVER_MAX  (1 + SANDBOX_VOLUMES_MAX)

void launch_report(int control_fd, int kind, const struct berth_error *error)
{
	const struct control_message message = {.kind = (enum control_kind)kind, .error = *error};

	/* a supervisor that is gone needs no report */
	(void)descriptor_send(control_fd, &message, sizeof(message), NULL, 0, NULL);
}

static int await_go(const struct launch *launch, struct berth_error *err)
{
	struct control_message message;
	size_t length, count;

	if (descriptor_receive(launch->control_fd, &message, sizeof(message), &length, NULL, 0,
			       &count, err) < 0)
		return -1;
	if (length != sizeof(message) || message.kind != CONTROL_GO)
		return berth_fail(err, BERTH_PROTOCOL, 0, "the supervisor went away");
	return 0;
}

/* Here and not by clone3(2): it takes a quarter of a launch, in which the supervisor can make the
 * control group. */
static int make_network(struct berth_error *err)
{
	if (unshare(CLONE_NEWNET) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "unshare the network namespace");
	return network_loopback_up(err);
}

/* Two ways to learn that the supervisor is gone: its end of the socket closes, if nobody has a
 * copy, and the kernel sends a signal, until the next change of ids. */
static int follow_supervisor(struct launch *launch, struct berth_error *err)
{
	close_fd(&launch->supervisor_fd);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "PR_SET_PDEATHSIG");
	return 0;
}

/* What the supervisor's parent ignores (nohup, CI runners) is not the task's affair. By the bare
 * call, because the C library keeps its two own signals from sigaction(3). */
static void reset_signals(void)
{
	static const struct {
		void (*handler)(int);
		unsigned long flags;
		void (*restorer)(void);
		uint64_t mask;
	} usual = {.handler = SIG_DFL}; /* struct kernel_sigaction, which no header declares */

	/* SIGKILL and SIGSTOP are refused, and cannot be ignored either */
	for (int signal = 1; signal < NSIG; signal++)
		(void)syscall(SYS_rt_sigaction, signal, &usual, NULL, sizeof(usual.mask));
}

/* What needs no id of the new user namespace, done while the supervisor writes the maps. */
static int prepare_process(const struct launch *launch, struct berth_error *err)
{
	const struct sandbox_spec *spec = launch->spec;
	const char *hostname = spec->hostname ?: DEFAULT_HOSTNAME;
	sigset_t all;

	(void)sigfillset(&all);
	if (sigprocmask(SIG_SETMASK, &all, NULL) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "block signals");
	reset_signals();
	if (setsid() < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "setsid");
	(void)umask(022);
	if (sethostname(hostname, strlen(hostname)) < 0 || setdomainname("", 0) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "sethostname");
	if (launch->own_network && make_network(err) < 0)
		return -1;
	return privileges_leave_keyring(err);
}

/* Inside id 0 of a range is an ordinary id of the host; it owns what the task may not change. */
static int become_namespace_root(const struct launch *launch, struct berth_error *err)
{
	if (launch->privileged) {
		if (syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setresgid, 0, 0, 0) < 0 ||
		    syscall(SYS_setresuid, 0, 0, 0) < 0)
			return berth_fail(err, BERTH_SYSTEM, errno, "take the range's first id");
	}
	/* cleared by every change of ids, hence after the last one (prctl(2)) */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "PR_SET_PDEATHSIG");
	/* for the writes to /proc/self below; undone before the task exists */
	if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "PR_SET_DUMPABLE");
	return 0;
}

/* The task's clocks start at zero: the host's uptime is nobody's business. */
static int hide_uptime(struct berth_error *err)
{
	struct timespec monotonic, boottime;
	char offsets[96];

	if (unshare(CLONE_NEWTIME) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "unshare the time namespace");
	if (clock_gettime(CLOCK_MONOTONIC, &monotonic) < 0 ||
	    clock_gettime(CLOCK_BOOTTIME, &boottime) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "clock_gettime");
	(void)snprintf(offsets, sizeof(offsets), "monotonic -%jd 0\nboottime -%jd 0\n",
		       (intmax_t)monotonic.tv_sec, (intmax_t)boottime.tv_sec);
	return descriptor_write_control(AT_FDCWD, "/proc/self/timens_offsets", offsets, err);
}

/* In the run's own namespaces, so that no path of the host is involved. */
static int listen_on_channel(const struct launch *launch, int *ret_fd, struct berth_error *err)
{
	const struct sockaddr_un address = {.sun_family = AF_UNIX,
					    .sun_path = SANDBOX_CHANNEL_PATH};
	AUTO_CLOSE int fd = -1;

	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "socket");
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, CHANNEL_BACKLOG) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "listen on %s", SANDBOX_CHANNEL_PATH);
	if (launch->privileged &&
	    chown(SANDBOX_CHANNEL_PATH, SANDBOX_TASK_UID, SANDBOX_TASK_GID) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "chown %s", SANDBOX_CHANNEL_PATH);
	*ret_fd = steal_fd(&fd);
	return 0;
}

static int build(struct launch *launch, int *ret_channel_fd, struct berth_error *err)
{
	const struct cgroup_driver *driver = launch->cgroup->host->driver;

	if (follow_supervisor(launch, err) < 0 || prepare_process(launch, err) < 0)
		return -1;
	if (await_go(launch, err) < 0)
		return -1;
	if (driver->join && driver->join(launch->cgroup, err) < 0)
		return -1;
	if (become_namespace_root(launch, err) < 0 || root_build(&launch->root, err) < 0)
		return -1;
	/* only now: a cgroup namespace shows the group its maker is in as "/" */
	if (unshare(CLONE_NEWCGROUP) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "unshare the cgroup namespace");
	if (launch->time_namespace && hide_uptime(err) < 0)
		return -1;
	if (launch->spec->channel && listen_on_channel(launch, ret_channel_fd, err) < 0)
		return -1;
	if (rlimits_apply(&launch->spec->limits, launch->count_processes, err) < 0)
		return -1;
	if (launch->landlock_abi >= LANDLOCK_ABI_MIN &&
	    landlock_restrict(launch->landlock_abi, err) < 0)
		return -1;
	return privileges_close_sources(err);
}

/* On a stack of our own: the address sanitizer must not judge it by the thread's. */
__attribute__((no_sanitize_address)) static int start_task(void *launch)
{
	task_main(launch);
}

/* This process sleeps until the task executes, on a CPU that is free then: another one would have
 * to be woken, or be busy with the kernel's own work. Both get their CPUs back afterwards. */
static bool stay_on_this_cpu(cpu_set_t *ret_before)
{
	int cpu = sched_getcpu();
	cpu_set_t here;

	if (cpu < 0 || cpu >= CPU_SETSIZE ||
	    sched_getaffinity(0, sizeof(*ret_before), ret_before) < 0)
		return false;
	CPU_ZERO(&here);
	CPU_SET((size_t)cpu, &here);
	return sched_setaffinity(0, sizeof(here), &here) == 0;
}

static int leave_this_cpu(pid_t task, const cpu_set_t *before, struct berth_error *err)
{
	/* ESRCH: it has ended already */
	if (sched_setaffinity(0, sizeof(*before), before) < 0 ||
	    (task > 0 && sched_setaffinity(task, sizeof(*before), before) < 0 && errno != ESRCH))
		return berth_fail(err, BERTH_SYSTEM, errno, "give the task its CPUs");
	return 0;
}

static int fork_task(struct launch *launch, pid_t *ret_task, struct berth_error *err)
{
	static char stack[TASK_STACK_BYTES] __attribute__((aligned(16)));
	struct clone_args arguments = {.exit_signal = SIGCHLD};
	bool stayed = false;
	int clone_errno;
	cpu_set_t before;
	pid_t task;

	if (launch->vfork_task)
		stayed = stay_on_this_cpu(&before);
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "PR_SET_DUMPABLE");
	/* clone(2) stops this process until the task executes: its memory is only lent, which saves
	 * copying the page tables and taking the copy apart again */
	if (launch->vfork_task)
		task = clone(start_task, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD,
			     launch);
	else
		task = (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments));
	if (task == 0)
		task_main(launch);
	clone_errno = errno;
	if (stayed && leave_this_cpu(task, &before, err) < 0)
		return -1;
	if (task < 0)
		return berth_fail(err, BERTH_SYSTEM, clone_errno, "fork the task");
	*ret_task = task;
	return 0;
}

/* The channel first, then the volumes that only exist in here. */
static size_t list_handed_over(const struct launch *launch, int channel_fd,
			       int fds[HANDED_OVER_MAX])
{
	size_t count = 0;

	if (channel_fd >= 0)
		fds[count++] = channel_fd;
	for (size_t i = 0; !launch->privileged && i < launch->spec->volume_count; i++)
		fds[count++] = launch->root.volume_fds[i];
	return count;
}

static int report_started(const struct launch *launch, int channel_fd, struct berth_error *err)
{
	const struct control_message message = {.kind = CONTROL_STARTED};
	int fds[HANDED_OVER_MAX];
	size_t count = list_handed_over(launch, channel_fd, fds);

	_Static_assert(HANDED_OVER_MAX <= DESCRIPTOR_PASS_MAX, "they go in one message");
	return descriptor_send(launch->control_fd, &message, sizeof(message), fds, count, err);
}

/* In order, as qsort(3) would, which is not async-signal-safe. */
static void keep(int *kept, size_t *count, int fd)
{
	size_t i = (*count)++;

	for (; i > 0 && kept[i - 1] > fd; i--)
		kept[i] = kept[i - 1];
	kept[i] = fd;
}

/* A supervisor of many runs has many descriptors, and the task would copy and close them all
 * once more. */
static int keep_needed(const struct launch *launch, int signal_fd, int channel_fd,
		       struct berth_error *err)
{
	const struct sandbox_spec *spec = launch->spec;
	int handed_over[HANDED_OVER_MAX], kept[HANDED_OVER_MAX + 5], first = 0;
	size_t handed_over_count = list_handed_over(launch, channel_fd, handed_over), count = 0;

	for (size_t i = 0; i < handed_over_count; i++)
		keep(kept, &count, handed_over[i]);
	keep(kept, &count, launch->control_fd);
	keep(kept, &count, signal_fd);
	keep(kept, &count, spec->stdin_fd);
	keep(kept, &count, spec->stdout_fd);
	keep(kept, &count, spec->stderr_fd);
	for (size_t i = 0; i < count; i++) {
		if (kept[i] > first && close_range((unsigned)first, (unsigned)kept[i] - 1, 0) < 0)
			return berth_fail(err, BERTH_SYSTEM, errno, "close_range");
		if (kept[i] >= first)
			first = kept[i] + 1;
	}
	if (close_range((unsigned)first, ~0U, 0) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "close_range");
	return 0;
}

static void report_end(const struct launch *launch, int status)
{
	struct control_message message = {
		.kind = CONTROL_ENDED, .value = status, .tmpfs_full = root_is_tmpfs_full()};
	struct rusage usage;

	if (getrusage(RUSAGE_CHILDREN, &usage) == 0) {
		message.cpu_user_ns = (uint64_t)usage.ru_utime.tv_sec * 1000000000 +
				      (uint64_t)usage.ru_utime.tv_usec * 1000;
		message.cpu_system_ns = (uint64_t)usage.ru_stime.tv_sec * 1000000000 +
					(uint64_t)usage.ru_stime.tv_usec * 1000;
		message.memory_peak_bytes = (uint64_t)usage.ru_maxrss * KIB;
	}
	(void)descriptor_send(launch->control_fd, &message, sizeof(message), NULL, 0, NULL);
}

/* Reaps all that have ended; true when the task was among them. */
static bool reap(pid_t task, int *ret_status)
{
	bool ended = false;
	int status;
	pid_t child;

	while ((child = waitpid(-1, &status, WNOHANG)) != 0) {
		if (child < 0 && errno != EINTR)
			break;
		if (child != task)
			continue;
		*ret_status = status;
		ended = true;
	}
	return ended;
}

static bool forward_signal(const struct launch *launch, pid_t task)
{
	struct control_message message;
	ssize_t got;

	got = recv(launch->control_fd, &message, sizeof(message), MSG_DONTWAIT);
	if (got < 0)
		return errno == EAGAIN || errno == EINTR;
	if (got != sizeof(message))
		return false; /* the supervisor is gone: so is the run */
	if (message.kind == CONTROL_SIGNAL)
		(void)kill(task, message.value); /* it may have ended meanwhile */
	if (message.kind == CONTROL_SIGNAL_GROUP)
		(void)kill(0, message.value); /* the task was born into ours; we have all blocked */
	return true;
}

_Noreturn static void watch(const struct launch *launch, int signal_fd, pid_t task)
{
	struct pollfd watched[] = {
		{.fd = signal_fd,          .events = POLLIN},
                {.fd = launch->control_fd, .events = POLLIN}
        };
	struct signalfd_siginfo facts;
	int status;

	for (;;) {
		if (poll(watched, 2, -1) < 0 && errno != EINTR)
			_exit(1);
		if (watched[0].revents) {
			/* only emptied: one SIGCHLD may stand for many children */
			while (read(signal_fd, &facts, sizeof(facts)) > 0)
				continue;
			if (reap(task, &status)) {
				report_end(launch, status);
				_exit(0);
			}
		}
		if (watched[1].revents && !forward_signal(launch, task))
			_exit(1);
	}
}

static int open_child_signals(int *ret_fd, struct berth_error *err)
{
	sigset_t child;
	int fd;

	(void)sigemptyset(&child);
	(void)sigaddset(&child, SIGCHLD);
	fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "signalfd");
	/* a supervisor without streams has 0 free, where the control socket goes */
	*ret_fd = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO);
	if (*ret_fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "dup");
	return 0;
}

/* Keeps nothing of the host and nothing of the run open. */
static int let_go(struct launch *launch, int *signal_fd, struct berth_error *err)
{
	if (dup2(launch->control_fd, STDIN_FILENO) < 0 || dup2(*signal_fd, STDOUT_FILENO) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "dup init's descriptors");
	launch->control_fd = STDIN_FILENO;
	*signal_fd = STDOUT_FILENO;
	if (close_range(STDERR_FILENO, ~0U, 0) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "close_range");
	return 0;
}

_Noreturn void init_main(struct launch *launch)
{
	struct berth_error error = {0};
	int channel_fd = -1, signal_fd = -1;
	pid_t task = -1;

	/* started is told last: the supervisor has nothing to do before the task runs, and waking
	 * it would only take a CPU from the task */
	if (build(launch, &channel_fd, &error) < 0 || open_child_signals(&signal_fd, &error) < 0 ||
	    keep_needed(launch, signal_fd, channel_fd, &error) < 0 ||
	    fork_task(launch, &task, &error) < 0 ||
	    report_started(launch, channel_fd, &error) < 0) {
		launch_report(launch->control_fd, CONTROL_SETUP_FAILED, &error);
		_exit(1);
	}
	if (let_go(launch, &signal_fd, &error) < 0 || privileges_keep_kill_only(&error) < 0) {
		launch_report(launch->control_fd, CONTROL_SETUP_FAILED, &error);
		_exit(1);
	}
	watch(launch, signal_fd, task);
}
