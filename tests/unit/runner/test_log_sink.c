/* SPDX-License-Identifier: Apache-2.0 */
/* What a run prints on stderr: raw in text, one object a line in JSON, and a reader that stalls. */
/* cmocka.h wants these before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/descriptor.h"
#include "base/json.h"
#include "base/loop.h"
#include "base/text.h"
#include "runner/run/log_sink.h"

struct bench {
	struct loop *loop;
	struct log_sink *sink;
	struct berth_error err;
	int pipe[2];
};

static void start(struct bench *bench, enum log_format format, bool quiet)
{
	struct log_sink_options options = {.format = format, .quiet = quiet};

	assert_int_equal(loop_create(&bench->loop, &bench->err), 0);
	assert_int_equal(descriptor_pipe(bench->pipe, &bench->err), 0);
	assert_int_equal(
		log_sink_create(bench->loop, bench->pipe[1], &options, &bench->sink, &bench->err),
		0);
}

/* Everything that was written, NUL-terminated; ends the bench. */
static char *stop(struct bench *bench)
{
	struct text text = {0};
	char buffer[4096];
	ssize_t count;

	log_sink_destroy(bench->sink);
	loop_destroy(bench->loop);
	close_fd(&bench->pipe[1]);
	assert_int_equal(text_append(&text, "", 0, NULL), 0);
	while ((count = read(bench->pipe[0], buffer, sizeof(buffer))) > 0)
		assert_int_equal(text_append(&text, buffer, (size_t)count, NULL), 0);
	close_fd(&bench->pipe[0]);
	return text_steal(&text);
}

static void say(struct bench *bench, const char *text)
{
	assert_int_equal(log_sink_stderr(bench->sink, text, strlen(text), &bench->err), 0);
}

static void test_text_is_passed_on(void **state)
{
	AUTO_FREE char *got = NULL;
	struct bench bench;

	(void)state;
	start(&bench, LOG_FORMAT_TEXT, false);
	say(&bench, "raw \033[1m\xff line\n");
	say(&bench, "half");
	log_sink_notice(bench.sink, LOG_INFO, "a notice\033[1m");
	log_sink_notice(bench.sink, LOG_DEBUG, "not shown");
	assert_int_equal(log_sink_stderr_end(bench.sink, &bench.err), 0);
	got = stop(&bench);
	assert_string_equal(got, "raw \033[1m\xff line\nhalf\nberth: a notice\\x1b[1m\n");
}

static void test_text_log(void **state)
{
	AUTO_FREE char *got = NULL;
	AUTO_JSON json_t *fields = json_pack("{s:i,s:s,s:s}", "n", 4, "word", "a", "text", "a b");
	struct bench bench;

	(void)state;
	start(&bench, LOG_FORMAT_TEXT, false);
	assert_int_equal(
		log_sink_log(bench.sink, LOG_WARN, "frame\ndone\033[2J", fields, &bench.err), 0);
	got = stop(&bench);
	assert_string_equal(got + 8, " WARN  frame\\x0adone\\x1b[2J n=4 word=a text=\"a b\"\n");
}

/* The object on the n-th line. */
static json_t *line_object(const char *text, int n)
{
	struct berth_error err;
	json_t *object = NULL;
	size_t length;

	while (n-- > 0)
		text += strcspn(text, "\n") + 1;
	length = strcspn(text, "\n");
	if (json_parse(text, length, &object, &err) < 0)
		fail_msg("%s: %.*s", err.message, (int)length, text);
	assert_true(json_is_string(json_object_get(object, "time")));
	return object;
}

static void assert_member(const char *text, int line, const char *key, const char *value)
{
	AUTO_JSON json_t *object = line_object(text, line);

	assert_non_null(json_object_get(object, key));
	assert_string_equal(json_string_value(json_object_get(object, key)), value);
}

