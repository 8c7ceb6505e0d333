/* SPDX-License-Identifier: Apache-2.0 */
/* Starting an unprivileged child with nothing of ours, and burying it. */
#include "runner/launcher/supervisor_process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/account.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/descriptor.h"
#include "runner/launcher/launcher_protocol.h"
#include "sandbox/privileges.h"

#define PASSWD_LINE      4096
#define OOM_SCORE        "-500" /* runs go first: they can be tried again */
#define OPEN_FILES       524288
#define SETTLED_NS       (10 * CLOCK_NS_PER_S)
#define FIRST_DELAY_NS   (100 * CLOCK_NS_PER_MS)
#define LONGEST_DELAY_NS (5 * CLOCK_NS_PER_S)
#define VARIABLE_SIZE    64
#define PASSED_MAX       8

/* What of our own environment means something to the supervisor. */
static const char *const passed_variables[] = {"PATH", "LANG", "LC_ALL", "TZ", "HOME"};

int supervisor_process_init(struct supervisor_process *process, const char *user, char *ret_why,
			    size_t size, struct berth_error *err)
{
	int missing;

	*process = (struct supervisor_process){
		.uid = geteuid(), .gid = getegid(), .pidfd = -1, .socket_fd = -1};
	ret_why[0] = '\0';
	if (geteuid() != 0) {
		(void)snprintf(ret_why, size, "not root: the supervisor has our own uid %u",
			       process->uid);
		return 0;
	}
	missing = account_find_user(user, &process->uid, &process->gid, err);
	if (missing < 0)
		return -1;
	if (missing > 0)
		(void)snprintf(ret_why, size,
			       "there is no user %.32s: the supervisor is root without its "
			       "capabilities",
			       user);
	process->other_user = process->uid != geteuid();
	return 0;
}

/* In the child from here on. */

static int become(const struct supervisor_process *process, struct berth_error *err)
{
	if (geteuid() == 0 && privileges_close_sources(err) < 0)
		return -1;
	if (process->other_user &&
	    (setgroups(0, NULL) < 0 || setresgid(process->gid, process->gid, process->gid) < 0 ||
	     setresuid(process->uid, process->uid, process->uid) < 0))
		return berth_fail(err, BERTH_SYSTEM, errno, "become uid %u", process->uid);
	return privileges_drop_all(err);
}

