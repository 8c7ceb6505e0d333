/* SPDX-License-Identifier: Apache-2.0 */
/* Making the n-th system call fail: a seccomp filter hands every call to the test's own process,
 * which lets all but one go on (seccomp_unotify(2)). It is inherited by what the code starts. */
#include "tests/helpers/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/descriptor.h"

#define MARKER        0x62727468 /* prctl(2) has no such option */
#define MARKER_START  1
#define MARKER_STOP   0
#define HANDOVER_FD   199 /* calls on it are the helper's own */
#define LINES_MAX     128
#define TURN_MS       100
#define DEADLINE_MS   30000
#define SURVIVOR_MS   5000
#define CANNOT_FILTER 123

/* Calls that do not fail, or whose failure no code could do anything about. */
static const int never[] = {
	SYS_exit,
	SYS_exit_group,
	SYS_close,
	SYS_close_range,
	SYS_munmap,
	SYS_mmap,
	SYS_mprotect,
	SYS_brk,
	SYS_madvise,
	SYS_rt_sigreturn,
	SYS_rt_sigprocmask,
	SYS_rt_sigaction,
	SYS_sigaltstack, /* the address sanitizer's own */
	SYS_wait4,
	SYS_waitid,
	SYS_kill,
	SYS_tgkill,
	SYS_pidfd_send_signal,
	SYS_ppoll,
	SYS_epoll_pwait,
	SYS_futex,
	SYS_nanosleep,
	SYS_clock_nanosleep,
	SYS_restart_syscall,
	SYS_sched_yield,
	SYS_getpid,
	SYS_getppid,
	SYS_getuid,
	SYS_geteuid,
	SYS_getgid,
	SYS_getegid,
	SYS_umask,
	SYS_unlinkat,
	SYS_clock_gettime,
	SYS_gettid,
	SYS_getrandom,
	SYS_set_tid_address,
	SYS_set_robust_list,
	SYS_rseq,
	SYS_uname,
	SYS_getrusage,
#ifdef __x86_64__
	SYS_poll,
	SYS_epoll_wait,
	SYS_pause,
	SYS_unlink,
	SYS_rmdir,
	SYS_arch_prctl,
#endif
};

/* Calls that a signal to a process can interrupt while they wait (signal(7)). */
static const int interruptible[] = {
	SYS_wait4, SYS_waitid,     SYS_recvmsg, SYS_sendmsg, SYS_ppoll, SYS_epoll_pwait,
#ifdef __x86_64__
	SYS_poll,  SYS_epoll_wait,
#endif
};

static size_t build_filter(enum fault_kind kind, struct sock_filter *lines)
{
	const struct sock_filter load_number =
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	const struct sock_filter load_argument =
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args));
	const struct sock_filter go_on = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	const struct sock_filter notify = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
	const int *list = kind == FAULT_FAIL ? never : interruptible;
	size_t listed = kind == FAULT_FAIL ? sizeof(never) / sizeof(never[0])
					   : sizeof(interruptible) / sizeof(interruptible[0]);
	size_t count = 0;

	/* the hand-over of the listener passes in any case */
	lines[count++] = load_number;
	lines[count++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sendmsg, 0, 3);
	lines[count++] = load_argument;
	lines[count++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, HANDOVER_FD, 0, 1);
	lines[count++] = go_on;
	lines[count++] = load_number;
	/* prctl(2) carries the markers */
	lines[count++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 1);
	lines[count++] = notify;
	for (size_t i = 0; i < listed; i++) {
		lines[count++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
							      (unsigned)list[i], 0, 1);
		lines[count++] = kind == FAULT_FAIL ? go_on : notify;
	}
	lines[count++] = kind == FAULT_FAIL ? notify : go_on;
	return count;
}

void fault_start(void)
{
	(void)prctl(MARKER, MARKER_START);
}

void fault_stop(void)
{
	(void)prctl(MARKER, MARKER_STOP);
}

