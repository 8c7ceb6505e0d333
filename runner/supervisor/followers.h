/* SPDX-License-Identifier: Apache-2.0 */
/* Who wants to hear of a run (struct control_follower), by run. */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "base/error.h"
#include "runner/control/control_backend.h"

struct followers;

int followers_create(struct followers **ret_followers, struct berth_error *err);
/* Accepts NULL. Nobody follows any more. */
void followers_destroy(struct followers *followers);

/* The follower lasts until it is removed, which may happen from within its tell(). */
void followers_add(struct followers *followers, struct control_follower *follower);
void followers_remove(struct followers *followers, struct control_follower *follower);

/* progress is borrowed, NULL for other events. */
void followers_tell(struct followers *followers, int64_t run_id, enum control_follow_event event,
		    const json_t *progress);
