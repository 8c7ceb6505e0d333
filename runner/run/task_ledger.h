/* SPDX-License-Identifier: Apache-2.0 */
/* How far each connection of a durable channel is, in memory that outlives the supervisor: what has
 * left the socket, and requests that wait although their line has left it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"
#include "runner/run/task_channel.h"

/* One connection. A supervisor may be killed between any two instructions: what leaves the socket
 * is announced first, and whoever finds an announcement carries it out. */
struct task_ledger_slot {
	uint64_t connection;  /* 0: the slot is free */
	uint64_t sequence;    /* of the next line in the socket: lines that have left it */
	uint32_t spilled;     /* bytes of that line that are in the ledger instead */
	uint32_t is_replying; /* a reply has been sent in part, or that is not known */
	/* the announcement: from a peek offset of peeked bytes, taken bytes leave */
	uint32_t is_taking, peeked, taken, spilled_after;
	uint64_t sequence_after;
	uint64_t unused;
};

struct task_ledger_wait {
	uint32_t is_set, unused;
	struct task_request request;
};

struct task_ledger_head;

/* Zero-initialised but for fd = -1 is valid for finish. */
struct task_ledger {
	int fd;
	struct task_ledger_head *head; /* shared memory */
};

int task_ledger_create(struct task_ledger *ledger, struct berth_error *err);
/* Takes over what task_channel_ledger() gave; BERTH_INVALID when it is none. */
int task_ledger_open(struct task_ledger *ledger, int fd, struct berth_error *err);
void task_ledger_finish(struct task_ledger *ledger);

/* The next connection's number, which is then taken; and: it is no smaller than that. */
uint64_t task_ledger_next(struct task_ledger *ledger);
void task_ledger_start_at(struct task_ledger *ledger, uint64_t number);

/* The slot of a connection, made when there is none; NULL: all are taken. */
struct task_ledger_slot *task_ledger_slot(struct task_ledger *ledger, uint64_t connection);
/* Forgets a connection, and its waits. */
void task_ledger_release(struct task_ledger *ledger, struct task_ledger_slot *slot);
/* Forgets every connection that is not among these. */
void task_ledger_keep(struct task_ledger *ledger, const struct task_channel_connection *connections,
		      size_t count);

/* The bytes of a slot's unfinished line: more behind the spilled ones, which count once the slot
 * says so; and all that count, appended. */
int task_ledger_spill(struct task_ledger *ledger, const struct task_ledger_slot *slot,
		      const char *data, size_t length, struct berth_error *err);
int task_ledger_unspill(struct task_ledger *ledger, const struct task_ledger_slot *slot,
			struct text *line, struct berth_error *err);
/* Gives the memory back. */
void task_ledger_forget_spill(struct task_ledger *ledger, const struct task_ledger_slot *slot);

/* Requests that wait and whose line may leave the socket; false: there is no room. */
bool task_ledger_add_wait(struct task_ledger *ledger, const struct task_request *request);
void task_ledger_drop_wait(struct task_ledger *ledger, const struct task_request *request);
/* The i-th of PROTOCOL_WAITS_MAX; NULL where there is none. */
const struct task_request *task_ledger_wait(const struct task_ledger *ledger, size_t i);
