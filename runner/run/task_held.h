/* SPDX-License-Identifier: Apache-2.0 */
/* Waits for a time that nobody notes: kept in memory until they are over. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runner/run/task_channel.h"

struct task_held_wait {
	struct task_request request;
	uint64_t due_ns; /* clock_boottime_ns() */
};

/* Zero-initialised is valid. */
struct task_held {
	struct task_held_wait waits[PROTOCOL_WAITS_MAX];
	size_t count;
};

/* BERTH_LIMIT when PROTOCOL_WAITS_MAX are there. */
int task_held_add(struct task_held *held, const struct task_request *request, uint64_t due_ns,
		  struct berth_error *err);

/* Takes one that is due out; false: none is. */
bool task_held_take(struct task_held *held, uint64_t now_ns, struct task_request *ret_request);

/* Forgets those of a connection that is gone. */
void task_held_forget(struct task_held *held, uint64_t connection);

/* The members of the reply when it is over; a new object, NULL when out of memory. */
json_t *task_held_results(void);

/* When the next one is due; 0: none. */
uint64_t task_held_due_ns(const struct task_held *held);
