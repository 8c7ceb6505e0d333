/* SPDX-License-Identifier: Apache-2.0 */
/* The network namespace of the first launch, made while the caller prepares that launch.
 *
 * By a thread, because a process would have to be copied and reaped. It touches nothing but the two
 * numbers that it leaves; unshare(2) moves no thread but the caller. */
#include "sandbox/network_ahead.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "sandbox/other_cpu.h"

#define STACK_BYTES (64 * 1024)
#define THREAD_PATH "/proc/thread-self/ns/net"

struct sandbox_ahead {
	pthread_t thread;
	bool is_running;
	int own_fd, fd; /* the supervisor's namespace and the new one; -1: none */
};

static void *make(void *argument)
{
	struct sandbox_ahead *ahead = argument;
	AUTO_CLOSE int own_fd = -1, fd = -1;

	own_fd = open(THREAD_PATH, O_RDONLY | O_CLOEXEC);
	if (own_fd < 0 || unshare(CLONE_NEWNET) < 0 || network_loopback_up(NULL) < 0)
		return NULL;
	fd = open(THREAD_PATH, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	ahead->own_fd = steal_fd(&own_fd);
	ahead->fd = steal_fd(&fd);
	return NULL;
}

/* Signals are the caller's affair. */
static bool start(struct sandbox_ahead *ahead)
{
	pthread_attr_t attributes;
	sigset_t all;
	bool started;

	(void)sigfillset(&all);
	if (pthread_attr_init(&attributes) != 0)
		return false;
	started = pthread_attr_setstacksize(&attributes, STACK_BYTES) == 0 &&
		  pthread_attr_setsigmask_np(&attributes, &all) == 0 &&
		  pthread_create(&ahead->thread, &attributes, make, ahead) == 0;
	(void)pthread_attr_destroy(&attributes);
	return started;
}

/* It may come back: the other CPU can be the busier one. */
static void move_to_other_cpu(pthread_t thread)
{
	cpu_set_t allowed, others;

	if (!other_cpu_list(&others) || sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return;
	(void)pthread_setaffinity_np(thread, sizeof(others), &others);
	(void)pthread_setaffinity_np(thread, sizeof(allowed), &allowed);
}

struct sandbox_ahead *sandbox_ahead_start(void)
{
	struct sandbox_ahead *ahead = calloc(1, sizeof(*ahead));

	if (!ahead)
		return NULL;
	ahead->own_fd = ahead->fd = -1;
	ahead->is_running = start(ahead);
	if (ahead->is_running)
		move_to_other_cpu(ahead->thread);
	return ahead;
}

static bool is_busy(struct sandbox_ahead *ahead)
{
	if (ahead->is_running && pthread_tryjoin_np(ahead->thread, NULL) == 0)
		ahead->is_running = false;
	return ahead->is_running;
}

/* This CPU has nothing else to do now; on another the thread may be in the queue behind the
 * kernel's own work, such as taking apart the namespaces of the run before. */
static void move_here(pthread_t thread)
{
	int cpu = sched_getcpu();
	cpu_set_t here;

	if (cpu < 0)
		return;
	CPU_ZERO(&here);
	CPU_SET(cpu, &here);
	(void)pthread_setaffinity_np(thread, sizeof(here), &here);
}

static void wait_for_thread(struct sandbox_ahead *ahead)
{
	if (!is_busy(ahead))
		return;
	move_here(ahead->thread);
	(void)pthread_join(ahead->thread, NULL); /* fails for no thread that can be joined */
	ahead->is_running = false;
}

bool network_ahead_is_busy(struct sandbox_ahead *ahead)
{
	return ahead && is_busy(ahead);
}

void network_ahead_fill(struct sandbox_ahead *ahead, struct network_pool *pool)
{
	if (!ahead)
		return;
	wait_for_thread(ahead);
	if (!pool || ahead->fd < 0 || pool->ready == NETWORK_POOL_MAX)
		return;
	if (pool->own_fd < 0)
		pool->own_fd = steal_fd(&ahead->own_fd);
	pool->fds[pool->ready++] = steal_fd(&ahead->fd);
}

void sandbox_ahead_destroy(struct sandbox_ahead *ahead)
{
	if (!ahead)
		return;
	wait_for_thread(ahead);
	close_fd(&ahead->own_fd);
	close_fd(&ahead->fd);
	free(ahead);
}
