/* SPDX-License-Identifier: Apache-2.0 */
/* The loop: descriptors, timers, signals, and sources that go while it dispatches. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/loop.h"
#include "tests/helpers/fault.h"

struct fixture {
	struct loop *loop;
	struct loop_source *first, *second;
	int pipe[2], other[2];
	int calls, other_calls;
	uint32_t events;
	int signal;
	pid_t sender;
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	if (!fixture || loop_create(&fixture->loop, NULL) < 0 ||
	    descriptor_pipe(fixture->pipe, NULL) < 0 || descriptor_pipe(fixture->other, NULL) < 0)
		return -1;
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	loop_destroy(fixture->loop);
	for (int i = 0; i < 2; i++) {
		if (fixture->pipe[i] >= 0)
			(void)close(fixture->pipe[i]);
		(void)close(fixture->other[i]);
	}
	free(fixture);
	return 0;
}

static int count_and_stop(void *owner, uint32_t events, struct berth_error *err)
{
	struct fixture *fixture = owner;

	(void)err;
	fixture->calls++;
	fixture->events = events;
	loop_stop(fixture->loop);
	return 0;
}

static int count_timer(void *owner, struct berth_error *err)
{
	struct fixture *fixture = owner;

	(void)err;
	fixture->other_calls++;
	loop_stop(fixture->loop);
	return 0;
}

static void tells_readable_and_hung_up(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(loop_add_descriptor(fixture->loop, fixture->pipe[0], EPOLLIN,
					     count_and_stop, fixture, &fixture->first, NULL),
			 0);
	assert_int_equal(write(fixture->pipe[1], "x", 1), 1);
	assert_int_equal(loop_run(fixture->loop, NULL), 0);
	assert_int_equal(fixture->calls, 1);
	assert_int_equal(fixture->events, EPOLLIN);
	(void)close(fixture->pipe[1]);
	fixture->pipe[1] = -1;
	assert_int_equal(loop_run(fixture->loop, NULL), 0); /* level-triggered: told again */
	assert_int_equal(fixture->calls, 2);
	assert_true(fixture->events & EPOLLHUP);
}

static int arm_soon(struct loop_source *timer)
{
	return loop_arm_timer(timer, clock_boottime_ns() + 2 * CLOCK_NS_PER_MS, NULL);
}

static void a_paused_descriptor_is_silent(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(loop_add_descriptor(fixture->loop, fixture->pipe[0], EPOLLIN,
					     count_and_stop, fixture, &fixture->first, NULL),
			 0);
	assert_int_equal(
		loop_add_timer(fixture->loop, count_timer, fixture, &fixture->second, NULL), 0);
	assert_int_equal(write(fixture->pipe[1], "x", 1), 1);
	(void)close(fixture->pipe[1]); /* hung up, which epoll(7) tells unasked */
	fixture->pipe[1] = -1;
	assert_int_equal(loop_modify_descriptor(fixture->first, 0, NULL), 0);
	assert_int_equal(loop_modify_descriptor(fixture->first, 0, NULL), 0);
	assert_int_equal(arm_soon(fixture->second), 0);
	assert_int_equal(loop_run(fixture->loop, NULL), 0);
	assert_int_equal(fixture->calls, 0);
	assert_int_equal(fixture->other_calls, 1);
	assert_int_equal(loop_modify_descriptor(fixture->first, EPOLLIN, NULL), 0);
	assert_int_equal(loop_run(fixture->loop, NULL), 0);
	assert_int_equal(fixture->calls, 1);
}

static void regular_files_are_refused(void **state)
{
	struct fixture *fixture = *state;
	struct berth_error err;
	FILE *file = tmpfile();

	assert_non_null(file);
	assert_int_equal(loop_add_descriptor(fixture->loop, fileno(file), EPOLLIN, count_and_stop,
					     fixture, &fixture->first, &err),
			 -1);
	assert_int_equal(err.errnum, EPERM);
	(void)fclose(file);
}

static int destroy_both(void *owner, uint32_t events, struct berth_error *err)
{
	struct fixture *fixture = owner;

	(void)events;
	(void)err;
	fixture->calls++;
	loop_source_destroy(fixture->first);
	loop_source_destroy(fixture->second);
	loop_source_destroy(NULL);
	loop_stop(fixture->loop);
	return 0;
}