static void test_json(void **state)
{
	struct run_progress progress = {.percent = 40, .eta_s = -1, .rate = -1};
	AUTO_FREE char *got = NULL;
	struct bench bench;

	(void)state;
	start(&bench, LOG_FORMAT_JSON, false);
	say(&bench, "one\ntw");
	say(&bench, "o\n\xff\x01\nrest");
	assert_int_equal(log_sink_log(bench.sink, LOG_ERROR, "bad", NULL, &bench.err), 0);
	assert_int_equal(log_sink_progress(bench.sink, &progress, &bench.err), 0);
	assert_int_equal(log_sink_progress(bench.sink, &progress, &bench.err), 0);
	assert_int_equal(log_sink_stderr_end(bench.sink, &bench.err), 0);
	log_sink_notice(bench.sink, LOG_INFO, "caf\xe9");
	got = stop(&bench);
	assert_member(got, 0, "message", "one");
	assert_member(got, 0, "stream", "stderr");
	assert_member(got, 1, "message", "two");
	assert_member(got, 2, "message", "\\xff\\x01");
	assert_member(got, 3, "level", "error");
	json_decref(line_object(got, 4));
	assert_member(got, 5, "message", "rest");
	assert_member(got, 6, "message", "caf\\xe9");
}

static void test_json_cuts_endless_lines(void **state)
{
	AUTO_FREE char *flood = malloc(200001);
	AUTO_FREE char *got = NULL;
	struct bench bench;

	(void)state;
	memset(flood, 'a', 200000);
	flood[200000] = '\0';
	start(&bench, LOG_FORMAT_JSON, false);
	assert_true(fcntl(bench.pipe[1], F_SETPIPE_SZ, 1 << 20) > 0);
	say(&bench, flood);
	got = stop(&bench);
	for (int i = 0; i < 3; i++) {
		AUTO_JSON json_t *object = line_object(got, i);

		assert_int_equal(json_string_length(json_object_get(object, "message")), 65536);
	}
}

static void test_quiet(void **state)
{
	struct run_progress progress = {.percent = 40, .eta_s = -1, .rate = -1};
	AUTO_FREE char *got = NULL;
	struct bench bench;

	(void)state;
	start(&bench, LOG_FORMAT_AUTO, true);
	assert_int_equal(log_sink_progress(bench.sink, &progress, &bench.err), 0);
	log_sink_notice(bench.sink, LOG_INFO, "hello");
	log_sink_notice(bench.sink, LOG_WARN, "careful");
	got = stop(&bench);
	assert_string_equal(got, "berth: careful\n");
}

static void test_stalled_reader_never_blocks(void **state)
{
	AUTO_FREE char *block = calloc(1, 65536);
	struct bench bench;
	size_t before;

	(void)state;
	start(&bench, LOG_FORMAT_TEXT, false);
	for (int i = 0; i < 128; i++)
		assert_int_equal(log_sink_stderr(bench.sink, block, 65536, &bench.err), 0);
	before = log_sink_pending(bench.sink);
	assert_true(before > 4 << 20);
	/* structured logs are dropped now rather than kept without end */
	for (int i = 0; i < 1000; i++)
		assert_int_equal(log_sink_log(bench.sink, LOG_INFO, "x", NULL, &bench.err), 0);
	assert_int_equal(log_sink_pending(bench.sink), before);
	free(stop(&bench));
}

static void test_vanished_reader(void **state)
{
	struct bench bench;

	(void)state;
	(void)signal(SIGPIPE, SIG_IGN);
	start(&bench, LOG_FORMAT_TEXT, false);
	close_fd(&bench.pipe[0]);
	say(&bench, "into the void\n");
	say(&bench, "again\n");
	assert_int_equal(log_sink_pending(bench.sink), 0);
	log_sink_destroy(bench.sink);
	loop_destroy(bench.loop);
	close_fd(&bench.pipe[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_is_passed_on),
		cmocka_unit_test(test_text_log),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_json_cuts_endless_lines),
		cmocka_unit_test(test_quiet),
		cmocka_unit_test(test_stalled_reader_never_blocks),
		cmocka_unit_test(test_vanished_reader),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
