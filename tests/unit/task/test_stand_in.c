/* SPDX-License-Identifier: Apache-2.0 */
/* A program started by hand: facts from the environment, words on stderr, checkpoints in files. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "extensions/task/stand_in.h"

static const char *const variables[] = {
	"BERTH_TASK_PAYLOAD", "BERTH_TASK_INPUTS", "BERTH_TASK_OUTPUT",  "BERTH_TASK_CHECKPOINT",
	"BERTH_RUN_ID",       "BERTH_ATTEMPT",     "BERTH_MEMORY_BYTES", "BERTH_CPUS",
};

static int clear_environment(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		(void)unsetenv(variables[i]);
	return 0;
}

/* Asks; the reply is the caller's text, NULL when it was refused. */
static char *ask(struct sdk_transport *transport, const char *request, struct berth_error *err)
{
	AUTO_JSON json_t *object = NULL, *reply = NULL;

	assert_int_equal(json_parse(request, strlen(request), &object, NULL), 0);
	if (transport->call(transport, object, &reply, err) < 0)
		return NULL;
	return json_format_compact(reply);
}

static char *hello(struct berth_error *err)
{
	struct sdk_transport *transport;
	char *reply;

	assert_int_equal(sdk_stand_in_create(&transport, err), 0);
	reply = ask(transport, "{\"op\":\"hello\",\"protocol\":1}", err);
	transport->destroy(transport);
	return reply;
}

static void test_facts_without_environment(void **state)
{
	AUTO_FREE char *reply = hello(NULL);

	(void)state;
	assert_string_equal(reply, "{\"protocol\":1,\"run\":\"run_by_hand\",\"attempt\":1,"
				   "\"payload\":null,\"inputs\":[],\"output\":null,"
				   "\"checkpoint\":null,\"cpus\":0.0,\"memory_bytes\":0}");
}

static void test_facts_from_environment(void **state)
{
	AUTO_FREE char *reply = NULL;

	(void)state;
	(void)setenv("BERTH_TASK_PAYLOAD", " [1] ", 1);
	(void)setenv("BERTH_TASK_INPUTS", ":/a b::/c:", 1);
	(void)setenv("BERTH_TASK_OUTPUT", "out", 1);
	(void)setenv("BERTH_RUN_ID", "run_9", 1);
	(void)setenv("BERTH_ATTEMPT", "4", 1);
	(void)setenv("BERTH_MEMORY_BYTES", "-1", 1);
	(void)setenv("BERTH_CPUS", "1.5", 1);
	reply = hello(NULL);
	assert_string_equal(reply, "{\"protocol\":1,\"run\":\"run_9\",\"attempt\":4,"
				   "\"payload\":[1],\"inputs\":[\"/a b\",\"/c\"],"
				   "\"output\":\"out\",\"checkpoint\":null,\"cpus\":1.5,"
				   "\"memory_bytes\":0}");
}

static void test_bad_environment(void **state)
{
	struct berth_error err = {0};
	struct sdk_transport *transport;

	(void)state;
	(void)setenv("BERTH_TASK_PAYLOAD", "{", 1);
	assert_null(hello(&err));
	assert_non_null(strstr(err.message, "BERTH_TASK_PAYLOAD"));
	(void)setenv("BERTH_TASK_PAYLOAD", "1", 1);
	(void)setenv("BERTH_TASK_INPUTS", "\xff", 1);
	assert_null(hello(&err));
	(void)unsetenv("BERTH_TASK_INPUTS");
	(void)setenv("BERTH_TASK_CHECKPOINT", "/nonexistent", 1);
	assert_int_equal(sdk_stand_in_create(&transport, &err), -1);
}

static void test_words_go_to_stderr(void **state)
{
	AUTO_FREE char *saved = NULL, *absent = NULL, *usage = NULL, *wrong = NULL;
	struct sdk_transport *transport;
	char said[256] = "";
	int kept = dup(STDERR_FILENO), ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(sdk_stand_in_create(&transport, NULL), 0);
	assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
	saved = ask(transport, "{\"op\":\"checkpoint\",\"name\":\"n\",\"data\":1}", NULL);
	absent = ask(transport, "{\"op\":\"restore\",\"name\":\"n\"}", NULL);
	usage = ask(transport, "{\"op\":\"usage\"}", NULL);
	wrong = ask(transport, "{\"op\":\"dance\"}", NULL);
	assert_true(dup2(kept, STDERR_FILENO) >= 0);
	(void)close(ends[1]);
	assert_true(read(ends[0], said, sizeof(said) - 1) > 0);
	(void)close(ends[0]);
	(void)close(kept);
	transport->destroy(transport);
	assert_string_equal(said, "{\"op\":\"checkpoint\",\"name\":\"n\",\"data\":1}\n");
	assert_string_equal(saved, "{}");
	assert_string_equal(absent, "{\"found\":false}");
	assert_non_null(strstr(usage, "\"memory_peak_bytes\":"));
	assert_null(wrong);
}

static void test_only_time_is_waited_for(void **state)
{
	struct sdk_transport *transport;
	struct berth_error err = {0};
	AUTO_FREE char *waited = NULL, *past = NULL;

	(void)state;
	assert_int_equal(sdk_stand_in_create(&transport, NULL), 0);
	waited = ask(transport, "{\"op\":\"wait\",\"for_ms\":20}", NULL);
	past = ask(transport, "{\"op\":\"wait\",\"until\":\"2001-01-01T00:00:00Z\"}", NULL);
	assert_string_equal(
		waited, "{\"results\":[{\"kind\":\"date\",\"state\":\"COMPLETED\",\"ok\":true}]}");
	assert_string_equal(past, waited);
	assert_null(ask(transport, "{\"op\":\"wait\",\"until\":\"soon\"}", &err));
	assert_null(ask(transport, "{\"op\":\"wait\"}", &err));
	assert_null(ask(transport, "{\"op\":\"wait\",\"token\":\"t\"}", &err));
	assert_string_equal(err.message, "wait: needs berth serve");
	assert_null(ask(transport, "{\"op\":\"trigger\",\"task\":\"t\"}", &err));
	assert_int_equal(err.code, BERTH_NOT_FOUND);
	transport->destroy(transport);
}

static void test_damaged_checkpoint_is_an_error(void **state)
{
	char path[] = "/tmp/berth-test-XXXXXX";
	struct sdk_transport *transport;
	struct berth_error err = {0};
	int directory, file;

	(void)state;
	assert_non_null(mkdtemp(path));
	directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	file = openat(directory, "n.checkpoint.json", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(file, "{", 1), 1);
	(void)close(file);
	(void)setenv("BERTH_TASK_CHECKPOINT", path, 1);
	assert_int_equal(sdk_stand_in_create(&transport, NULL), 0);
	assert_null(ask(transport, "{\"op\":\"restore\",\"name\":\"n\"}", &err));
	assert_non_null(strstr(err.message, "n.checkpoint.json"));
	transport->destroy(transport);
	(void)unlinkat(directory, "n.checkpoint.json", 0);
	(void)close(directory);
	(void)rmdir(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_facts_without_environment, clear_environment),
		cmocka_unit_test_setup(test_facts_from_environment, clear_environment),
		cmocka_unit_test_setup(test_bad_environment, clear_environment),
		cmocka_unit_test_setup(test_words_go_to_stderr, clear_environment),
		cmocka_unit_test_setup(test_only_time_is_waited_for, clear_environment),
		cmocka_unit_test_setup(test_damaged_checkpoint_is_an_error, clear_environment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
