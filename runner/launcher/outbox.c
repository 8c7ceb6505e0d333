/* SPDX-License-Identifier: Apache-2.0 */
/* Telling the supervisor, as fast as it reads. */
#include "runner/launcher/outbox.h"

#include <errno.h>
#include <string.h>

#include "base/descriptor.h"
#include "runner/crash/crash_point.h"

enum { SENT, LATER };

void outbox_init(struct outbox *outbox, struct run_table *table)
{
	*outbox = (struct outbox){
		.table = table, .fd = -1, .first = RUN_TABLE_NONE, .last = RUN_TABLE_NONE};
}

void outbox_open(struct outbox *outbox, int fd, const struct launcher_hello *hello)
{
	outbox_close(outbox);
	outbox->fd = fd;
	outbox->stage = OUTBOX_HELLO;
	outbox->table_index = outbox->hold_index = 0;
	outbox->row_told = false;
	outbox->told_count = 0;
	outbox->hello = *hello;
	for (struct run *run = run_table_next(outbox->table, 0); run;
	     run = run_table_next(outbox->table, run_table_index(outbox->table, run) + 1))
		run->tell = TELL_TABLE;
}

static struct run *take_first(struct outbox *outbox)
{
	struct run *run = &outbox->table->runs[outbox->first];

	outbox->first = run->next;
	if (outbox->first == RUN_TABLE_NONE)
		outbox->last = RUN_TABLE_NONE;
	run->is_listed = false;
	run->next = RUN_TABLE_NONE;
	return run;
}

void outbox_close(struct outbox *outbox)
{
	while (outbox->first != RUN_TABLE_NONE)
		take_first(outbox)->tell = 0;
	outbox->notices = 0;
	outbox->reply_count = 0;
	outbox->fd = -1;
}

void outbox_tell(struct outbox *outbox, struct run *run, unsigned bits)
{
	uint16_t index = (uint16_t)run_table_index(outbox->table, run);

	/* the next supervisor, and one that has not heard of this row yet, read it off the row */
	if (outbox->fd < 0 || (run->tell & TELL_TABLE))
		return;
	run->tell |= (uint8_t)bits;
	if (run->is_listed)
		return;
	run->is_listed = true;
	run->next = RUN_TABLE_NONE;
	if (outbox->last == RUN_TABLE_NONE)
		outbox->first = index;
	else
		outbox->table->runs[outbox->last].next = index;
	outbox->last = index;
}

void outbox_forget(struct outbox *outbox, struct run *run)
{
	uint16_t index = (uint16_t)run_table_index(outbox->table, run);
	uint16_t before = RUN_TABLE_NONE;

	run->tell = 0;
	if (!run->is_listed)
		return;
	for (uint16_t at = outbox->first; at != index; at = outbox->table->runs[at].next)
		before = at;
	if (before == RUN_TABLE_NONE)
		outbox->first = run->next;
	else
		outbox->table->runs[before].next = run->next;
	if (outbox->last == index)
		outbox->last = before;
	run->is_listed = false;
	run->next = RUN_TABLE_NONE;
}

void outbox_notice(struct outbox *outbox, unsigned bits)
{
	if (outbox->fd >= 0)
		outbox->notices |= bits;
}

bool outbox_has_room(const struct outbox *outbox)
{
	return outbox->reply_count < OUTBOX_REPLIES;
}

void outbox_reply(struct outbox *outbox, const union outbox_reply *reply)
{
	if (outbox->fd < 0 || !outbox_has_room(outbox))
		return; /* nobody is there to read it */
	outbox->replies[(outbox->reply_first + outbox->reply_count++) % OUTBOX_REPLIES] = *reply;
}

void outbox_refuse(struct outbox *outbox, const struct launcher_header *request, uint64_t tag,
		   const struct berth_error *error)
{
	const union outbox_reply reply = {
		.refused =
			{
				  .header = launcher_header_make(LAUNCHER_REFUSED,
                                  sizeof(struct launcher_refused),
                                  request->run, request->token),
				  .request = request->kind,
				  .tag = tag,
				  .error = *error,
				  },
	};

	outbox_reply(outbox, &reply);
}

bool outbox_is_telling_table(const struct outbox *outbox)
{
	return outbox->fd >= 0 && outbox->stage != OUTBOX_EVENTS;
}

/* A peer that is gone takes everything: its end is told by its pidfd. */
static int send_packet(const struct outbox *outbox, const void *packet, size_t length,
		       const struct launcher_descriptors *descriptors, struct berth_error *err)
{
	struct berth_error failure = {0};
	int fds[LAUNCHER_PASS_COUNT];
	size_t count = 0;

	if (descriptors)
		(void)launcher_descriptors_list(descriptors, fds, &count);
	if (descriptor_send(outbox->fd, packet, length, fds, count, &failure) == 0)
		return SENT;
	if (failure.errnum == EAGAIN || failure.errnum == ENOBUFS || failure.errnum == ETOOMANYREFS)
		return LATER;
	if (failure.errnum == EPIPE || failure.errnum == ECONNRESET || failure.errnum == ENOTCONN)
		return SENT;
	if (err)
		*err = failure;
	return -1;
}

