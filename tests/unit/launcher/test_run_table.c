/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of the launcher, and what a supervisor is told of them. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/descriptor.h"
#include "runner/launcher/outbox.h"
#include "runner/launcher/run_table.h"

static const char *token_of(int64_t number, char token[LAUNCHER_TOKEN_SIZE])
{
	(void)snprintf(token, LAUNCHER_TOKEN_SIZE, "%032jx", (uintmax_t)number);
	return token;
}

static struct run *add(struct run_table *table, int64_t number)
{
	char token[LAUNCHER_TOKEN_SIZE];
	struct run *run = NULL;

	assert_int_equal(run_table_add(table, number, token_of(number, token), LAUNCHER_RUNS_MAX,
				       &run, NULL),
			 0);
	return run;
}

static void test_fill_and_empty(void **state)
{
	struct run_table *table = NULL;
	struct berth_error err = {0};
	char token[LAUNCHER_TOKEN_SIZE];
	struct run *run = NULL;
	size_t count = 0;

	(void)state;
	assert_int_equal(run_table_create(&table, NULL), 0);
	for (int round = 0; round < 3; round++) {
		for (int64_t number = 1; number <= LAUNCHER_RUNS_MAX; number++)
			(void)add(table, number * 1000003);
		assert_int_equal(
			run_table_add(table, 5, token_of(5, token), LAUNCHER_RUNS_MAX, &run, &err),
			-1);
		assert_int_equal(err.code, BERTH_LIMIT);
		for (int64_t number = 1; number <= LAUNCHER_RUNS_MAX; number++) {
			run = run_table_find(table, number * 1000003,
					     token_of(number * 1000003, token));
			assert_non_null(run);
			assert_null(run_table_find(table, number * 1000003, token_of(3, token)));
			if (number % 2 == round % 2)
				run_table_remove(table, run);
		}
		for (run = run_table_next(table, 0); run;
		     run = run_table_next(table, run_table_index(table, run) + 1), count++)
			assert_true(run_table_has_number(table, run->number));
		while ((run = run_table_next(table, 0)))
			run_table_remove(table, run);
	}
	assert_int_equal(count, 3 * LAUNCHER_RUNS_MAX / 2);
	run_table_destroy(table);
}

/* Two attempts of one run are two rows; one attempt twice is refused. */
static void test_attempts(void **state)
{
	struct run_table *table = NULL;
	char first[LAUNCHER_TOKEN_SIZE], second[LAUNCHER_TOKEN_SIZE];
	struct run *a = NULL, *b = NULL, *c = NULL;

	(void)state;
	assert_int_equal(run_table_create(&table, NULL), 0);
	token_of(1, first);
	token_of(2, second);
	assert_int_equal(run_table_add(table, 7, first, 2, &a, NULL), 0);
	assert_int_equal(run_table_add(table, 7, first, 9, &c, NULL), -1);
	assert_int_equal(run_table_add(table, 7, second, 2, &b, NULL), 0);
	assert_int_equal(run_table_add(table, 8, second, 2, &c, NULL), -1);
	assert_ptr_equal(run_table_find(table, 7, second), b);
	run_table_remove(table, a);
	assert_true(run_table_has_number(table, 7));
	run_table_remove(table, b);
	assert_false(run_table_has_number(table, 7));
	run_table_destroy(table);
}

static void test_holds(void **state)
{
	struct run_table *table = NULL;
	struct run *run;

	(void)state;
	assert_int_equal(run_table_create(&table, NULL), 0);
	run = add(table, 1);
	for (uint64_t i = 0; i < LAUNCHER_RUN_HOLDS_MAX; i++)
		assert_int_equal(run_table_hold(table, run, i, open("/dev/null", O_CLOEXEC), NULL),
				 0);
	assert_int_equal(run_table_hold(table, run, 999, -1, NULL), -1);
	assert_int_equal(run_table_unhold(table, run, 5), 0);
	assert_int_equal(run_table_unhold(table, run, 5), 1);
	assert_int_equal(run_table_hold(table, run, 6, -1, NULL), -1);
	assert_non_null(run_table_hold_at(table, run, LAUNCHER_RUN_HOLDS_MAX - 2));
	assert_null(run_table_hold_at(table, run, LAUNCHER_RUN_HOLDS_MAX - 1));
	run_table_remove(table, run);
	run_table_destroy(table);
}

