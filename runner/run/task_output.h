/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes that go out on a connection: lines, and one shared text between them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"
#include "runner/run/task_budget.h"
#include "runner/run/task_ledger.h"

struct task_output {
	int fd;                        /* the connection's */
	struct task_ledger_slot *slot; /* NULL: not durable */
	struct text lines;
	size_t head_length;      /* bytes of lines that go before body */
	const struct text *body; /* the shared part of a hello reply; NULL: none is due */
	size_t body_sent;
	size_t counted;        /* the buffer's size as the budget knows it */
	uint64_t queued_bytes; /* in all */
	uint64_t sent_bytes;   /* of these */
	bool is_gone;          /* the peer will take nothing more: everything counts as sent */
};

void task_output_init(struct task_output *output, int fd, struct task_ledger_slot *slot);
void task_output_finish(struct task_output *output, struct task_budget *budget);

/* After appending to lines. body, when not NULL, goes behind what is there; once a connection. */
void task_output_note(struct task_output *output, const struct text *body,
		      struct task_budget *budget);

bool task_output_is_due(const struct task_output *output);

/* Sends what the peer takes. */
void task_output_flush(struct task_output *output, struct task_budget *budget);