/* Both are ready in one batch: whoever comes first takes the other away. */
static void sources_may_go_while_dispatching(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(loop_add_descriptor(fixture->loop, fixture->pipe[0], EPOLLIN, destroy_both,
					     fixture, &fixture->first, NULL),
			 0);
	assert_int_equal(loop_add_descriptor(fixture->loop, fixture->other[0], EPOLLIN,
					     destroy_both, fixture, &fixture->second, NULL),
			 0);
	assert_int_equal(write(fixture->pipe[1], "x", 1), 1);
	assert_int_equal(write(fixture->other[1], "x", 1), 1);
	assert_int_equal(loop_run(fixture->loop, NULL), 0);
	assert_int_equal(fixture->calls, 1);
}

static int disarm_and_pause(void *owner, uint32_t events, struct berth_error *err)
{
	struct fixture *fixture = owner;

	(void)events;
	fixture->calls++;
	loop_stop(fixture->loop);
	return loop_arm_timer(fixture->second, 0, err) < 0 ||
			       loop_modify_descriptor(fixture->first, 0, err) < 0
		       ? -1
		       : 0;
}

/* Both are ready in one batch; the timer, if it comes second, must not fire any more. */
static void a_disarmed_timer_does_not_fire(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(loop_add_descriptor(fixture->loop, fixture->pipe[0], EPOLLIN,
					     disarm_and_pause, fixture, &fixture->first, NULL),
			 0);
	assert_int_equal(
		loop_add_timer(fixture->loop, count_timer, fixture, &fixture->second, NULL), 0);
	assert_int_equal(write(fixture->pipe[1], "x", 1), 1);
	assert_int_equal(loop_arm_timer(fixture->second, 1, NULL), 0); /* long past: due at once */
	assert_int_equal(loop_run(fixture->loop, NULL), 0);
	assert_int_equal(fixture->calls, 1);
	assert_int_equal(fixture->other_calls, 0);
}

enum { TIMERS = 300 };
static struct {
	struct loop *loop;
	struct loop_source *timers[TIMERS];
	uint64_t due_ns[TIMERS]; /* 0: disarmed or destroyed */
	uint64_t last_ns;        /* what fired before was due then */
	size_t fired, expected;
} crowd;

static int fire(void *owner, struct berth_error *err)
{
	size_t index = (size_t)((uint64_t *)owner - crowd.due_ns);

	(void)err;
	assert_true(crowd.due_ns[index] >= crowd.last_ns);
	assert_true(clock_boottime_ns() >= crowd.due_ns[index]);
	crowd.last_ns = crowd.due_ns[index];
	if (++crowd.fired == crowd.expected)
		loop_stop(crowd.loop);
	return 0;
}

/* Armed, armed again, disarmed and destroyed in any order, they fire once each, in order. */
static void a_crowd_of_timers_keeps_its_order(void **state)
{
	const uint64_t start_ns = clock_boottime_ns() + 5 * CLOCK_NS_PER_MS;
	uint32_t random = 1;

	(void)state;
	assert_int_equal(loop_create(&crowd.loop, NULL), 0);
	for (size_t i = 0; i < TIMERS; i++)
		assert_int_equal(
			loop_add_timer(crowd.loop, fire, &crowd.due_ns[i], &crowd.timers[i], NULL),
			0);
	for (size_t i = 0; i < 4 * (size_t)TIMERS; i++) {
		size_t index = (random = random * 1103515245 + 12345) / 65536 % TIMERS;

		crowd.due_ns[index] = i % 5 == 0 ? 0 : start_ns + random % (20 * CLOCK_NS_PER_MS);
		assert_int_equal(loop_arm_timer(crowd.timers[index], crowd.due_ns[index], NULL), 0);
	}
	for (size_t i = 0; i < TIMERS; i += 7) {
		loop_source_destroy(crowd.timers[i]);
		crowd.due_ns[i] = 0;
	}
	for (size_t i = 0; i < TIMERS; i++)
		crowd.expected += crowd.due_ns[i] != 0;
	assert_true(crowd.expected > TIMERS / 2);
	assert_int_equal(loop_run(crowd.loop, NULL), 0);
	assert_int_equal(crowd.fired, crowd.expected);
	loop_destroy(crowd.loop);
}

