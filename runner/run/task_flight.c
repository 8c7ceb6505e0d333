/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of a connection that were handed out and are not done with: whose turn it is to be
 * answered, and what may leave the socket. */
#include "runner/run/task_flight.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"

enum entry_state {
	ENTRY_DEFERRED, /* not answered */
	ENTRY_KEPT,     /* its reply is here */
	ENTRY_DONE,     /* its reply is part of the output */
};

struct task_flight_entry {
	struct task_flight_entry *next;
	enum entry_state state;
	struct task_request request;
	bool waits;        /* is answered whenever it is over */
	bool is_committed; /* its line may go, and the ledger has it */
	uint64_t lines;    /* ENTRY_DONE: lines behind one another are one entry */
	size_t bytes;      /* of the lines, in the socket; 0 once they have left it */
	struct text reply;
	uint64_t end_bytes; /* ENTRY_DONE: the output's length behind the reply */
};

bool task_flight_keeps_order(const struct task_flight *flight)
{
	return flight->deferred_count + flight->kept_count > 0;
}

static struct task_flight_entry *entry_add(struct task_flight *flight, enum entry_state state,
					   size_t bytes, struct berth_error *err)
{
	struct task_flight_entry *entry = calloc(1, sizeof(*entry));

	if (!entry) {
		(void)berth_fail(err, BERTH_MEMORY, ENOMEM, "remember a task's request");
		return NULL;
	}
	entry->state = state;
	entry->lines = 1;
	entry->bytes = bytes;
	if (flight->last)
		flight->last->next = entry;
	else
		flight->first = entry;
	flight->last = entry;
	return entry;
}

static void count_deferred(struct task_flight *flight, const struct task_flight_entry *entry,
			   struct task_dispatch *dispatch, int change)
{
	size_t *counts[] = {
		entry->waits ? &flight->waiting_count : &flight->deferred_count,
		entry->waits ? &dispatch->wait_count : &dispatch->deferred_count,
	};

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		*counts[i] = change > 0 ? *counts[i] + 1 : *counts[i] - 1;
}

static void count_kept(struct task_flight *flight, const struct task_flight_entry *entry,
		       int change)
{
	if (!entry->waits) /* those that wait are not in the order */
		flight->kept_count = change > 0 ? flight->kept_count + 1 : flight->kept_count - 1;
	flight->kept_bytes = change > 0 ? flight->kept_bytes + entry->reply.capacity
					: flight->kept_bytes - entry->reply.capacity;
}

/* Takes the first entry out. */
static void entry_remove_first(struct task_flight *flight)
{
	struct task_flight_entry *entry = flight->first;

	flight->first = entry->next;
	if (!flight->first)
		flight->last = NULL;
	text_finish(&entry->reply);
	free(entry);
}

void task_flight_finish(struct task_flight *flight, struct task_dispatch *dispatch)
{
	while (flight->first) {
		if (flight->first->state == ENTRY_DEFERRED)
			count_deferred(flight, flight->first, dispatch, -1);
		entry_remove_first(flight);
	}
	*flight = (struct task_flight){0};
}

int task_flight_add_deferred(struct task_flight *flight, const struct task_line *line, size_t bytes,
			     struct task_dispatch *dispatch, struct berth_error *err)
{
	struct task_flight_entry *entry = entry_add(flight, ENTRY_DEFERRED, bytes, err);

	if (!entry)
		return -1;
	entry->request = line->request;
	entry->waits = line->waits;
	count_deferred(flight, entry, dispatch, 1);
	return 0;
}

int task_flight_add_kept(struct task_flight *flight, const struct task_line *line, size_t bytes,
			 struct text *reply, struct berth_error *err)
{
	struct task_flight_entry *entry = entry_add(flight, ENTRY_KEPT, bytes, err);

	if (!entry)
		return -1;
	entry->request = line->request;
	entry->reply = *reply;
	*reply = (struct text){0};
	count_kept(flight, entry, 1);
	return 0;
}

int task_flight_add_done(struct task_flight *flight, size_t bytes, uint64_t end_bytes,
			 struct berth_error *err)
{
	struct task_flight_entry *entry = flight->last;