static void set_limits(void)
{
	struct rlimit files = {.rlim_cur = OPEN_FILES, .rlim_max = OPEN_FILES};

	/* what cannot be raised stays as it is */
	if (setrlimit(RLIMIT_NOFILE, &files) < 0 && getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	(void)descriptor_write_control(AT_FDCWD, "/proc/self/oom_score_adj", OOM_SCORE, NULL);
}

static void reset_signals(void)
{
	sigset_t none;

	for (int signal = 1; signal < SIGRTMIN; signal++)
		(void)sigaction(signal, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

static int arrange_descriptors(int socket_fd, const struct notify *notify, struct berth_error *err)
{
	const int place = NOTIFY_LISTEN_FIRST + notify->listen_count;

	if (notify_keep(notify, true, err) < 0)
		return -1;
	if (socket_fd != place && dup2(socket_fd, place) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "dup2");
	if (fcntl(place, F_SETFD, 0) < 0 || close_range((unsigned)place + 1, ~0U, 0) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "close what is ours");
	return 0;
}

/* A signal when we die, set after the last change of ids; the pair's end may have come before. */
static int follow_parent(pid_t parent, struct berth_error *err)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "PR_SET_PDEATHSIG");
	if (getppid() != parent)
		return berth_fail(err, BERTH_SYSTEM, ESRCH, "the launcher is gone");
	return 0;
}

struct environment {
	char launcher[VARIABLE_SIZE], pid[VARIABLE_SIZE], count[VARIABLE_SIZE];
	char names[NOTIFY_NAMES_SIZE + VARIABLE_SIZE];
	char inherited[PASSED_MAX][PASSWD_LINE];
	char *list[PASSED_MAX + 5];
};

static void make_environment(struct environment *environment, const struct notify *notify)
{
	size_t count = 0;

	for (size_t i = 0; i < sizeof(passed_variables) / sizeof(passed_variables[0]); i++) {
		const char *value = getenv(passed_variables[i]);

		if (!value || strlen(value) > PASSWD_LINE - VARIABLE_SIZE)
			continue;
		(void)snprintf(environment->inherited[i], PASSWD_LINE, "%s=%s", passed_variables[i],
			       value);
		environment->list[count++] = environment->inherited[i];
	}
	(void)snprintf(environment->launcher, VARIABLE_SIZE, "%s=%d", LAUNCHER_DESCRIPTOR_VARIABLE,
		       NOTIFY_LISTEN_FIRST + notify->listen_count);
	environment->list[count++] = environment->launcher;
	if (notify->listen_count > 0) {
		(void)snprintf(environment->pid, VARIABLE_SIZE, "LISTEN_PID=%d", getpid());
		(void)snprintf(environment->count, VARIABLE_SIZE, "LISTEN_FDS=%d",
			       notify->listen_count);
		(void)snprintf(environment->names, sizeof(environment->names), "LISTEN_FDNAMES=%s",
			       notify->listen_names);
		environment->list[count++] = environment->pid;
		environment->list[count++] = environment->count;
		environment->list[count++] = environment->names;
	}
	environment->list[count] = NULL;
}

_Noreturn static void child_main(const struct supervisor_process *process, pid_t parent,
				 int socket_fd, const char *program, char *const *arguments,
				 const struct notify *notify)
{
	static struct environment environment;
	struct berth_error error = {0};

	make_environment(&environment, notify);
	reset_signals();
	(void)setsid(); /* a terminal's ^C is for us, who tell it */
	set_limits();
	if (arrange_descriptors(socket_fd, notify, &error) == 0 && become(process, &error) == 0 &&
	    follow_parent(parent, &error) == 0) {
		(void)execve(program, arguments, environment.list);
		(void)berth_fail(&error, BERTH_SYSTEM, errno, "execute %s", program);
	}
	(void)dprintf(STDERR_FILENO, "berth-launcher: %s\n", error.message);
	_exit(127);
}

/* Back in the parent. */

static pid_t clone_child(int *ret_pidfd)
{
	struct clone_args arguments = {
		.flags = CLONE_PIDFD,
		.pidfd = (uintptr_t)ret_pidfd,
		.exit_signal = SIGCHLD,
	};

	return (pid_t)syscall(SYS_clone3, &arguments, sizeof(arguments));
}

int supervisor_process_start(struct supervisor_process *process, const char *program,
			     char *const *arguments, const struct notify *notify,
			     struct berth_error *err)
{
	const pid_t parent = getpid();
	AUTO_CLOSE int ours = -1, theirs = -1;
	int pair[2], pidfd = -1;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "socketpair");
	ours = pair[0];
	theirs = pair[1];
	if (fcntl(ours, F_SETFL, O_NONBLOCK) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "make the socket non-blocking");
	pid = clone_child(&pidfd);
	if (pid < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "fork the supervisor");
	if (pid == 0)
		child_main(process, parent, theirs, program, arguments, notify);
	process->pid = pid;
	process->pidfd = pidfd;
	process->socket_fd = steal_fd(&ours);
	process->started_ns = clock_boottime_ns();
	return 0;
}

void supervisor_process_settle(struct supervisor_process *process)
{
	if (process->deaths > 1)
		process->deaths = 1;
}

void supervisor_process_kill(const struct supervisor_process *process, int signal)
{
	if (process->pidfd >= 0)
		(void)syscall(SYS_pidfd_send_signal, process->pidfd, signal, NULL, 0);
}

uint64_t supervisor_process_bury(struct supervisor_process *process, int *ret_status)
{
	uint64_t delay_ns = FIRST_DELAY_NS;
	siginfo_t facts = {0};

	while (waitid(P_PIDFD, (id_t)process->pidfd, &facts, WEXITED) < 0 && errno == EINTR)
		continue;
	*ret_status = facts.si_code == CLD_EXITED ? facts.si_status : -facts.si_status;
	close_fd(&process->pidfd);
	close_fd(&process->socket_fd);
	process->pid = 0;
	if (clock_boottime_ns() - process->started_ns >= SETTLED_NS)
		process->deaths = 0;
	if (process->deaths++ == 0)
		return 0;
	for (unsigned i = 2; i < process->deaths && delay_ns < LONGEST_DELAY_NS; i++)
		delay_ns *= 2;
	return delay_ns < LONGEST_DELAY_NS ? delay_ns : LONGEST_DELAY_NS;
}

void supervisor_process_finish(struct supervisor_process *process)
{
	int status;

	if (process->pidfd >= 0) {
		supervisor_process_kill(process, SIGKILL);
		(void)supervisor_process_bury(process, &status);
	}
	close_fd(&process->socket_fd);
}