static int insist(void *owner, struct berth_error *err)
{
	struct fixture *fixture = owner;

	/* bounded, so that one who is never passed fails the test instead of hanging it */
	if (++fixture->calls == 100)
		loop_stop(fixture->loop);
	return loop_arm_timer(fixture->first, 1, err);
}

/* Long past and so before everybody, each time: it must not keep the other from firing. */
static void a_timer_that_insists_waits_its_turn(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(loop_add_timer(fixture->loop, insist, fixture, &fixture->first, NULL), 0);
	assert_int_equal(
		loop_add_timer(fixture->loop, count_timer, fixture, &fixture->second, NULL), 0);
	assert_int_equal(loop_arm_timer(fixture->first, 1, NULL), 0);
	assert_int_equal(loop_arm_timer(fixture->second, 2, NULL), 0);
	assert_int_equal(loop_run(fixture->loop, NULL), 0);
	assert_int_equal(fixture->calls, 1);
	assert_int_equal(fixture->other_calls, 1);
}

static int fail_timer(void *owner, struct berth_error *err)
{
	(void)owner;
	return berth_fail(err, BERTH_INVALID, 0, "on purpose");
}

/* Who goes on after a failure (the end of a run drains its log) still has its timers. */
static void a_failing_timer_leaves_the_others(void **state)
{
	struct fixture *fixture = *state;
	struct berth_error err = {0};

	assert_int_equal(loop_add_timer(fixture->loop, fail_timer, fixture, &fixture->first, NULL),
			 0);
	assert_int_equal(
		loop_add_timer(fixture->loop, count_timer, fixture, &fixture->second, NULL), 0);
	assert_int_equal(loop_arm_timer(fixture->first, 1, NULL), 0);
	assert_int_equal(loop_arm_timer(fixture->second, 2, NULL), 0);
	assert_int_equal(loop_run(fixture->loop, &err), -1);
	assert_string_equal(err.message, "on purpose");
	/* what stops the loop when the second timer does not */
	assert_int_equal(loop_add_descriptor(fixture->loop, fixture->pipe[0], EPOLLIN,
					     count_and_stop, fixture, &fixture->first, NULL),
			 0);
	assert_int_equal(write(fixture->pipe[1], "x", 1), 1);
	assert_int_equal(loop_run(fixture->loop, NULL), 0);
	if (fixture->other_calls == 0)
		assert_int_equal(loop_run(fixture->loop, NULL), 0);
	assert_int_equal(fixture->other_calls, 1);
}

/* A run that is out of memory must still be able to time out. */
static void arming_needs_no_memory(void **state)
{
	enum { COUNT = 40 };
	struct fixture *fixture = *state;
	struct loop_source *timers[COUNT];
	int failed = 0;

	for (size_t i = 0; i < COUNT; i++)
		assert_int_equal(
			loop_add_timer(fixture->loop, count_timer, fixture, &timers[i], NULL), 0);
	for (size_t i = 0; i < COUNT; i++) {
		(void)fault_set_allocation(1);
		failed += loop_arm_timer(timers[i], UINT64_C(1) << 62, NULL) < 0;
		assert_false(fault_set_allocation(0));
	}
	assert_int_equal(failed, 0);
}

/* The n-th allocation fails, and nothing is lost but that timer. */
static void adding_a_timer_fails_cleanly(void **state)
{
	struct fixture *fixture = *state;
	struct loop_source *timer = NULL;
	unsigned nth = 0;
	int result;

	do {
		struct berth_error err = {0};

		(void)fault_set_allocation(++nth);
		result = loop_add_timer(fixture->loop, count_timer, fixture, &timer, &err);
		if (result < 0)
			assert_int_equal(err.code, BERTH_MEMORY);
	} while (fault_set_allocation(0));
	assert_int_equal(result, 0);
	assert_int_equal(nth, 3); /* the source, its place in the heap, and none */
	assert_int_equal(loop_arm_timer(timer, 1, NULL), 0);
	assert_int_equal(loop_run(fixture->loop, NULL), 0);
	assert_int_equal(fixture->other_calls, 1);
}

