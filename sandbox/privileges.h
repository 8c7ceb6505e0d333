/* SPDX-License-Identifier: Apache-2.0 */
/* Giving up every right a task must not have. All are async-signal-safe. */
#pragma once

#include <stdbool.h>

#include "base/error.h"

/* An empty session keyring instead of the caller's (keyrings(7)). */
int privileges_leave_keyring(struct berth_error *err);

/* Empties the bounding and ambient sets and locks the securebits (capabilities(7)), so that
 * nothing executed later can gain a capability. */
int privileges_close_sources(struct berth_error *err);

/* Becomes the task's uid and gid with no supplementary group. In a rootless sandbox, which has
 * only that id, it is the identity already. */
int privileges_become_task(bool ranged, struct berth_error *err);

/* No capability at all, and none by exec (no_new_privs). */
int privileges_drop_all(struct berth_error *err);

/* Init needs to signal the task and nothing else. */
int privileges_keep_kill_only(struct berth_error *err);
