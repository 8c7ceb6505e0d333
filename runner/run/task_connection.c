/* SPDX-License-Identifier: Apache-2.0 */
/* One connection of a task: bytes in, lines handled, replies out; never blocks on its peer. */
#include "runner/run/task_connection.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "extensions/task/protocol_table.h"
#include "runner/crash/crash_point.h"

#define TURN_NS            (10 * CLOCK_NS_PER_MS)
#define OUTPUT_PAUSE_BYTES ((size_t)64 * 1024) /* no more requests while that much waits */

/* Requests that wait and whose line has left the socket. */
static int waits_take_over(struct task_connection *connection, struct task_run *run,
			   struct berth_error *err)
{
	const struct task_request *request;

	for (size_t i = 0; i < PROTOCOL_WAITS_MAX; i++) {
		request = task_ledger_wait(&run->ledger, i);
		if (!request || request->connection != connection->number)
			continue;
		if (request->sequence >= connection->intake.sequence) {
			task_ledger_drop_wait(&run->ledger, request); /* it will be read again */
			continue;
		}
		if (task_flight_add_waiting(&connection->flight, request, &run->dispatch, err) < 0)
			return -1;
	}
	return 0;
}

static int connection_prepare(struct task_connection *connection, struct task_run *run,
			      struct berth_error *err)
{
	bool is_durable = run->ledger.fd >= 0;

	if (task_intake_init(&connection->intake, connection->fd, is_durable ? &run->ledger : NULL,
			     connection->number, err) < 0)
		return -1;
	task_output_init(&connection->output, connection->fd, connection->intake.slot);
	if (!is_durable)
		return 0;
	if (connection->intake.slot->is_replying)
		return berth_fail(err, BERTH_PROTOCOL, 0,
				  "nobody knows how much of a reply it has got");
	connection->is_greeted = connection->intake.sequence > 0;
	return waits_take_over(connection, run, err);
}

int task_connection_init(struct task_connection *connection, struct task_run *run, uint64_t number,
			 int fd, struct berth_error *err)
{
	*connection = (struct task_connection){.fd = fd, .number = number};
	if (connection_prepare(connection, run, err) == 0)
		return 0;
	task_connection_finish(connection, run);
	return -1;
}

void task_connection_finish(struct task_connection *connection, struct task_run *run)
{
	task_intake_finish(&connection->intake, &run->budget);
	task_output_finish(&connection->output, &run->budget);
	task_flight_finish(&connection->flight, &run->dispatch);
	close_fd(&connection->fd);
}

/* Says why, as far as the peer listens, and gives the connection up. */
static void refuse(struct task_connection *connection, struct task_run *run,
		   const struct berth_error *why)
{
	/* without memory for words the closing has to say it */
	(void)task_dispatch_refuse(&run->dispatch, why, &connection->output.lines, NULL);
	task_output_note(&connection->output, NULL, &run->budget);
	task_output_flush(&connection->output, &run->budget);
	connection->is_dead = true;
}

/* No more requests until the peer reads, or until answers have come. */
static bool is_paused(const struct task_connection *connection, const struct task_run *run)
{
	const struct task_flight *flight = &connection->flight;

	return connection->output.lines.length + flight->kept_bytes >= OUTPUT_PAUSE_BYTES ||
	       flight->deferred_count + flight->kept_count >= TASK_DEFERRED_MAX ||
	       run->dispatch.deferred_count >= TASK_DEFERRED_RUN_MAX;
}

/* Notes what was done with a line: its reply is part of the output, or kept, or still to come. */
static int note_handled(struct task_connection *connection, struct task_run *run,
			const struct task_line *line, size_t bytes, int status,
			struct berth_error *err)
{
	struct task_flight *flight = &connection->flight;
	struct task_output *output = &connection->output;

	if (status == TASK_DISPATCH_DEFERRED)
		return task_flight_add_deferred(flight, line, bytes, &run->dispatch, err);
	if (line->reply != &output->lines && line->reply->length > 0)
		return task_flight_add_kept(flight, line, bytes, line->reply, err);
	task_output_note(output, line->body, &run->budget);
	return bytes > 0 ? task_flight_add_done(flight, bytes, output->queued_bytes, err) : 0;
}

static int check_output(const struct task_connection *connection, const struct task_run *run,
			struct berth_error *err)
{
	if (run->budget.output_bytes <= TASK_BUDGET_OUTPUT_MAX ||
	    connection->output.lines.length <= TASK_BUDGET_OUTPUT_SHARE)
		return 0;
	return berth_fail(err, BERTH_LIMIT, 0,
			  "all connections together: more than %zu bytes of replies not read",
			  TASK_BUDGET_OUTPUT_MAX);
}

/* Handles one line; returns what task_dispatch_line() does. */
static int handle_line(struct task_connection *connection, struct task_run *run,
		       struct task_line *line, size_t bytes, struct berth_error *err)
{
	AUTO_TEXT struct text kept = {.limit = TASK_BUDGET_OUTPUT_MAX};
	int status;

	if (line->length >= PROTOCOL_LINE_MAX)
		return berth_fail(err, BERTH_LIMIT, 0, "a line longer than %d bytes",
				  PROTOCOL_LINE_MAX);
	line->is_greeted = connection->is_greeted;
	line->reply =
		task_flight_keeps_order(&connection->flight) ? &kept : &connection->output.lines;
	crash_point(CRASH_MESSAGE_BEFORE_HANDLING);
	status = task_dispatch_line(&run->dispatch, line, err);
	connection->is_greeted = line->is_greeted;
	if (status == TASK_DISPATCH_CLOSE && line->reply == &kept &&
	    text_append(&connection->output.lines, kept.data, kept.length, err) < 0)
		return -1;
	if (status == TASK_DISPATCH_CLOSE)
		task_output_note(&connection->output, NULL, &run->budget);
	else if (status >= 0 && note_handled(connection, run, line, bytes, status, err) < 0)
		return -1;
	if (status == 0 && check_output(connection, run, err) < 0)
		return -1;
	return status;
}