static void timers_are_punctual(void **state)
{
	struct fixture *fixture = *state;
	uint64_t start = clock_boottime_ns(), took;

	assert_int_equal(
		loop_add_timer(fixture->loop, count_timer, fixture, &fixture->second, NULL), 0);
	assert_int_equal(loop_arm_timer(fixture->second, start + 20 * CLOCK_NS_PER_MS, NULL), 0);
	assert_int_equal(loop_run(fixture->loop, NULL), 0);
	took = clock_boottime_ns() - start;
	assert_true(took >= 20 * CLOCK_NS_PER_MS);
	assert_true(took < 5 * CLOCK_NS_PER_S); /* a busy machine is no failure */
	assert_int_equal(fixture->other_calls, 1);
}

static int note_signal(void *owner, int signal, pid_t sender, struct berth_error *err)
{
	struct fixture *fixture = owner;

	(void)err;
	fixture->calls++;
	fixture->signal = signal;
	fixture->sender = sender;
	loop_stop(fixture->loop);
	return 0;
}

static void delivers_signals_one_by_one(void **state)
{
	static const int signals[] = {SIGUSR1, SIGUSR2};
	struct fixture *fixture = *state;

	assert_int_equal(loop_add_signals(fixture->loop, signals, 2, note_signal, fixture,
					  &fixture->first, NULL),
			 0);
	assert_int_equal(kill(getpid(), SIGUSR1), 0);
	assert_int_equal(kill(getpid(), SIGUSR2), 0);
	assert_int_equal(loop_run(fixture->loop, NULL), 0);
	assert_int_equal(fixture->signal, SIGUSR1);
	assert_int_equal(fixture->sender, getpid());
	assert_int_equal(loop_run(fixture->loop, NULL), 0);
	assert_int_equal(fixture->signal, SIGUSR2);
	assert_int_equal(fixture->calls, 2);
}

static void refuses_bad_signals(void **state)
{
	static const int signals[] = {SIGUSR1, 4711};
	struct fixture *fixture = *state;
	struct berth_error err;

	assert_int_equal(loop_add_signals(fixture->loop, signals, 2, note_signal, fixture,
					  &fixture->first, &err),
			 -1);
	assert_int_equal(err.code, BERTH_INVALID);
}

static int refuse_always(void *owner, uint32_t events, struct berth_error *err)
{
	(void)owner;
	(void)events;
	return berth_fail(err, BERTH_PROTOCOL, 0, "the handler's own words");
}

static void a_failing_handler_ends_it(void **state)
{
	struct fixture *fixture = *state;
	struct berth_error err;

	assert_int_equal(loop_add_descriptor(fixture->loop, fixture->pipe[0], EPOLLIN,
					     refuse_always, fixture, &fixture->first, NULL),
			 0);
	assert_int_equal(write(fixture->pipe[1], "x", 1), 1);
	assert_int_equal(loop_run(fixture->loop, &err), -1);
	assert_string_equal(err.message, "the handler's own words");
}

static void stopping_before_running_counts(void **state)
{
	struct fixture *fixture = *state;

	loop_stop(fixture->loop);
	assert_int_equal(loop_run(fixture->loop, NULL), 0);
	loop_destroy(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(tells_readable_and_hung_up),
		TEST(a_paused_descriptor_is_silent),
		TEST(regular_files_are_refused),
		TEST(sources_may_go_while_dispatching),
		TEST(a_disarmed_timer_does_not_fire),
		TEST(timers_are_punctual),
		TEST(a_crowd_of_timers_keeps_its_order),
		TEST(a_timer_that_insists_waits_its_turn),
		TEST(a_failing_timer_leaves_the_others),
		TEST(arming_needs_no_memory),
		TEST(adding_a_timer_fails_cleanly),
		TEST(delivers_signals_one_by_one),
		TEST(refuses_bad_signals),
		TEST(a_failing_handler_ends_it),
		TEST(stopping_before_running_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