	if (entry && entry->state == ENTRY_DONE && entry->bytes > 0 && !entry->is_committed) {
		entry->lines++;
		entry->bytes += bytes;
		if (end_bytes > entry->end_bytes)
			entry->end_bytes = end_bytes;
		return 0;
	}
	entry = entry_add(flight, ENTRY_DONE, bytes, err);
	if (!entry)
		return -1;
	entry->end_bytes = end_bytes;
	return 0;
}

int task_flight_add_waiting(struct task_flight *flight, const struct task_request *request,
			    struct task_dispatch *dispatch, struct berth_error *err)
{
	struct task_flight_entry *entry = entry_add(flight, ENTRY_DEFERRED, 0, err);

	if (!entry)
		return -1;
	entry->request = *request;
	entry->waits = entry->is_committed = true;
	count_deferred(flight, entry, dispatch, 1);
	return 0;
}

static struct task_flight_entry *find_deferred(const struct task_flight *flight, uint64_t sequence)
{
	struct task_flight_entry *entry = flight->first;

	while (entry && (entry->state != ENTRY_DEFERRED || entry->request.sequence != sequence))
		entry = entry->next;
	return entry;
}

int task_flight_answer(struct task_flight *flight, uint64_t sequence, struct text *reply,
		       struct task_dispatch *dispatch)
{
	struct task_flight_entry *entry = find_deferred(flight, sequence);

	if (!entry)
		return 1;
	count_deferred(flight, entry, dispatch, -1);
	entry->state = ENTRY_KEPT;
	entry->reply = *reply;
	*reply = (struct text){0};
	count_kept(flight, entry, 1);
	return 0;
}

int task_flight_commit(struct task_flight *flight, uint64_t sequence, struct task_ledger *ledger)
{
	struct task_flight_entry *entry = find_deferred(flight, sequence);

	if (!entry || !entry->waits)
		return 1;
	if (entry->is_committed)
		return 0;
	/* first the ledger, then the line; where there is no room the line stays */
	entry->is_committed = ledger && task_ledger_add_wait(ledger, &entry->request);
	return 0;
}

int task_flight_release(struct task_flight *flight, struct text *output, uint64_t *end_bytes,
			struct berth_error *err)
{
	struct task_flight_entry *entry = flight->first;
	bool is_held_up = false;

	while (entry && (entry->state != ENTRY_KEPT || (is_held_up && !entry->waits))) {
		is_held_up |= entry->state == ENTRY_DEFERRED && !entry->waits;
		entry = entry->next;
	}
	if (!entry)
		return 1;
	if (text_append(output, entry->reply.data, entry->reply.length, err) < 0)
		return -1;
	*end_bytes += entry->reply.length;
	count_kept(flight, entry, -1);
	text_finish(&entry->reply);
	entry->state = ENTRY_DONE;
	entry->end_bytes = *end_bytes;
	return 0;
}

/* Removes what is over and has left the socket. */
static void entries_remove(struct task_flight *flight, struct task_ledger *ledger,
			   uint64_t sent_bytes)
{
	struct task_flight_entry **link = &flight->first, *entry;

	flight->last = NULL;
	while ((entry = *link)) {
		if (entry->state != ENTRY_DONE || entry->bytes > 0 ||
		    entry->end_bytes > sent_bytes) {
			flight->last = entry;
			link = &entry->next;
			continue;
		}
		if (entry->is_committed)
			task_ledger_drop_wait(ledger, &entry->request);
		*link = entry->next;
		free(entry);
	}
}

int task_flight_settle(struct task_flight *flight, struct task_intake *intake, uint64_t sent_bytes,
		       struct berth_error *err)
{
	struct task_flight_entry *entry;
	size_t bytes = 0;
	uint64_t lines = 0;

	for (entry = flight->first; entry; entry = entry->next) {
		bool is_over = entry->state == ENTRY_DONE && entry->end_bytes <= sent_bytes;

		if (entry->bytes > 0 && !is_over && !entry->is_committed)
			break;
		lines += entry->bytes > 0 ? entry->lines : 0;
		bytes += entry->bytes;
		entry->bytes = 0;
	}
	if (task_intake_consume(intake, bytes, lines, err) < 0)
		return -1;
	entries_remove(flight, intake->ledger, sent_bytes);
	return 0;
}
