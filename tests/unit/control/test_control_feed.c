/* SPDX-License-Identifier: Apache-2.0 */
/* Followers at one place cost one reading, those at different places have theirs in turn, and what
 * was in a log when somebody asked is never missed. The reader's thread is played by the test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "runner/control/control_feed.h"
#include "tests/unit/runner/log_fixture.h"

#define FOLLOWERS 10

struct bench {
	struct control_backend backend;
	struct number_index feeds;
	struct log_fixture *log;
	struct engine_job *job; /* submitted, not done */
	unsigned readings;
};

struct asker {
	struct control_feed_wait wait;
	struct control_feed *feed;
	struct text heard;
	enum control_feed_outcome outcome;
	unsigned answers;
	bool has_failed, asks_on;
};

static void submit(void *owner, struct engine_job *job, bool may_wait)
{
	struct bench *bench = owner;

	(void)may_wait;
	assert_null(bench->job);
	bench->job = job;
	bench->readings++;
}

/* false: nothing is to be read. */
static bool read_one(struct bench *bench)
{
	struct engine_job *job = bench->job;
	struct berth_error err = {0};
	int result;

	if (!job)
		return false;
	bench->job = NULL;
	result = job->read(NULL, job, &err);
	job->done(job, result, &err);
	return true;
}

static void take(struct control_feed_wait *wait, const struct control_feed_part *part,
		 const struct berth_error *err)
{
	struct asker *asker = (struct asker *)((char *)wait - offsetof(struct asker, wait));

	asker->answers++;
	asker->has_failed = !part;
	if (!part) {
		assert_true(err->message[0]);
		return;
	}
	if (part->lines->length > 0)
		assert_int_equal(
			text_append(&asker->heard, part->lines->data, part->lines->length, NULL),
			0);
	asker->outcome = part->outcome;
	wait->position = part->end;
	if (asker->asks_on && part->outcome == CONTROL_FEED_MORE)
		control_feed_ask(asker->feed, wait);
}

static void bench_init(struct bench *bench, struct log_fixture *log)
{
	*bench = (struct bench){.log = log};
	bench->backend = (struct control_backend){.owner = bench,
						  .logs_directory = log->directory,
						  .submit = submit,
						  .feeds = &bench->feeds};
}

static void asker_init(struct asker *asker, struct bench *bench)
{
	*asker = (struct asker){.wait.take = take};
	assert_int_equal(control_feed_get(&bench->backend, bench->log->run, 1, &asker->feed, NULL),
			 0);
}

static void asker_finish(struct asker *asker)
{
	control_feed_release(asker->feed);
	text_finish(&asker->heard);
}

static size_t count_lines(const struct text *text)
{
	size_t count = 0;

	for (size_t i = 0; i < text->length; i++)
		count += text->data[i] == '\n';
	return count;
}

static void test_one_reading_for_all(void **state)
{
	struct asker askers[FOLLOWERS];
	struct bench bench;

	bench_init(&bench, *state);
	log_fixture_create(bench.log, UINT64_C(1) << 20);
	log_fixture_print(bench.log, LOG_STDOUT, "one\ntwo \"quoted\"\n");
	for (size_t i = 0; i < FOLLOWERS; i++) {
		asker_init(&askers[i], &bench);
		if (i + 1 < FOLLOWERS)
			control_feed_ask(askers[i].feed, &askers[i].wait);
	}
	assert_true(read_one(&bench));
	/* one that comes a little later */
	control_feed_ask(askers[FOLLOWERS - 1].feed, &askers[FOLLOWERS - 1].wait);
	assert_int_equal(bench.readings, 1);
	assert_int_equal(askers[FOLLOWERS - 1].outcome, CONTROL_FEED_MORE); /* who knows */
	assert_int_equal(askers[0].outcome, CONTROL_FEED_DRY);
	assert_false(read_one(&bench));
	for (size_t i = 0; i < FOLLOWERS; i++) {
		assert_true(askers[i].answers > 0);
		assert_int_equal(count_lines(&askers[i].heard), 2);
		assert_non_null(strstr(askers[i].heard.data, "\"message\":\"two \\\"quoted\\\"\""));
		assert_non_null(strstr(askers[i].heard.data, ",\"attempt\":1}\n"));
		asker_finish(&askers[i]);
	}
	assert_int_equal(bench.feeds.count, 0);
}

