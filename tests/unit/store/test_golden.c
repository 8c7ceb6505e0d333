/* SPDX-License-Identifier: Apache-2.0 */
/* Databases that released berths have written are opened, migrated and read whole. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "runner/engine/engine_reads.h"
#include "runner/store/store.h"
#include "runner/store/store_timers.h"
#include "runner/store/store_waitpoints.h"
#include "tests/helpers/scratch.h"

struct fixture {
	char directory[SCRATCH_SIZE];
	struct store *store;
};

static void copy(const char *name, const char *directory)
{
	char source[4096], target[4096];
	AUTO_CLOSE int from = -1;
	AUTO_CLOSE int to = -1;
	struct stat status;

	(void)snprintf(source, sizeof(source), "%s/tests/unit/store/golden/%s",
		       getenv("BERTH_SOURCE_DIR") ?: ".", name);
	(void)snprintf(target, sizeof(target), "%s/" STORE_FILE_NAME, directory);
	from = open(source, O_RDONLY | O_CLOEXEC);
	to = open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(from >= 0 && to >= 0);
	assert_int_equal(fstat(from, &status), 0);
	assert_true(sendfile(to, from, NULL, (size_t)status.st_size) == status.st_size);
}

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct berth_error err = {0};

	assert_non_null(fixture);
	assert_int_equal(scratch_make("golden", fixture->directory), 0);
	copy("schema1.db", fixture->directory);
	if (store_open(fixture->directory, STORE_READ_WRITE, &fixture->store, &err) < 0)
		fail_msg("%s", err.message);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	store_close(fixture->store);
	assert_int_equal(scratch_remove(fixture->directory), 0);
	free(fixture);
	return 0;
}

/* What was expected is there; there may be more, for newer berths tell more. */
static void assert_holds(const json_t *found, json_t *expected, const char *where)
{
	const char *key;
	json_t *value;
	size_t i;

	if (json_is_object(expected)) {
		json_object_foreach (expected, key, value) {
			assert_holds(json_object_get(found, key), value, key);
		}
	} else if (json_is_array(expected)) {
		assert_int_equal(json_array_size(found), json_array_size(expected));
		json_array_foreach (expected, i, value) {
			assert_holds(json_array_get(found, i), value, where);
		}
	} else if (!json_equal(found, expected)) {
		fail_msg("%s is another", where);
	}
}

static void assert_reads(int result, json_t *taken, const char *expected_text)
{
	AUTO_JSON json_t *found = taken;
	AUTO_JSON json_t *expected = NULL;

	assert_int_equal(result, 0);
	assert_int_equal(json_parse(expected_text, strlen(expected_text), &expected, NULL), 0);
	assert_holds(found, expected, "");
}

static void a_run_that_ended(void **state)
{
	const struct fixture *fixture = *state;
	json_t *run = NULL;
	int result = read_run(fixture->store, 100, true, &run, NULL);

	assert_reads(
		result, run,
		"{\"status\":\"COMPLETED\",\"taskIdentifier\":\"hello\",\"version\":\"20250101.1\","
		"\"queue\":\"task/hello\",\"concurrencyKey\":\"user-7\",\"machine\":\"small-1x\","
		"\"attemptCount\":2,\"maxAttempts\":3,\"interruptions\":1,\"priority\":5,"
		"\"isTest\":true,\"depth\":1,\"batchIndex\":0,\"tags\":[\"blue\",\"green\"],"
		"\"createdAt\":\"2025-01-01T00:00:00.000Z\","
		"\"finishedAt\":\"2025-01-01T00:00:02.000Z\",\"idempotencyKey\":\"k1\","
		"\"usage\":{\"cpuMs\":12,\"wallMs\":34,\"memoryPeakBytes\":4096},"
		"\"payload\":{\"n\":1},\"metadata\":{\"progress\":1},\"output\":{\"hi\":\"there\"},"
		"\"attempts\":[{\"number\":1,\"outcome\":\"failed\",\"exitCode\":3,"
		"\"message\":\"it failed\",\"usage\":{\"cpuMs\":4}},"
		"{\"number\":2,\"outcome\":\"completed\",\"exitCode\":0,\"logBytes\":40}]}");
}

