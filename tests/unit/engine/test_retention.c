/* SPDX-License-Identifier: Apache-2.0 */
/* What has ended goes by age, count and bytes, in short steps; what is needed stays; backups. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/text.h"
#include "runner/engine/engine_reads.h"
#include "runner/engine/engine_retention.h"
#include "runner/engine/engine_versions.h"
#include "runner/store/sqlite.h"
#include "runner/store/store_versions.h"
#include "tests/helpers/scratch.h"
#include "waits_fixture.h"

#define HOUR (3600 * FIXTURE_S)

struct pass {
	struct engine_retention policy;
	struct engine_prune prune;
	size_t step;
	bool is_dry;
};

static int begin(struct engine *engine, void *argument, struct berth_error *err)
{
	struct pass *pass = argument;

	if (engine_prune_begin(engine, &pass->policy, &pass->prune, err) < 0)
		return -1;
	pass->prune.is_dry = pass->is_dry;
	return 0;
}

static int step(struct engine *engine, void *argument, struct berth_error *err)
{
	struct pass *pass = argument;

	return engine_prune_step(engine, &pass->prune, pass->step, err);
}

/* A whole pass; the number of ENGINE_FORGET. */
static size_t prune(struct waits_fixture *fixture, struct pass *pass)
{
	struct berth_error err = {0};
	size_t forgotten = 0;
	int result;

	if (fixture_do(fixture, begin, pass, &err) < 0)
		fail_msg("%s", err.message);
	do {
		result = fixture_do(fixture, step, pass, &err);
		if (result < 0)
			fail_msg("%s", err.message);
		forgotten += fixture_count(fixture, ENGINE_FORGET, 0);
	} while (result == 1);
	return forgotten;
}

