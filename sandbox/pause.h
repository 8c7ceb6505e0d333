/* SPDX-License-Identifier: Apache-2.0 */
/* Standing still: every process of a run stops where it is, keeps what it has, and goes on later.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct sandbox;
struct sandbox_host;

enum sandbox_pause_method {
	SANDBOX_PAUSE_NONE,    /* no group to stop: sandbox_freeze() is BERTH_UNSUPPORTED */
	SANDBOX_PAUSE_SIGNALS, /* SIGSTOP to each process (v1 without the freezer): its parent may
				  see it, and one that it forks meanwhile is stopped a moment later
				*/
	SANDBOX_PAUSE_GROUP,   /* the kernel stops the group, and nobody inside can tell */
};
enum sandbox_pause_method sandbox_host_pause_method(const struct sandbox_host *host);

/* SANDBOX_FREEZING: not every process stands still yet; call again in a millisecond. A frozen run
 * can be killed and its usage read; a signal for the task waits until it is thawed. An ended run
 * is as good as frozen. */
enum { SANDBOX_FREEZING = 1 };
int sandbox_freeze(struct sandbox *sandbox, struct berth_error *err);
int sandbox_thaw(struct sandbox *sandbox, struct berth_error *err);

/* Moves memory of a run to swap and drops its clean pages: about so many bytes, so that a caller
 * who may not wait asks in steps. SANDBOX_RECLAIMING: there may be more to take. v1 takes all at
 * once. Where the host has no swap, only clean pages go. */
enum { SANDBOX_RECLAIMING = 1 };
bool sandbox_host_can_reclaim(const struct sandbox_host *host);
int sandbox_reclaim(struct sandbox *sandbox, uint64_t bytes, struct berth_error *err);

/* Processes and threads now; SANDBOX_USAGE_UNKNOWN. */
uint64_t sandbox_count_processes(const struct sandbox *sandbox);
