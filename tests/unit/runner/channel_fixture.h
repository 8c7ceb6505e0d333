/* SPDX-License-Identifier: Apache-2.0 */
/* A task channel under a loop, and clients of it, all in one thread: nothing blocks. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "base/text.h"
#include "runner/run/task_channel.h"

#define FIXTURE_REQUESTS_MAX 512

struct channel_fixture {
	struct loop *loop;
	struct loop_source *timer;
	struct task_channel *channel;
	struct task_channel_info info;
	bool is_durable;
	char directory[64], path[96];
	/* what the handlers were told */
	unsigned logs, outputs, usages, problems;
	char problem[1200];            /* the first */
	uint64_t log_bytes, log_limit; /* 0: no limit */
	char *restored;                /* what restore finds */
	unsigned slow_ms;              /* how long usage takes */
	bool cancels;                  /* log asks for a cancel */
	/* checkpoint, wait and trigger are deferred; these were */
	struct task_request requests[FIXTURE_REQUESTS_MAX];
	size_t request_count, waiting_count; /* and these waited already at an adoption */
	/* copies of what was accepted and is not closed, as a launcher keeps them */
	struct task_channel_connection kept[PROTOCOL_CONNECTIONS_MAX];
	size_t kept_count, closed_count;
	bool is_busy; /* cannot take a connection */
};

int channel_fixture_set_up(void **state);
/* The same for a run with a payload. */
int channel_fixture_set_up_with(void **state, const char *payload);
int channel_fixture_tear_down(void **state);

/* The same for a durable channel. */
int channel_fixture_set_up_durable(void **state);

/* Replaces a durable channel by one that adopts what it leaves. Without the ledger it has to do
 * without it. */
void channel_fixture_hand_over(struct channel_fixture *fixture, bool with_ledger);

/* Answers the i-th request that was deferred; returns what task_channel_answer() does. */
int channel_fixture_answer(struct channel_fixture *fixture, size_t i);

/* Bytes that are still in the socket of the newest connection. */
int channel_fixture_unread(const struct channel_fixture *fixture);

/* Runs the loop for that long. */
void channel_fixture_run(struct channel_fixture *fixture, uint64_t ms);

/* A new client, not blocking; -1 with errno. */
int channel_fixture_connect(const struct channel_fixture *fixture);

/* Sends as much as is taken while running the loop; whether all of it was. */
bool channel_fixture_send(struct channel_fixture *fixture, int client, const char *data,
			  size_t length);

/* Appends what arrives until `lines` lines are there, the stream ends or it takes too long.
 * Returns the number of lines in answer. */
size_t channel_fixture_read(struct channel_fixture *fixture, int client, size_t lines,
			    struct text *answer);

/* Whether the stream has ended for the client. */
bool channel_fixture_is_closed(struct channel_fixture *fixture, int client);

/* Connects, says hello without asking for the payload and takes the reply. */
int channel_fixture_greet(struct channel_fixture *fixture);
