/* SPDX-License-Identifier: Apache-2.0 */
/* A small epoll(7) loop: descriptors, timers (one timerfd_create(2) for all) and signals
 * (signalfd(2)). Its own, because linking libsystemd costs more start-up time than a whole sandbox
 * launch. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct loop;
struct loop_source;

/* A handler returns 0 or fails, which ends loop_run with that error. events are EPOLL* bits. */
typedef int (*loop_descriptor_handler)(void *owner, uint32_t events, struct berth_error *err);
typedef int (*loop_timer_handler)(void *owner, struct berth_error *err);
typedef int (*loop_signal_handler)(void *owner, int signal, pid_t sender, struct berth_error *err);

int loop_create(struct loop **ret_loop, struct berth_error *err);
/* Accepts NULL. Sources that still exist are destroyed too; registered fds are not closed. */
void loop_destroy(struct loop *loop);

/* Watches fd for EPOLL* events, level-triggered. The fd stays the caller's and must outlive the
 * source. Regular files are not pollable (EPERM). With events 0 it is paused: nothing is told, not
 * even EPOLLHUP. */
int loop_add_descriptor(struct loop *loop, int fd, uint32_t events, loop_descriptor_handler handler,
			void *owner, struct loop_source **ret_source, struct berth_error *err);
int loop_modify_descriptor(struct loop_source *source, uint32_t events, struct berth_error *err);

/* A timer, not armed. due is a clock_boottime_ns() instant; 0 disarms; one-shot. Arming needs
 * neither memory nor a descriptor. Timers fire in the order in which they are due; what a timer's
 * handler arms for the past fires after those. */
int loop_add_timer(struct loop *loop, loop_timer_handler handler, void *owner,
		   struct loop_source **ret_source, struct berth_error *err);
int loop_arm_timer(struct loop_source *source, uint64_t due_ns, struct berth_error *err);

/* Blocks the signals for the process (sigprocmask(2)) and delivers them to the handler. They stay
 * blocked after the source is gone, and children inherit that. */
int loop_add_signals(struct loop *loop, const int *signals, size_t count,
		     loop_signal_handler handler, void *owner, struct loop_source **ret_source,
		     struct berth_error *err);

/* Stops watching; may be called from any handler, also the source's own. Accepts NULL. */
void loop_source_destroy(struct loop_source *source);

/* Dispatches until loop_stop() or a handler fails. */
int loop_run(struct loop *loop, struct berth_error *err);
void loop_stop(struct loop *loop);
