/* SPDX-License-Identifier: Apache-2.0 */
/* One connection of a task: bytes in, lines handled, replies out; never blocks on its peer. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"
#include "runner/run/task_budget.h"
#include "runner/run/task_dispatch.h"
#include "runner/run/task_flight.h"
#include "runner/run/task_intake.h"
#include "runner/run/task_ledger.h"
#include "runner/run/task_output.h"

/* What the connections of a run share. */
struct task_run {
	struct task_dispatch dispatch;
	struct task_budget budget;
	struct task_ledger ledger; /* fd -1: not durable */
};

/* An idle connection holds its fd and this; buffers exist only while they hold something. */
struct task_connection {
	int fd;
	uint64_t number;
	bool is_greeted;
	bool is_dead; /* to be finished by the owner */
	struct task_intake intake;
	struct task_flight flight;
	struct task_output output;
};

/* Takes fd over, also when it fails. One that an earlier supervisor had may not be fit to go on:
 * its peer is to connect again. */
int task_connection_init(struct task_connection *connection, struct task_run *run, uint64_t number,
			 int fd, struct berth_error *err);
void task_connection_finish(struct task_connection *connection, struct task_run *run);

/* Sends, reads and handles what is possible within one turn's share. Returns whether work is
 * left that only waits for the next turn. After a failure the connection is dead. */
bool task_connection_turn(struct task_connection *connection, struct task_run *run);

/* Answers a deferred request; reply is taken over and becomes part of the next turn. 1: there is
 * none. */
int task_connection_answer(struct task_connection *connection, struct task_run *run,
			   uint64_t sequence, struct text *reply);

/* The line of one that waits may leave its socket. 1: there is none. */
int task_connection_commit(struct task_connection *connection, struct task_run *run,
			   uint64_t sequence);

/* Sends a line of the supervisor's own to a peer that said hello. */
void task_connection_tell(struct task_connection *connection, struct task_run *run,
			  const char *line);

/* The EPOLL* events the connection waits for; none when it waits for its next turn. */
uint32_t task_connection_interest(struct task_connection *connection, const struct task_run *run,
				  bool is_resting);
