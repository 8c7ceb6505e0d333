/* SPDX-License-Identifier: Apache-2.0 */
/* One reader an attempt, the part it read last, and those who wait for the next. */
#include "runner/control/control_feed.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "runner/log/log_format.h"
#include "runner/log/log_reader.h"

struct part {
	uint64_t start, end;
	enum control_feed_outcome outcome;
	struct text lines;
};

struct control_feed {
	struct number_link link;
	const struct control_backend *backend;
	int64_t attempt;
	unsigned users;
	struct fifo waiting;
	struct part part; /* the last one, for those who come to its start a little later */
	uint64_t round;   /* of readings that were begun */
	bool is_answering;
	bool is_reading; /* then what follows is the reader's thread's */
	struct engine_job job;
	struct log_reader *reader;
	struct part next;
};

static struct control_feed *feed_of_link(struct number_link *link)
{
	return (struct control_feed *)((char *)link - offsetof(struct control_feed, link));
}

static struct control_feed *feed_of_job(struct engine_job *job)
{
	return (struct control_feed *)((char *)job - offsetof(struct control_feed, job));
}

static struct control_feed_wait *wait_of(struct fifo_link *link)
{
	return link ? (struct control_feed_wait *)((char *)link -
						   offsetof(struct control_feed_wait, link))
		    : NULL;
}

static int append_record(struct control_feed *feed, const struct log_record *record,
			 struct berth_error *err)
{
	struct text *lines = &feed->next.lines;

	if (text_append_string(lines, "{\"log\":", err) < 0 ||
	    log_format_json(record, lines, err) < 0)
		return -1;
	lines->length--; /* its newline */
	return text_append_format(lines, err, ",\"attempt\":%lld}\n", (long long)feed->attempt);
}

static int read_part(struct store *store, struct engine_job *job, struct berth_error *err)
{
	struct control_feed *feed = feed_of_job(job);
	struct part *next = &feed->next;
	struct log_record record;
	int status = 0;

	(void)store;
	log_reader_seek(feed->reader, next->start);
	while (status == 0 && next->lines.length < CONTROL_FEED_BYTES) {
		status = log_reader_next(feed->reader, &record, err);
		if (status == 0 && append_record(feed, &record, err) < 0)
			status = -1;
	}
	if (status < 0)
		return -1;
	next->outcome = status == LOG_READER_END    ? CONTROL_FEED_OVER
			: status == LOG_READER_WAIT ? CONTROL_FEED_DRY
						    : CONTROL_FEED_MORE;
	next->end = log_reader_position(feed->reader);
	if (status == LOG_READER_WAIT)
		log_reader_rest(feed->reader); /* there are many, and most of them wait */
	return 0;
}

static void on_read(struct engine_job *job, int result, const struct berth_error *why);

static void start_reading(struct control_feed *feed, uint64_t position)
{
	feed->is_reading = true;
	feed->round++;
	feed->next.lines.length = 0;
	feed->next.start = position;
	feed->job = (struct engine_job){.read = read_part, .done = on_read};
	feed->backend->submit(feed->backend->owner, &feed->job, false);
}

/* A part that was read before the question may lack what it was asked for. */
static void give(const struct control_feed *feed, struct control_feed_wait *wait, bool is_fresh)
{
	struct control_feed_part part = {
		.outcome = feed->part.outcome,
		.end = feed->part.end,
		.lines = &feed->part.lines,
	};

	if (part.outcome == CONTROL_FEED_DRY && !is_fresh)
		part.outcome = CONTROL_FEED_MORE;
	wait->take(wait, &part, NULL);
}

static void answer_all(struct control_feed *feed, int result, const struct berth_error *why)
{
	struct control_feed_wait *wait;
	uint64_t round = feed->round;
	struct fifo asked, rest;

	fifo_init(&asked);
	fifo_init(&rest);
	fifo_move(&feed->waiting, &asked, SIZE_MAX);
	while ((wait = wait_of(fifo_take(&asked)))) {
		if (result < 0 && wait->round <= round)
			wait->take(wait, NULL, why);
		else if (result >= 0 && wait->position == feed->part.start)
			give(feed, wait, wait->round <= round);
		else
			fifo_add(&rest, &wait->link);
	}
	/* whoever was answered and asked anew comes behind them */
	fifo_move(&feed->waiting, &rest, SIZE_MAX);
	fifo_move(&rest, &feed->waiting, SIZE_MAX);
}

static void destroy(struct control_feed *feed)
{
	number_index_remove(feed->backend->feeds, &feed->link);
	log_reader_destroy(feed->reader);
	text_finish(&feed->part.lines);
	text_finish(&feed->next.lines);
	free(feed);
}

static void on_read(struct engine_job *job, int result, const struct berth_error *why)
{
	struct control_feed *feed = feed_of_job(job);
	struct part before = feed->part;

	feed->is_reading = false;
	feed->users++; /* until all are answered */
	if (result >= 0) {
		feed->part = feed->next;
		feed->next = before;
	}
	feed->is_answering = true;
	answer_all(feed, result, why);
	feed->is_answering = false;
	if (feed->waiting.first)
		start_reading(feed, wait_of(feed->waiting.first)->position);
	control_feed_release(feed);
}

static struct control_feed *find(const struct control_backend *backend, int64_t run_id,
				 int64_t attempt)
{
	struct number_link *link = number_index_find(backend->feeds, run_id);

	while (link && feed_of_link(link)->attempt != attempt)
		link = number_link_next(link);
	return link ? feed_of_link(link) : NULL;
}

int control_feed_get(const struct control_backend *backend, int64_t run_id, int64_t attempt,
		     struct control_feed **ret_feed, struct berth_error *err)
{
	struct control_feed *feed = find(backend, run_id, attempt);

	if (feed) {
		feed->users++;
		*ret_feed = feed;
		return 0;
	}
	feed = calloc(1, sizeof(*feed));
	if (!feed)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "follow a run");
	if (log_reader_create(backend->logs_directory, run_id, attempt, &feed->reader, err) < 0) {
		free(feed);
		return -1;
	}
	feed->backend = backend;
	feed->attempt = attempt;
	feed->users = 1;
	fifo_init(&feed->waiting);
	number_index_add(backend->feeds, &feed->link, run_id);
	*ret_feed = feed;
	return 0;
}

void control_feed_release(struct control_feed *feed)
{
	if (feed && --feed->users == 0)
		destroy(feed);
}

void control_feed_ask(struct control_feed *feed, struct control_feed_wait *wait)
{
	if (wait->position == feed->part.start && feed->part.end > wait->position) {
		give(feed, wait, false);
		return;
	}
	wait->round = feed->round + 1;
	fifo_add(&feed->waiting, &wait->link);
	if (!feed->is_reading && !feed->is_answering)
		start_reading(feed, wait->position);
}
