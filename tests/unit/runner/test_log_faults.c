/* SPDX-License-Identifier: Apache-2.0 */
/* A log's whole life, over and over, with one more system call or allocation going well each time:
 * what failed is told, doing it again goes well, and nothing is lost or doubled. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "runner/log/log_name.h"
#include "runner/log/log_retention.h"
#include "runner/log/log_seal.h"
#include "tests/helpers/fault.h"
#include "tests/unit/runner/log_fixture.h"

#define NTH_MAX 500
#define BULK    20000

/* Exit statuses of a scenario. */
enum { WELL, FAILED_ONCE, FAILED_TWICE, NO_REASON_GIVEN, WRONG_CONTENT, LEAKED };

struct life {
	struct log_fixture *fixture;
	unsigned failures;
	bool has_reason; /* each failure gave one */
};

/* The caller does a step again when it failed, as the supervisor does. */
static bool again(struct life *life, int result, const struct berth_error *err)
{
	if (result >= 0 && result != LOG_WRITER_NO_SPACE)
		return false;
	life->failures++;
	if (err->code == BERTH_NONE)
		life->has_reason = false;
	return true;
}

/* Twice at most. */
#define STEP(life, call)                                                                           \
	do {                                                                                       \
		struct berth_error err = {0};                                                      \
		if (again(life, call, &err) && again(life, call, &err))                            \
			return -1;                                                                 \
	} while (0)

static int splice_all(struct life *life, enum log_source source, const char *bytes, size_t length)
{
	const int *pipe = life->fixture->pipes[source == LOG_STDERR];

	/* the task's own call may be the one */
	if (write(pipe[1], bytes, length) != (ssize_t)length &&
	    write(pipe[1], bytes, length) != (ssize_t)length)
		return -1;
	while (length > 0) {
		size_t moved = 0;

		STEP(life, log_writer_splice(life->fixture->writer, source, pipe[0], &moved, &err));
		if (moved > length)
			return -1;
		length -= moved;
	}
	return 0;
}

static int recover(struct life *life, struct berth_error *err)
{
	struct log_writer_options options = log_fixture_options(life->fixture, 0);

	log_writer_destroy(life->fixture->writer);
	life->fixture->writer = NULL;
	return log_writer_recover(&options, &life->fixture->writer, err);
}

static int write_log(struct life *life)
{
	static char bulk[BULK];
	struct log_message message = {
		.text = "message", .length = 7, .connection = 1, .sequence = 1};

	for (size_t i = 0; i < sizeof(bulk); i++)
		bulk[i] = i % 50 == 49 ? '\n' : 'b';
	STEP(life, recover(life, &err));
	if (splice_all(life, LOG_STDOUT, "one\n", 4) < 0)
		return -1;
	STEP(life, log_writer_message(life->fixture->writer, &message, &err));
	if (splice_all(life, LOG_STDERR, "two\n", 4) < 0)
		return -1;
	STEP(life, recover(life, &err));
	STEP(life, log_writer_message(life->fixture->writer, &message, &err));
	STEP(life, log_writer_notice(life->fixture->writer, PROTOCOL_INFO, &err, "notice"));
	if (splice_all(life, LOG_STDOUT, bulk, sizeof(bulk)) < 0)
		return -1;
	STEP(life, log_writer_end(life->fixture->writer, &err));
	return 0;
}

static int expect(struct life *life, enum log_source source, const char *text, size_t length)
{
	struct log_record record = {0};

	STEP(life, log_reader_next(life->fixture->reader, &record, &err));
	return record.source == source && record.length == length &&
			       memcmp(record.text, text, length) == 0
		       ? 0
		       : -2;
}

static int read_log(struct life *life)
{
	static const struct log_record records[] = {
		{.source = LOG_STDOUT, .text = "one",     .length = 3},
		{.source = LOG_TASK,   .text = "message", .length = 7},
		{.source = LOG_STDERR, .text = "two",     .length = 3},
		{.source = LOG_BERTH,  .text = "notice",  .length = 6},
	};
	char line[49];
	int result = 0;

	memset(line, 'b', sizeof(line));
	log_reader_destroy(life->fixture->reader);
	life->fixture->reader = NULL;
	STEP(life, log_reader_create(life->fixture->directory, life->fixture->run, 1,
				     &life->fixture->reader, &err));
	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]) && !result; i++)
		result = expect(life, records[i].source, records[i].text, records[i].length);
	for (int i = 0; i < BULK / 50 && !result; i++)
		result = expect(life, LOG_STDOUT, line, sizeof(line));
	return result;
}

