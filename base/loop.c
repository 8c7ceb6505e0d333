/* SPDX-License-Identifier: Apache-2.0 */
/* A small epoll(7) loop: descriptors, timers and signals (signalfd(2)). All timers share one
 * timerfd_create(2) descriptor and wait in a heap: thousands of runs have several each. */
#include "base/loop.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

#define EVENTS_AT_ONCE 32

enum source_kind { SOURCE_DESCRIPTOR, SOURCE_TIMER, SOURCE_SIGNALS };

struct loop_source {
	struct loop *loop;
	struct loop_source *next, **previous; /* in loop->sources or loop->dead */
	enum source_kind kind;
	int fd; /* the caller's for SOURCE_DESCRIPTOR, ours for SOURCE_SIGNALS, else -1 */
	uint32_t events;
	bool is_dead;    /* destroyed while dispatching; freed after the batch */
	uint64_t due_ns; /* SOURCE_TIMER: 0 when it is not armed */
	size_t place;    /* … and where it is in the heap otherwise */
	union {
		loop_descriptor_handler descriptor;
		loop_timer_handler timer;
		loop_signal_handler signals;
	} handler;
	void *owner;
};

struct loop {
	int epoll_fd;
	int timer_fd;      /* -1: there never was a timer */
	uint64_t timer_ns; /* when it expires: never later than the first of the heap; 0: never */
	uint64_t round_ns; /* while timers are dispatched: those due by then are; else 0 */
	struct loop_source **heap; /* armed timers, the earliest first */
	size_t heap_count, heap_size;
	size_t timer_count; /* armed or not: the heap has room for all */
	bool is_dispatching, is_stopped;
	struct loop_source *sources;
	struct loop_source *dead;
};

static void link_source(struct loop_source **list, struct loop_source *source)
{
	source->next = *list;
	source->previous = list;
	if (source->next)
		source->next->previous = &source->next;
	*list = source;
}

static void unlink_source(struct loop_source *source)
{
	*source->previous = source->next;
	if (source->next)
		source->next->previous = source->previous;
}

int loop_create(struct loop **ret_loop, struct berth_error *err)
{
	struct loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "create an event loop");
	loop->timer_fd = -1;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0) {
		(void)berth_fail(err, BERTH_SYSTEM, errno, "epoll_create1");
		free(loop);
		return -1;
	}
	*ret_loop = loop;
	return 0;
}

void loop_destroy(struct loop *loop)
{
	if (!loop)
		return;
	assert(!loop->is_dispatching);
	/* the analyzer does not follow `previous`, by which a freed source leaves the list */
	while (loop->sources)
		loop_source_destroy(loop->sources); /* NOLINT(clang-analyzer-unix.Malloc) */
	close_fd(&loop->timer_fd);
	close_fd(&loop->epoll_fd);
	free(loop->heap);
	free(loop);
}

/* Tells the kernel that the wanted events changed from `old`. */
static int apply_events(const struct loop_source *source, uint32_t old, struct berth_error *err)
{
	struct epoll_event event = {.events = source->events, .data.ptr = NULL};
	int operation = old == 0              ? EPOLL_CTL_ADD
			: source->events == 0 ? EPOLL_CTL_DEL
					      : EPOLL_CTL_MOD;

	if (old == source->events)
		return 0;
	event.data.ptr = (void *)(uintptr_t)source;
	if (epoll_ctl(source->loop->epoll_fd, operation, source->fd, &event) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "epoll_ctl on fd %d", source->fd);
	return 0;
}

/* Takes fd over on success only, where the source owns it. */
static int add_source(struct loop *loop, enum source_kind kind, int fd, uint32_t events,
		      struct loop_source **ret_source, struct berth_error *err)
{
	struct loop_source *source = calloc(1, sizeof(*source));

	if (!source)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "watch fd %d", fd);
	source->loop = loop;
	source->kind = kind;
	source->fd = fd;
	source->events = events;
	if (apply_events(source, 0, err) < 0) {
		free(source);
		return -1;
	}
	link_source(&loop->sources, source);
	*ret_source = source;
	return 0;
}

int loop_add_descriptor(struct loop *loop, int fd, uint32_t events, loop_descriptor_handler handler,
			void *owner, struct loop_source **ret_source, struct berth_error *err)
{
	struct loop_source *source;

	if (add_source(loop, SOURCE_DESCRIPTOR, fd, events, &source, err) < 0)
		return -1;
	source->handler.descriptor = handler;
	source->owner = owner;
	*ret_source = source;
	return 0;
}

