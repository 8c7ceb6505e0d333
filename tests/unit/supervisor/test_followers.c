/* SPDX-License-Identifier: Apache-2.0 */
/* Followers hear of their run only, and may leave while they are told. */
#include "runner/supervisor/followers.h"

/* cmocka.h wants these before it */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

struct listener {
	struct control_follower follower; /* first: tell() casts */
	struct followers *followers;
	struct control_follower *leaves; /* whom it takes away when it is told */
	int told;
};

static void tell(struct control_follower *follower, enum control_follow_event event,
		 const json_t *progress)
{
	struct listener *listener = (struct listener *)follower;

	(void)progress;
	assert_int_equal(event, CONTROL_FOLLOW_LOG);
	listener->told++;
	if (listener->leaves)
		followers_remove(listener->followers, listener->leaves);
}

static void add(struct followers *followers, struct listener *listener, int64_t run_id)
{
	*listener = (struct listener){
		.follower = {.run_id = run_id, .tell = tell},
                  .followers = followers
        };
	followers_add(followers, &listener->follower);
}

static void test_only_its_own_run(void **state)
{
	struct followers *followers;
	struct listener one, other;

	(void)state;
	assert_int_equal(followers_create(&followers, NULL), 0);
	add(followers, &one, 7);
	add(followers, &other, 8);
	followers_tell(followers, 7, CONTROL_FOLLOW_LOG, NULL);
	assert_int_equal(one.told, 1);
	assert_int_equal(other.told, 0);
	followers_remove(followers, &one.follower);
	followers_remove(followers, &one.follower); /* harmless */
	followers_tell(followers, 7, CONTROL_FOLLOW_LOG, NULL);
	assert_int_equal(one.told, 1);
	followers_remove(followers, &other.follower);
	followers_destroy(followers);
}

/* Told newest first: the first takes the next away, then itself. */
static void test_leaving_while_told(void **state)
{
	struct followers *followers;
	struct listener first, second, third;

	(void)state;
	assert_int_equal(followers_create(&followers, NULL), 0);
	add(followers, &third, 7);
	add(followers, &second, 7);
	add(followers, &first, 7);
	first.leaves = &second.follower;
	third.leaves = &third.follower;
	followers_tell(followers, 7, CONTROL_FOLLOW_LOG, NULL);
	assert_int_equal(first.told, 1);
	assert_int_equal(second.told, 0);
	assert_int_equal(third.told, 1);
	first.leaves = &first.follower;
	followers_tell(followers, 7, CONTROL_FOLLOW_LOG, NULL);
	followers_tell(followers, 7, CONTROL_FOLLOW_LOG, NULL);
	assert_int_equal(first.told, 2);
	assert_int_equal(third.told, 1);
	followers_destroy(followers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_its_own_run),
		cmocka_unit_test(test_leaving_while_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
