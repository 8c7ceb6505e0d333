/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts on other processes, on the scheduler, and to stay behind when the run ends. */
#include <errno.h>
#include <fcntl.h>
#include <linux/ioprio.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/escape/probe.h"

static int signal_init(const struct probe_row *row)
{
	return kill(1, (int)row->arguments[0]) < 0 ? errno : PROBE_LEAK;
}

static int signal_init_pidfd(const struct probe_row *row)
{
	int fd = (int)syscall(SYS_pidfd_open, 1, 0);

	(void)row;
	if (fd < 0)
		return errno;
	return syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0) < 0 ? errno : PROBE_LEAK;
}

/* The host's process of that number, if it is in the same pid namespace. */
static int signal_host(const struct probe_row *row)
{
	long pid = probe_host_number("pid");

	(void)row;
	if (pid < 0)
		return PROBE_SKIPPED;
	return kill((pid_t)pid, 0) < 0 ? errno : PROBE_LEAK;
}

/* 0 is a session or group whose leader is outside of the pid namespace: the caller's. */
static int inspect_session(const struct probe_row *row)
{
	(void)row;
	probe_note("session %d, group %d, parent's group %d", getsid(0), getpgrp(),
		   getpgid(getppid()));
	return getsid(0) > 0 && getpgrp() > 0 ? PROBE_HELD : PROBE_LEAK;
}

static int inspect_terminal(const struct probe_row *row)
{
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

	(void)row;
	if (fd < 0)
		return errno;
	(void)close(fd);
	return PROBE_LEAK;
}

static int real_time(const struct probe_row *row)
{
	struct sched_param parameter = {.sched_priority = 1};

	(void)row;
	return sched_setscheduler(0, SCHED_FIFO, &parameter) < 0 ? errno : PROBE_LEAK;
}

/* sched_setattr(2), first version of its structure; libc has none before 2.41. */
struct schedule {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

static int deadline(const struct probe_row *row)
{
	struct schedule schedule = {.size = sizeof(schedule),
				    .policy = 6, /* SCHED_DEADLINE */
				    .runtime = 1000000,
				    .deadline = 10000000,
				    .period = 10000000};

	(void)row;
	return syscall(SYS_sched_setattr, 0, &schedule, 0) < 0 ? errno : PROBE_LEAK;
}

static int raise_priority(const struct probe_row *row)
{
	(void)row;
	return setpriority(PRIO_PROCESS, 0, -5) < 0 ? errno : PROBE_LEAK;
}

static int raise_io_priority(const struct probe_row *row)
{
	(void)row;
	return syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0,
		       IOPRIO_PRIO_VALUE(IOPRIO_CLASS_RT, 0)) < 0
		       ? errno
		       : PROBE_LEAK;
}

static int renice_init(const struct probe_row *row)
{
	(void)row;
	return setpriority(PRIO_PROCESS, 1, 19) < 0 ? errno : PROBE_LEAK;
}

/* An orphan must be reaped by pid 1: it may not stay as a zombie. */
static int inspect_reaping(const struct probe_row *row)
{
	struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
	pid_t child, orphan = 0;
	int ends[2];

	(void)row;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return errno;
	child = fork();
	if (child == 0) {
		pid_t grandchild = fork();

		if (grandchild == 0) {
			(void)nanosleep(&pause, NULL);
			_exit(0);
		}
		(void)!write(ends[1], &grandchild, sizeof(grandchild)); /* seen as no report */
		_exit(0);
	}
	(void)waitpid(child, NULL, 0);
	if (read(ends[0], &orphan, sizeof(orphan)) != (ssize_t)sizeof(orphan) || orphan <= 0)
		return EIO;
	for (int tries = 0; tries < 100; tries++) {
		if (kill(orphan, 0) < 0)
			return errno == ESRCH ? PROBE_HELD : errno;
		(void)nanosleep(&pause, NULL);
	}
	probe_note("orphan %d is still there", orphan);
	return PROBE_LEAK;
}

static int move_memory_mark(const struct probe_row *row)
{
	(void)row;
	return prctl(PR_SET_MM, PR_SET_MM_BRK, 1, 0, 0) < 0 ? errno : PROBE_LEAK;
}

#define INIT_SIGNAL(text, what, number_)                                                           \
	{                                                                                          \
		.name = (text), .protection = "uid_range",                                         \
		.history = "bwrap: pid 1 has the task's uid", .tries = (what),                     \
		.attempt = signal_init, .arguments = {(number_)}, .expected = {                    \
			EPERM,                                                                     \
			ESRCH                                                                      \
		}                                                                                  \
	}

static const struct probe_row rows[] = {
	INIT_SIGNAL("signal_init", "be allowed to signal pid 1", 0),
	INIT_SIGNAL("stop_init", "stop pid 1", SIGSTOP),
	INIT_SIGNAL("kill_init", "kill pid 1", SIGKILL),
	PROBE_TRY("signal_init_pidfd", "uid_range", NULL, "be allowed to signal pid 1 by a pidfd",
		  signal_init_pidfd, NULL, EPERM, ESRCH),
	PROBE_TRY("signal_host", "pid_namespace", NULL, "signal a process of the host", signal_host,
		  NULL, ESRCH),
	PROBE_TRY("own_session", "new_session", "kill(0) in the caller's group",
		  "be in the caller's session", inspect_session, NULL, PROBE_HELD),
	PROBE_TRY("controlling_terminal", "new_session", "CVE-2017-5226",
		  "open the caller's terminal", inspect_terminal, NULL, ENXIO, ENOENT),
	PROBE_TRY("sched_fifo", "no_capabilities", NULL, "run in real time", real_time, NULL,
		  EPERM),
	PROBE_TRY("sched_deadline", "no_capabilities", NULL, "run with a deadline", deadline, NULL,
		  EPERM),
	PROBE_TRY("nice", "no_capabilities", NULL, "raise its priority", raise_priority, NULL,
		  EACCES, EPERM),
	PROBE_TRY("ioprio", "no_capabilities", NULL, "raise its I/O priority to real time",
		  raise_io_priority, NULL, EPERM),
	PROBE_TRY("renice_init", "uid_range", NULL, "slow pid 1 down", renice_init, NULL, EPERM,
		  ESRCH),
	PROBE_TRY("prctl_mm", "no_capabilities", NULL, "move its memory map's marks",
		  move_memory_mark, NULL, EPERM),
	PROBE_TRY("orphan_reaped", "nothing_survives", NULL, "leave a zombie behind",
		  inspect_reaping, NULL, PROBE_HELD),
};

const struct probe_group probe_processes = PROBE_GROUP("processes", rows);