static void runs_that_go_on(void **state)
{
	const struct fixture *fixture = *state;
	const struct read_run_filter filter = {.status = "WAITING,QUEUED,DELAYED"};
	json_t *page = NULL;
	int result = read_runs(fixture->store, &filter, &page, NULL);

	assert_reads(result, page,
		     "{\"data\":[{\"status\":\"DELAYED\",\"queue\":\"shared\","
		     "\"delayedUntil\":\"2100-01-01T00:00:00.000Z\"},{\"status\":\"QUEUED\"},"
		     "{\"status\":\"WAITING\",\"machine\":\"micro\"}],\"next\":null}");
}

static void queues_versions_and_tasks(void **state)
{
	const struct fixture *fixture = *state;
	json_t *read = NULL;
	int result = read_queues(fixture->store, 1, NULL, &read, NULL);

	assert_reads(result, read,
		     "{\"data\":[{\"name\":\"shared\",\"paused\":true,\"concurrencyLimit\":3},"
		     "{\"name\":\"task/hello\",\"concurrencyLimit\":5,\"keyLimit\":2,"
		     "\"sizeLimit\":1000,\"queued\":1,\"running\":1}]}");
	result = read_versions(fixture->store, 1, &read, NULL);
	assert_reads(result, read,
		     "[{\"version\":\"20250101.1\",\"isCurrent\":true,\"bundle\":\"ab12\"},"
		     "{\"version\":\"builtin\"}]");
	result = read_tasks(fixture->store, 1, &read, NULL);
	assert_reads(result, read,
		     "[{\"id\":\"hello\",\"definition\":{\"command\":[\"true\"]}},"
		     "{\"id\":\"video.probe\"}]");
}

static void batches_tokens_and_checkpoints(void **state)
{
	const struct fixture *fixture = *state;
	json_t *read = NULL;
	int result = read_batch(fixture->store, 50, &read, NULL);

	assert_reads(
		result, read,
		"{\"status\":\"PROCESSING\",\"runCount\":3,\"acceptedCount\":2,"
		"\"refusedCount\":1,\"endedCount\":1,\"idempotencyKey\":\"bk\","
		"\"processing\":{\"errors\":[{\"index\":2,\"error\":{\"code\":\"not_found\"}}]}}");
	result = read_tokens(fixture->store, 1, NULL, 0, 0, &read, NULL);
	assert_reads(result, read,
		     "{\"data\":[{\"status\":\"TIMED_OUT\",\"outputIsError\":true},"
		     "{\"status\":\"WAITING\",\"tags\":[\"blue\"],\"idempotencyKey\":\"tk\","
		     "\"timeoutAt\":\"2100-01-01T00:00:00.000Z\"}]}");
	result = read_checkpoints(fixture->store, 101, &read, NULL);
	assert_reads(result, read, "[{\"name\":\"place\",\"bytes\":13,\"attempt\":1}]");
}

static void waits_and_timers(void **state)
{
	const struct fixture *fixture = *state;
	struct timer_row timers[4];
	struct block_counts counts;
	size_t count;

	assert_int_equal(store_block_count_run(fixture->store, 101, &counts, NULL), 0);
	assert_int_equal(counts.all, 4);
	assert_int_equal(counts.pending, 3);
	assert_int_equal(counts.requests, 3);
	assert_int_equal(store_timer_read_due(fixture->store, INT64_MAX, timers, 4, &count, NULL),
			 0);
	assert_int_equal(count, 3);
	assert_int_equal(timers[0].kind, TIMER_DELAY);
	assert_int_equal(timers[1].kind, TIMER_DATE);
	assert_int_equal(timers[1].subject_id, 61);
	assert_int_equal(timers[2].kind, TIMER_TOKEN);
}

static void it_is_whole(void **state)
{
	const struct fixture *fixture = *state;
	struct berth_error err = {0};

	if (store_check(fixture->store, &err) < 0)
		fail_msg("%s", err.message);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_run_that_ended),
		cmocka_unit_test(runs_that_go_on),
		cmocka_unit_test(queues_versions_and_tasks),
		cmocka_unit_test(batches_tokens_and_checkpoints),
		cmocka_unit_test(waits_and_timers),
		cmocka_unit_test(it_is_whole),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
