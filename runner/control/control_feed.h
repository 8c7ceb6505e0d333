/* SPDX-License-Identifier: Apache-2.0 */
/* The log of an attempt for all who follow it: a part of it is read and formatted once, however
 * many are at the same place. The loop's, but for the reading, which is a job of the reader's
 * thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/fifo.h"
#include "base/text.h"
#include "runner/control/control_backend.h"

#define CONTROL_FEED_BYTES ((size_t)8 * 1024) /* of a part, and perhaps one record more */

struct control_feed;

enum control_feed_outcome {
	CONTROL_FEED_MORE, /* ask again at `end` */
	CONTROL_FEED_DRY,  /* nothing more yet */
	CONTROL_FEED_OVER, /* nothing more will come */
};

struct control_feed_part {
	enum control_feed_outcome outcome;
	uint64_t end;             /* where the next part begins */
	const struct text *lines; /* {"log":…,"attempt":…} each; valid for the call */
};

/* One question; lasts until it was answered. */
struct control_feed_wait {
	uint64_t position;
	/* part is NULL when it cannot be read: then err says why. May ask again. */
	void (*take)(struct control_feed_wait *wait, const struct control_feed_part *part,
		     const struct berth_error *err);
	/* the feed's own */
	struct fifo_link link;
	uint64_t round;
};

/* Found, or made; everyone who has it releases it. */
int control_feed_get(const struct control_backend *backend, int64_t run_id, int64_t attempt,
		     struct control_feed **ret_feed, struct berth_error *err);
/* Not while a question of its own waits. Accepts NULL. */
void control_feed_release(struct control_feed *feed);

/* Answered now or later. What was in the log when it was asked is not missed. */
void control_feed_ask(struct control_feed *feed, struct control_feed_wait *wait);
