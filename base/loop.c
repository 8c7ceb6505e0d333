/* SPDX-License-Identifier: Apache-2.0 */
/* A small epoll(7) loop: descriptors, timers (timerfd_create(2)) and signals (signalfd(2)). */
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
	int fd; /* the caller's for SOURCE_DESCRIPTOR, else ours */
	uint32_t events;
	bool is_dead; /* destroyed while dispatching; freed after the batch */
	union {
		loop_descriptor_handler descriptor;
		loop_timer_handler timer;
		loop_signal_handler signals;
	} handler;
	void *owner;
};

struct loop {
	int epoll_fd;
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
	close_fd(&loop->epoll_fd);
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

int loop_add_timer(struct loop *loop, loop_timer_handler handler, void *owner,
		   struct loop_source **ret_source, struct berth_error *err)
{
	AUTO_CLOSE int fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	struct loop_source *source;

	if (fd < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "timerfd_create");
	if (add_source(loop, SOURCE_TIMER, fd, EPOLLIN, &source, err) < 0)
		return -1;
	(void)steal_fd(&fd);
	source->handler.timer = handler;
	source->owner = owner;
	*ret_source = source;
	return 0;
}

int loop_arm_timer(struct loop_source *source, uint64_t due_ns, struct berth_error *err)
{
	struct itimerspec due = {
		.it_value = {.tv_sec = (time_t)(due_ns / CLOCK_NS_PER_S),
			     .tv_nsec = (long)(due_ns % CLOCK_NS_PER_S)},
	};

	assert(source->kind == SOURCE_TIMER);
	if (timerfd_settime(source->fd, TFD_TIMER_ABSTIME, &due, NULL) < 0)
		return berth_fail(err, BERTH_SYSTEM, errno, "timerfd_settime");
	return 0;
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
	if (source->kind != SOURCE_DESCRIPTOR)
		close_fd(&source->fd);
	source->is_dead = true;
	if (loop->is_dispatching) /* the batch of events may still point at it */
		link_source(&loop->dead, source);
	else
		free(source);
}

static int dispatch_timer(struct loop_source *source, struct berth_error *err)
{
	uint64_t expirations;

	/* EAGAIN: disarmed or armed again by another handler of this batch */
	if (read(source->fd, &expirations, sizeof(expirations)) < 0)
		return errno == EAGAIN ? 0 : berth_fail(err, BERTH_SYSTEM, errno, "read a timer");
	return source->handler.timer(source->owner, err);
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
	case SOURCE_TIMER:
		return dispatch_timer(source, err);
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
		result = dispatch(events[i].data.ptr, events[i].events, err);
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
