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

/* An idle connection holds its fd and this; buffers exist only while they hold something. */
struct task_connection {
	int fd;
	bool is_greeted;
	bool has_ended; /* the peer will send nothing more */
	bool is_gone;   /* the peer will take nothing more */
	bool is_dead;   /* to be finished by the owner */
	struct text input;
	size_t scanned; /* bytes of input known to hold no newline */
	struct text output;
	size_t head_length;      /* bytes of output that go before body */
	const struct text *body; /* the shared part of a hello reply; NULL: none is due */
	size_t body_sent;
	uint64_t received_bytes;              /* in all */
	size_t counted_input, counted_output; /* buffer sizes as the budget knows them */
};

/* Takes fd over. */
void task_connection_init(struct task_connection *connection, int fd);
void task_connection_finish(struct task_connection *connection, struct task_budget *budget);

/* Sends, reads and handles what is possible within one turn's share. Returns whether lines are
 * left that only wait for the next turn. After a failure the connection is dead. */
bool task_connection_turn(struct task_connection *connection, struct task_budget *budget,
			  struct task_dispatch *dispatch);

/* Sends a line of the supervisor's own to a peer that said hello. */
void task_connection_tell(struct task_connection *connection, struct task_budget *budget,
			  struct task_dispatch *dispatch, const char *line);

/* The EPOLL* events the connection waits for; none when it waits for its next turn. */
uint32_t task_connection_interest(const struct task_connection *connection, bool is_resting);
