/* SPDX-License-Identifier: Apache-2.0 */
/* Network namespaces with loopback only, made for one run or kept ready in a pool. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define NETWORK_POOL_MAX 64

struct network_pool {
	int own_fd;                /* the supervisor's own namespace; -1: no pool */
	int fds[NETWORK_POOL_MAX]; /* ready ones; each is used once */
	size_t ready, size;
};

int network_pool_init(struct network_pool *pool, size_t size, struct berth_error *err);
/* Makes namespaces until the pool is full again; stops silently when the host refuses. */
void network_pool_refill(struct network_pool *pool);
/* One of them; false: there is nothing to do, or the host refuses. */
bool network_pool_refill_step(struct network_pool *pool);
/* Enters a ready namespace, so that the next child is born in it. Positive: none is ready. */
int network_pool_enter(struct network_pool *pool, struct berth_error *err);
/* Goes back to the supervisor's own. */
int network_pool_leave(struct network_pool *pool, struct berth_error *err);
/* Closes the ready ones; the next refill makes new ones. */
void network_pool_drain(struct network_pool *pool);
void network_pool_finish(struct network_pool *pool);

/* Sets loopback up in the current namespace (netdevice(7)). Async-signal-safe. */
int network_loopback_up(struct berth_error *err);
