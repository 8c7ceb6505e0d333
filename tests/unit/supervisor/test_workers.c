/* SPDX-License-Identifier: Apache-2.0 */
/* Chores are run elsewhere and told of here, each once, with their result. */
#include "runner/supervisor/workers.h"

/* cmocka.h wants these before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <stdbool.h>

#define CHORES 64

static struct loop *loop;
static int done_count;

struct counted {
	struct control_chore chore; /* first */
	int number, done;
};

static int run(struct control_chore *chore, struct berth_error *err)
{
	int number = ((struct counted *)chore)->number;

	return number % 3 == 0 ? berth_fail(err, BERTH_SYSTEM, EIO, "chore %d", number) : number;
}

static void done(struct control_chore *chore, int result, const struct berth_error *err)
{
	struct counted *counted = (struct counted *)chore;
	bool fails = counted->number % 3 == 0;

	assert_int_equal(result, fails ? -1 : counted->number);
	assert_int_equal(err->errnum, fails ? EIO : 0);
	counted->done++;
	if (++done_count == CHORES)
		loop_stop(loop);
}

static void test_each_once(void **state)
{
	static struct counted chores[CHORES];
	struct workers *workers;

	(void)state;
	assert_int_equal(loop_create(&loop, NULL), 0);
	assert_int_equal(workers_create(loop, &workers, NULL), 0);
	for (int i = 0; i < CHORES; i++) {
		chores[i] = (struct counted){
			.chore = {.run = run, .done = done},
                          .number = i
                };
		workers_submit(workers, &chores[i].chore);
	}
	assert_int_equal(loop_run(loop, NULL), 0);
	for (int i = 0; i < CHORES; i++)
		assert_int_equal(chores[i].done, 1);
	workers_destroy(workers);
	workers_destroy(NULL);
	loop_destroy(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