/* It came between the reading and the question, which is answered from that reading. */
static void test_nothing_is_missed(void **state)
{
	struct asker first, second;
	struct bench bench;
	struct engine_job *job;
	struct berth_error err = {0};
	int result;

	bench_init(&bench, *state);
	log_fixture_create(bench.log, UINT64_C(1) << 20);
	log_fixture_print(bench.log, LOG_STDOUT, "one\n");
	asker_init(&first, &bench);
	asker_init(&second, &bench);
	control_feed_ask(first.feed, &first.wait);
	job = bench.job;
	bench.job = NULL;
	result = job->read(NULL, job, &err);
	log_fixture_print(bench.log, LOG_STDOUT, "two\n");
	control_feed_ask(second.feed, &second.wait);
	job->done(job, result, &err);
	assert_int_equal(first.outcome, CONTROL_FEED_DRY);
	assert_int_equal(second.outcome, CONTROL_FEED_MORE);
	control_feed_ask(second.feed, &second.wait);
	assert_true(read_one(&bench));
	assert_int_equal(count_lines(&second.heard), 2);
	asker_finish(&first);
	asker_finish(&second);
}

/* One that is always quicker does not keep the others from being answered. */
static void test_places_take_turns(void **state)
{
	struct asker quick, slow;
	struct bench bench;
	char line[200];

	bench_init(&bench, *state);
	log_fixture_create(bench.log, UINT64_C(1) << 20);
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(line, sizeof(line), "line %d %0100d\n", i, 0);
		log_fixture_print(bench.log, LOG_STDERR, line);
	}
	asker_init(&quick, &bench);
	asker_init(&slow, &bench);
	quick.asks_on = true;
	control_feed_ask(quick.feed, &quick.wait);
	assert_true(read_one(&bench));
	slow.wait.position = 500 << 20;
	control_feed_ask(slow.feed, &slow.wait);
	assert_true(read_one(&bench));
	assert_true(read_one(&bench));
	assert_int_equal(slow.answers, 1);
	while (read_one(&bench))
		continue;
	assert_int_equal(count_lines(&quick.heard), 1000);
	assert_int_equal(quick.outcome, CONTROL_FEED_DRY);
	asker_finish(&quick);
	asker_finish(&slow);
}

static void test_end_and_nothing(void **state)
{
	struct asker asker;
	struct bench bench;

	bench_init(&bench, *state);
	asker_init(&asker, &bench);
	control_feed_ask(asker.feed, &asker.wait);
	assert_true(read_one(&bench)); /* there is no log yet */
	assert_int_equal(asker.outcome, CONTROL_FEED_DRY);
	log_fixture_create(bench.log, UINT64_C(1) << 20);
	log_fixture_print(bench.log, LOG_STDOUT, "last\n");
	assert_int_equal(log_writer_end(bench.log->writer, NULL), 0);
	control_feed_ask(asker.feed, &asker.wait);
	assert_true(read_one(&bench));
	assert_int_equal(asker.outcome, CONTROL_FEED_OVER);
	assert_int_equal(count_lines(&asker.heard), 1);
	asker_finish(&asker);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_one_reading_for_all, log_fixture_set_up,
						log_fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_nothing_is_missed, log_fixture_set_up,
						log_fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_places_take_turns, log_fixture_set_up,
						log_fixture_tear_down),
		cmocka_unit_test_setup_teardown(test_end_and_nothing, log_fixture_set_up,
						log_fixture_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