int loop_modify_descriptor(struct loop_source *source, uint32_t events, struct berth_error *err)
{
	uint32_t old = source->events;

	assert(source->kind == SOURCE_DESCRIPTOR);
	source->events = events;
	if (apply_events(source, old, err) < 0) {
		source->events = old;
		return -1;
	}
	return 0;
}

static void heap_put(struct loop *loop, size_t place, struct loop_source *source)
{
	loop->heap[place] = source;
	source->place = place;
}

/* Moves a source up or down from an empty place to where it belongs. */
static void heap_settle(struct loop *loop, size_t place, struct loop_source *source)
{
	size_t parent, child;

	for (; place > 0; place = parent) {
		parent = (place - 1) / 2;
		if (loop->heap[parent]->due_ns <= source->due_ns)
			break;
		heap_put(loop, place, loop->heap[parent]);
	}
	for (; (child = 2 * place + 1) < loop->heap_count; place = child) {
		if (child + 1 < loop->heap_count &&
		    loop->heap[child + 1]->due_ns < loop->heap[child]->due_ns)
			child++;
		if (loop->heap[child]->due_ns >= source->due_ns)
			break;
		heap_put(loop, place, loop->heap[child]);
	}
	heap_put(loop, place, source);
}

static void heap_remove(struct loop *loop, struct loop_source *source)
{
	struct loop_source *last = loop->heap[--loop->heap_count];

	source->due_ns = 0;
	if (last != source)
		heap_settle(loop, source->place, last);
}

static int heap_reserve(struct loop *loop, struct berth_error *err)
{
	size_t size = loop->heap_size ? 2 * loop->heap_size : 8;
	struct loop_source **heap;

	if (loop->timer_count < loop->heap_size)
		return 0;
	heap = realloc(loop->heap, size * sizeof(*heap));
	if (!heap)
		return berth_fail(err, BERTH_MEMORY, ENOMEM, "create a timer");
	loop->heap = heap;
	loop->heap_size = size;
	return 0;
}

static int open_timer(struct loop *loop, struct berth_error *err)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};

	if (loop->timer_fd >= 0)
		return 0;
	loop->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (loop->timer_fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "timerfd_create");
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->timer_fd, &event) < 0) {
		(void)berth_fail(err, BERTH_SYSTEM, errno, "watch the timers");
		close_fd(&loop->timer_fd);
		return -1;
	}
	return 0;
}

/* The kernel is told only of what is earlier than it knows; what it tells too early is looked at
 * and put off again. */
static int set_timer(struct loop *loop, struct berth_error *err)
{
	uint64_t due_ns = loop->heap_count > 0 ? loop->heap[0]->due_ns : 0;
	struct itimerspec due = {
		.it_value = {.tv_sec = (time_t)(due_ns / CLOCK_NS_PER_S),
			     .tv_nsec = (long)(due_ns % CLOCK_NS_PER_S)},
	};

	if (due_ns == 0 || (loop->timer_ns != 0 && loop->timer_ns <= due_ns))
		return 0;
	if (timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &due, NULL) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "timerfd_settime");
	loop->timer_ns = due_ns;
	return 0;
}

int loop_add_timer(struct loop *loop, loop_timer_handler handler, void *owner,
		   struct loop_source **ret_source, struct berth_error *err)
{
	struct loop_source *source;

	/* now, not when it is armed: that must work without a free descriptor or memory */
	if (open_timer(loop, err) < 0 || heap_reserve(loop, err) < 0 ||
	    add_source(loop, SOURCE_TIMER, -1, 0, &source, err) < 0)
		return -1;
	loop->timer_count++;
	source->handler.timer = handler;
	source->owner = owner;
	*ret_source = source;
	return 0;
}

int loop_arm_timer(struct loop_source *source, uint64_t due_ns, struct berth_error *err)
{
	struct loop *loop = source->loop;

	assert(source->kind == SOURCE_TIMER);
	if (source->due_ns != 0)
		heap_remove(loop, source);
	if (due_ns == 0)
		return 0;
	/* a handler's timer for the past comes after all that are due already */
	source->due_ns = due_ns > loop->round_ns ? due_ns : loop->round_ns + 1;
	heap_settle(loop, loop->heap_count++, source);
	return set_timer(loop, err);
}

