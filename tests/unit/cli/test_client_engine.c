/* SPDX-License-Identifier: Apache-2.0 */
/* The client verbs against the daemon's own handlers over an engine in memory: what one end says
 * the other understands. Nothing launches the attempts; the test reports their ends. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/identifier.h"
#include "client_fixture.h"
#include "runner/control/control_handlers.h"
#include "runner/log/log_writer.h"
#include "tests/unit/engine/engine_fixture.h"

#define ID_SIZE   64
#define LOG_LINES 1500
#define MANIFEST                                                                                   \
	"{\"tasks\":[{\"id\":\"hello\",\"command\":[\"true\"],\"retry\":{\"maxAttempts\":1}}]}"

struct daemon {
	struct client_fixture client; /* first: it owns the backend */
	struct fixture engine;
	char directory[128]; /* what is deployed */
	char version[ID_SIZE];
	struct number_index feeds;
};

static void submit(void *owner, struct engine_job *job, bool may_wait)
{
	struct daemon *daemon = owner;
	struct berth_error err = {0};
	int result;

	(void)may_wait;
	if (job->work) {
		result = fixture_do(&daemon->engine, job->work, job);
		err = daemon->engine.err;
	} else {
		result = job->read(daemon->engine.store, job, &err);
	}
	job->done(job, result, &err);
}

static void work(void *owner, struct control_chore *chore)
{
	struct berth_error err = {0};
	int result = chore->run(chore, &err);

	(void)owner;
	chore->done(chore, result, &err);
}

/* Nothing happens to a run while a test follows it. */
static void follow(void *owner, struct control_follower *follower)
{
	(void)owner;
	follower->tell(follower, CONTROL_FOLLOW_ENDED, NULL);
}

static void unfollow(void *owner, struct control_follower *follower)
{
	(void)owner;
	(void)follower;
}

static int usage(void *owner, int64_t run_id, struct control_usage *ret_usage,
		 struct berth_error *err)
{
	(void)owner;
	(void)run_id;
	(void)err;
	*ret_usage = (struct control_usage){
		.cpu_ns = 1500000000, .memory_bytes = 1 << 20, .pids = 2, .sampled_ns = 1};
	return 0;
}

static int describe(void *owner, json_t *status, struct berth_error *err)
{
	(void)owner;
	(void)err;
	return json_object_set_new(status, "version", json_string("0.1.0"));
}