static int send_plain(const struct outbox *outbox, uint16_t kind, const struct run *run,
		      struct berth_error *err)
{
	const struct launcher_plain packet = {launcher_header_make(
		kind, sizeof(packet), run ? run->number : 0, run ? run->token : NULL)};

	return send_packet(outbox, &packet, sizeof(packet), NULL, err);
}

/* The descriptors of a run that a supervisor has a use for. */
static void list_inside(const struct run *run, struct launcher_descriptors *descriptors)
{
	int next = LAUNCHER_FD_VIEW_1;

	descriptors->fds[LAUNCHER_FD_CHANNEL] = run->channel_fd;
	for (size_t i = 0; i < run->volume_count && next <= LAUNCHER_FD_VIEW_2; i++)
		if (run->volumes[i].viewed)
			descriptors->fds[next++] = run->volumes[i].view_fd;
}

static int send_row(const struct outbox *outbox, const struct run *run, struct berth_error *err)
{
	struct launcher_table_run packet = {
		.header = launcher_header_make(LAUNCHER_TABLE_RUN, sizeof(packet), run->number,
					       run->token),
		.state = run_state_of(run),
		.hold_count = run->hold_count,
		.kill_asked = run->kill_asked,
		.launched_ns = run->launched_ns,
	};
	struct launcher_descriptors descriptors;
	int fds[LAUNCHER_PASS_COUNT];
	size_t count;

	launcher_descriptors_init(&descriptors);
	descriptors.fds[LAUNCHER_FD_STDOUT] = run->stdout_fd;
	descriptors.fds[LAUNCHER_FD_STDERR] = run->stderr_fd;
	list_inside(run, &descriptors);
	packet.passed = launcher_descriptors_list(&descriptors, fds, &count);
	if (!run->sandbox)
		packet.outcome = run->outcome;
	memcpy(packet.protections, run->protections->states, sizeof(packet.protections));
	return send_packet(outbox, &packet, sizeof(packet), &descriptors, err);
}

static int send_hold(const struct outbox *outbox, const struct run *run, const struct hold *hold,
		     struct berth_error *err)
{
	const struct launcher_hold packet = {
		.header = launcher_header_make(LAUNCHER_TABLE_HOLD, sizeof(packet), run->number,
					       run->token),
		.connection = hold->connection,
	};
	struct launcher_descriptors descriptors;

	launcher_descriptors_init(&descriptors);
	descriptors.fds[LAUNCHER_FD_CONNECTION] = hold->fd;
	return send_packet(outbox, &packet, sizeof(packet), &descriptors, err);
}

static int send_started(const struct outbox *outbox, const struct run *run, struct berth_error *err)
{
	struct launcher_started packet = {
		.header = launcher_header_make(LAUNCHER_STARTED, sizeof(packet), run->number,
					       run->token),
	};
	struct launcher_descriptors descriptors;
	int fds[LAUNCHER_PASS_COUNT], result;
	size_t count;

	launcher_descriptors_init(&descriptors);
	list_inside(run, &descriptors);
	packet.passed = launcher_descriptors_list(&descriptors, fds, &count);
	memcpy(packet.protections, run->protections->states, sizeof(packet.protections));
	crash_point(CRASH_LAUNCHER_BEFORE_STARTED);
	result = send_packet(outbox, &packet, sizeof(packet), &descriptors, err);
	crash_point(CRASH_LAUNCHER_AFTER_STARTED);
	return result;
}

static int send_frozen(const struct outbox *outbox, const struct run *run, struct berth_error *err)
{
	return send_plain(outbox, LAUNCHER_FROZEN, run, err);
}

static int send_not_frozen(const struct outbox *outbox, const struct run *run,
			   struct berth_error *err)
{
	struct launcher_refused packet = {
		.header = launcher_header_make(LAUNCHER_REFUSED, sizeof(packet), run->number,
					       run->token),
		.request = LAUNCHER_FREEZE,
	};

	(void)berth_fail(&packet.error, BERTH_SYSTEM, EBUSY,
			 "freeze: not every process came to a stop");
	return send_packet(outbox, &packet, sizeof(packet), NULL, err);
}

static int send_reclaimed(const struct outbox *outbox, const struct run *run,
			  struct berth_error *err)
{
	const struct launcher_reclaimed packet = {
		.header = launcher_header_make(LAUNCHER_RECLAIMED, sizeof(packet), run->number,
					       run->token),
		.before_bytes = run->reclaim_from_bytes,
		.after_bytes = run->reclaim_left_bytes,
	};

	return send_packet(outbox, &packet, sizeof(packet), NULL, err);
}

