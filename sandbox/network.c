/* SPDX-License-Identifier: Apache-2.0 */
/* Network namespaces with loopback only, made for one run or kept ready in a pool.
 *
 * Making one is the most expensive part of a launch (0.2 ms), hence the pool. A pooled one belongs
 * to the host's user namespace: nothing inside the run has any right over it. */
#include "sandbox/network.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"

/* A supervisor that stays in a run's namespace is lost: memory may be free a moment later. */
#define LEAVE_ATTEMPTS 100
#define LEAVE_WAIT_US  1000

int network_loopback_up(struct berth_error *err)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	AUTO_CLOSE int fd = -1;

	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "socket");
	if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "set loopback up");
	return 0;
}

int network_pool_init(struct network_pool *pool, size_t size, struct berth_error *err)
{
	*pool = (struct network_pool){.own_fd = -1};
	if (size == 0)
		return 0;
	if (size > NETWORK_POOL_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "a pool holds at most %d", NETWORK_POOL_MAX);
	pool->own_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (pool->own_fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "open /proc/self/ns/net");
	pool->size = size;
	return 0;
}

static int make_one(int *ret_fd)
{
	AUTO_CLOSE int fd = -1;

	if (unshare(CLONE_NEWNET) < 0)
		return -1;
	if (network_loopback_up(NULL) < 0)
		return -1;
	fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	*ret_fd = steal_fd(&fd);
	return 0;
}

void network_pool_refill(struct network_pool *pool)
{
	if (pool->ready >= pool->size)
		return;
	while (pool->ready < pool->size && make_one(&pool->fds[pool->ready]) == 0)
		pool->ready++;
	(void)network_pool_leave(pool, NULL); /* fails only when own_fd is not a namespace */
}

bool network_pool_refill_step(struct network_pool *pool)
{
	bool made;

	if (pool->ready >= pool->size)
		return false;
	made = make_one(&pool->fds[pool->ready]) == 0;
	pool->ready += made;
	(void)network_pool_leave(pool, NULL); /* as above */
	return made;
}

int network_pool_enter(struct network_pool *pool, struct berth_error *err)
{
	AUTO_CLOSE int fd = -1;

	if (pool->ready == 0)
		return 1;
	fd = pool->fds[--pool->ready];
	if (setns(fd, CLONE_NEWNET) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "enter a pooled network namespace");
	return 0;
}

int network_pool_leave(struct network_pool *pool, struct berth_error *err)
{
	for (int attempt = 0; setns(pool->own_fd, CLONE_NEWNET) < 0; attempt++) {
		if (attempt == LEAVE_ATTEMPTS)
			return berth_fail(err, BERTH_SYSTEM, errno,
					  "return to the own network namespace");
		(void)usleep(LEAVE_WAIT_US);
	}
	return 0;
}

void network_pool_drain(struct network_pool *pool)
{
	while (pool->ready > 0)
		close_fd(&pool->fds[--pool->ready]);
}

void network_pool_finish(struct network_pool *pool)
{
	network_pool_drain(pool);
	close_fd(&pool->own_fd);
}