static int live(struct life *life)
{
	int result = write_log(life);

	if (result == 0)
		result = read_log(life);
	if (result < 0)
		return result;
	STEP(life, log_seal_attempt(life->fixture->directory, life->fixture->run, 1, &err));
	result = read_log(life);
	if (result < 0)
		return result;
	STEP(life, log_delete(life->fixture->directory, life->fixture->run, 1, &err));
	return 0;
}

static unsigned open_descriptors(void)
{
	AUTO_DIRECTORY DIR *stream = opendir("/proc/self/fd");
	unsigned count = 0;

	while (stream && readdir(stream))
		count++;
	return count;
}

/* Whether it went well is judged when no call fails any more. */
static int judge(struct life *life, int result, unsigned descriptors)
{
	struct log_fixture *fixture = life->fixture;
	char name[LOG_NAME_SIZE];

	log_writer_destroy(fixture->writer);
	log_reader_destroy(fixture->reader);
	fixture->writer = NULL;
	fixture->reader = NULL;
	if (open_descriptors() != descriptors)
		return LEAKED;
	if (result == -2)
		return WRONG_CONTENT;
	if (result < 0)
		return FAILED_TWICE;
	if (!life->has_reason)
		return NO_REASON_GIVEN;
	/* the directory's removal is best effort, but its files are gone */
	(void)unlinkat(fixture->directory, log_name_directory(fixture->run, name), AT_REMOVEDIR);
	if (faccessat(fixture->directory, name, F_OK, 0) == 0)
		return LEAKED;
	return life->failures ? FAILED_ONCE : WELL;
}

static int run(void *argument)
{
	struct life life = {.fixture = argument, .has_reason = true};
	unsigned descriptors = open_descriptors();
	int result;

	fault_start();
	result = live(&life);
	fault_stop();
	return judge(&life, result, descriptors);
}

static void every_call_fails_with(struct log_fixture *fixture, enum fault_kind kind, int errnum)
{
	struct fault_plan plan = {.kind = kind, .errnum = errnum, .nth = 1};
	struct fault_result result = {.injected = true};
	unsigned failures = 0;

	for (; result.injected; plan.nth++) {
		int status;

		assert_true(plan.nth < NTH_MAX);
		if (fault_run(&plan, run, fixture, &result) < 0) {
			print_message("this host cannot make system calls fail\n");
			skip();
		}
		status = WIFEXITED(result.status) ? WEXITSTATUS(result.status) : -1;
		if (status != WELL && status != FAILED_ONCE)
			fail_msg("call %u (number %d): status %d (%#x)", plan.nth, result.number,
				 status, (unsigned)result.status);
		failures += status == FAILED_ONCE;
	}
	print_message("%u calls, %u of their failures were met\n", plan.nth - 2, failures);
	if (kind == FAULT_FAIL)
		assert_true(failures > 20);
	else
		assert_int_equal(failures, 0);
}

static void every_call_fails(void **state)
{
	every_call_fails_with(*state, FAULT_FAIL, EIO);
}

static void the_disk_is_full(void **state)
{
	every_call_fails_with(*state, FAULT_FAIL, ENOSPC);
}

static void every_call_is_interrupted(void **state)
{
	every_call_fails_with(*state, FAULT_INTERRUPT, 0);
}

static void every_allocation_fails(void **state)
{
	struct log_fixture *fixture = *state;
	unsigned descriptors = open_descriptors(), nth = 0;
	struct life life;

	do {
		int result;

		life = (struct life){.fixture = fixture, .has_reason = true};
		(void)fault_set_allocation(++nth);
		result = live(&life);
		(void)fault_set_allocation(0);
		result = judge(&life, result, descriptors);
		if (result != WELL && result != FAILED_ONCE)
			fail_msg("allocation %u: status %d", nth, result);
	} while (life.failures);
	assert_true(nth > 10);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, log_fixture_set_up, log_fixture_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_call_fails),
		TEST(the_disk_is_full),
		TEST(every_call_is_interrupted),
		TEST(every_allocation_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
