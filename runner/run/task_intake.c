/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes that come in on a connection, line by line. Of a durable channel they are only looked
 * at, and leave the socket when their lines are done; what does not fit the socket goes to the
 * ledger meanwhile. */
#include "runner/run/task_intake.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "extensions/task/protocol_table.h"
#include "runner/crash/crash_point.h"

#define READ_BYTES      ((size_t)64 * 1024)
#define TURN_READ_BYTES ((size_t)256 * 1024)

static void account(struct task_intake *intake, struct task_budget *budget)
{
	task_budget_move(&budget->input_bytes, intake->counted, intake->input.capacity);
	intake->counted = intake->input.capacity;
}

/* Reads bytes out of the socket that are known to be there. */
static int socket_take(int fd, size_t bytes, struct berth_error *err)
{
	char buffer[READ_BYTES];
	ssize_t got;

	while (bytes > 0) {
		got = recv(fd, buffer, bytes < sizeof(buffer) ? bytes : sizeof(buffer),
			   MSG_DONTWAIT);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) /* a peer that plays with MSG_OOB can do that */
			return berth_fail(err, BERTH_PROTOCOL, 0,
					  "what was read is no longer in the socket");
		bytes -= (size_t)got;
	}
	return 0;
}

static void announcement_apply(struct task_ledger *ledger, struct task_ledger_slot *slot)
{
	bool is_spill_over = slot->spilled > 0 && slot->spilled_after == 0;

	slot->sequence = slot->sequence_after;
	slot->spilled = slot->spilled_after;
	__atomic_store_n(&slot->is_taking, 0, __ATOMIC_RELEASE);
	if (is_spill_over)
		task_ledger_forget_spill(ledger, slot);
}

static int take(struct task_intake *intake, size_t bytes, uint64_t sequence_after,
		size_t spilled_after, struct berth_error *err)
{
	struct task_ledger_slot *slot = intake->slot;

	crash_point(CRASH_MESSAGE_BEFORE_CONSUME);
	slot->peeked = (uint32_t)intake->held;
	slot->taken = (uint32_t)bytes;
	slot->sequence_after = sequence_after;
	slot->spilled_after = (uint32_t)spilled_after;
	__atomic_store_n(&slot->is_taking, 1, __ATOMIC_RELEASE);
	crash_point(CRASH_MESSAGE_ANNOUNCED);
	if (socket_take(intake->fd, bytes, err) < 0)
		return -1;
	crash_point(CRASH_MESSAGE_TAKEN);
	intake->held -= bytes;
	announcement_apply(intake->ledger, slot);
	crash_point(CRASH_MESSAGE_AFTER_CONSUME);
	return 0;
}

/* Carries out what was announced: the peek offset, which the kernel moves with what is read
 * (socket(7), SO_PEEK_OFF), tells how much of it has left the socket. */
static int announcement_resume(struct task_intake *intake, struct berth_error *err)
{
	struct task_ledger_slot *slot = intake->slot;
	socklen_t size = sizeof(int);
	int offset = 0;
	size_t gone;

	if (!slot->is_taking)
		return 0;
	if (getsockopt(intake->fd, SOL_SOCKET, SO_PEEK_OFF, &offset, &size) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "take a connection over");
	gone = offset >= 0 && (size_t)offset < slot->peeked ? slot->peeked - (size_t)offset : 0;
	if (gone < slot->taken && socket_take(intake->fd, slot->taken - gone, err) < 0)
		return -1;
	announcement_apply(intake->ledger, slot);
	return 0;
}

int task_intake_init(struct task_intake *intake, int fd, struct task_ledger *ledger,
		     uint64_t connection, struct berth_error *err)
{
	int start = 0;

	*intake = (struct task_intake){
		.fd = fd,
		.ledger = ledger,
		/* one line, and what one turn may read behind its beginning */
		.input = {.limit = PROTOCOL_LINE_MAX + TURN_READ_BYTES},
	};
	if (!ledger)
		return 0;
	intake->slot = task_ledger_slot(ledger, connection);
	if (!intake->slot)
		return berth_fail(err, BERTH_LIMIT, 0, "no place in the ledger");
	if (announcement_resume(intake, err) < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_PEEK_OFF, &start, sizeof(start)) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "look into a connection");
	intake->sequence = intake->slot->sequence;
	intake->has_more = true;
	/* what is in the ledger of the next line comes first */
	intake->unclaimed = intake->slot->spilled;
	return task_ledger_unspill(ledger, intake->slot, &intake->input, err);
}

