/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of a connection that were handed out and are not done with: whose turn it is to be
 * answered, and what may leave the socket. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"
#include "runner/run/task_dispatch.h"
#include "runner/run/task_intake.h"

struct task_flight_entry;

/* Zero-initialised is valid. */
struct task_flight {
	struct task_flight_entry *first, *last;
	size_t deferred_count; /* not answered, and do not wait */
	size_t waiting_count;  /* not answered, and wait */
	size_t kept_count;     /* answered in order, but one before them is not yet */
	size_t kept_bytes;     /* of their replies */
};

void task_flight_finish(struct task_flight *flight, struct task_dispatch *dispatch);

/* Whether a reply to a request in order has to be kept for one before it. */
bool task_flight_keeps_order(const struct task_flight *flight);

/* A line that was handled, of so many bytes in the socket: deferred; or answered, with a reply that
 * is taken over and has to be kept; or answered and sent when the output has come to end_bytes. */
int task_flight_add_deferred(struct task_flight *flight, const struct task_line *line, size_t bytes,
			     struct task_dispatch *dispatch, struct berth_error *err);
int task_flight_add_kept(struct task_flight *flight, const struct task_line *line, size_t bytes,
			 struct text *reply, struct berth_error *err);
int task_flight_add_done(struct task_flight *flight, size_t bytes, uint64_t end_bytes,
			 struct berth_error *err);
/* One whose line has left the socket under an earlier supervisor. */
int task_flight_add_waiting(struct task_flight *flight, const struct task_request *request,
			    struct task_dispatch *dispatch, struct berth_error *err);

/* The reply to a deferred request, which is taken over. 1: there is none of that sequence. */
int task_flight_answer(struct task_flight *flight, uint64_t sequence, struct text *reply,
		       struct task_dispatch *dispatch);
/* Its line may leave the socket before it is answered. 1: there is none that waits. */
int task_flight_commit(struct task_flight *flight, uint64_t sequence, struct task_ledger *ledger);

/* The next reply whose turn it is, appended to output, which has come to *end_bytes in all; 1:
 * none.
 */
int task_flight_release(struct task_flight *flight, struct text *output, uint64_t *end_bytes,
			struct berth_error *err);

/* Has what is done leave the socket, once the output was sent up to sent_bytes. */
int task_flight_settle(struct task_flight *flight, struct task_intake *intake, uint64_t sent_bytes,
		       struct berth_error *err);