/* Handles complete lines until the peer has to read first, or the turn is over. */
static int handle_lines(struct task_connection *connection, struct task_run *run,
			struct berth_error *err)
{
	uint64_t turn_ns = clock_boottime_ns(), from_ns = turn_ns, to_ns;
	struct task_line line = {.request.connection = connection->number};
	size_t bytes;
	int status = 0;

	while (status != TASK_DISPATCH_CLOSE && task_intake_has_line(&connection->intake)) {
		if (is_paused(connection, run))
			task_output_flush(&connection->output, &run->budget);
		if (is_paused(connection, run) || from_ns - turn_ns >= TURN_NS ||
		    task_budget_rest_until(&run->budget, from_ns) != 0)
			break;
		line.request.sequence = connection->intake.sequence;
		line.data = task_intake_line(&connection->intake, &line.length, &bytes);
		status = handle_line(connection, run, &line, bytes, err);
		if (status < 0)
			return -1;
		to_ns = clock_boottime_ns();
		task_budget_spend(&run->budget, from_ns, to_ns);
		from_ns = to_ns;
	}
	task_intake_drop(&connection->intake, &run->budget);
	if (status != TASK_DISPATCH_CLOSE)
		return 0;
	task_output_flush(&connection->output, &run->budget);
	connection->is_dead = true;
	return 0;
}

/* Sends the replies whose turn has come, and lets go of what is done. */
static int settle(struct task_connection *connection, struct task_run *run, struct berth_error *err)
{
	struct task_flight *flight = &connection->flight;
	struct task_output *output = &connection->output;
	uint64_t end_bytes = output->queued_bytes;
	int status;

	while ((status = task_flight_release(flight, &output->lines, &end_bytes, err)) == 0)
		task_output_note(output, NULL, &run->budget);
	if (status < 0)
		return -1;
	task_output_flush(output, &run->budget);
	if (task_flight_settle(flight, &connection->intake, output->sent_bytes, err) < 0)
		return -1;
	/* an unfinished line must not fill the socket that its rest has to come through */
	return task_intake_spill(&connection->intake, err);
}

/* A turn up to where it fails; the caller then gives the connection up. */
static int turn(struct task_connection *connection, struct task_run *run, struct berth_error *err)
{
	task_output_flush(&connection->output, &run->budget);
	if (!connection->intake.has_ended && !is_paused(connection, run) &&
	    !task_intake_has_line(&connection->intake) &&
	    task_budget_rest_until(&run->budget, clock_boottime_ns()) == 0 &&
	    task_intake_read(&connection->intake, &run->budget, err) < 0)
		return -1;
	if (handle_lines(connection, run, err) < 0)
		return -1;
	return connection->is_dead ? 0 : settle(connection, run, err);
}

/* Whether the peer has closed, and not only said that it will send nothing more. */
static bool peer_is_gone(const struct task_connection *connection)
{
	struct pollfd polled = {.fd = connection->fd};

	return connection->output.is_gone ||
	       (poll(&polled, 1, 0) > 0 && (polled.revents & (POLLHUP | POLLERR)) != 0);
}

/* The peer has ended: whether nobody is left who would be answered, and nothing to be noted. */
static bool is_over(const struct task_connection *connection)
{
	const struct task_flight *flight = &connection->flight;

	if (task_output_is_due(&connection->output) || task_flight_keeps_order(flight))
		return false;
	return flight->waiting_count == 0 || peer_is_gone(connection);
}

bool task_connection_turn(struct task_connection *connection, struct task_run *run)
{
	struct berth_error why = {0};
	bool has_line;

	if (!connection->is_dead && turn(connection, run, &why) < 0)
		refuse(connection, run, &why);
	if (connection->is_dead)
		return false;
	has_line = task_intake_has_line(&connection->intake);
	if (connection->intake.has_ended && !has_line && is_over(connection))
		connection->is_dead = true;
	return (has_line || connection->intake.has_more) && !connection->is_dead &&
	       !is_paused(connection, run);
}

int task_connection_answer(struct task_connection *connection, struct task_run *run,
			   uint64_t sequence, struct text *reply)
{
	return task_flight_answer(&connection->flight, sequence, reply, &run->dispatch);
}

int task_connection_commit(struct task_connection *connection, struct task_run *run,
			   uint64_t sequence)
{
	return task_flight_commit(&connection->flight, sequence,
				  run->ledger.fd >= 0 ? &run->ledger : NULL);
}

void task_connection_tell(struct task_connection *connection, struct task_run *run,
			  const char *line)
{
	struct berth_error why = {0};

	if (!connection->is_greeted || connection->output.is_gone || connection->is_dead)
		return;
	if (text_append_string(&connection->output.lines, line, &why) < 0) {
		task_dispatch_report(&run->dispatch, &why);
		connection->is_dead = true;
	}
	task_output_note(&connection->output, NULL, &run->budget);
	task_output_flush(&connection->output, &run->budget);
}

uint32_t task_connection_interest(struct task_connection *connection, const struct task_run *run,
				  bool is_resting)
{
	uint32_t events = 0;

	if (task_output_is_due(&connection->output))
		events |= EPOLLOUT;
	/* what was only looked at stays readable: be told of what is new */
	if (connection->intake.slot)
		return events | EPOLLIN | EPOLLET;
	if (!is_resting && !connection->intake.has_ended &&
	    !task_intake_has_line(&connection->intake) && !is_paused(connection, run))
		events |= EPOLLIN;
	return events;
}
