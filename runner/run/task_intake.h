/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes that come in on a connection, line by line. Of a durable channel they are only looked
 * at, and leave the socket when their lines are done; what does not fit the socket goes to the
 * ledger meanwhile. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"
#include "runner/run/task_budget.h"
#include "runner/run/task_ledger.h"

struct task_intake {
	int fd; /* the connection's */
	struct task_ledger *ledger;
	struct task_ledger_slot *slot; /* NULL: not durable */
	struct text input;
	size_t handled;          /* bytes of input in front that are done with */
	size_t scanned;          /* bytes of input behind these known to hold no newline */
	size_t counted;          /* the buffer's size as the budget knows it */
	uint64_t received_bytes; /* in all */
	uint64_t sequence;       /* of the next line to be handled */
	size_t held;             /* bytes read that are still in the socket */
	size_t unclaimed;        /* bytes of input's first line that are in the ledger */
	bool has_ended;          /* the peer will send nothing more */
	bool has_more;           /* the last reading stopped before the end */
};

/* ledger is NULL unless the channel is durable. Carries out what an earlier supervisor announced.
 * -1: the connection cannot go on. */
int task_intake_init(struct task_intake *intake, int fd, struct task_ledger *ledger,
		     uint64_t connection, struct berth_error *err);
/* Keeps the ledger's slot: that is the connection's to release. */
void task_intake_finish(struct task_intake *intake, struct task_budget *budget);

/* Reads one turn's share; -1: over a limit. */
int task_intake_read(struct task_intake *intake, struct task_budget *budget,
		     struct berth_error *err);

bool task_intake_has_line(struct task_intake *intake);

/* Takes the next line, without its newline; *ret_bytes is what of it is in the socket. Valid until
 * task_intake_read() or task_intake_drop(). NULL: none. */
const char *task_intake_line(struct task_intake *intake, size_t *ret_length, size_t *ret_bytes);
/* Forgets the lines that were taken. */
void task_intake_drop(struct task_intake *intake, struct task_budget *budget);

/* Has lines in front, of so many bytes in the socket, leave it. */
int task_intake_consume(struct task_intake *intake, size_t bytes, uint64_t lines,
			struct berth_error *err);

/* Makes room in the socket for the rest of an unfinished line, if all before it have left. After
 * task_intake_drop(). */
int task_intake_spill(struct task_intake *intake, struct berth_error *err);