static int64_t count_rows(struct waits_fixture *fixture, const char *table)
{
	char sql[128];
	int64_t count;

	(void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", table);
	assert_int_equal(sqlite_query_integer(fixture->store, sql, &count, NULL), 0);
	return count;
}

static int64_t end_one(struct waits_fixture *fixture)
{
	int64_t run = fixture_run(fixture, "work", 0);

	fixture_end(fixture, run, "1");
	return run;
}

static bool is_there(struct waits_fixture *fixture, int64_t run_id)
{
	AUTO_JSON json_t *run = NULL;

	return read_run(fixture->store, run_id, true, &run, NULL) == 0;
}

static void old_runs_go_whole(void **state)
{
	struct waits_fixture *fixture = *state;
	struct pass pass = {.policy = {.age_ms = HOUR}, .step = 3};
	struct pass dry = {.policy = {.age_ms = HOUR}, .step = 3, .is_dry = true};
	const struct run_trigger tagged = {.task = "work", .tags = json_string("blue")};
	int64_t old[10], young, going;

	for (size_t i = 0; i < 10; i++)
		old[i] = end_one(fixture);
	going = fixture_trigger_as(fixture, &tagged);
	json_decref(tagged.tags);
	fixture_start(fixture, going);
	fixture_pass(fixture, HOUR);
	young = end_one(fixture);
	fixture_pass(fixture, FIXTURE_S);
	assert_int_equal(prune(fixture, &dry), 0); /* says the same, and does nothing */
	assert_int_equal(dry.prune.removed[PRUNE_RUNS], 10);
	for (size_t i = 0; i < 10; i++)
		assert_true(is_there(fixture, old[i]));
	assert_int_equal(prune(fixture, &pass), 10);
	assert_int_equal(pass.prune.removed[PRUNE_RUNS], 10);
	for (size_t i = 0; i < 10; i++)
		assert_false(is_there(fixture, old[i]));
	assert_true(is_there(fixture, young));
	assert_true(is_there(fixture, going));
	assert_int_equal(count_rows(fixture, "runs"), 2);
	assert_int_equal(count_rows(fixture, "run_data"), 2);
	assert_int_equal(count_rows(fixture, "attempts"), 2);
	assert_int_equal(count_rows(fixture, "run_tags"), 1);
	/* a second pass finds nothing */
	assert_int_equal(prune(fixture, &pass), 0);
	fixture_end(fixture, going, "1");
	fixture_pass(fixture, 2 * HOUR);
	assert_int_equal(prune(fixture, &pass), 2);
	assert_int_equal(count_rows(fixture, "runs"), 0);
	assert_int_equal(count_rows(fixture, "run_tags"), 0);
}

static void the_oldest_go_by_count(void **state)
{
	struct waits_fixture *fixture = *state;
	struct pass pass = {
		.policy = {.runs = 4, .minimum_ms = HOUR},
                  .step = 2
        };
	int64_t runs[10];

	for (size_t i = 0; i < 10; i++) {
		runs[i] = end_one(fixture);
		fixture_pass(fixture, FIXTURE_S);
	}
	/* younger than the minimum */
	assert_int_equal(prune(fixture, &pass), 0);
	fixture_pass(fixture, HOUR);
	assert_int_equal(prune(fixture, &pass), 6);
	for (size_t i = 0; i < 10; i++)
		assert_int_equal(is_there(fixture, runs[i]), i >= 6);
}

static void the_oldest_go_by_bytes(void **state)
{
	struct waits_fixture *fixture = *state;
	struct pass pass = {.policy = {.store_bytes = 1024 * 1024}, .step = 10};
	AUTO_FREE char *payload = malloc(100001);
	const struct run_trigger large = {.task = "work", .payload = payload};
	uint64_t bytes;
	size_t forgotten;

	assert_non_null(payload);
	memset(payload, '1', 100000);
	payload[100000] = '\0';
	for (size_t i = 0; i < 40; i++) {
		int64_t run = fixture_trigger_as(fixture, &large);

		fixture_start(fixture, run);
		fixture_end(fixture, run, "1");
	}
	fixture_pass(fixture, FIXTURE_S);
	forgotten = prune(fixture, &pass);
	assert_in_range(forgotten, 30, 39);
	assert_int_equal(store_used_bytes(fixture->store, &bytes, NULL), 0);
	assert_true(bytes <= 1024 * 1024);
}

/* A parent that goes on, an answer that was not taken, a batch that is not complete. */
static void what_is_needed_stays(void **state)
{
	struct waits_fixture *fixture = *state;
	struct pass pass = {
		.policy = {.age_ms = 1, .runs = 1, .store_bytes = 1}
        };
	int64_t parent = fixture_run(fixture, "work", 0);
	int64_t child = fixture_run(fixture, "work", parent);
	int64_t stranger = fixture_run(fixture, "work", 0);

	assert_int_equal(fixture_wait_run(fixture, parent, "w", stranger), 0);
	fixture_end(fixture, child, "1");
	fixture_end(fixture, stranger, "2");
	fixture_pass(fixture, HOUR);
	assert_int_equal(prune(fixture, &pass), 0);
	assert_true(is_there(fixture, child) && is_there(fixture, stranger));
	assert_int_equal(fixture_take(fixture, parent, "w"), 0);
	assert_int_equal(prune(fixture, &pass), 1); /* the stranger */
	fixture_end(fixture, parent, "3");
	fixture_pass(fixture, HOUR);
	assert_int_equal(prune(fixture, &pass), 2);
	assert_int_equal(count_rows(fixture, "waitpoints"), 0);
}

struct batch_work {
	int64_t batch_id, index;
	struct run_accepted accepted;
	struct berth_error why;
};

static int create_batch(struct engine *engine, void *argument, struct berth_error *err)
{
	struct batch_work *work = argument;
	const struct engine_batch_request request = {.expected = 2};
	bool is_cached;

	return engine_batch_create(engine, &request, &work->batch_id, &is_cached, err);
}

static int add_item(struct engine *engine, void *argument, struct berth_error *err)
{
	struct batch_work *work = argument;
	const struct run_trigger trigger = {.task = "work"};
	bool is_duplicate;

	return engine_batch_add(engine, work->batch_id, work->index, &trigger, &work->accepted,
				&is_duplicate, err);
}

static int seal(struct engine *engine, void *argument, struct berth_error *err)
{
	const struct batch_work *work = argument;

	return engine_batch_seal(engine, work->batch_id, err);
}

static void batches_go_with_their_items(void **state)
{
	struct waits_fixture *fixture = *state;
	struct pass pass = {.policy = {.age_ms = HOUR}};
	struct batch_work work = {0};
	int64_t runs[2];

	assert_int_equal(fixture_do(fixture, create_batch, &work, NULL), 0);
	for (work.index = 0; work.index < 2; work.index++) {
		assert_int_equal(fixture_do(fixture, add_item, &work, NULL), 0);
		runs[work.index] = work.accepted.run_id;
		fixture_start(fixture, runs[work.index]);
	}
	assert_int_equal(fixture_do(fixture, seal, &work, NULL), 0);
	fixture_end(fixture, runs[0], "1");
	fixture_pass(fixture, 2 * HOUR);
	assert_int_equal(prune(fixture, &pass), 0); /* the batch goes on */
	fixture_end(fixture, runs[1], "1");
	assert_int_equal(prune(fixture, &pass), 1); /* the first, which is old */
	assert_int_equal(count_rows(fixture, "batches"), 1);
	fixture_pass(fixture, 2 * HOUR);
	assert_int_equal(prune(fixture, &pass), 1);
	assert_int_equal(pass.prune.removed[PRUNE_BATCHES], 1);
	assert_int_equal(count_rows(fixture, "batches"), 0);
	assert_int_equal(count_rows(fixture, "batch_items"), 0);
}

static void a_batch_that_nobody_fills_is_sealed(void **state)
{
	struct waits_fixture *fixture = *state;
	struct pass pass = {.policy = {.batch_fill_ms = HOUR}};
	struct batch_work work = {0};
	AUTO_JSON json_t *batch = NULL;
	AUTO_JSON json_t *later = NULL;
	struct engine_wait wait = {.run_id = fixture_run(fixture, "single", 0), .wait_id = "b"};

	assert_int_equal(fixture_do(fixture, create_batch, &work, NULL), 0);
	assert_int_equal(fixture_do(fixture, add_item, &work, NULL), 0);
	wait.batch_id = work.batch_id;
	assert_int_equal(fixture_wait(fixture, wait, NULL), 0);
	(void)prune(fixture, &pass);
	assert_int_equal(read_batch(fixture->store, work.batch_id, &batch, NULL), 0);
	assert_string_equal(json_string_value(json_object_get(batch, "status")), "PENDING");
	fixture_pass(fixture, 2 * HOUR);
	(void)prune(fixture, &pass);
	assert_int_equal(pass.prune.abandoned, 1);
	fixture_start(fixture, work.accepted.run_id);
	fixture_end(fixture, work.accepted.run_id, "1");
	assert_int_equal(read_batch(fixture->store, work.batch_id, &later, NULL), 0);
	assert_string_equal(json_string_value(json_object_get(later, "status")), "PARTIAL_FAILED");
	assert_true(fixture_is_answered(fixture, wait.run_id, "b"));
}

static void tokens_go_when_nobody_waits(void **state)
{
	struct waits_fixture *fixture = *state;
	struct pass pass = {.policy = {.age_ms = HOUR}, .step = 1};
	int64_t run = fixture_run(fixture, "work", 0);
	int64_t waiting = fixture_token_create(fixture, 0);
	int64_t done = fixture_token_create(fixture, 0);
	int64_t late = fixture_token_create(fixture, 1000);
	int64_t needed = fixture_token_create(fixture, 0);
	const struct engine_wait wait = {
		.run_id = run, .wait_id = "t", .waitpoints = &needed, .waitpoint_count = 1};
	json_t *token = NULL;

	assert_int_equal(fixture_wait(fixture, wait, NULL), 0);
	fixture_token_complete(fixture, done, "1");
	fixture_token_complete(fixture, needed, "1");
	fixture_pass(fixture, 2 * FIXTURE_S);
	fixture_pass(fixture, 2 * HOUR);
	(void)prune(fixture, &pass);
	assert_int_equal(pass.prune.removed[PRUNE_TOKENS_COMPLETED], 1);
	assert_int_equal(pass.prune.removed[PRUNE_TOKENS_TIMED_OUT], 1);
	assert_int_equal(read_token(fixture->store, done, &token, NULL), -1);
	assert_int_equal(read_token(fixture->store, late, &token, NULL), -1);
	assert_int_equal(read_token(fixture->store, waiting, &token, NULL), 0);
	json_decref(token);
	assert_int_equal(read_token(fixture->store, needed, &token, NULL), 0);
	json_decref(token);
}

static void a_key_that_holds_keeps_its_run(void **state)
{
	struct waits_fixture *fixture = *state;
	struct pass pass = {
		.policy = {.age_ms = HOUR, .runs = 1}
        };
	const struct run_trigger request = {
		.task = "work", .idempotency_key = "k", .idempotency_ttl_ms = 10 * HOUR};
	int64_t run = fixture_trigger_as(fixture, &request);

	fixture_start(fixture, run);
	fixture_end(fixture, run, "1");
	fixture_pass(fixture, 2 * HOUR);
	assert_int_equal(prune(fixture, &pass), 0);
	assert_true(fixture_trigger_as(fixture, &request) == run);
	fixture_pass(fixture, 9 * HOUR);
	assert_int_equal(prune(fixture, &pass), 1);
	assert_true(fixture_trigger_as(fixture, &request) != run);
}

static void checkpoints_go_before_their_runs(void **state)
{
	struct waits_fixture *fixture = *state;
	struct pass pass = {.policy = {.checkpoint_ms = HOUR}};
	int64_t going = fixture_run(fixture, "work", 0), ended = fixture_run(fixture, "work", 0);
	char sql[256];

	(void)snprintf(sql, sizeof(sql),
		       "INSERT INTO checkpoints VALUES (%lld, 'a', '1', 1, 1), "
		       "(%lld, 'a', '1', 1, 1), (%lld, 'b', '1', 1, 1)",
		       (long long)going, (long long)ended, (long long)ended);
	assert_int_equal(sqlite_script(fixture->store, sql, "test", NULL), 0);
	fixture_end(fixture, ended, "1");
	fixture_pass(fixture, 2 * HOUR);
	assert_int_equal(prune(fixture, &pass), 0);
	assert_int_equal(pass.prune.removed[PRUNE_CHECKPOINTS], 1);
	assert_int_equal(count_rows(fixture, "checkpoints"), 1);
	assert_true(is_there(fixture, ended));
}

static void nothing_goes_without_a_policy(void **state)
{
	struct waits_fixture *fixture = *state;
	struct pass pass = {.step = SIZE_MAX};
	struct berth_error err = {0};

	for (size_t i = 0; i < 300; i++)
		(void)end_one(fixture);
	fixture_pass(fixture, 10000 * HOUR);
	assert_int_equal(prune(fixture, &pass), 0);
	assert_int_equal(count_rows(fixture, "runs"), 300);
	pass.policy.runs = -1;
	assert_int_equal(fixture_do(fixture, begin, &pass, &err), -1);
	assert_int_equal(err.code, BERTH_INVALID);
	/* an age that reaches before 1970 */
	pass.policy = (struct engine_retention){.age_ms = UINT64_MAX, .minimum_ms = UINT64_MAX};
	assert_int_equal(prune(fixture, &pass), 0);
}

/* A group that is lost leaves the pass where it was. */
static void a_lost_group_is_done_again(void **state)
{
	struct waits_fixture *fixture = *state;
	struct pass pass = {.policy = {.age_ms = 1}, .step = 4};
	struct engine_prune before;
	struct berth_error err = {0};

	for (size_t i = 0; i < 10; i++)
		(void)end_one(fixture);
	fixture_pass(fixture, HOUR);
	assert_int_equal(fixture_do(fixture, begin, &pass, NULL), 0);
	before = pass.prune;
	assert_int_equal(engine_group_begin(fixture->engine, &err), 0);
	while (engine_do(fixture->engine, step, &pass, &err) == 1)
		continue;
	engine_group_abort(fixture->engine);
	pass.prune = before;
	while (fixture_do(fixture, step, &pass, &err) == 1)
		continue;
	assert_int_equal(pass.prune.removed[PRUNE_RUNS], 10);
	assert_int_equal(count_rows(fixture, "runs"), 0);
}

static int deploy_one(struct engine *engine, void *argument, struct berth_error *err)
{
	AUTO_JSON json_t *tasks = json_pack("[{s:s, s:[s]}]", "id", "work", "command", "true");
	char name[VERSION_NAME_SIZE];

	return engine_deploy(
		engine,
		&(struct engine_deploy){
			.bundle = argument, .manifest = "{}", .tasks = tasks, .promote = true},
		name, err);
}

static void deploy(struct waits_fixture *fixture, const char *bundle)
{
	struct berth_error err = {0};

	if (fixture_do(fixture, deploy_one, (void *)(uintptr_t)bundle, &err) < 0)
		fail_msg("%s", err.message);
}

/* Versions whose files are still named, as text. */
static void expect_bundles(struct waits_fixture *fixture, const char *expected)
{
	AUTO_TEXT struct text text = {0};
	int64_t id = 0;

	for (;;) {
		AUTO_FREE char *bundle = NULL;

		if (store_version_next_bundle(fixture->store, id, &id, &bundle, NULL) != 0)
			break;
		assert_int_equal(text_append_string(&text, bundle, NULL), 0);
	}
	assert_string_equal(text.data, expected);
}

static void versions_go_when_no_run_names_them(void **state)
{
	struct waits_fixture *fixture = *state;
	struct pass pass = {.policy = {.age_ms = HOUR}, .step = 2};
	int64_t run;

	deploy(fixture, "a");
	deploy(fixture, "b");
	run = fixture_run(fixture, "work", 0); /* is of that one */
	deploy(fixture, "c");
	deploy(fixture, "d");
	(void)prune(fixture, &pass);
	assert_int_equal(pass.prune.removed[PRUNE_VERSIONS], 0); /* they are young */
	fixture_pass(fixture, 2 * HOUR);
	deploy(fixture, "e");
	(void)prune(fixture, &pass);
	expect_bundles(fixture, "bde"); /* one goes on, one is gone back to, one is current */
	fixture_end(fixture, run, "1");
	(void)prune(fixture, &pass);
	expect_bundles(fixture, "bde"); /* its run is kept */
	fixture_pass(fixture, 2 * HOUR);
	(void)prune(fixture, &pass);
	expect_bundles(fixture, "de");
}

static void a_backup_is_whole_and_readable(void **state)
{
	struct waits_fixture *fixture = *state;
	char directory[SCRATCH_SIZE], path[SCRATCH_SIZE + 16];
	struct engine_backup *backup = NULL;
	struct berth_error err = {0};
	struct store *copy = NULL;
	AUTO_JSON json_t *run = NULL;
	int64_t id = end_one(fixture), later = 0;
	int result;

	assert_int_equal(scratch_make("backup", directory), 0);
	(void)snprintf(path, sizeof(path), "%s/%s", directory, STORE_FILE_NAME);
	assert_int_equal(engine_backup_begin(fixture->engine, path, &backup, &err), 0);
	while ((result = engine_backup_step(backup, &err)) == 1)
		later = end_one(fixture); /* it goes on meanwhile */
	assert_int_equal(result, 0);
	engine_backup_finish(backup);
	if (store_open(directory, STORE_READ_WRITE, &copy, &err) < 0)
		fail_msg("%s", err.message);
	assert_int_equal(store_check(copy, &err), 0);
	assert_int_equal(read_run(copy, id, true, &run, &err), 0);
	store_close(copy);
	(void)later;
	/* an existing file is never touched */
	assert_int_equal(engine_backup_begin(fixture->engine, path, &backup, &err), -1);
	assert_int_equal(scratch_remove(directory), 0);
}

static void a_backup_that_is_given_up_leaves_nothing(void **state)
{
	struct waits_fixture *fixture = *state;
	char directory[SCRATCH_SIZE], path[SCRATCH_SIZE + 16];
	struct engine_backup *backup = NULL;
	struct berth_error err = {0};
	struct stat status;

	assert_int_equal(scratch_make("backup", directory), 0);
	(void)snprintf(path, sizeof(path), "%s/copy.db", directory);
	assert_int_equal(engine_backup_begin(fixture->engine, path, &backup, &err), 0);
	engine_backup_finish(backup);
	assert_int_equal(stat(path, &status), -1);
	(void)snprintf(path, sizeof(path), "%s/no/copy.db", directory);
	assert_int_equal(engine_backup_begin(fixture->engine, path, &backup, &err), -1);
	assert_int_equal(engine_backup_begin(fixture->engine, "copy.db", &backup, &err), -1);
	assert_int_equal(err.code, BERTH_INVALID);
	assert_int_equal(engine_backup_begin(fixture->engine, NULL, &backup, &err), -1);
	engine_backup_finish(NULL);
	assert_int_equal(scratch_remove(directory), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(old_runs_go_whole, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(the_oldest_go_by_count, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(the_oldest_go_by_bytes, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(what_is_needed_stays, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(batches_go_with_their_items, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(a_batch_that_nobody_fills_is_sealed, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(tokens_go_when_nobody_waits, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(a_key_that_holds_keeps_its_run, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(checkpoints_go_before_their_runs, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(nothing_goes_without_a_policy, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(versions_go_when_no_run_names_them, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(a_lost_group_is_done_again, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(a_backup_is_whole_and_readable, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(a_backup_that_is_given_up_leaves_nothing,
						fixture_set_up, fixture_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
