/* SPDX-License-Identifier: Apache-2.0 */
/* Controls: what a task must still be able to do. A sandbox that refuses everything proves nothing.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tests/escape/probe.h"

static int try_fork(const struct probe_row *row)
{
	int status;
	pid_t child = fork();

	(void)row;
	if (child < 0)
		return errno;
	if (child == 0)
		_exit(7);
	if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 7)
		return ECHILD;
	return 0;
}

static void *thread_main(void *argument)
{
	return argument;
}

static int try_thread(const struct probe_row *row)
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, thread_main, NULL);

	(void)row;
	return error ? error : pthread_join(thread, NULL);
}

static int try_exec(const struct probe_row *row)
{
	int status;
	pid_t child = fork();

	(void)row;
	if (child < 0)
		return errno;
	if (child == 0) {
		(void)execl("/proc/self/exe", "escape-probe", "--list", "--only", "", (char *)NULL);
		_exit(errno);
	}
	if (waitpid(child, &status, 0) != child || !WIFEXITED(status))
		return ECHILD;
	return WEXITSTATUS(status);
}

static int try_own_loopback(const struct probe_row *row)
{
	AUTO_CLOSE int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	AUTO_CLOSE int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);

	(void)row;
	if (bind(server, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(server, 1) < 0 ||
	    getsockname(server, (struct sockaddr *)&address, &length) < 0 ||
	    connect(client, (struct sockaddr *)&address, sizeof(address)) < 0)
		return errno;
	return 0;
}

static int try_memory(const struct probe_row *row)
{
	/* Node and the JVM reserve far more than they use: 64 GiB of address space must be there.
	 */
	void *memory = mmap(NULL, 64UL << 30, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	(void)row;
	return memory == MAP_FAILED ? errno : 0;
}

static int try_eventfd(const struct probe_row *row)
{
	AUTO_CLOSE int fd = eventfd(0, EFD_CLOEXEC);

	(void)row;
	return fd < 0 ? errno : 0;
}

static const struct probe_row rows[] = {
	PROBE_TRY("can_fork", "control", NULL, "fork and wait", try_fork, NULL, 0),
	PROBE_TRY("can_thread", "control", NULL, "start a thread", try_thread, NULL, 0),
	PROBE_TRY("can_exec", "control", NULL, "execute itself", try_exec, NULL, 0),
	PROBE_TRY("can_write_work", "control", NULL, "make a file in the working directory",
		  probe_attempt_create, ".", 0),
	PROBE_TRY("can_write_tmp", "control", NULL, "make a file in /tmp", probe_attempt_create,
		  "/tmp", 0),
	PROBE_TRY("can_write_shm", "control", NULL, "make a file in /dev/shm", probe_attempt_create,
		  "/dev/shm", 0),
	PROBE_TRY("can_read_usr", "control", NULL, "read a program of the system",
		  probe_attempt_read, "/usr/bin/env", 0),
	PROBE_TRY("can_read_random", "control", NULL, "read /dev/urandom", probe_attempt_read,
		  "/dev/urandom", 0),
	PROBE_TRY("can_use_loopback", "control", NULL, "connect to itself on 127.0.0.1",
		  try_own_loopback, NULL, 0),
	PROBE_TRY("can_reserve_memory", "control", NULL, "reserve 64 GiB", try_memory, NULL, 0),
	PROBE_TRY("can_eventfd", "control", NULL, "make an eventfd", try_eventfd, NULL, 0),
};

const struct probe_group probe_controls = PROBE_GROUP("controls", rows);