static void write_file(const struct daemon *daemon, const char *name, const char *text)
{
	char path[192];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", daemon->directory, name);
	file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* What the verb printed, without the newline. */
static void take_line(const struct daemon *daemon, char ret_line[ID_SIZE])
{
	(void)snprintf(ret_line, ID_SIZE, "%.*s", (int)strcspn(daemon->client.out, "\n"),
		       daemon->client.out);
}

#define ASK(daemon, ...) RUN_ALONE(&(daemon)->client, __VA_ARGS__)
/* It must work. */
#define DO(daemon, ...)                                                                            \
	do {                                                                                       \
		if (ASK(daemon, __VA_ARGS__) != 0)                                                 \
			fail_msg("%s", (daemon)->client.err);                                      \
	} while (0)

static int set_up(void **state)
{
	struct daemon *daemon = calloc(1, sizeof(*daemon));
	struct control_fixture *control = &daemon->client.control;

	client_fixture_init(&daemon->client);
	fixture_open(&daemon->engine, NULL);
	clock_inject(NULL);
	(void)snprintf(daemon->directory, sizeof(daemon->directory), "%s/bundle",
		       control->directory);
	assert_int_equal(mkdir(daemon->directory, 0700), 0);
	write_file(daemon, "berth.json", MANIFEST);
	control->backend.submit = submit;
	control->backend.work = work;
	control->backend.follow = follow;
	control->backend.unfollow = unfollow;
	control->backend.usage = usage;
	control->backend.feeds = &daemon->feeds;
	control->backend.describe = describe;
	control->backend.logs_directory = control->backend.bundles_directory =
		open(control->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	control->options.handlers = control_handlers;
	fixture_start(control);
	DO(daemon, "deploy", daemon->directory);
	take_line(daemon, daemon->version);
	*state = daemon;
	return 0;
}

static int tear_down(void **state)
{
	struct daemon *daemon = *state;
	int bundles = daemon->client.control.backend.bundles_directory;

	fixture_finish(&daemon->client.control);
	(void)close(bundles);
	fixture_close(&daemon->engine);
	free(daemon);
	return 0;
}

static void trigger(struct daemon *daemon, const char *option, char ret_id[ID_SIZE])
{
	DO(daemon, "trigger", "hello", "--tag=t", option);
	take_line(daemon, ret_id);
	assert_int_equal(strncmp(ret_id, "run_", 4), 0);
}

static void test_versions(void **state)
{
	struct daemon *daemon = *state;

	DO(daemon, "versions", "list");
	expect_in(daemon->client.out, daemon->version);
	expect_in(daemon->client.out, "yes");
	DO(daemon, "versions", "promote", daemon->version);
	assert_int_equal(ASK(daemon, "versions", "rollback"), 1);
	expect_in(daemon->client.err, "berth versions list");
	DO(daemon, "tasks", "--deployed");
	expect_in(daemon->client.out, "hello");
	DO(daemon, "tasks", "--deployed", "hello");
	expect_in(daemon->client.out, "command          true\n");
	DO(daemon, "deploy", daemon->directory, "--skip-promotion");
	expect_in(daemon->client.err, "berth versions promote");
}

static void test_run(void **state)
{
	struct daemon *daemon = *state;
	char id[ID_SIZE];

	trigger(daemon, "--payload={\"n\":1}", id);
	DO(daemon, "runs", "list", "--tag=t", "--since=1h");
	expect_in(daemon->client.out, id);
	DO(daemon, "runs", "list", "--until=1h");
	expect_in(daemon->client.err, "no runs");
	DO(daemon, "runs", "tags", id, "more");
	DO(daemon, "runs", "show", id);
	expect_in(daemon->client.out, "payload          {\"n\":1}\n");
	expect_in(daemon->client.out, "tags             more,t\n");
	expect_in(daemon->client.out, "queue            task/hello\n");
	DO(daemon, "checkpoints", "list", id);
	expect_in(daemon->client.err, "no checkpoints");
	assert_int_equal(ASK(daemon, "runs", "show", "run_none"), 1);
	assert_int_equal(ASK(daemon, "trigger", "nobody"), 1);
	expect_in(daemon->client.err, "berth tasks --deployed");
}

/* What a task said in its first attempt. */
static void write_log(const struct daemon *daemon, int64_t run_id)
{
	const struct log_writer_options options = {
		.directory = daemon->client.control.backend.logs_directory,
		.run = run_id,
		.attempt = 1,
	};
	struct log_writer *writer;

	assert_int_equal(log_writer_create(&options, &writer, NULL), 0);
	for (int i = 0; i < LOG_LINES; i++) {
		char text[32];

		(void)snprintf(text, sizeof(text), "line %d", i);
		assert_int_equal(log_writer_message(writer,
						    &(struct log_message){.level = PROTOCOL_WARN,
									  .text = text,
									  .length = strlen(text)},
						    NULL),
				 0);
	}
	assert_int_equal(log_writer_end(writer, NULL), 0);
	log_writer_destroy(writer);
}

static void test_logs(void **state)
{
	struct daemon *daemon = *state;
	char id[ID_SIZE];
	int64_t run_id;

	trigger(daemon, "--ttl=0", id);
	assert_int_equal(identifier_parse_number("run", id, &run_id, NULL), 0);
	fixture_admit(&daemon->engine);
	assert_int_equal(fixture_started(&daemon->engine, run_id), 0);
	write_log(daemon, run_id);
	assert_int_equal(fixture_end(&daemon->engine, run_id, OUTCOME_COMPLETED), 0);
	/* more than one part */
	DO(daemon, "runs", "logs", id);
	expect_in(daemon->client.out, "WARN  line 0\n");
	expect_in(daemon->client.out, "WARN  line 1499\n");
	DO(daemon, "runs", "logs", id, "--limit=2", "--json");
	expect_in(daemon->client.out, "\"message\":\"line 1\"");
	assert_null(strstr(daemon->client.out, "line 2"));
	DO(daemon, "runs", "logs", id, "--since=1h", "--attempt=1");
	expect_in(daemon->client.out, "WARN  line 1499\n");
	DO(daemon, "runs", "logs", id, "--tail=3");
	assert_null(strstr(daemon->client.out, "line 1496"));
	expect_in(daemon->client.out, "WARN  line 1497\n");
	expect_in(daemon->client.out, "WARN  line 1499\n");
	DO(daemon, "runs", "logs", id, "--tail=3000");
	expect_in(daemon->client.out, "WARN  line 0\n");
	DO(daemon, "runs", "logs", "--follow", id, "--tail=1");
	assert_null(strstr(daemon->client.out, "line 1498"));
	DO(daemon, "runs", "logs", "--follow", id);
	expect_in(daemon->client.out, "WARN  line 1499\n");
	expect_in(daemon->client.err, ": COMPLETED");
	/* what was read is not told again */
	DO(daemon, "runs", "logs", "--follow", id, "--since=1h");
	assert_null(strstr(strstr(daemon->client.out, "line 1499"), "line 0"));
	assert_int_equal(ASK(daemon, "runs", "logs", id, "--attempt=2"), 1);
	expect_in(daemon->client.err, "there is no attempt 2");
}

static void test_follow(void **state)
{
	struct daemon *daemon = *state;
	char id[ID_SIZE];
	int64_t run_id;

	trigger(daemon, "--ttl=0", id);
	assert_int_equal(identifier_parse_number("run", id, &run_id, NULL), 0);
	fixture_admit(&daemon->engine);
	assert_int_equal(fixture_started(&daemon->engine, run_id), 0);
	DO(daemon, "top");
	expect_in(daemon->client.out, "running          1 of 100\n");
	expect_in(daemon->client.out, id);
	expect_in(daemon->client.out, "1 MiB");
	assert_int_equal(fixture_end(&daemon->engine, run_id, OUTCOME_PERMANENT), 0);
	assert_int_equal(ASK(daemon, "runs", "logs", "--follow", id), 65);
	expect_in(daemon->client.err, ": FAILED");
	DO(daemon, "runs", "show", id);
	expect_in(daemon->client.out, "ATTEMPT  STATUS");
}

static void test_changes(void **state)
{
	struct daemon *daemon = *state;
	char first[ID_SIZE], second[ID_SIZE];

	trigger(daemon, "--delay=1h", first);
	trigger(daemon, "--delay=2h", second);
	DO(daemon, "runs", "reschedule", first, "3h");
	DO(daemon, "runs", "cancel", first);
	assert_int_equal(ASK(daemon, "runs", "reschedule", first, "3h"), 1);
	/* a filter ends before the millisecond in which it is asked for */
	(void)nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
	DO(daemon, "runs", "cancel", "--status=DELAYED", "--json");
	expect_in(daemon->client.out, "\"matched\": 1");
	DO(daemon, "runs", "replay", first, "--payload=[2]");
	expect_in(daemon->client.out, "replayed as run_");
	DO(daemon, "runs", "replay", first, second);
	expect_in(daemon->client.err, "replay: 2 of 2, 0 failed");
	assert_int_equal(ASK(daemon, "runs", "cancel", first, "run_zzz"), 1);
}

static void test_queues(void **state)
{
	struct daemon *daemon = *state;
	char id[ID_SIZE];

	trigger(daemon, "--queue=task/hello", id);
	DO(daemon, "queues", "pause", "task/hello");
	DO(daemon, "queues", "override", "task/hello", "7");
	DO(daemon, "queues", "show", "task/hello");
	expect_in(daemon->client.out, "paused           yes\n");
	expect_in(daemon->client.out, "override         7\n");
	DO(daemon, "queues", "list");
	expect_in(daemon->client.out, "task/hello");
	DO(daemon, "queues", "reset", "task/hello");
	DO(daemon, "queues", "resume", "task/hello");
	assert_int_equal(ASK(daemon, "queues", "show", "nobody"), 1);
	expect_in(daemon->client.err, "berth queues list");
	DO(daemon, "status");
	expect_in(daemon->client.out, "version          0.1.0\n");
}

static void test_batch(void **state)
{
	struct daemon *daemon = *state;
	char path[192], id[ID_SIZE];

	write_file(daemon, "items",
		   "{\"task\":\"hello\",\"payload\":{\"n\":1}}\n{\"task\":\"nobody\"}\n");
	(void)snprintf(path, sizeof(path), "%s/items", daemon->directory);
	assert_int_equal(ASK(daemon, "batch", path), 1);
	expect_in(daemon->client.err, "1 accepted, 1 refused");
	take_line(daemon, id);
	DO(daemon, "batch", "show", id);
	expect_in(daemon->client.out, "refused          1\n");
	DO(daemon, "runs", "list", "--batch", id);
	expect_in(daemon->client.out, "hello");
}

static void test_tokens_and_keys(void **state)
{
	struct daemon *daemon = *state;
	char id[ID_SIZE], first[ID_SIZE], again[ID_SIZE];

	DO(daemon, "tokens", "create", "--timeout=1h", "--tag=t");
	take_line(daemon, id);
	DO(daemon, "tokens", "list", "--status=WAITING");
	expect_in(daemon->client.out, id);
	DO(daemon, "tokens", "complete", id, "{\"a\":1}");
	DO(daemon, "tokens", "show", id);
	expect_in(daemon->client.out, "status           COMPLETED\n");
	expect_in(daemon->client.out, "output           {\"a\":1}\n");
	trigger(daemon, "--idempotency-key=k", first);
	trigger(daemon, "--idempotency-key=k", again);
	expect_in(daemon->client.err, "was there already");
	assert_string_equal(first, again);
	DO(daemon, "keys", "reset", "hello", "k");
	trigger(daemon, "--idempotency-key=k", again);
	assert_string_not_equal(first, again);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_versions), TEST(test_run),
		TEST(test_logs),     TEST(test_follow),
		TEST(test_changes),  TEST(test_queues),
		TEST(test_batch),    TEST(test_tokens_and_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
