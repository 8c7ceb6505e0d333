/* SPDX-License-Identifier: Apache-2.0 */
/* The supervisor's end of the launcher's socket: requests out, events in, in one loop. Nothing
 * blocks: what the socket does not take now is queued with copies of its descriptors.
 *
 * Requests are not calls: each is answered later through a handler. A request about a run that the
 * launcher does not have comes back through on_refused with BERTH_NOT_FOUND. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/loop.h"
#include "runner/launcher/launch_spec.h"
#include "runner/launcher/launcher_protocol.h"

/* Requests that wait for room in the socket; one more fails with BERTH_LIMIT. */
#define LAUNCHER_CLIENT_QUEUE_MAX (4 * LAUNCHER_RUNS_MAX)

struct launcher_client;

/* Each returns 0 or fails, which ends loop_run() with that error. Packets are valid during the
 * call. Descriptors are the handler's: it takes out what it keeps (steal_fd), the rest is closed
 * after it returned. A NULL handler ignores its event. None may destroy the client. */
struct launcher_handlers {
	/* First, once: host facts. The protocol's version was checked. */
	int (*on_hello)(void *owner, const struct launcher_hello *hello, struct berth_error *err);
	/* What earlier supervisors left running or ended: fds STDOUT, STDERR, CHANNEL, VIEW_*. */
	int (*on_table_run)(void *owner, const struct launcher_table_run *run,
			    struct launcher_descriptors *fds, struct berth_error *err);
	int (*on_table_hold)(void *owner, const struct launcher_hold *hold,
			     struct launcher_descriptors *fds, struct berth_error *err);
	int (*on_table_end)(void *owner, const struct launcher_table_end *end,
			    struct berth_error *err);
	/* fds CHANNEL, VIEW_* */
	int (*on_started)(void *owner, const struct launcher_started *started,
			  struct launcher_descriptors *fds, struct berth_error *err);
	int (*on_ended)(void *owner, const struct launcher_ended *ended, struct berth_error *err);
	int (*on_refused)(void *owner, const struct launcher_refused *refused,
			  struct berth_error *err);
	/* FROZEN or THAWED, by header.kind */
	int (*on_paced)(void *owner, const struct launcher_plain *paced, struct berth_error *err);
	int (*on_reclaimed)(void *owner, const struct launcher_reclaimed *reclaimed,
			    struct berth_error *err);
	int (*on_used)(void *owner, const struct launcher_used *used, struct berth_error *err);
	/* End now, leaving everything as it is: exit(0). */
	int (*on_reloading)(void *owner, struct berth_error *err);
	/* Start nothing new; launcher_client_drained() when what runs is done or hopeless. */
	int (*on_shutdown)(void *owner, struct berth_error *err);
	/* The launcher is gone, and with it every run. */
	int (*on_gone)(void *owner, struct berth_error *err);
};

/* The descriptor named by LAUNCHER_DESCRIPTOR_VARIABLE, close-on-exec from now on; the variable is
 * removed. BERTH_INVALID when this process was not started by a launcher. */
int launcher_client_find_descriptor(int *ret_fd, struct berth_error *err);

/* fd is the client's on success only. PING is answered by the client itself. */
int launcher_client_create(struct loop *loop, int fd, const struct launcher_handlers *handlers,
			   void *owner, struct launcher_client **ret_client,
			   struct berth_error *err);
/* Accepts NULL. What is queued is dropped. */
void launcher_client_destroy(struct launcher_client *client);

/* Which run and attempt. */
struct launcher_run {
	int64_t number;
	const char *token; /* 32 hexadecimal digits */
};

/* Whether a request would leave this process at once. */
bool launcher_client_has_room(const struct launcher_client *client);

/* Listening sockets and tables are in place: from here on systemd sees the service as started. */
int launcher_client_ready(struct launcher_client *client, struct berth_error *err);

/* fds STDIN, STDOUT_TASK, STDERR_TASK, STDOUT, STDERR, each or none; all stay the caller's, which
 * closes the task's ends after this. BERTH_LIMIT: the spec is too large. */
int launcher_client_launch(struct launcher_client *client, struct launcher_run run,
			   const struct launch_spec *spec, const struct launcher_descriptors *fds,
			   struct berth_error *err);
int launcher_client_signal(struct launcher_client *client, struct launcher_run run, int signal,
			   struct berth_error *err);
/* Answered by connection number in on_refused when it cannot be held; fd stays the caller's. */
int launcher_client_hold(struct launcher_client *client, struct launcher_run run,
			 uint64_t connection, int fd, struct berth_error *err);
int launcher_client_unhold(struct launcher_client *client, struct launcher_run run,
			   uint64_t connection, struct berth_error *err);
int launcher_client_usage(struct launcher_client *client, struct launcher_run run, uint64_t tag,
			  struct berth_error *err);
/* A request without fields: KILL, FREEZE, THAW, RECLAIM, RELEASE. */
int launcher_client_ask(struct launcher_client *client, struct launcher_run run,
			enum launcher_kind kind, struct berth_error *err);
/* Deletes STATE/checkpoints/<run> of a run that has no row. */
int launcher_client_discard(struct launcher_client *client, int64_t run, struct berth_error *err);
/* As SIGHUP of the launcher does. */
int launcher_client_reload(struct launcher_client *client, struct berth_error *err);
int launcher_client_drained(struct launcher_client *client, struct berth_error *err);