void task_intake_finish(struct task_intake *intake, struct task_budget *budget)
{
	text_finish(&intake->input);
	intake->handled = intake->scanned = 0;
	account(intake, budget);
}

static char *newline_find(struct task_intake *intake)
{
	struct text *input = &intake->input;
	size_t from = intake->handled + intake->scanned;
	char *newline = input->length > from
				? memchr(input->data + from, '\n', input->length - from)
				: NULL;

	intake->scanned =
		(newline ? (size_t)(newline - input->data) : input->length) - intake->handled;
	return newline;
}

bool task_intake_has_line(struct task_intake *intake)
{
	return newline_find(intake) != NULL;
}

/* Appends what was read, within the limits; -1: over them. */
static int input_append(struct task_intake *intake, struct task_budget *budget, const char *data,
			size_t length, struct berth_error *err)
{
	int status;

	if (budget->input_bytes + length > TASK_BUDGET_INPUT_MAX &&
	    intake->input.length + length > TASK_BUDGET_INPUT_SHARE)
		return berth_fail(err, BERTH_LIMIT, 0,
				  "all connections together: more than %zu bytes not yet handled",
				  TASK_BUDGET_INPUT_MAX);
	status = text_append(&intake->input, data, length, err);
	account(intake, budget);
	if (status < 0)
		return -1;
	if (!newline_find(intake) && intake->input.length >= PROTOCOL_LINE_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "a line longer than %d bytes",
				  PROTOCOL_LINE_MAX);
	return 0;
}

int task_intake_read(struct task_intake *intake, struct task_budget *budget,
		     struct berth_error *err)
{
	int flags = MSG_DONTWAIT | (intake->slot ? MSG_PEEK : 0);
	char buffer[READ_BYTES];
	size_t total = 0;
	ssize_t got;

	intake->has_more = false;
	while (total < TURN_READ_BYTES) {
		got = recv(intake->fd, buffer, sizeof(buffer), flags);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			return 0;
		if (got <= 0) {
			intake->has_ended = true;
			return 0;
		}
		if (intake->slot)
			intake->held += (size_t)got;
		total += (size_t)got;
		intake->received_bytes += (uint64_t)got;
		if (input_append(intake, budget, buffer, (size_t)got, err) < 0)
			return -1;
	}
	intake->has_more = true;
	return 0;
}

const char *task_intake_line(struct task_intake *intake, size_t *ret_length, size_t *ret_bytes)
{
	const char *line;

	if (!newline_find(intake))
		return NULL;
	line = intake->input.data + intake->handled;
	*ret_length = intake->scanned;
	*ret_bytes = intake->slot ? intake->scanned + 1 - intake->unclaimed : 0;
	intake->handled += intake->scanned + 1;
	intake->scanned = 0;
	intake->unclaimed = 0;
	intake->sequence++;
	return line;
}

void task_intake_drop(struct task_intake *intake, struct task_budget *budget)
{
	text_consume(&intake->input, intake->handled);
	intake->handled = 0;
	if (intake->input.length == 0)
		task_intake_finish(intake, budget);
}

int task_intake_consume(struct task_intake *intake, size_t bytes, uint64_t lines,
			struct berth_error *err)
{
	if (!intake->slot || bytes == 0)
		return 0;
	return take(intake, bytes, intake->slot->sequence + lines, 0, err);
}

int task_intake_spill(struct task_intake *intake, struct berth_error *err)
{
	struct task_ledger_slot *slot = intake->slot;
	size_t bytes = intake->held;

	if (!slot || bytes == 0 || bytes != intake->input.length - intake->unclaimed ||
	    newline_find(intake))
		return 0;
	if (task_ledger_spill(intake->ledger, slot, intake->input.data + intake->unclaimed, bytes,
			      err) < 0 ||
	    take(intake, bytes, slot->sequence, intake->unclaimed + bytes, err) < 0)
		return -1;
	intake->unclaimed += bytes;
	return 0;
}