int loop_add_signals(struct loop *loop, const int *signals, size_t count,
		     loop_signal_handler handler, void *owner, struct loop_source **ret_source,
		     struct berth_error *err)
{
	struct loop_source *source;
	AUTO_CLOSE int fd = -1;
	sigset_t set;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < count; i++)
		if (sigaddset(&set, signals[i]) < 0)
			return berth_fail(err, BERTH_INVALID, errno, "signal %d", signals[i]);
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "signalfd");
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "sigprocmask");
	if (add_source(loop, SOURCE_SIGNALS, fd, EPOLLIN, &source, err) < 0)
		return -1;
	(void)steal_fd(&fd);
	source->handler.signals = handler;
	source->owner = owner;
	*ret_source = source;
	return 0;
}

void loop_source_destroy(struct loop_source *source)
{
	struct loop *loop;

	if (!source || source->is_dead)
		return;
	loop = source->loop;
	unlink_source(source);
	if (source->events != 0)
		(void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
	if (source->due_ns != 0)
		heap_remove(loop, source);
	if (source->kind == SOURCE_TIMER)
		loop->timer_count--;
	if (source->kind == SOURCE_SIGNALS)
		close_fd(&source->fd);
	source->is_dead = true;
	if (loop->is_dispatching) /* the batch of events may still point at it */
		link_source(&loop->dead, source);
	else
		free(source);
}

static int dispatch_timers(struct loop *loop, struct berth_error *err)
{
	uint64_t expirations;
	int result = 0;

	/* EAGAIN: told twice; only its readiness counts */
	if (read(loop->timer_fd, &expirations, sizeof(expirations)) < 0 && errno != EAGAIN)
		return berth_fail(err, BERTH_SYSTEM, errno, "read the timers");
	loop->timer_ns = 0;
	loop->round_ns = clock_boottime_ns();
	while (result == 0 && loop->heap_count > 0 && loop->heap[0]->due_ns <= loop->round_ns) {
		struct loop_source *source = loop->heap[0];

		heap_remove(loop, source);
		result = source->handler.timer(source->owner, err);
	}
	loop->round_ns = 0;
	/* also after a failure, whose error is the one to tell: who goes on has the others left */
	return set_timer(loop, result < 0 ? NULL : err) < 0 ? -1 : result;
}

static int dispatch_signals(struct loop_source *source, struct berth_error *err)
{
	struct signalfd_siginfo info;

	/* one each time: the handler may destroy the source, and the fd stays readable */
	if (read(source->fd, &info, sizeof(info)) < 0)
		return errno == EAGAIN ? 0 : berth_fail(err, BERTH_SYSTEM, errno, "read a signal");
	return source->handler.signals(source->owner, (int)info.ssi_signo, (pid_t)info.ssi_pid,
				       err);
}

static int dispatch(struct loop_source *source, uint32_t events, struct berth_error *err)
{
	if (source->is_dead)
		return 0;
	switch (source->kind) {
	case SOURCE_DESCRIPTOR:
		/* another handler of this batch may have paused it or wants other events now */
		events &= source->events ? source->events | EPOLLERR | EPOLLHUP : 0;
		return events ? source->handler.descriptor(source->owner, events, err) : 0;
	case SOURCE_TIMER: /* it has no descriptor of its own */
		break;
	case SOURCE_SIGNALS:
		return dispatch_signals(source, err);
	}
	return 0;
}

static void free_dead(struct loop *loop)
{
	struct loop_source *source;

	while ((source = loop->dead)) {
		unlink_source(source); /* NOLINT(clang-analyzer-unix.Malloc): as above */
		free(source);
	}
}

static int run_once(struct loop *loop, struct berth_error *err)
{
	struct epoll_event events[EVENTS_AT_ONCE];
	int count, result = 0;

	count = epoll_wait(loop->epoll_fd, events, EVENTS_AT_ONCE, -1);
	if (count < 0)
		return errno == EINTR ? 0 : berth_fail(err, BERTH_SYSTEM, errno, "epoll_wait");
	loop->is_dispatching = true;
	for (int i = 0; i < count && result == 0; i++)
		result = events[i].data.ptr ? dispatch(events[i].data.ptr, events[i].events, err)
					    : dispatch_timers(loop, err);
	loop->is_dispatching = false;
	free_dead(loop);
	return result;
}

int loop_run(struct loop *loop, struct berth_error *err)
{
	int result = 0;

	while (!loop->is_stopped && result == 0)
		result = run_once(loop, err);
	loop->is_stopped = false;
	return result;
}

void loop_stop(struct loop *loop)
{
	loop->is_stopped = true;
}