/* In the child: filters itself, passes the listener on, runs. */
_Noreturn static void run_scenario(const struct fault_plan *plan, int socket_fd,
				   int (*scenario)(void *argument), void *argument)
{
	struct sock_filter lines[LINES_MAX];
	struct sock_fprog program = {.filter = lines};
	int listener;

	program.len = (unsigned short)build_filter(plan->kind, lines);
	if (dup3(socket_fd, HANDOVER_FD, O_CLOEXEC) < 0)
		_exit(CANNOT_FILTER);
	(void)close(socket_fd);
	listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
				SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
	if (listener < 0 || descriptor_send(HANDOVER_FD, "l", 1, &listener, 1, NULL) < 0)
		_exit(CANNOT_FILTER);
	(void)close(listener);
	(void)close(HANDOVER_FD);
	_exit(scenario(argument));
}

struct watch {
	const struct fault_plan *plan;
	struct fault_result *result;
	pid_t child;
	int listener_fd, pidfd;
	bool counting;
	unsigned count;
};

/* Decides on one call. */
static void answer(struct watch *watch, const struct seccomp_notif *request,
		   struct seccomp_notif_resp *response)
{
	const struct seccomp_data *call = &request->data;

	*response = (struct seccomp_notif_resp){.id = request->id,
						.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
	if (call->nr == SYS_prctl && (call->args[0] & UINT32_MAX) == MARKER) {
		watch->counting = call->args[1] == MARKER_START;
		response->flags = 0;
		return;
	}
	if (!watch->counting || (watch->plan->kind == FAULT_INTERRUPT && call->nr == SYS_prctl) ||
	    ++watch->count != watch->plan->nth)
		return;
	watch->result->injected = true;
	watch->result->number = call->nr;
	watch->result->in_scenario = (pid_t)request->pid == watch->child;
	response->flags = 0;
	response->error = watch->plan->kind == FAULT_FAIL ? -watch->plan->errnum : -EINTR;
}

static void handle(struct watch *watch)
{
	struct seccomp_notif_resp response;
	struct seccomp_notif request = {0};

	if (ioctl(watch->listener_fd, SECCOMP_IOCTL_NOTIF_RECV, &request) < 0)
		return; /* it was killed meanwhile */
	answer(watch, &request, &response);
	(void)ioctl(watch->listener_fd, SECCOMP_IOCTL_NOTIF_SEND, &response); /* likewise */
}

static int64_t now_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Until the scenario has ended and nothing that inherited its filter is left. */
static void serve(struct watch *watch)
{
	int64_t deadline = now_ms() + DEADLINE_MS;
	bool ended = false;

	for (;;) {
		struct pollfd watched[] = {
			{.fd = watch->listener_fd,        .events = POLLIN},
			{.fd = ended ? -1 : watch->pidfd, .events = POLLIN},
		};

		(void)poll(watched, 2, TURN_MS);
		if (watched[0].revents & POLLIN)
			handle(watch);
		if (!ended && waitpid(watch->child, &watch->result->status, WNOHANG) > 0) {
			ended = true;
			deadline = now_ms() + SURVIVOR_MS;
		}
		if (ended && (watched[0].revents & POLLHUP))
			return;
		if (now_ms() < deadline)
			continue;
		watch->result->hung = !ended;
		watch->result->survivors = ended;
		if (ended)
			return;
		(void)kill(watch->child, SIGKILL);
		(void)waitpid(watch->child, &watch->result->status, 0);
		return;
	}
}

int fault_run(const struct fault_plan *plan, int (*scenario)(void *argument), void *argument,
	      struct fault_result *ret_result)
{
	AUTO_CLOSE int parent_fd = -1, child_fd = -1, listener_fd = -1, pidfd = -1;
	struct watch watch = {.plan = plan, .result = ret_result};
	int pair[2];
	size_t length = 0, count = 0;
	char byte;

	*ret_result = (struct fault_result){0};
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	parent_fd = pair[0];
	child_fd = pair[1];
	(void)fflush(NULL);
	watch.child = fork();
	if (watch.child < 0)
		return -1;
	if (watch.child == 0)
		run_scenario(plan, child_fd, scenario, argument);
	close_fd(&child_fd);
	if (descriptor_receive(parent_fd, &byte, 1, &length, &listener_fd, 1, &count, NULL) < 0 ||
	    count != 1) {
		(void)waitpid(watch.child, NULL, 0);
		return -1;
	}
	pidfd = (int)syscall(SYS_pidfd_open, watch.child, 0);
	watch.pidfd = pidfd;
	watch.listener_fd = listener_fd;
	serve(&watch);
	return 0;
}
