/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes that go out on a connection: lines, and one shared text between them. */
#include "runner/run/task_output.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "runner/crash/crash_point.h"

/* A Unix stream socket takes that much as a whole or not at all: it is one buffer of the kernel. */
#define WHOLE_BYTES ((size_t)16 * 1024)

void task_output_init(struct task_output *output, int fd, struct task_ledger_slot *slot)
{
	*output = (struct task_output){
		.fd = fd,
		.slot = slot,
		.lines = {.limit = TASK_BUDGET_OUTPUT_MAX},
	};
}

static void account(struct task_output *output, struct task_budget *budget)
{
	task_budget_move(&budget->output_bytes, output->counted, output->lines.capacity);
	output->counted = output->lines.capacity;
}

void task_output_finish(struct task_output *output, struct task_budget *budget)
{
	text_finish(&output->lines);
	output->head_length = 0;
	output->body = NULL;
	output->sent_bytes = output->queued_bytes;
	account(output, budget);
}

static size_t unsent(const struct task_output *output)
{
	return output->lines.length + (output->body ? output->body->length - output->body_sent : 0);
}

void task_output_note(struct task_output *output, const struct text *body,
		      struct task_budget *budget)
{
	/* as a whole, a reply that is handed over in the middle is known to be sent or not */
	if (body && output->slot && output->lines.length + body->length <= WHOLE_BYTES &&
	    text_append(&output->lines, body->data, body->length, NULL) == 0)
		body = NULL;
	if (body) {
		output->body = body;
		output->body_sent = 0;
		output->head_length = output->lines.length;
	}
	output->queued_bytes = output->sent_bytes + unsent(output);
	if (output->is_gone)
		task_output_finish(output, budget);
	account(output, budget);
}

bool task_output_is_due(const struct task_output *output)
{
	return output->body || output->lines.length > 0;
}

/* The next bytes to send. */
static size_t next_piece(const struct task_output *output, const char **ret_data)
{
	if (!output->body || output->head_length > 0) {
		*ret_data = output->lines.data;
		return output->body ? output->head_length : output->lines.length;
	}
	*ret_data = output->body->data + output->body_sent;
	return output->body->length - output->body_sent;
}

/* Of a durable channel: whole lines that are sent as a whole, or up to the end of one that is too
 * long for that. */
static size_t cut_piece(const char *data, size_t length)
{
	size_t most = length < WHOLE_BYTES ? length : WHOLE_BYTES;
	const char *newline = memrchr(data, '\n', most);

	if (!newline)
		newline = memchr(data + most, '\n', length - most);
	return newline ? (size_t)(newline - data) + 1 : length;
}

static void sent(struct task_output *output, struct task_budget *budget, size_t length)
{
	output->sent_bytes += length;
	if (!output->body || output->head_length > 0) {
		text_consume(&output->lines, length);
		if (output->body)
			output->head_length -= length;
	} else {
		output->body_sent += length;
		if (output->body_sent == output->body->length)
			output->body = NULL;
	}
	if (!task_output_is_due(output))
		task_output_finish(output, budget);
}

/* One send(2). Whoever finds the ledger saying that a reply is under way cannot know how much of it
 * the peer has. */
static ssize_t send_piece(struct task_output *output, const char *data, size_t length)
{
	struct task_ledger_slot *slot = output->slot;
	bool is_whole = length <= WHOLE_BYTES && data[length - 1] == '\n';
	uint32_t was = slot ? slot->is_replying : 0;
	ssize_t taken;

	if (slot && !is_whole)
		__atomic_store_n(&slot->is_replying, 1, __ATOMIC_RELEASE);
	crash_point(CRASH_REPLY_BEFORE_SEND);
	taken = send(output->fd, data, length, MSG_NOSIGNAL | MSG_DONTWAIT);
	crash_point(CRASH_REPLY_AFTER_SEND);
	if (slot)
		__atomic_store_n(&slot->is_replying, taken > 0 ? data[taken - 1] != '\n' : was,
				 __ATOMIC_RELEASE);
	return taken;
}

void task_output_flush(struct task_output *output, struct task_budget *budget)
{
	const char *data;
	size_t length;
	ssize_t taken;

	while (task_output_is_due(output)) {
		length = next_piece(output, &data);
		if (output->slot)
			length = cut_piece(data, length);
		taken = send_piece(output, data, length);
		if (taken < 0 && errno == EINTR)
			continue;
		if (taken < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS))
			return;
		if (taken < 0) {
			/* what it said before it left still counts */
			output->is_gone = true;
			task_output_finish(output, budget);
			return;
		}
		sent(output, budget, (size_t)taken);
	}
}