static int send_ended(const struct outbox *outbox, const struct run *run, struct berth_error *err)
{
	const struct launcher_ended packet = {
		.header = launcher_header_make(LAUNCHER_ENDED, sizeof(packet), run->number,
					       run->token),
		.outcome = run->outcome,
	};
	int result;

	crash_point(CRASH_LAUNCHER_BEFORE_ENDED);
	result = send_packet(outbox, &packet, sizeof(packet), NULL, err);
	crash_point(CRASH_LAUNCHER_AFTER_ENDED);
	return result;
}

/* In the order in which they happen. */
static const struct {
	uint8_t bit;
	int (*send)(const struct outbox *outbox, const struct run *run, struct berth_error *err);
} tell_rows[] = {
	{TELL_STARTED,    send_started   },
        {TELL_FROZEN,     send_frozen    },
	{TELL_NOT_FROZEN, send_not_frozen},
        {TELL_RECLAIMED,  send_reclaimed },
	{TELL_ENDED,      send_ended     },
};

static int flush_table(struct outbox *outbox, struct berth_error *err)
{
	struct run *run;
	int result;

	while ((run = run_table_next(outbox->table, outbox->table_index))) {
		const struct hold *hold;

		outbox->table_index = run_table_index(outbox->table, run);
		if (!outbox->row_told) {
			result = send_row(outbox, run, err);
			if (result != SENT)
				return result;
			outbox->row_told = true;
			outbox->hold_index = 0;
			run->tell = 0;
			outbox->told_count++;
		}
		while ((hold = run_table_hold_at(outbox->table, run, outbox->hold_index))) {
			result = send_hold(outbox, run, hold, err);
			if (result != SENT)
				return result;
			outbox->hold_index++;
		}
		outbox->table_index++;
		outbox->row_told = false;
	}
	return SENT;
}

static int flush_stages(struct outbox *outbox, struct berth_error *err)
{
	struct launcher_table_end end = {
		.header = launcher_header_make(LAUNCHER_TABLE_END, sizeof(end), 0, NULL),
	};
	int result = SENT;

	if (outbox->stage == OUTBOX_HELLO) {
		result = send_packet(outbox, &outbox->hello, sizeof(outbox->hello), NULL, err);
		if (result == SENT)
			outbox->stage = OUTBOX_TABLE;
	}
	if (result == SENT && outbox->stage == OUTBOX_TABLE) {
		result = flush_table(outbox, err);
		if (result == SENT)
			outbox->stage = OUTBOX_TABLE_END;
	}
	if (result == SENT && outbox->stage == OUTBOX_TABLE_END) {
		end.run_count = outbox->told_count;
		result = send_packet(outbox, &end, sizeof(end), NULL, err);
		if (result == SENT)
			outbox->stage = OUTBOX_EVENTS;
	}
	return result;
}

static int flush_notices(struct outbox *outbox, struct berth_error *err)
{
	static const struct {
		unsigned bit;
		uint16_t kind;
	} rows[] = {
		{NOTICE_RELOADING, LAUNCHER_RELOADING},
		{NOTICE_SHUTDOWN,  LAUNCHER_SHUTDOWN },
		{NOTICE_PING,      LAUNCHER_PING     },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int result;

		if (!(outbox->notices & rows[i].bit))
			continue;
		result = send_plain(outbox, rows[i].kind, NULL, err);
		if (result != SENT)
			return result;
		outbox->notices &= ~rows[i].bit;
	}
	return SENT;
}

static int flush_replies(struct outbox *outbox, struct berth_error *err)
{
	while (outbox->reply_count > 0) {
		const union outbox_reply *reply = &outbox->replies[outbox->reply_first];
		int result = send_packet(outbox, reply, reply->header.bytes, NULL, err);

		if (result != SENT)
			return result;
		outbox->reply_first = (outbox->reply_first + 1) % OUTBOX_REPLIES;
		outbox->reply_count--;
	}
	return SENT;
}

static int flush_runs(struct outbox *outbox, struct berth_error *err)
{
	while (outbox->first != RUN_TABLE_NONE) {
		struct run *run = &outbox->table->runs[outbox->first];

		for (size_t i = 0; i < sizeof(tell_rows) / sizeof(tell_rows[0]); i++) {
			int result;

			if (!(run->tell & tell_rows[i].bit))
				continue;
			result = tell_rows[i].send(outbox, run, err);
			if (result != SENT)
				return result;
			run->tell &= (uint8_t)~tell_rows[i].bit;
		}
		(void)take_first(outbox);
	}
	return SENT;
}

int outbox_flush(struct outbox *outbox, struct berth_error *err)
{
	static int (*const steps[])(struct outbox * outbox, struct berth_error * err) = {
		flush_stages, flush_notices, flush_replies, flush_runs};

	for (size_t i = 0; outbox->fd >= 0 && i < sizeof(steps) / sizeof(steps[0]); i++) {
		int result = steps[i](outbox, err);

		if (result != SENT)
			return result;
	}
	return SENT;
}