static uint16_t receive(int fd, int64_t *ret_run)
{
	_Alignas(16) char packet[sizeof(struct launcher_table_run)];
	struct launcher_header header;
	size_t length = 0, count = 0;
	int fds[LAUNCHER_DESCRIPTORS_MAX];

	if (descriptor_receive(fd, packet, sizeof(packet), &length, fds, LAUNCHER_DESCRIPTORS_MAX,
			       &count, NULL) < 0)
		return 0;
	for (size_t i = 0; i < count; i++)
		(void)close(fds[i]);
	memcpy(&header, packet, sizeof(header));
	*ret_run = header.run;
	return header.kind;
}

/* A reader that reads nothing for a while: the order stays, nothing is lost, nothing grows. */
static void test_outbox(void **state)
{
	static struct outbox outbox;
	static struct protection_set protections = {.uses = 1000};
	const struct launcher_hello hello = {
		.header = launcher_header_make(LAUNCHER_HELLO, sizeof(hello), 0, NULL)};
	const struct launcher_header request = launcher_header_make(LAUNCHER_KILL, 56, 0, NULL);
	const struct berth_error error = {.code = BERTH_NOT_FOUND};
	struct run_table *table = NULL;
	struct run *runs[200];
	unsigned rows = 0, ended = 0, refused = 0;
	int64_t number = 0, last = 0;
	int pair[2], left;
	uint16_t kind;

	(void)state;
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	assert_int_equal(run_table_create(&table, NULL), 0);
	outbox_init(&outbox, table);
	for (int64_t i = 0; i < 200; i++) {
		runs[i] = add(table, i + 1);
		runs[i]->protections = &protections;
	}
	outbox_open(&outbox, pair[0], &hello);
	assert_true(outbox_is_telling_table(&outbox));
	assert_int_equal(outbox_flush(&outbox, NULL), 1); /* the socket is full */
	/* of one that was told, and of one that was not: it will be told as it is then */
	outbox_tell(&outbox, runs[0], TELL_ENDED);
	outbox_tell(&outbox, runs[199], TELL_ENDED);
	while (outbox_has_room(&outbox))
		outbox_refuse(&outbox, &request, 0, &error);
	outbox_refuse(&outbox, &request, 0, &error); /* one too many is dropped, not kept */
	do {
		left = outbox_flush(&outbox, NULL);
		while ((kind = receive(pair[1], &number))) {
			if (kind == LAUNCHER_TABLE_RUN) {
				assert_true(number > last);
				last = number;
				rows++;
			}
			assert_false(kind == LAUNCHER_TABLE_END && rows != 200);
			refused += kind == LAUNCHER_REFUSED;
			if (kind == LAUNCHER_ENDED) {
				assert_int_equal(number, 1);
				ended++;
			}
		}
	} while (left > 0);
	assert_int_equal(rows, 200);
	assert_int_equal(ended, 1);
	assert_int_equal(refused, OUTBOX_REPLIES);
	/* one that is removed is not told of any more */
	outbox_tell(&outbox, runs[3], TELL_STARTED);
	outbox_tell(&outbox, runs[4], TELL_STARTED);
	outbox_tell(&outbox, runs[5], TELL_STARTED | TELL_ENDED);
	outbox_forget(&outbox, runs[5]);
	outbox_forget(&outbox, runs[3]);
	assert_int_equal(outbox_flush(&outbox, NULL), 0);
	assert_int_equal(receive(pair[1], &number), LAUNCHER_STARTED);
	assert_int_equal(number, 5);
	assert_int_equal(receive(pair[1], &number), 0);
	/* a reader that is gone takes everything */
	(void)close(pair[1]);
	outbox_tell(&outbox, runs[4], TELL_ENDED);
	assert_int_equal(outbox_flush(&outbox, NULL), 0);
	outbox_close(&outbox);
	for (size_t i = 0; i < 200; i++)
		run_table_remove(table, runs[i]);
	run_table_destroy(table);
	(void)close(pair[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fill_and_empty),
		cmocka_unit_test(test_attempts),
		cmocka_unit_test(test_holds),
		cmocka_unit_test(test_outbox),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
